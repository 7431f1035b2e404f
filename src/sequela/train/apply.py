"""A finished model on other data: scores for everybody, and figures where labels are known."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from sequela import bundle, evaluate
from sequela.batches.running import read_once
from sequela.errors import BundleError, ConfigError, DataError, LabelError
from sequela.settings import override
from sequela.train import (
    from_described,
    from_pairs,
    from_signals,
    from_streams,
    from_texts,
    new_data,
)
from sequela.train.outcomes import Outcome
from sequela.train.predict import predict
from sequela.train.prepared import groups_digest

__all__ = ["Applied", "apply"]


@dataclass(frozen=True)
class Applied:
    """What a model says about a data set.

    Args:
        outcome: what is predicted.
        scores: probabilities ``[n]`` or ``[n, C]``, or what :func:`sequela.train.answers.answers`
            has, in the units of the data.
        target: labels ``[n]`` as whole numbers, or as :func:`sequela.evaluate.evaluate_outcome`
            takes them; None where the outcome is not known.
        groups: the patient or recording of each row.
        keys: ``subject_id`` and ``prediction_time`` (events), ``recording`` (signals) or ``text``
            (the ids of texts).
        threshold: the operating point chosen in training, or None.
        same_data: the groups are those the model was made from, training part included.
        warnings: what the reader of the scores must know.
        ages: years at prediction, or None.
        sexes: or None.
        label_thresholds: from which score on each label is said to hold; empty for other kinds.
    """

    outcome: Outcome
    scores: np.ndarray
    target: np.ndarray | None
    groups: np.ndarray
    keys: pl.DataFrame
    threshold: float | None
    same_data: bool = False
    warnings: tuple[str, ...] = ()
    ages: np.ndarray | None = None
    sexes: np.ndarray | None = None
    label_thresholds: tuple[float, ...] = ()

    @property
    def kind(self) -> str:
        """The kind of the outcome."""
        return self.outcome.kind

    @property
    def classes(self) -> tuple[str, ...]:
        """The names of the classes, labels, codes, intervals or numbers."""
        return self.outcome.names

    @property
    def part(self) -> evaluate.Part:
        """Labels and groups as the evaluation takes them."""
        assert self.target is not None
        return evaluate.Part(self.target, self.groups, self.ages, self.sexes)


def _changed(preparation: dict[str, Any], changes: Sequence[str]) -> dict[str, Any]:
    """The same with words applied to the task; what is answered stays what the model learnt."""
    if not changes:
        return preparation
    if preparation.get("kind") != "events":
        raise ConfigError(f"argument '{changes[0]}'", got="a model of signals, whose task is fixed")
    for word in changes:
        if word.partition("=")[0].split(".")[1] in ("kind", "label"):
            raise ConfigError(f"argument '{word}'", got="what the model has learnt to answer")
    return {**preparation, "task": override({"task": preparation["task"]}, changes)["task"]}


def apply(
    model: Path,
    data: Path,
    labels: Path | None = None,
    *,
    known_outcome: bool = True,
    changes: Sequence[str] = (),
) -> Applied:
    """Scores a data set with a bundle; the data set it was trained on is not needed.

    Args:
        model: the bundle's folder.
        data: the data set, of the kind the model was trained on.
        labels: MEDS labels that say whom to score and when (events only).
        known_outcome: the labels are wanted too. Without them, whoever meets the task's conditions
            at the index date is scored, whatever comes after.
        changes: of the task, such as ``task.index.rule=visits``: whom to score and when.

    Raises:
        BundleError: the bundle is damaged.
        DataError: the data cannot be used.
    """
    loaded = bundle.load(model)
    preparation = _changed(loaded.preparation, changes)
    outcome = new_data.outcome_of(preparation, Outcome(loaded.kind, tuple(loaded.classes)))
    answer = partial(predict, logit_shift=loaded.logit_shift, kind=loaded.kind)
    if preparation.get("kind") == "signals":
        samples, signals, labelled = from_signals.samples_for(
            preparation, data, known_outcome=known_outcome
        )
        keys, ages, sexes = pl.DataFrame({"recording": signals.recording}), None, None
        warnings = []
        truth = samples.target if labelled else None
    elif preparation.get("kind") == "texts":
        samples, texts, labelled = from_texts.samples_for(
            preparation, data, known_outcome=known_outcome
        )
        keys, ages, sexes = pl.DataFrame({"text": [one.id for one in texts]}), None, None
        warnings = []
        truth = samples.target if labelled else None
    elif preparation.get("kind") == "stream":
        samples, keys = from_streams.samples_for(preparation, data)
        truth, ages, sexes, warnings = samples.target, None, None, []
    elif preparation.get("kind") == "pairs":
        samples, pairs, truth, writer = from_pairs.samples_for(preparation, data)
        keys, ages, sexes = pl.DataFrame({"text": [one.id for one in pairs]}), None, None
        warnings, answer = [], partial(from_pairs.written, writer)
    elif preparation.get("kind") == "described":
        samples, signals, truth, writer = from_described.samples_for(
            preparation, data, known_outcome=known_outcome
        )
        keys, ages, sexes = pl.DataFrame({"recording": signals.recording}), None, None
        warnings, answer = [], partial(from_pairs.written, writer)
    elif preparation.get("kind") == "events":
        samples, found, warnings = new_data.samples_for(
            preparation, data, labels, known_outcome=known_outcome
        )
        truth = found.target
        keys = found.labels.select("subject_id", "prediction_time")
        ages = found.subgroups["age"].cast(pl.Float64).fill_null(np.nan).to_numpy()
        sexes = found.subgroups["sex"].fill_null("").to_numpy().astype(str)
    else:
        raise BundleError(f"model {model}", got="no way to prepare data", wanted="a trained run's")
    if not len(samples):
        raise DataError(f"data set {data}", got="nobody to score", wanted="at least one sample")
    if known_outcome and truth is None:
        raise LabelError(f"data set {data}", got="no labels", wanted="labels to judge the model by")
    return Applied(
        outcome=outcome,
        scores=outcome.restored(answer(loaded.model, read_once(samples))),
        target=None if truth is None else outcome.labels(truth),
        groups=samples.groups,
        keys=keys,
        threshold=preparation.get("threshold"),
        warnings=tuple(warnings),
        same_data=preparation.get("groups") == groups_digest(samples.groups),
        ages=ages,
        sexes=sexes,
        label_thresholds=tuple(
            np.inf if one is None else one for one in preparation.get("label_thresholds", ())
        ),
    )
