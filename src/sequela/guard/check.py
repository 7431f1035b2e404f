"""All checks of one task on one data set, one after the other."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import numpy as np
import polars as pl

from sequela.cohort import (
    CohortDeclaration,
    Observations,
    OnsetDeclaration,
    build_cohort,
    observation_events,
    parse_declaration,
    subgroups,
    windows_of,
)
from sequela.cohort.targets import Multilabel
from sequela.errors import DataError
from sequela.events import PARTS, EventData
from sequela.guard.finding import Finding, failed, passed
from sequela.guard.machine import (
    Observe,
    label_settled,
    prediction_times,
    same_past,
    sample_pairs,
)
from sequela.guard.outcome import companions, once_only, outcome_codes, outcome_in_window
from sequela.guard.overlap import Histories, same_histories
from sequela.guard.records import (
    AdmissionDiagnoses,
    AfterDeath,
    Availability,
    BeforeBirth,
    PredictionTimes,
)
from sequela.guard.single import BOUND, single_features
from sequela.seeds import generator

__all__ = ["Deal", "Declaration", "check", "quick_check", "time_machine"]

Declaration = CohortDeclaration | OnsetDeclaration

#: From labels to ``subject_id`` and ``split``.
Deal = Callable[[pl.DataFrame], "pl.DataFrame | None"]

_KEYS = ["subject_id", "prediction_time"]

#: Other futures that the time machine tries.
_ROUNDS = 2


def _general(declaration: Declaration | Mapping[str, Any]) -> CohortDeclaration:
    if isinstance(declaration, CohortDeclaration):
        return declaration
    if isinstance(declaration, OnsetDeclaration):
        return declaration.general()
    return _general(parse_declaration(declaration))


def time_machine(
    data: EventData,
    declaration: Declaration | Mapping[str, Any],
    labels: pl.DataFrame | None = None,
    *,
    observe: Observe | None = None,
    pairs: int = 200,
    rounds: int = _ROUNDS,
    seed: int = 0,
) -> list[Finding]:
    """Takes a task back to its prediction times, and gives it other futures.

    Args:
        data: the data set.
        declaration: of the task; a mapping is parsed.
        labels: ``subject_id``, ``prediction_time``, in place of the task's own cohort; then nothing
            is said of how the prediction times were found.
        observe: what a model is shown, see :data:`sequela.guard.machine.Observe`; by default the
            events of the task's observation window, age and sex.
        pairs: how many predictions are tried, drawn by lot.
        rounds: how many other futures are tried.
        seed: of the lot.

    Returns:
        ``observation_truncated``, ``observation_future_changed`` and, for a task's own cohort,
        ``prediction_times_truncated``, ``prediction_times_future_changed``, ``label_settled``.

    Raises:
        ConfigError: the declaration is wrong.
        DataError: the data are damaged, nobody is left, or labels at other times than the task's
            own where its observation begins with something else than the prediction.
    """
    declared = _general(declaration)
    asked = _asked(data, declared, labels)
    some = sample_pairs(asked.labels, asked.windows, pairs, seed)
    return _taken_back(data, declared, some, asked.own, observe, rounds, seed)


class _Asked(NamedTuple):
    """Who is predicted when: of the task's own cohort, or as a file has it."""

    labels: pl.DataFrame
    windows: pl.DataFrame
    beside: pl.DataFrame | None
    own: bool


def _asked(data: EventData, declared: CohortDeclaration, labels: pl.DataFrame | None) -> _Asked:
    if labels is not None:
        return _Asked(labels, windows_of(data, declared, labels), None, False)
    cohort = build_cohort(data, declared)
    assert cohort.windows is not None
    return _Asked(cohort.labels, cohort.windows, cohort.beside, True)


def _taken_back(
    data: EventData,
    declared: CohortDeclaration,
    pairs: pl.DataFrame,
    own: bool,
    observe: Observe | None,
    rounds: int,
    seed: int,
) -> list[Finding]:
    found = same_past(data, pairs, observe, rounds=rounds, seed=seed)
    if own:
        found += prediction_times(data, declared, pairs, rounds=rounds, seed=seed)
        found.append(label_settled(data, declared, pairs))
    return found


