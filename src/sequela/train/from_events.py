"""From coded events to the parts of an experiment, and to samples for a finished model."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from sequela import guard, ingest, tasks
from sequela.batches.aggregates import aggregates
from sequela.batches.groups import CodeGroups
from sequela.cohort import Observations, parse_declaration
from sequela.errors import CohortError, ConfigError, DataError
from sequela.events import PARTS, EventData
from sequela.experiments import Experiment
from sequela.settings import checked
from sequela.train.dealing import deal, rolling_origins
from sequela.train.encoding import (
    Encoder,
    EventSamples,
    encoder_from,
    encoding_settings,
    fit_encoder,
    parents_of,
)
from sequela.train.labelling import (
    Declaration,
    Labelled,
    advice,
    best_possible,
    label,
    looks_ahead,
    observed,
    source_notes,
)
from sequela.train.outcomes import CLASS_KINDS, Outcome
from sequela.train.prepared import Prepared, PreparedPart, check_classes, check_outcome
from sequela.train.settings import TrainingSettings

__all__ = ["outcome_of", "prepare", "samples_for"]

# Below this share of known codes a score says little about the patient.
_FEW_KNOWN = 0.5
_CUSTOMARY = 11
_SHOWN = 20

# Three parts with fewer patients of a class than this tell nothing about it.
_FEWEST_CASES = 10


def prepare(experiment: Experiment) -> Prepared:
    """Reads, labels, splits by patient, and fits the encoder on the training part alone.

    Raises:
        ConfigError: a wrong setting of the task, the encoding or the split.
        DataError: the data cannot be used; LabelError where a class is missing from a part.
    """
    assert experiment.data is not None
    settings = encoding_settings(experiment.encoding)
    overrides = {key: value for key, value in experiment.task.items() if key != "name"}
    task = tasks.declaration(experiment.task["name"], **overrides)
    declaration = parse_declaration(task)
    data = ingest.opened(experiment.source, experiment.data, **experiment.reading)
    labelled = label(data, declaration, experiment.labels)
    truth, outcome = labelled.target, labelled.outcome
    assert truth is not None
    part_of, groups, said = _dealt(data, labelled, declaration, experiment)
    rows = {name: np.flatnonzero(part_of == name) for name in PARTS}
    outcome = _checked_outcome(labelled, declaration, rows, experiment, settings.min_subjects)
    events = observed(data, declaration, labelled)
    warned = guard.quick_check(data, declaration, events, labelled.labels)
    parents = parents_of(data) if settings.parents else None
    tables = (events, labelled.labels, labelled.subgroups)
    encoder = fit_encoder(settings, *tables, rows["train"], parents)
    samples = encoder.encode(*tables, parents=parents)
    samples = replace(samples, target=outcome.target(truth), groups=groups)
    features, names = aggregates(samples)
    best = None if experiment.labels else best_possible(data, labelled.labels, declaration)
    history = _history(outcome, features, names)
    parts = {name: _part(labelled, samples, features, best, rows[name], history) for name in PARTS}
    kept = {} if outcome.kind in CLASS_KINDS else {"outcome": outcome.to_dict()}
    return Prepared(
        parts=parts,
        classes=outcome.names,
        outcome=outcome,
        group_name="blocks of time" if experiment.split.by == "origin" else "patients",
        feature_names=tuple(names),
        preparation={
            "kind": "events",
            "source": experiment.source,
            "reading": experiment.reading,
            "task": task,
            "encoding": {"kind": settings.kind, "parents": settings.parents},
            "encoder": encoder.to_dict(),
            **kept,
        },
        cohort={"description": labelled.description, "attrition": labelled.attrition},
        notes=(
            *source_notes(data),
            *labelled.notes,
            *_few_subjects(settings.min_subjects),
            *_facts(encoder),
            *said,
            *(() if experiment.split.by == "origin" else _several(labelled)),
            *(f"Check '{one.title}': {one.found}." for one in warned if one.status != "pass"),
        ),
    )


def _dealt(
    data: EventData, labelled: Labelled, declaration: Declaration, experiment: Experiment
) -> tuple[np.ndarray, np.ndarray, tuple[str, ...]]:
    """The part and the group of each label, and what must be said of them."""
    labels, settings = labelled.labels, experiment.split
    if settings.held_out or settings.tuning != "groups":
        raise ConfigError(
            "setting 'split.held_out' or 'split.tuning'",
            got="a task on events",
            wanted="none: they are for signals",
            todo="Write split.by=site, or labels and subject_splits of your own.",
        )
    if settings.by == "origin":
        return rolling_origins(labels, settings.fractions, looks_ahead(declaration))
    assert labelled.target is not None
    strata = labelled.outcome.strata(labelled.target)
    part_of, said = deal(data, labels, strata, settings, experiment.seed)
    return part_of, labels["subject_id"].to_numpy(), said


def _checked_outcome(
    labelled: Labelled,
    declaration: Declaration,
    rows: dict[str, np.ndarray],
    experiment: Experiment,
    min_subjects: int,
) -> Outcome:
    """The outcome with what the training part teaches, where every part has enough of it."""
    truth, title = labelled.target, declaration.title or declaration.name
    assert truth is not None
    todo = advice(labelled, declaration)
    _check_cases(labelled, title, todo)
    truths = {name: truth[rows[name]] for name in PARTS}
    if labelled.outcome.kind in CLASS_KINDS:
        targets = {name: np.asarray(one) for name, one in truths.items()}
        check_classes(targets, labelled.outcome.names, title, todo, labelled.attrition)
        return labelled.outcome
    subjects = labelled.labels["subject_id"].to_numpy()[rows[PARTS[0]]]
    levels = checked(
        TrainingSettings, {**experiment.training, "seed": experiment.seed}, "training"
    ).quantiles
    outcome = labelled.outcome.fitted(truths[PARTS[0]], subjects, min_subjects, levels)
    check_outcome(outcome, truths, title, todo, labelled.attrition)
    return outcome


def _check_cases(labelled: Labelled, title: str, todo: str) -> None:
    """Refuses to learn, and to judge, from a handful of patients.

    Raises:
        CohortError: too few patients with the outcome, or without.
    """
    kind, truth = labelled.outcome.kind, labelled.target
    subjects = labelled.labels["subject_id"].to_numpy()
    # Where there are several classes, check_classes has the say; numbers have no cases.
    if kind not in ("binary", "multilabel", "time_to_event"):
        return
    held = np.asarray(truth)
    if kind == "time_to_event":
        held = held[:, 1] == 1
    columns = held.reshape(len(held), -1).astype(bool)
    found = [
        [len(np.unique(subjects[column == outcome])) for outcome in (True, False)]
        for column in columns.T
    ]
    # One label that can be learnt makes it worth the while.
    cases = max(found, key=min)
    for number, words in zip(cases, ("with", "without"), strict=True):
        if number < _FEWEST_CASES and not (kind == "time_to_event" and words == "without"):
            what = "any one label" if kind == "multilabel" else "the outcome"
            raise CohortError(
                f"the cohort of {title}",
                got=f"too few cases: {number} patient(s) {words} {what}",
                wanted=f"{_FEWEST_CASES} or more",
                todo=todo,
                attrition=labelled.attrition,
            )


def _history(outcome: Outcome, features: np.ndarray, names: tuple[str, ...]) -> np.ndarray | None:
    """For sets: how lately each code was seen, ``[n, C]``, 0 for never; else None."""
    if outcome.kind != "sets":
        return None
    place = {name: number for number, name in enumerate(names)}
    found = np.zeros((len(features), len(outcome.names)), np.float32)
    for number, code in enumerate(outcome.names):
        column = place.get(f"recency of {code}")
        if column is not None:
            found[:, number] = features[:, column]
    return found


def _few_subjects(least: int) -> tuple[str, ...]:
    if least >= _CUSTOMARY:
        return ()
    return (
        f"Codes of {least} or more training patients are kept by name; {_CUSTOMARY} is the "
        "customary least number.",
    )


def _facts(encoder: Encoder) -> tuple[str, ...]:
    # Who reads a result should know whether race or language was among the features.
    names = [*encoder.static.codes, *encoder.static.values.names]
    if not names:
        return ()
    more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    return (f"Undated facts among the features: {', '.join(names[:_SHOWN])}{more}.",)


def _several(labelled: Labelled) -> tuple[str, ...]:
    subjects = labelled.labels["subject_id"].n_unique()
    if subjects == labelled.labels.height:
        return ()
    return (
        f"{labelled.labels.height:,} predictions of {subjects:,} patients: parts and intervals are "
        "by patient.",
    )


def _part(
    labelled: Labelled,
    samples: EventSamples,
    features: np.ndarray,
    best: np.ndarray | None,
    rows: np.ndarray,
    history: np.ndarray | None,
) -> PreparedPart:
    assert labelled.target is not None
    naive = {name: answer[rows] for name, answer in labelled.naive.items()}
    if history is not None:
        naive["seen last"] = history[rows]
    return PreparedPart(
        samples=samples.subset(rows),
        features=features[rows],
        ages=labelled.subgroups["age"][rows].cast(pl.Float64).fill_null(np.nan).to_numpy(),
        sexes=labelled.subgroups["sex"][rows].fill_null("").to_numpy().astype(str),
        best_possible=None if best is None else best[rows],
        keys=labelled.labels[rows].select("subject_id", "prediction_time"),
        truth=labelled.target[rows],
        naive=naive,
        seen=None if history is None else history[rows] > 0,
    )


def _check_codes(events: Observations, encoder: Encoder, parents: CodeGroups | None) -> list[str]:
    """Refuses data whose codes the model has never seen; it would score silence.

    Returns:
        A warning where it has seen few of them.

    Raises:
        DataError: no code of the histories is known to the model.
    """
    codes = events.dated().codes()
    known = encoder.knows(codes, parents)
    if codes.len() and not known:
        raise DataError(
            "the codes of the data",
            got=f"none of {codes.len()} is known to the model",
            wanted="the coding that the model was trained on",
            todo="Map the codes first, or train a model on this data set.",
        )
    if known >= _FEW_KNOWN * codes.len():
        return []
    return [f"only {known} of {codes.len()} codes of the data are known to the model"]


def samples_for(
    preparation: dict[str, Any],
    path: Path,
    labels: Path | None = None,
    *,
    known_outcome: bool = True,
) -> tuple[EventSamples, Labelled, list[str]]:
    """The samples of new data for a finished model.

    Args:
        preparation: what the bundle holds.
        path: the data set.
        labels: MEDS labels that say whom to score and when; the task's own cohort without them.
        known_outcome: the outcome is wanted too (to judge the model); without it, nobody is left
            out for what happens after the prediction, and labels need no value.

    Returns:
        The samples, their labels with age and sex, row by row; and warnings.
    """
    encoder, grouped = encoder_from(preparation)
    declaration = parse_declaration(preparation["task"])
    data = ingest.opened(preparation["source"], path, **preparation.get("reading", {}))
    labelled = label(data, declaration, labels, known=known_outcome)
    events = observed(data, declaration, labelled)
    parents = parents_of(data) if grouped else None
    samples = encoder.encode(events, labelled.labels, labelled.subgroups, parents=parents)
    if "outcome" in preparation and labels is not None:
        if known_outcome:
            raise ConfigError(
                f"labels {labels}",
                got="yes-or-no labels for a model of another outcome",
                todo="Leave labels= out: the task finds its own.",
            )
        labelled = replace(labelled, target=None)
    if labelled.target is not None:
        outcome = outcome_of(preparation, labelled.outcome)
        samples = replace(samples, target=outcome.target(labelled.target))
    return samples, labelled, _check_codes(events, encoder, parents)


def outcome_of(preparation: dict[str, Any], usual: Outcome) -> Outcome:
    """What a finished model predicts.

    Args:
        preparation: what the bundle holds.
        usual: of a bundle that says nothing: one of classes.

    Raises:
        BundleError: the bundle's outcome is damaged.
    """
    known = preparation.get("outcome")
    return usual if known is None else Outcome.from_dict(known)
