"""From coded events to the parts of an experiment, and to samples for a finished model."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from sequela import ingest, simulate, tasks
from sequela.batches import VisitEncoder, VisitSamples
from sequela.batches.aggregates import aggregates
from sequela.cohort import OnsetDeclaration, build_cohort, observation_events, subgroups
from sequela.errors import ConfigError, DataError
from sequela.events import PARTS, EventData, assign_splits, check_disjoint, read_labels
from sequela.experiments import Experiment
from sequela.settings import nearest
from sequela.train.prepared import Prepared, PreparedPart, check_classes

__all__ = ["prepare", "samples_for"]

# Below this share of known codes a score says little about the patient.
_FEW_KNOWN = 0.5
_ENCODING = ("min_subjects", "day")
_SIMULATED_OUTCOME = "heart_failure"
_SIMULATED_NOTES = (
    "SIMULATED PATIENTS: nothing here is evidence about real ones.",
    "'Best possible' is the true risk that the simulation drew the outcomes from; no model can be "
    "expected to do better.",
)


@dataclass(frozen=True)
class _Labelled:
    # Labels with age and sex, row by row, and how they came about.
    labels: pl.DataFrame
    subgroups: pl.DataFrame
    attrition: list[dict[str, Any]]
    description: str
    notes: tuple[str, ...] = ()


def _given_labels(data: EventData, path: Path, known_outcome: bool) -> _Labelled:
    labels = read_labels(path)
    if known_outcome and "boolean_value" not in labels.columns:
        raise DataError(
            f"labels {path}", got="no column 'boolean_value'", wanted="yes-or-no labels"
        )
    known = labels.filter(pl.col("subject_id").is_in(data.subject_ids().tolist()))
    attrition = [
        {"step": "labels in the file", "subjects": labels["subject_id"].n_unique(), "excluded": 0},
        {
            "step": "subjects of the data set",
            "subjects": known["subject_id"].n_unique(),
            "excluded": labels["subject_id"].n_unique() - known["subject_id"].n_unique(),
        },
    ]
    description = "Prediction times and labels as given in a file of MEDS labels."
    return _Labelled(known, subgroups(data, known), attrition, description)


def _labelled(
    data: EventData, task: OnsetDeclaration, path: Path | None, known_outcome: bool = True
) -> _Labelled:
    if path is not None:
        return _given_labels(data, path, known_outcome)
    cohort = build_cohort(data, task, known=known_outcome)
    return _Labelled(
        cohort.labels, cohort.subgroups, cohort.attrition, cohort.description, cohort.notes
    )


def _part_of(data: EventData, labels: pl.DataFrame, experiment: Experiment) -> np.ndarray:
    splits = data.splits() if experiment.split.source == "auto" else None
    if splits is None:
        return assign_splits(
            labels["subject_id"].to_numpy(),
            labels["boolean_value"].to_numpy(),
            experiment.split.fractions,
            experiment.seed,
        )
    joined = labels.select("subject_id").join(
        splits, on="subject_id", how="left", maintain_order="left"
    )
    return joined["split"].fill_null("none").to_numpy().astype(str)


def _encoding(settings: Mapping[str, Any]) -> dict[str, Any]:
    for key in settings:
        if key not in _ENCODING:
            what = f"setting '{key}' of encoding"
            raise ConfigError(what, got="an unknown key", todo=nearest(key, _ENCODING))
    values = {"min_subjects": 11, "day": False, **settings}
    if type(values["min_subjects"]) is not int or values["min_subjects"] < 1:
        raise ConfigError("setting 'min_subjects' of encoding", wanted="a whole number from 1")
    if type(values["day"]) is not bool:
        raise ConfigError("setting 'day' of encoding", wanted="true or false")
    return values


def _declaration(experiment: Experiment) -> tuple[dict[str, Any], OnsetDeclaration]:
    overrides = {key: value for key, value in experiment.task.items() if key != "name"}
    task = tasks.declaration(experiment.task["name"], **overrides)
    return task, OnsetDeclaration.parse(task)


def _advice(attrition: list[dict[str, Any]]) -> str:
    lost = [f"{step['excluded']} not '{step['step']}'" for step in attrition if step["excluded"]]
    of = f"Of {attrition[0]['subjects']} subjects were left out: {', '.join(lost) or 'none'}. "
    return of + (
        "Use more data, or change task.index.days, task.observation_days, task.gap_days, "
        "task.prediction_days, task.min_visits, task.censoring or task.outcome."
    )


def _notes(labelled: _Labelled, encoding: dict[str, Any], unplaced: int) -> tuple[str, ...]:
    notes = [*labelled.notes]
    if encoding["min_subjects"] < 11:
        notes.append(
            f"Codes of {encoding['min_subjects']} or more training patients are kept by name; "
            "11 is the customary least number."
        )
    if unplaced:
        notes.append(f"{unplaced} labels of subjects outside the data set's splits were left out.")
    return tuple(notes)


def prepare(experiment: Experiment) -> Prepared:
    """Reads, labels, splits by patient, and fits vocabulary and scaling on the training part alone.

    Raises:
        ConfigError: a wrong setting of the task or the encoding.
        DataError: the data cannot be used; LabelError where a class is missing from a part.
    """
    assert experiment.data is not None
    encoding = _encoding(experiment.encoding)
    task, declaration = _declaration(experiment)
    data = ingest.opened(experiment.source, experiment.data)
    labelled = _labelled(data, declaration, experiment.labels)
    part_of = _part_of(data, labelled.labels, experiment)
    rows = {name: np.flatnonzero(part_of == name) for name in PARTS}
    groups = labelled.labels["subject_id"].to_numpy()
    target = labelled.labels["boolean_value"].to_numpy()
    check_disjoint({name: groups[rows[name]] for name in PARTS})
    classes = ("no", "yes")
    targets = {name: target[rows[name]] for name in PARTS}
    check_classes(targets, classes, declaration.title, _advice(labelled.attrition))
    events = observation_events(data, labelled.labels, declaration.observation_days)
    encoder = VisitEncoder.fit(
        events, labelled.labels, labelled.subgroups, rows=rows["train"], **encoding
    )
    samples = encoder.encode(events, labelled.labels, labelled.subgroups)
    features, names = aggregates(samples)
    best = None if experiment.labels else _best_possible(data, labelled.labels, declaration)
    parts = {name: _part(labelled, samples, features, best, rows[name]) for name in PARTS}
    return Prepared(
        parts=parts,
        classes=classes,
        group_name="patients",
        feature_names=tuple(names),
        preparation={
            "kind": "events",
            "source": experiment.source,
            "task": task,
            "encoder": encoder.to_dict(),
        },
        cohort={"description": labelled.description, "attrition": labelled.attrition},
        notes=(
            *(_SIMULATED_NOTES if (data.root / simulate.TRUTH_FILE).is_file() else ()),
            *_notes(labelled, encoding, int((~np.isin(part_of, PARTS)).sum())),
        ),
    )


def _best_possible(
    data: EventData, labels: pl.DataFrame, task: OnsetDeclaration
) -> np.ndarray | None:
    # The truth is known for the simulated outcome, by its own codes and rules, at the simulator's
    # prediction times only.
    truth = data.root / simulate.TRUTH_FILE
    if not truth.is_file():
        return None
    simulated = OnsetDeclaration.parse(tasks.declaration("onset", outcome=_SIMULATED_OUTCOME))
    if (task.outcome, task.death) != (simulated.outcome, simulated.death):
        return None
    keys = ["subject_id", "prediction_time"]
    if labels.join(pl.read_parquet(truth, columns=keys), on=keys, how="anti").height:
        return None
    return simulate.true_risk(data, labels, task.prediction_days)


def _part(
    labelled: _Labelled,
    samples: VisitSamples,
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


def _check_codes(events: pl.DataFrame, encoder: VisitEncoder) -> list[str]:
    """Refuses data whose codes the model has never seen; it would score silence.

    Returns:
        A warning where it has seen few of them.

    Raises:
        DataError: no code of the histories is in the model's vocabulary.
    """
    codes = events.filter(pl.col("time").is_not_null())["code"].unique()
    known = int((encoder.vocabulary.encode(codes) > 0).sum())
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
) -> tuple[VisitSamples, pl.DataFrame, pl.DataFrame, list[str]]:
    """The samples of new data for a finished model.

    Args:
        preparation: what the bundle holds.
        path: the data set.
        labels: MEDS labels that say whom to score and when; the task's own cohort without them.
        known_outcome: the outcome is wanted too (to judge the model); without it, nobody is left
            out for what happens after the prediction, and labels need no value.

    Returns:
        The samples, their labels, their age and sex, row by row; and warnings.
    """
    data = ingest.opened(preparation["source"], path)
    declaration = OnsetDeclaration.parse(preparation["task"])
    labelled = _labelled(data, declaration, labels, known_outcome)
    events = observation_events(data, labelled.labels, declaration.observation_days)
    encoder = VisitEncoder.from_dict(preparation["encoder"])
    samples = encoder.encode(events, labelled.labels, labelled.subgroups)
    return samples, labelled.labels, labelled.subgroups, _check_codes(events, encoder)
