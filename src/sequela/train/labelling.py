"""Who is judged, when and with which label: from a declared task, or from a file of MEDS labels."""

from __future__ import annotations

import itertools
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from sequela import simulate, tasks
from sequela.cohort import (
    CohortDeclaration,
    Observations,
    OnsetDeclaration,
    build_cohort,
    observations,
    subgroups,
)
from sequela.cohort.targets import Binary, Length, Multiclass
from sequela.errors import ConfigError, DataError
from sequela.events import EventData, read_labels
from sequela.ingest.run import SUMMARY_FILE

__all__ = [
    "Declaration",
    "Labelled",
    "advice",
    "best_possible",
    "label",
    "observed",
    "source_notes",
]

Declaration = CohortDeclaration | OnsetDeclaration

_YES_OR_NO = ("no", "yes")
_SIMULATED_OUTCOME = "heart_failure"
_SIMULATED_NOTES = (
    "SIMULATED PATIENTS: nothing here is evidence about real ones.",
    "'Best possible' is the true risk that the simulation drew the outcomes from; no model can be "
    "expected to do better.",
)


@dataclass(frozen=True)
class Labelled:
    """Labels with age and sex, row by row, and how they came about.

    Args:
        labels: ``subject_id``, ``prediction_time`` and, where known, a column of values.
        subgroups: ``age`` and ``sex``, a row for each label.
        target: what is to be predicted, bool ``[n]`` for two classes, else their numbers; None
            where the outcome is not known.
        classes: their names; of a yes-or-no outcome "no" and "yes".
        attrition: as :class:`sequela.cohort.Cohort` has it.
        description: in words.
        windows: what features may see of each label, or None: what the declaration says of all.
        notes: what the reader of a result must know.
    """

    labels: pl.DataFrame
    subgroups: pl.DataFrame
    target: np.ndarray | None
    classes: tuple[str, ...]
    attrition: list[dict[str, Any]]
    description: str
    windows: pl.DataFrame | None = None
    notes: tuple[str, ...] = ()


def label(data: EventData, task: Declaration, path: Path | None, *, known: bool = True) -> Labelled:
    """The labels of a task, or those of a file in their place.

    Args:
        data: the data set.
        task: its declaration.
        path: a folder or file of MEDS labels, or None.
        known: the outcome is wanted too.

    Raises:
        ConfigError: the task's labels are no classes.
        DataError: nobody is left, or labels that cannot be used.
    """
    if path is not None:
        return _given(data, path, known)
    classes = _classes(task)
    cohort = build_cohort(data, task, known=known)
    return Labelled(
        cohort.labels,
        cohort.subgroups,
        _target(cohort.labels, classes) if known else None,
        classes,
        cohort.attrition,
        cohort.description,
        cohort.windows,
        cohort.notes,
    )


def _classes(task: Declaration) -> tuple[str, ...]:
    declared = Binary(predicate="outcome") if isinstance(task, OnsetDeclaration) else task.label
    if isinstance(declared, Binary):
        return _YES_OR_NO
    if isinstance(declared, Multiclass):
        return (*declared.classes, declared.otherwise)
    if isinstance(declared, Length) and declared.bins:
        edges = [f"{edge:g}" for edge in declared.bins]
        middle = [f"{low} to {high}" for low, high in itertools.pairwise(edges)]
        return tuple(
            f"{span} {declared.unit}"
            for span in (f"below {edges[0]}", *middle, f"{edges[-1]} or more")
        )
    raise ConfigError(
        f"task {task.name}",
        got=f"a label of kind '{declared.kind}'",
        wanted="one of kind 'binary' or 'multiclass', or 'length' with bins",
        todo="Write task.label={kind: binary, predicate: NAME} for one outcome of it.",
    )


def _target(labels: pl.DataFrame, classes: tuple[str, ...]) -> np.ndarray:
    if "boolean_value" in labels.columns:
        return labels["boolean_value"].to_numpy()
    if "categorical_value" in labels.columns:
        numbers = {name: number for number, name in enumerate(classes)}
        column = labels["categorical_value"].replace_strict(numbers, return_dtype=pl.Int64())
    else:
        column = labels["integer_value"]
    found = column.to_numpy()
    return found == 1 if len(classes) == 2 else found