def _survey(data: EventData, takers: list[Any]) -> Finding | None:
    """Reads all shards once; what keeps them from being read is a finding too."""
    check = "readable"
    try:
        data.splits()
        for shard in data.shards():
            for taker in takers:
                taker.add(shard)
    except DataError as error:
        return failed(check, f"{error.what}: got {error.got}", error.todo or f"{error.wanted}.")
    return None


def _some(labels: pl.DataFrame, most: int, seed: int) -> np.ndarray:
    """Rows of all labels of as many subjects as fit, drawn by lot."""
    subjects, place = np.unique(labels["subject_id"].to_numpy(), return_inverse=True)
    order = generator(seed, "guard", "samples").permutation(len(subjects))
    rank = np.empty(len(subjects), np.int64)
    rank[order] = np.arange(len(subjects))
    sizes = np.bincount(place, minlength=len(subjects))[order]
    fitting = max(int(np.searchsorted(np.cumsum(sizes), most, side="right")), 1)
    return np.flatnonzero(rank[place] < fitting)


def _targets(
    labels: pl.DataFrame, beside: pl.DataFrame | None, label: Any
) -> dict[str, np.ndarray]:
    """What is predicted as questions of yes or no: bool [n] each, by name."""
    if "boolean_value" in labels.columns:
        return {"outcome": labels["boolean_value"].fill_null(False).to_numpy()}
    if isinstance(label, Multilabel) and beside is not None:
        return {name: beside[name].to_numpy() for name in label.classes}
    if "categorical_value" in labels.columns:
        value = labels["categorical_value"]
        names = value.unique().drop_nulls().sort().to_list()
        return {name: (value == name).fill_null(False).to_numpy() for name in names}
    if beside is not None and "event" in beside.columns:
        return {"outcome": (beside["event"] == 1).to_numpy()}
    values = [name for name in labels.columns if name.endswith("_value")]
    if not values:
        return {}
    value = labels[values[0]].cast(pl.Float64)
    return {"more than the median": (value > value.median()).fill_null(False).to_numpy()}


def quick_check(
    data: EventData,
    declaration: Declaration | Mapping[str, Any],
    observed: Observations,
    labels: pl.DataFrame,
    *,
    samples: int = 5_000,
    min_subjects: int = 11,
) -> list[Finding]:
    """What can be told from the samples alone, cheap enough for every training run.

    Args:
        data: the data set, for its table of codes.
        declaration: of the task.
        observed: what the samples see.
        labels: ``subject_id``, ``prediction_time`` and the label.
        samples: how many are looked at one feature after the other, by lot.
        min_subjects: codes of fewer subjects are not named.

    Returns:
        ``outcome_in_window`` and ``single_features``.
    """
    declared, children = _general(declaration), data.code_children()
    rows = _some(labels, samples, 0)
    targets = _targets(labels[rows], None, declared.label)
    codes = observed.codes()
    telling = set().union(*once_only(declared, codes, children))
    telling |= outcome_codes(declared, codes, children)
    outcomes = observed.table(codes=telling)
    return [
        outcome_in_window(declared, outcomes, labels, children, min_subjects=min_subjects),
        single_features(observed.table(rows), labels[rows], targets, min_subjects=min_subjects),
    ]


