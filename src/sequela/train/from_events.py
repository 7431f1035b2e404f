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
from sequela.errors import CohortError, DataError
from sequela.events import PARTS
from sequela.experiments import Experiment
from sequela.train.dealing import deal
from sequela.train.encoding import (
    Encoder,
    EventSamples,
    encoder_from,
    encoding_settings,
    fit_encoder,
    parents_of,
)
from sequela.train.labelling import (
    Labelled,
    advice,
    best_possible,
    label,
    observed,
    source_notes,
)
from sequela.train.prepared import Prepared, PreparedPart, check_classes

__all__ = ["prepare", "samples_for"]

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
    target, classes = labelled.target, labelled.classes
    assert target is not None
    part_of, said = deal(data, labelled.labels, target, experiment.split, experiment.seed)
    rows = {name: np.flatnonzero(part_of == name) for name in PARTS}
    title = declaration.title or declaration.name
    targets = {name: target[rows[name]] for name in PARTS}
    todo = advice(labelled, declaration)
    _check_cases(labelled, title, todo)
    check_classes(targets, classes, title, todo, labelled.attrition)
    events = observed(data, declaration, labelled)
    warned = guard.quick_check(data, declaration, events, labelled.labels)
    parents = parents_of(data) if settings.parents else None
    tables = (events, labelled.labels, labelled.subgroups)
    encoder = fit_encoder(settings, *tables, rows["train"], parents)
    samples = replace(encoder.encode(*tables, parents=parents), target=target)
    features, names = aggregates(samples)
    best = None if experiment.labels else best_possible(data, labelled.labels, declaration)
    parts = {name: _part(labelled, samples, features, best, rows[name]) for name in PARTS}
    return Prepared(
        parts=parts,
        classes=classes,
        group_name="patients",
        feature_names=tuple(names),
        preparation={
            "kind": "events",
            "source": experiment.source,
            "reading": experiment.reading,
            "task": task,
            "encoding": {"kind": settings.kind, "parents": settings.parents},
            "encoder": encoder.to_dict(),
        },
        cohort={"description": labelled.description, "attrition": labelled.attrition},
        notes=(
            *source_notes(data),
            *labelled.notes,
            *_few_subjects(settings.min_subjects),
            *_facts(encoder),
            *said,
            *_several(labelled),
            *(f"Check '{one.title}': {one.found}." for one in warned if one.status != "pass"),
        ),
    )


def _check_cases(labelled: Labelled, title: str, todo: str) -> None:
    """Refuses to learn, and to judge, from a handful of patients.

    Raises:
        CohortError: too few patients with the outcome, or without.
    """
    # Where there are several classes, check_classes has the say.
    if "boolean_value" not in labelled.labels.columns:
        return
    for outcome, words in ((True, "with"), (False, "without")):
        chosen = labelled.labels.filter(pl.col("boolean_value") == outcome)
        found = chosen["subject_id"].n_unique()
        if found < _FEWEST_CASES:
            raise CohortError(
                f"the cohort of {title}",
                got=f"too few cases: {found} patient(s) {words} the outcome",
                wanted=f"{_FEWEST_CASES} or more",
                todo=todo,
                attrition=labelled.attrition,
            )


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
) -> PreparedPart:
    return PreparedPart(
        samples=samples.subset(rows),
        features=features[rows],
        ages=labelled.subgroups["age"][rows].cast(pl.Float64).fill_null(np.nan).to_numpy(),
        sexes=labelled.subgroups["sex"][rows].fill_null("").to_numpy().astype(str),
        best_possible=None if best is None else best[rows],
        keys=labelled.labels[rows].select("subject_id", "prediction_time"),
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
    if labelled.target is not None:
        samples = replace(samples, target=labelled.target)
    return samples, labelled, _check_codes(events, encoder, parents)
