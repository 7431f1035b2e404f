"""From coded events to the parts of an experiment."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import polars as pl

from sequela import guard, ingest, tasks
from sequela.batches.aggregates import aggregates, recency
from sequela.batches.groups import CodeGroups
from sequela.cohort import Observations, parse_declaration
from sequela.errors import CohortError, ConfigError
from sequela.events import PARTS, EventData
from sequela.experiments import Experiment
from sequela.settings import checked
from sequela.train.dealing import deal, rolling_origins
from sequela.train.encoding import (
    Encoder,
    EventSamples,
    encoding_settings,
    fit_encoder,
    parents_of,
)
from sequela.train.labelling import (
    Declaration,
    Labelled,
    advice,
    best_next_visit,
    best_possible,
    label,
    looks_ahead,
    observed,
    source_notes,
)
from sequela.train.outcomes import CLASS_KINDS, Outcome
from sequela.train.prepared import Prepared, PreparedPart, check_classes, check_outcome
from sequela.train.settings import TrainingSettings

__all__ = ["Tables", "assembled", "prepare", "read"]

_CUSTOMARY = 11
_SHOWN = 20

# Three parts with fewer patients of a class than this tell nothing about it.
_FEWEST_CASES = 10


@dataclass(frozen=True)
class Tables:
    """A data set read, labelled and dealt to parts, of which nothing but the outcome is learnt yet.

    Args:
        experiment: what is asked.
        task: the declaration as a table.
        declaration: the same, parsed.
        data: the data set.
        labelled: who is judged when, and the truth.
        outcome: with what the training part teaches.
        rows: the rows of the labels in each part.
        groups: ``[n]``, the patient of each label, or its block of time.
        events: what each label may see.
        notes: what the reader must know.
    """

    experiment: Experiment
    task: dict[str, Any]
    declaration: Declaration
    data: EventData
    labelled: Labelled
    outcome: Outcome
    rows: dict[str, np.ndarray]
    groups: np.ndarray
    events: Observations
    notes: tuple[str, ...]

    @property
    def encodable(self) -> tuple[Observations, pl.DataFrame, pl.DataFrame]:
        """What encoders take: events, labels, and age and sex."""
        return self.events, self.labelled.labels, self.labelled.subgroups

    def samples(self, encoder: Encoder, parents: CodeGroups | None) -> EventSamples:
        """All samples, with their targets, as an encoder makes them."""
        assert self.labelled.target is not None
        samples = encoder.encode(*self.encodable, parents=parents)
        target = self.outcome.target(self.labelled.target)
        return replace(samples, target=target, groups=self.groups)


def prepare(experiment: Experiment) -> Prepared:
    """Reads, labels, splits by patient, and fits the encoder on the training part alone.

    Raises:
        ConfigError: a wrong setting of the task, the encoding or the split.
        DataError: the data cannot be used; LabelError where a class is missing from a part.
    """
    settings = encoding_settings(experiment.encoding)
    task = tasks.declaration(**experiment.task)
    tables = read(experiment, task, settings.min_subjects)
    parents = parents_of(tables.data) if settings.parents else None
    encoder = fit_encoder(settings, *tables.encodable, tables.rows["train"], parents)
    encoding = {"kind": settings.kind, "parents": settings.parents}
    return assembled(tables, encoder, parents, encoding, settings.min_subjects)


def read(
    experiment: Experiment, task: dict[str, Any], min_subjects: int, outcome: Outcome | None = None
) -> Tables:
    """The data set of an experiment, labelled and dealt to parts.

    Args:
        experiment: with ``data``.
        task: the declaration as a table.
        min_subjects: of the codes that a set may hold.
        outcome: as a finished model has it; None to learn it from the training part.

    Raises:
        ConfigError: a wrong setting of the task or the split.
        DataError: the data cannot be used; LabelError where a class is missing from a part.
    """
    assert experiment.data is not None
    declaration = parse_declaration(task)
    data = ingest.opened(experiment.source, experiment.data, **experiment.reading)
    labelled = label(data, declaration, experiment.labels)
    part_of, groups, said = _dealt(data, labelled, declaration, experiment)
    rows = {name: np.flatnonzero(part_of == name) for name in PARTS}
    outcome = _checked_outcome(labelled, declaration, rows, experiment, min_subjects, outcome)
    events = observed(data, declaration, labelled)
    warned = guard.quick_check(data, declaration, events, labelled.labels)
    notes = (
        *said,
        *(() if experiment.split.by == "origin" else _several(labelled)),
        *(f"Check '{one.title}': {one.found}." for one in warned if one.status != "pass"),
    )
    return Tables(
        experiment, task, declaration, data, labelled, outcome, rows, groups, events, notes
    )


def assembled(
    tables: Tables,
    encoder: Encoder,
    parents: CodeGroups | None,
    encoding: dict[str, Any],
    min_subjects: int,
) -> Prepared:
    """The parts of an experiment as an encoder makes them, and what a bundle must hold.

    Args:
        tables: what was read.
        encoder: fitted on the training part alone, or before.
        parents: groups of codes of this data set, or None.
        encoding: "kind" and "parents" of the encoding.
        min_subjects: codes of fewer training patients are not in the encoder.
    """
    experiment, labelled, outcome = tables.experiment, tables.labelled, tables.outcome
    samples = tables.samples(encoder, parents)
    features, names = aggregates(samples)
    history = None
    if outcome.kind == "sets":  # how lately each code was seen, 0 for never
        history = recency(tables.events, labelled.labels, outcome.names)
    given = (labelled, samples, features, *_truth(tables))
    parts = {name: _part(*given, tables.rows[name], history) for name in PARTS}
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
            "task": tables.task,
            "encoding": encoding,
            "encoder": encoder.to_dict(),
            **kept,
        },
        cohort={"description": labelled.description, "attrition": labelled.attrition},
        notes=(
            *source_notes(tables.data),
            *labelled.notes,
            *_few_subjects(min_subjects),
            *_facts(encoder),
            *tables.notes,
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
    known: Outcome | None,
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
    outcome = known
    if outcome is None:
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


def _truth(tables: Tables) -> tuple[np.ndarray | None, np.ndarray | None]:
    """What a simulation knows of each label: the risk or chances, and the days until next."""
    if tables.experiment.labels:
        return None, None
    asked, outcome = (tables.data, tables.labelled.labels, tables.declaration), tables.outcome
    found = best_next_visit(*asked, outcome.names) if outcome.kind == "sets" else None
    if found is not None:
        return found.codes, np.log1p(found.days)
    return best_possible(*asked, outcome), None


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
    best_days: np.ndarray | None,
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
        days=None if labelled.days is None else labelled.days[rows],
        best_days=None if best_days is None else best_days[rows],
    )