def check(
    data: EventData,
    declaration: Declaration | Mapping[str, Any],
    labels: pl.DataFrame | None = None,
    *,
    parts: pl.DataFrame | Deal | None = None,
    fitted: Callable[[pl.DataFrame, pl.DataFrame, pl.DataFrame], list[Finding]] | None = None,
    pairs: int = 200,
    samples: int = 10_000,
    bound: float = BOUND,
    jaccard: float = 0.9,
    min_subjects: int = 11,
    seed: int = 0,
) -> list[Finding]:
    """Everything that can be checked before a model is trained.

    Args:
        data: the data set, streamed a few times.
        declaration: of the task; a mapping is parsed.
        labels: MEDS labels in place of the task's own cohort.
        parts: ``subject_id`` and ``split``, or what deals the labels to them; the data set's own by
            default.
        fitted: further checks on what is learnt, given (events, labels, subgroups) of the samples.
        pairs: predictions that the time machine tries.
        samples: labels whose observation is looked at (of whole subjects, by lot): memory and time.
        bound: of :func:`single_features`.
        jaccard: from which on two histories are nearly the same.
        min_subjects: what fewer subjects share is not named.
        seed: of all that is drawn by lot.

    Returns:
        A finding for each check, in their order; after one that makes the rest senseless (data that
        cannot be read) no others follow.

    Raises:
        ConfigError: the declaration is wrong.
        DataError: nobody is left, or labels at other times than the task's own where its
            observation begins with something else than the prediction.
    """
    declared = _general(declaration)
    histories, died, born = Histories(), AfterDeath(), BeforeBirth()
    bills, available = AdmissionDiagnoses(min_subjects), Availability(min_subjects)
    broken = _survey(data, [histories, died, born, bills, available])
    if broken is not None:
        return [broken]
    found = [passed("readable", "each subject in one file and at most one part, times in order")]
    asked = _asked(data, declared, labels)
    if callable(parts):
        parts = parts(asked.labels)
    found += _of_records(data, asked.labels, parts, histories, jaccard)
    found += [one.finding() for one in (died, born, bills, available)]
    some = sample_pairs(asked.labels, asked.windows, pairs, seed)
    found += _taken_back(data, declared, some, asked.own, None, _ROUNDS, seed)
    rows = _some(asked.labels, samples, seed)
    chosen = asked._replace(
        labels=asked.labels[rows],
        windows=asked.windows[rows],
        beside=None if asked.beside is None else asked.beside[rows],
    )
    return found + _of_samples(data, declared, chosen, bound, min_subjects, fitted)


def _of_records(
    data: EventData,
    labels: pl.DataFrame,
    parts: pl.DataFrame | None,
    histories: Histories,
    jaccard: float,
) -> list[Finding]:
    if parts is None:
        parts = data.splits()
    found = [_parts(parts)]
    found += same_histories(data, histories, parts, bound=jaccard)
    times = PredictionTimes(labels)
    for shard in data.shards(labels["subject_id"].unique().to_numpy()):
        times.add(shard)
    return found + times.findings()


def _parts(parts: pl.DataFrame | None) -> Finding:
    check = "parts"
    if parts is None:
        return passed(check, "none given: training deals the subjects, each to one part")
    pairs = parts.select("subject_id", "split").drop_nulls().unique()
    pairs = pairs.filter(pl.col("split").is_in(list(PARTS)))
    twice = pairs.height - pairs["subject_id"].n_unique()
    if not twice:
        return passed(check, f"{pairs.height} subjects, each in one part")
    return failed(
        check,
        f"{twice} subject(s) in more than one part",
        "Split by subject, not by row.",
        [{"subjects": twice}],
    )


def _of_samples(
    data: EventData,
    declared: CohortDeclaration,
    asked: _Asked,
    bound: float,
    min_subjects: int,
    fitted: Callable[[pl.DataFrame, pl.DataFrame, pl.DataFrame], list[Finding]] | None,
) -> list[Finding]:
    labels, windows, beside, _ = asked
    keys = labels.select(_KEYS)
    events = observation_events(data, keys, windows=windows)
    people, children = subgroups(data, keys), data.code_children()
    targets = _targets(labels, beside, declared.label)
    found = [outcome_in_window(declared, events, labels, children, min_subjects=min_subjects)]
    if list(targets) == ["outcome"]:
        found.append(
            companions(
                data,
                declared,
                events,
                labels,
                targets["outcome"],
                children,
                min_subjects=min_subjects,
            )
        )
    found.append(
        single_features(events, labels, targets, people, bound=bound, min_subjects=min_subjects)
    )
    return found + (fitted(events, labels, people) if fitted else [])
