"""What an experiment trains on: parts, sizes, and all that bundle and report need to know."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import polars as pl
from torch import nn

from sequela.batches import Samples
from sequela.errors import CohortError
from sequela.events import PARTS
from sequela.train.outcomes import Outcome, Truth

__all__ = ["Prepared", "PreparedPart", "check_classes", "check_outcome", "groups_digest"]


@dataclass(frozen=True)
class PreparedPart:
    """One part of the data, for the model and for its rivals.

    Args:
        samples: what the model reads.
        features: float ``[n, K]``, what the baselines read; NaN where unknown. Of texts ``[n]``,
            the texts themselves.
        ages: years at prediction ``[n]``, or None.
        sexes: ``[n]``, or None.
        best_possible: the true risk ``[n]``, or chances of codes ``[n, C]``, of simulated data.
        keys: ``subject_id`` and ``prediction_time`` of each row, for MEDS predictions; stays in
            memory unless the user asks for predictions.
        truth: what is known of each row, in the units of the data; None where it is the samples'
            target.
        naive: answers that need no model, by name, as :class:`~sequela.train.outcomes.Outcome` has
            them.
        seen: for sets, bool ``[n, C]``: the code is in the history already.
        days: ``log(1 + days)`` until the next visit ``[n]``, where the task asks for it.
        best_days: the same as the simulation had it, where the data are simulated.
    """

    samples: Samples
    features: np.ndarray
    ages: np.ndarray | None = None
    sexes: np.ndarray | None = None
    best_possible: np.ndarray | None = None
    keys: pl.DataFrame | None = None
    truth: Truth | None = None
    naive: Mapping[str, np.ndarray] = field(default_factory=dict)
    seen: np.ndarray | None = None
    days: np.ndarray | None = None
    best_days: np.ndarray | None = None

    @property
    def target(self) -> np.ndarray:
        """The labels of one class as whole numbers ``[n]``."""
        return self.samples.target.astype(np.int64)


@dataclass(frozen=True)
class Prepared:
    """The parts and what is known about them.

    Args:
        parts: "train", "tuning" and "held_out".
        classes: the names of the classes; two for a yes-or-no outcome, the second is "yes".
        group_name: what a group is: "patients" or "recordings".
        feature_names: the columns of ``features``.
        single_feature: the column of the one-number baseline, or None.
        preparation: JSON-ready; rebuilds the samples of new data without this data set.
        cohort: JSON-ready; goes to ``cohort.json``.
        notes: what a reader should know of the data.
        outcome: what is predicted; None for ``classes``.
        interactions: bool ``[C, C]``, which codes of a set do not go together; None for no list.
        more_sizes: further constructor arguments of a recipe that the data decide.
        answer: what a model says of samples, where that is no answer to :func:`predict`.
    """

    parts: Mapping[str, PreparedPart]
    classes: tuple[str, ...]
    group_name: str
    feature_names: tuple[str, ...]
    preparation: dict[str, Any]
    cohort: dict[str, Any]
    single_feature: str | None = None
    notes: tuple[str, ...] = field(default_factory=tuple)
    outcome: Outcome | None = None
    interactions: np.ndarray | None = None
    more_sizes: Mapping[str, Any] = field(default_factory=dict)
    answer: Callable[[nn.Module, Samples], np.ndarray] | None = None

    @property
    def asked(self) -> Outcome:
        """What is predicted."""
        if self.outcome is not None:
            return self.outcome
        return Outcome("binary" if len(self.classes) == 2 else "multiclass", self.classes)

    @property
    def kind(self) -> str:
        """The kind of the outcome, see :class:`~sequela.train.outcomes.Outcome`."""
        return self.asked.kind

    def labels(self, name: str) -> np.ndarray:
        """The labels of a part as the evaluation takes them."""
        part = self.parts[name]
        return self.asked.labels(part.samples.target if part.truth is None else part.truth)

    @property
    def sizes(self) -> dict[str, Any]:
        """The constructor arguments of a recipe that the data decide."""
        samples = self.parts["train"].samples
        return {
            "step_size": samples.step_size,
            "static_size": samples.static_size,
            "vocabulary_size": samples.vocabulary_size,
            **self.asked.sizes,
            **self.more_sizes,
        }

    def part_counts(self) -> dict[str, dict[str, Any]]:
        """Rows, groups and classes of each part, JSON-ready."""
        counts: dict[str, dict[str, Any]] = {}
        for name, part in self.parts.items():
            groups = len(np.unique(part.samples.groups))
            truth = part.samples.target if part.truth is None else part.truth
            counted = self.asked.counts(truth)
            counts[name] = {"rows": len(part.samples), "groups": groups, **counted}
        return counts


def groups_digest(groups: np.ndarray) -> str:
    """One hash of all groups together, to know a data set again; it tells no single id."""
    names = "\n".join(str(name) for name in np.unique(groups))
    return hashlib.sha256(names.encode()).hexdigest()


def check_classes(
    targets: Mapping[str, np.ndarray],
    classes: tuple[str, ...],
    task: str,
    todo: str,
    attrition: Sequence[Mapping[str, object]] = (),
) -> None:
    """Every part has rows, and every class that is to be learnt occurs where it must.

    Args:
        targets: class numbers of each part.
        classes: the names of the classes.
        task: its title.
        todo: what the user can change.
        attrition: who was left out on the way, for the error to bring along.

    Raises:
        CohortError: a part is empty, a class is missing from the training part, or a part has one
            class only.
    """
    for name in PARTS:
        target = targets[name].astype(np.int64)
        counts = np.bincount(target, minlength=len(classes))
        missing = [label for label, count in zip(classes, counts, strict=True) if count == 0]
        if len(target) and (not missing or (name != "train" and (counts > 0).sum() > 1)):
            continue
        found = ", ".join(f"{count} {label}" for label, count in zip(classes, counts, strict=True))
        raise CohortError(
            f"the {name.replace('_', '-')} part of {task}",
            got=f"too few cases: {len(target)} rows ({found})",
            wanted="rows of every class",
            todo=todo,
            attrition=attrition,
        )


def check_outcome(
    outcome: Outcome,
    truths: Mapping[str, Truth],
    task: str,
    todo: str,
    attrition: Sequence[Mapping[str, object]] = (),
) -> None:
    """Every part has rows that an outcome without classes can be learnt from and judged by.

    Args:
        outcome: with what was learnt from the training part.
        truths: of each part.
        task: its title.
        todo: what the user can change.
        attrition: who was left out on the way, for the error to bring along.

    Raises:
        CohortError: a part has no rows, no event or no known number, or the training part has
            nothing to learn.
    """
    for name in PARTS:
        truth, lacking = truths[name], ""
        if not len(truth):
            lacking = "no rows"
        elif outcome.kind == "time_to_event" and not (np.asarray(truth)[:, 1] == 1).any():
            lacking = "no event"
        elif outcome.kind == "quantile" and _unknown(np.asarray(truth), name == "train"):
            lacking = "no known number in a part of the window"
        elif name == "train" and _nothing_to_learn(outcome, truth):
            lacking = "the same label in all rows, or no code of enough subjects"
        if lacking:
            raise CohortError(
                f"the {name.replace('_', '-')} part of {task}",
                got=f"too few cases: {lacking}",
                wanted="rows that differ, with events or numbers",
                todo=todo,
                attrition=attrition,
            )


def _unknown(truth: np.ndarray, each: bool) -> bool:
    """Whether no number is known, or (``each``) one of several never is."""
    known = (~np.isnan(truth)).any(axis=0)
    return not known.all() if each else not known.any()


def _nothing_to_learn(outcome: Outcome, truth: Truth) -> bool:
    if outcome.kind == "sets":
        return not outcome.names
    if outcome.kind == "time_to_event":
        return not outcome.edges
    values = np.asarray(truth, np.float64)
    spread = np.nanmax(values, axis=0) - np.nanmin(values, axis=0)
    return not np.any(spread > 0)
