"""Who is judged, when and with which label: from a declared task, or from a file of MEDS labels."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
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
    left_out,
    observations,
    parse_declaration,
    subgroups,
    windows_of,
)
from sequela.cohort.targets import Sequence, Series
from sequela.errors import DataError
from sequela.events import EventData, read_labels
from sequela.ingest.run import SUMMARY_FILE
from sequela.train.outcomes import Outcome, Truth, asked, truth_of

__all__ = [
    "Declaration",
    "Labelled",
    "advice",
    "best_next_visit",
    "best_possible",
    "label",
    "looks_ahead",
    "observed",
    "source_notes",
]

Declaration = CohortDeclaration | OnsetDeclaration

_YES_OR_NO = Outcome("binary", ("no", "yes"))
_SIMULATED_OUTCOME = "heart_failure"
_SIMULATED_NOTES = (
    "SIMULATED PATIENTS: nothing here is evidence about real ones.",
    "'Best possible' are the true chances that the simulation drew the outcomes from; no model can "
    "be expected to do better.",
)


@dataclass(frozen=True)
class Labelled:
    """Labels with age and sex, row by row, and how they came about.

    Args:
        labels: ``subject_id``, ``prediction_time`` and, where known, a column of values.
        subgroups: ``age`` and ``sex``, a row for each label.
        target: what is to be predicted, see :func:`sequela.train.outcomes.truth_of`; None where the
            outcome is not known.
        outcome: what is asked, before anything is learnt.
        attrition: as :class:`sequela.cohort.Cohort` has it.
        description: in words.
        windows: what features may see of each label, or None: what the declaration says of all.
        notes: what the reader of a result must know.
        naive: forecasts that need no model, by name, ``[n, H]`` each, NaN where there is none.
        days: of a sequence with ``length_to``, ``log(1 + days)`` until then ``[n]``; else None.
    """

    labels: pl.DataFrame
    subgroups: pl.DataFrame
    target: Truth | None
    outcome: Outcome
    attrition: list[dict[str, Any]]
    description: str
    windows: pl.DataFrame | None = None
    notes: tuple[str, ...] = ()
    naive: Mapping[str, np.ndarray] = field(default_factory=dict)
    days: np.ndarray | None = None


def label(data: EventData, task: Declaration, path: Path | None, *, known: bool = True) -> Labelled:
    """The labels of a task, or those of a file in their place.

    Args:
        data: the data set.
        task: its declaration.
        path: a folder or file of MEDS labels, or None.
        known: the outcome is wanted too.

    Raises:
        DataError: nobody is left, or labels that cannot be used.
    """
    if path is not None:
        return _given(data, path, known)
    outcome = asked(task)
    cohort = build_cohort(data, task, known=known)
    declared = None if isinstance(task, OnsetDeclaration) else task.label
    return Labelled(
        cohort.labels,
        cohort.subgroups,
        truth_of(outcome, cohort.labels, cohort.beside, declared) if known else None,
        outcome,
        cohort.attrition,
        cohort.description,
        cohort.windows,
        (*cohort.notes, *_competing(cohort.beside)),
        _naive(cohort.beside, declared) if known else {},
        _days(cohort.beside, declared) if known else None,
    )


def _competing(beside: pl.DataFrame | None) -> tuple[str, ...]:
    if beside is None or "event" not in beside.columns:
        return ()
    count = int((beside["event"] == 2).sum())
    if not count:
        return ()
    return (
        f"{count:,} rows end with the competing event, which counts as censoring: survival is that "
        "of a world without it.",
    )


def _naive(beside: pl.DataFrame | None, declared: Any) -> dict[str, np.ndarray]:
    """The last value for every part, and the value of the season before."""
    if not isinstance(declared, Series) or beside is None:
        return {}
    last = beside["last"].cast(pl.Float64).fill_null(np.nan).to_numpy()
    found = {"last value": np.repeat(last[:, None], declared.parts, axis=1)}
    if declared.season is not None:
        names = [name.replace("ahead", "season") for name in declared.columns]
        season = beside.select(names).cast(pl.Float64).fill_null(np.nan).to_numpy()
        found["seasonal naive"] = np.where(np.isnan(season), last[:, None], season)
    return found


def _days(beside: pl.DataFrame | None, declared: Any) -> np.ndarray | None:
    if beside is None or not isinstance(declared, Sequence) or declared.length_to is None:
        return None
    length = beside["length"].cast(pl.Float64).fill_null(np.nan).to_numpy()
    return np.log1p(length / (24.0 if declared.unit == "hours" else 1.0))


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
        LabelError: labels from a file at other times than the task's own, where its window begins
            with something else than the prediction, such as a stay.
    """
    if labelled.windows is not None:
        return observations(data, labelled.labels, windows=labelled.windows)
    if isinstance(task, OnsetDeclaration):
        return observations(data, labelled.labels, task.observation_days)
    return observations(data, labelled.labels, windows=windows_of(data, task, labelled.labels))


