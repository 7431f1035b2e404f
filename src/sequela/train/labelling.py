"""Who is judged, when and with which label: from a declared task, or from a file of MEDS labels."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from sequela import simulate, tasks
from sequela.cohort import (
    CohortDeclaration,
    OnsetDeclaration,
    build_cohort,
    observation_events,
    subgroups,
)
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
        labels: ``subject_id``, ``prediction_time`` and, where known, ``boolean_value``.
        subgroups: ``age`` and ``sex``, a row for each label.
        attrition: as :class:`sequela.cohort.Cohort` has it.
        description: in words.
        windows: what features may see of each label, or None: what the declaration says of all.
        notes: what the reader of a result must know.
    """

    labels: pl.DataFrame
    subgroups: pl.DataFrame
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
        ConfigError: the task's labels are not yes or no.
        DataError: nobody is left, or labels that cannot be used.
    """
    if path is not None:
        return _given(data, path, known)
    kind = "binary" if isinstance(task, OnsetDeclaration) else task.label.kind
    if kind != "binary":
        raise ConfigError(
            f"task {task.name}",
            got=f"a label of kind '{kind}'",
            wanted="one of kind 'binary', which is what can be trained on events",
        )
    cohort = build_cohort(data, task, known=known)
    return Labelled(
        cohort.labels,
        cohort.subgroups,
        cohort.attrition,
        cohort.description,
        cohort.windows,
        cohort.notes,
    )


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
    return Labelled(found, subgroups(data, found), attrition, description)


def observed(data: EventData, task: Declaration, labelled: Labelled) -> pl.DataFrame:
    """The events that each label may see, as :func:`sequela.cohort.observation_events` has them.

    Raises:
        ConfigError: labels from a file for a task whose window begins at something else than the
            prediction, which a file does not say.
    """
    if labelled.windows is not None:
        return observation_events(data, labelled.labels, windows=labelled.windows)
    if isinstance(task, OnsetDeclaration):
        return observation_events(data, labelled.labels, task.observation_days)
    return observation_events(data, labelled.labels, windows=_windows(task, labelled.labels))


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
    lost = [f"{step['excluded']} not '{step['step']}'" for step in steps if step["excluded"]]
    what = (
        "task.index.days, task.observation_days, task.gap_days, task.prediction_days, "
        "task.min_visits, task.censoring or task.outcome"
        if isinstance(task, OnsetDeclaration)
        else "the conditions of the task (task.KEY=VALUE)"
    )
    of = f"Of {steps[0]['subjects']} subjects were left out: {', '.join(lost) or 'none'}. "
    return f"{of}Use more data, or change {what}."


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
