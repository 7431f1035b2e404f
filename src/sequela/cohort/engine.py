"""Carrying out a declaration: shard by shard, with an account of every exclusion."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import polars as pl

from sequela.cohort.grammar import CohortDeclaration
from sequela.cohort.history import known_at
from sequela.cohort.labelling import VALUE_COLUMNS, Labelled, label_samples
from sequela.cohort.matching import balance_table, match
from sequela.cohort.occurrences import MISSING, UNDATED, Shard
from sequela.cohort.samples import Samples, episodes_of, index_dates
from sequela.cohort.steps import chosen, demographics_of, later_steps, steps_at_index, with_label
from sequela.cohort.targets import label_predicates
from sequela.errors import CohortError
from sequela.events import EventData

__all__ = ["Cohort", "carry_out", "left_out"]

_KEYS = ("subject_id", "prediction_time")
_INDEXED = "with an index date"


@dataclass(frozen=True)
class Cohort:
    """Who is in, predicted when, with which label.

    Args:
        labels: MEDS labels: ``subject_id`` int64, ``prediction_time`` datetime[us] and one column
            of values; sorted by the first two, which together stand once.
        attrition: a table for each step in order: ``step``, its name; ``subjects`` and ``samples``
            that are left after it; ``excluded``, how many samples it took away. Before there are
            samples, ``samples`` is None and ``excluded`` counts subjects.
        subgroups: ``subject_id``, ``age`` (years at prediction), ``sex``; a row for each label.
        description: the cohort in words.
        notes: what the reader of a result must know beside it.
        beside: what a label holds beyond its value: ``subject_id``, ``prediction_time`` and further
            columns, a row for each label; None where there is nothing more.
        windows: ``subject_id``, ``prediction_time``, ``observation_start`` (null for the whole
            record), ``observation_end``; a row for each label: what features may see.
        balance: of a matched cohort, see :func:`sequela.cohort.matching.balance_table`.
    """

    labels: pl.DataFrame
    attrition: list[dict[str, Any]]
    subgroups: pl.DataFrame
    description: str
    notes: tuple[str, ...] = field(default=())
    beside: pl.DataFrame | None = None
    windows: pl.DataFrame | None = None
    balance: pl.DataFrame | None = None


class _Account:
    # How many subjects and samples are left after each step, summed over shards.

    def __init__(self) -> None:
        self._steps: list[tuple[str, int, int | None]] = []
        self._place = 0

    def begin(self) -> None:
        # Every shard goes through the same steps in the same order.
        self._place = 0

    def subjects(self, name: str, count: int) -> None:
        self._add(name, count, None)

    def samples(self, name: str, samples: Samples) -> None:
        self._add(name, len(np.unique(samples.subject)), len(samples))

    def table(self, name: str, table: pl.DataFrame) -> None:
        self._place = len(self._steps)
        self._add(name, table["subject_id"].n_unique(), table.height)

    def _add(self, name: str, subjects: int, samples: int | None) -> None:
        if self._place == len(self._steps):
            self._steps.append((name, 0, None if samples is None else 0))
        _, before, samples_before = self._steps[self._place]
        total = None if samples is None else (samples_before or 0) + samples
        self._steps[self._place] = (name, before + subjects, total)
        self._place += 1

    def rows(self) -> list[dict[str, Any]]:
        rows: list[dict[str, Any]] = []
        left, left_samples = None, None
        for name, subjects, samples in self._steps:
            lost = 0 if left is None else left - subjects
            if left_samples is not None and samples is not None:
                lost = left_samples - samples
            rows.append({"step": name, "subjects": subjects, "samples": samples, "excluded": lost})
            left, left_samples = subjects, samples
        return rows


def carry_out(data: EventData, declared: CohortDeclaration, *, known: bool = True) -> Cohort:
    """Finds and labels the samples of a declaration.

    Args:
        data: the data set, streamed: a shard at a time is held.
        declared: the declaration.
        known: the outcome is known; see :func:`sequela.cohort.build_cohort`.

    Raises:
        DataError: the data are damaged, or no sample is left.
    """
    newest = None if known else _newest(data)
    children = _children(data, declared)
    account, parts = _Account(), []
    silent = set(label_predicates(declared.label))
    for events in data.shards():
        shard = Shard(events, declared.predicates, children)
        silent = {name for name in silent if not len(shard.occurrences(name).rows)}
        parts.append(_shard_part(shard, declared, account, newest, known))
    table = pl.concat(parts).sort(_KEYS)
    balance = None
    if declared.matching and known and table.height:
        everyone, table = table, match(table, declared.matching)
        balance = balance_table(everyone, table)
        account.table("cases and their controls", table)
    attrition = account.rows()
    if not table.height:
        raise _nobody(declared, attrition)
    wanted = [name for name in label_predicates(declared.label) if name in silent]
    return replace(
        _cohort(declared, table),
        attrition=attrition,
        notes=tuple(f"No code of the data means {declared.words(name)}." for name in wanted),
        balance=balance,
    )


def _cohort(declared: CohortDeclaration, table: pl.DataFrame) -> Cohort:
    values = {name for name, _ in VALUE_COLUMNS.values()}
    windows = ("observation_start", "observation_end")
    own = {*_KEYS, *values, *windows, "age", "sex", "site"}
    beside = [name for name in table.columns if name not in own]
    return Cohort(
        labels=table.select(*_KEYS, *(name for name in table.columns if name in values)),
        attrition=[],
        subgroups=table.select("subject_id", "age", "sex"),
        description=declared.describe(),
        beside=table.select(*_KEYS, *beside) if beside else None,
        windows=table.select(*_KEYS, *windows),
    )


def _newest(data: EventData) -> int:
    times = [shard.select(known_at(shard).max()).item() for shard in data.shards()]
    dated = pl.Series([time for time in times if time is not None], dtype=pl.Datetime("us"))
    return int(dated.to_physical().max()) if len(dated) else UNDATED  # type: ignore[arg-type]


def _children(data: EventData, declared: CohortDeclaration) -> Mapping[str, Iterable[str]]:
    wanted = any(getattr(one, "descendants", ()) for one in declared.predicates.values())
    return data.code_children() if wanted else {}


def left_out(attrition: Iterable[Mapping[str, Any]]) -> str:
    """Who was left out at which step, in one line; nothing where nobody was.

    Args:
        attrition: see :class:`Cohort`.
    """
    lost, before = [], None
    for step in attrition:
        # The step that makes samples still leaves out subjects.
        count, what = step["excluded"], "subject" if before is None else "sample"
        before = step.get("samples")
        if count:
            lost.append(f"{count} {what}{'' if count == 1 else 's'} not '{step['step']}'")
    return ", ".join(lost)


def _nobody(declared: CohortDeclaration, attrition: list[dict[str, Any]]) -> CohortError:
    asked = ""
    if any(step["step"] == _INDEXED and not step["samples"] for step in attrition):
        index = declared.index
        least = f", not before {index.not_before.words}" if index.not_before else ""
        asked = f"Predictions are made at {index.at.words}{least}, which nobody reaches. "
    return CohortError(
        f"the cohort of task {declared.name}",
        got=f"too few cases: no subject is left ({left_out(attrition) or 'the data are empty'})",
        wanted="subjects who meet its conditions",
        todo=f"{asked}Loosen the declaration (task.KEY=VALUE, as the task's README says).",
        attrition=attrition,
    )


def _shard_part(
    shard: Shard, declared: CohortDeclaration, account: _Account, newest: int | None, known: bool
) -> pl.DataFrame:
    account.begin()
    account.subjects("in the data", len(shard.ids))
    account.subjects("with a dated event", len(np.unique(shard.occurrences("any_event").subject)))
    samples = index_dates(episodes_of(shard, declared), declared.index)
    eligible = declared.index.select.endswith("_eligible")
    samples = samples if eligible else chosen(samples, declared.index.select)
    account.samples(_INDEXED, samples)
    for name, holds in steps_at_index(declared, newest):
        samples = samples.only(holds(samples))
        account.samples(name, samples)
    if eligible:
        samples = chosen(samples, declared.index.select)
        account.samples(f"the {declared.index.select.split('_')[0]} of them", samples)
    if not known:
        return _table(samples, None)
    for name, holds in later_steps(declared):
        samples = samples.only(holds(samples))
        account.samples(name, samples)
    samples = samples.with_moment("row", np.arange(len(samples)))
    labelled = label_samples(samples, declared.label)
    for name, holds in with_label(declared, labelled):
        samples = samples.only(holds(samples))
        account.samples(name, samples)
    return _table(samples, labelled)


def _table(samples: Samples, labelled: Labelled | None) -> pl.DataFrame:
    index = samples.moments["index"]
    people = demographics_of(samples)
    start, end = _observed(samples)
    columns = [
        people["subject_id"],
        _times("prediction_time", index),
        people["age"],
        people["sex"],
        _times("observation_start", start),
        _times("observation_end", end),
    ]
    if samples.declaration.matching and samples.declaration.matching.site:
        columns.append(_sites(samples, samples.declaration.matching.site))
    table = pl.DataFrame(columns)
    if labelled is None:
        return table
    rows = samples.moments["row"]
    beside = labelled.beside[rows] if labelled.beside.width else labelled.beside
    table = table.hstack([labelled.value[rows]])
    return table.hstack(beside) if beside.width else table


def _observed(samples: Samples) -> tuple[np.ndarray, np.ndarray]:
    """The observation window, open at its start and closed at its end, to the microsecond."""
    window, index = samples.declaration.observation, samples.moments["index"]
    start, end = np.full(len(samples), UNDATED), index
    if window.start is not None:
        start = samples.moment(window.start, known=True) - window.start_inclusive
    if window.end is not None:
        end = np.minimum(samples.moment(window.end, known=True) - (not window.end_inclusive), index)
    # Where a moment is missing, or the window is turned round, there is nothing to see.
    empty = start >= end
    for bound in (window.start, window.end):
        if bound is not None:
            empty |= samples.moment(bound, known=True) == MISSING
    return np.where(empty, index, start), np.where(empty, index, end)


def _times(name: str, moments: np.ndarray) -> pl.Series:
    there = (moments != MISSING) & (moments != UNDATED)
    series = pl.Series(name, np.where(there, moments, 0)).cast(pl.Datetime("us"))
    return series.to_frame().select(pl.when(pl.Series(there)).then(pl.first())).to_series()


def _sites(samples: Samples, prefix: str) -> pl.Series:
    """The last site that was known of each sample at its index date; null for none."""
    shard = samples.shard
    rows = np.flatnonzero(shard.events["code"].str.starts_with(prefix).to_numpy())
    found = shard.at(rows)
    low, high = found.stretch(samples.subject, None, samples.moments["index"])
    place = pl.Series(np.where(high > low, high - 1, 0))
    there = pl.Series(high > low)
    codes = shard.events["code"][rows]
    if not len(codes):
        return pl.repeat(None, len(samples), dtype=pl.String, eager=True).alias("site")
    frame = pl.DataFrame({"site": codes[place.to_numpy()]})
    return frame.select(pl.when(there).then(pl.col("site")).alias("site")).to_series()