def _given(data: EventData, path: Path, known: bool) -> Labelled:
    labels = read_labels(path)
    if known and "boolean_value" not in labels.columns:
        raise DataError(
            f"labels {path}", got="no column 'boolean_value'", wanted="yes-or-no labels"
        )
    found = labels.filter(pl.col("subject_id").is_in(data.subject_ids().tolist()))
    everyone, left = labels["subject_id"].n_unique(), found["subject_id"].n_unique()
    attrition = [
        {"step": "labels in the file", "subjects": everyone, "excluded": 0},
        {"step": "subjects of the data set", "subjects": left, "excluded": everyone - left},
    ]
    description = "Prediction times and labels as given in a file of MEDS labels."
    target = found["boolean_value"].to_numpy() if "boolean_value" in found.columns else None
    people = subgroups(data, found)
    return Labelled(found, people, target, _YES_OR_NO, attrition, description)


def observed(data: EventData, task: Declaration, labelled: Labelled) -> Observations:
    """The events that each label may see.

    Raises:
        ConfigError: labels from a file for a task whose window begins at something else than the
            prediction, which a file does not say.
    """
    if labelled.windows is not None:
        return observations(data, labelled.labels, windows=labelled.windows)
    if isinstance(task, OnsetDeclaration):
        return observations(data, labelled.labels, task.observation_days)
    return observations(data, labelled.labels, windows=_windows(task, labelled.labels))


def _windows(task: CohortDeclaration, labels: pl.DataFrame) -> pl.DataFrame:
    window, index = task.observation, pl.col("prediction_time").cast(pl.Datetime("us"))
    for bound in (window.start, window.end):
        if bound is not None and (bound.moment != "index" or bound.arrow):
            raise ConfigError(
                f"labels from a file for task {task.name}",
                got="an observation window that does not begin and end by the prediction time",
                todo="Write task.observation=null for the whole record, or a length such as 30d.",
            )
    start, end = pl.lit(None, pl.Datetime("us")), index
    if window.start is not None:
        closed = pl.duration(microseconds=int(window.start_inclusive))
        start = index + pl.lit(window.start.shift) - closed
    if window.end is not None:
        opened = pl.duration(microseconds=int(not window.end_inclusive))
        end = index + pl.lit(window.end.shift) - opened
    return labels.select(
        pl.col("subject_id").cast(pl.Int64),
        index,
        observation_start=start,
        observation_end=end,
    )


def advice(labelled: Labelled, task: Declaration) -> str:
    """What can be changed where there are too few cases, with who was left out."""
    steps = labelled.attrition
    lost = [
        f"{step['excluded']} {'subjects' if step.get('samples') is None else 'samples'} "
        f"not '{step['step']}'"
        for step in steps
        if step["excluded"]
    ]
    what = (
        "task.index.days, task.observation_days, task.gap_days, task.prediction_days, "
        "task.min_visits, task.censoring or task.outcome"
        if isinstance(task, OnsetDeclaration)
        else "the conditions of the task (task.KEY=VALUE)"
    )
    of = f"Of {steps[0]['subjects']} subjects and their samples were left out: "
    return f"{of}{', '.join(lost) or 'none'}. Use more data, or change {what}."


def source_notes(data: EventData) -> tuple[str, ...]:
    """What must be said of the data themselves: simulated, or not read as they are."""
    notes = list(_SIMULATED_NOTES) if (data.root / simulate.TRUTH_FILE).is_file() else []
    path = data.root / SUMMARY_FILE
    if data.root.is_dir() and path.is_file():
        summary = json.loads(path.read_text(encoding="utf-8"))["summary"]
        notes += summary["notes"]
        rows = [f"{rows:,} of {table} ({reason})" for table, reason, rows in summary["dropped"]]
        if rows:
            notes.append(f"Rows left out while reading: {', '.join(rows)}.")
        if summary["missing"]:
            notes.append(f"Not there, and not needed: {', '.join(summary['missing'])}.")
    return tuple(notes)


def best_possible(data: EventData, labels: pl.DataFrame, task: Declaration) -> np.ndarray | None:
    """The true risk of each label, where the data are simulated and it is known."""
    # The truth is known for the simulated outcome, by its own codes and rules, at the simulator's
    # prediction times only.
    truth = data.root / simulate.TRUTH_FILE
    if not truth.is_file() or not isinstance(task, OnsetDeclaration):
        return None
    simulated = OnsetDeclaration.parse(tasks.declaration("onset", outcome=_SIMULATED_OUTCOME))
    if (task.outcome, task.death) != (simulated.outcome, simulated.death):
        return None
    keys = ["subject_id", "prediction_time"]
    if labels.join(pl.read_parquet(truth, columns=keys), on=keys, how="anti").height:
        return None
    return simulate.true_risk(data, labels, task.prediction_days)