def looks_ahead(task: Declaration) -> dt.timedelta | None:
    """How far a series of values reaches beyond the prediction; None for other labels."""
    declared = None if isinstance(task, OnsetDeclaration) else task.label
    if not isinstance(declared, Series) or declared.window != "prediction":
        return None
    end = task.prediction.end if isinstance(task, CohortDeclaration) else None
    return end.shift if end is not None and end.moment == "index" and not end.arrow else None


def advice(labelled: Labelled, task: Declaration) -> str:
    """What can be changed where there are too few cases, with who was left out."""
    steps = labelled.attrition
    what = (
        "task.index.days, task.observation_days, task.gap_days, task.prediction_days, "
        "task.min_visits, task.censoring or task.outcome"
        if isinstance(task, OnsetDeclaration)
        else "the conditions of the task (task.KEY=VALUE)"
    )
    of = f"Of {steps[0]['subjects']} subjects and their samples were left out: "
    return f"{of}{left_out(steps) or 'none'}. Use more data, or change {what}."


def source_notes(data: EventData) -> tuple[str, ...]:
    """What must be said of the data themselves: simulated, or not read as they are."""
    truths = (simulate.TRUTH_FILE, simulate.CHANCES_FILE, simulate.VISITS_FILE)
    simulated = any((data.root / truth).is_file() for truth in truths)
    notes = list(_SIMULATED_NOTES) if simulated else []
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


def best_possible(
    data: EventData, labels: pl.DataFrame, task: Declaration, outcome: Outcome
) -> np.ndarray | None:
    """The true risk of each label, or each code's chance, where it is known: in simulated data."""
    # The truth is known for the simulated outcome, by its own codes and rules, at the simulator's
    # prediction times only.
    if task == parse_declaration(tasks.declaration("prescription")):
        return simulate.true_chances(data, labels, outcome.names)
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


def best_next_visit(
    data: EventData, labels: pl.DataFrame, task: Declaration, codes: tuple[str, ...]
) -> simulate.NextVisits | None:
    """The true chance of each code at the next visit, and the days, where both are known.

    That is of simulated visits, where the task asks of the whole next visit at the end of one.
    """
    path = data.root / simulate.VISITS_FILE
    if not path.is_file() or not isinstance(task, CohortDeclaration):
        return None
    usual = parse_declaration(tasks.declaration("next_visit"))
    assert isinstance(usual, CohortDeclaration)
    said = (task.episodes, task.index, task.prediction, task.label.kind)
    if said != (usual.episodes, usual.index, usual.prediction, usual.label.kind):
        return None
    known = pl.read_parquet(path, columns=["subject_id", "time"])
    keys = {"left_on": ["subject_id", "prediction_time"], "right_on": ["subject_id", "time"]}
    if labels.join(known, how="anti", **keys).height:
        return None
    return simulate.next_visits(data, labels, codes)
