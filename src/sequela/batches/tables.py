"""What all encoders of events share: checked tables, and histories cut into steps."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl

from sequela.cohort import Observations
from sequela.cohort.occurrences import UNDATED
from sequela.errors import ConfigError, DataError, LeakageError, SchemaError
from sequela.events import BIRTH_CODE

__all__ = [
    "MICROSECONDS_PER_DAY",
    "Steps",
    "arrange",
    "check_tables",
    "common",
    "dated",
    "distinct",
    "distinct_codes",
    "grid_width",
    "microseconds",
    "target_of",
]

MICROSECONDS_PER_DAY = 86_400_000_000
_UNITS = {"m": 60, "h": 3600, "d": 86_400}
#: A century: a wider grid is a mistake in the unit.
_WIDEST = 36_525 * 86_400


def check_tables(
    events: pl.DataFrame | Observations,
    labels: pl.DataFrame,
    subgroups: pl.DataFrame,
    *more: str,
) -> Observations:
    """What was observed, once it is known that the tables fit each other.

    Args:
        events: what was observed; of a table, the columns ``sample``, ``time``, ``code`` and
            ``more`` are needed.
        labels: needs ``subject_id`` and ``prediction_time``.
        subgroups: needs ``age`` and ``sex``, a row for each label.
        more: further columns of the events.

    Raises:
        SchemaError: a column is missing.
        DataError: the tables do not fit each other.
    """
    if isinstance(events, pl.DataFrame):
        _refuse_missing("the events of the samples", events, ("sample", "time", "code", *more))
    _refuse_missing("the labels", labels, ("subject_id", "prediction_time"))
    _refuse_missing("the subgroups", subgroups, ("age", "sex"))
    if subgroups.height != labels.height:
        raise DataError(
            "the subgroups",
            got=f"{subgroups.height} row(s)",
            wanted=f"{labels.height}, one a label",
        )
    if isinstance(events, Observations):
        if len(events) != labels.height:
            raise DataError(
                "what was observed",
                got=f"that of {len(events)} sample(s)",
                wanted=f"{labels.height}, one a label",
            )
        return events
    if events.height:
        low, high = events["sample"].min(), events["sample"].max()
        if events["sample"].null_count() or low < 0 or high >= labels.height:  # type: ignore[operator]
            raise DataError(
                "column 'sample' of the events of the samples",
                got="a row number outside the labels",
                wanted=f"0 to {labels.height - 1}",
            )
    return Observations.of_table(events, labels.height)


def _refuse_missing(where: str, table: pl.DataFrame, names: tuple[str, ...]) -> None:
    for name in names:
        if name not in table.columns:
            raise SchemaError(f"column '{name}' of {where}", got="no such column")


def dated(observed: Observations) -> Observations:
    """The events that belong to a step: birth is told by the age, static facts have no time."""
    birth = (observed.names == BIRTH_CODE).to_numpy()
    kept = observed.time != UNDATED
    return observed.only(kept & ~birth[observed.code] if birth.any() else kept)


def common(values: pl.Series, subjects: pl.Series, min_subjects: int) -> tuple[str, ...]:
    """The values of at least ``min_subjects`` distinct subjects, sorted."""
    pairs = pl.DataFrame({"value": values.cast(pl.String), "subject": subjects}).unique()
    counts = pairs.drop_nulls("value").group_by("value").len()
    return tuple(counts.filter(pl.col("len") >= min_subjects)["value"].sort().to_list())


def microseconds(times: pl.Series) -> np.ndarray:
    """Int64 microseconds since 1970."""
    return times.cast(pl.Datetime("us")).to_physical().to_numpy()


def target_of(labels: pl.DataFrame) -> np.ndarray:
    """The labels' yes or no, bool ``[n]``; zeros (float32) where they have none.

    Raises:
        DataError: a label is missing.
    """
    if "boolean_value" not in labels.columns:
        return np.zeros(labels.height, np.float32)
    if labels["boolean_value"].null_count():
        raise DataError("column 'boolean_value' of the labels", got="gaps", wanted="true or false")
    return labels["boolean_value"].cast(pl.Boolean).to_numpy()


def grid_width(grid: Any) -> int | None:
    """Microseconds of a grid such as "30m", "1h" or "1d"; None stays None.

    Raises:
        ConfigError: another form, or wider than a century.
    """
    if grid is None:
        return None
    found = re.fullmatch(r"([1-9][0-9]{0,6})([mhd])", grid) if isinstance(grid, str) else None
    seconds = int(found[1]) * _UNITS[found[2]] if found else 0
    if not 0 < seconds <= _WIDEST:
        wanted = "a width such as 30m, 1h or 1d, or null for true timestamps"
        raise ConfigError("setting 'grid' of encoding", got=repr(grid)[:40], wanted=wanted)
    return seconds * 1_000_000


@dataclass(frozen=True)
class Steps:
    """Events cut into ``N`` steps, and the stretch of steps of each sample.

    Args:
        observed: the events in the order of the steps.
        step: int64 ``[M]``, the step of each event.
        starts: int64 ``[n]``, the first step of each sample.
        lengths: int64 ``[n]``, the number of steps of each sample.
        time: int64 ``[N]``, microseconds; of the last event of the step, when all of it is known.
        since: float32 ``[N]``, ``log1p`` of the days since the step before in the same record.
        predicted: int64 ``[n]``, microseconds, the prediction time of each sample.
    """

    observed: Observations
    step: np.ndarray
    starts: np.ndarray
    lengths: np.ndarray
    time: np.ndarray
    since: np.ndarray
    predicted: np.ndarray


def arrange(
    observed: Observations, labels: pl.DataFrame, width: int | None = None, *, single: bool = False
) -> Steps:
    """Cuts dated events into steps.

    Args:
        observed: what each sample sees, every event with a time.
        labels: with ``prediction_time``.
        width: microseconds of a grid on the clock (a step holds what happened in one cell, and
            empty cells are no step); None for one step per distinct time. Where a sample sees a
            part of a cell, the steps of each sample are its own.
        single: one step per event.

    Raises:
        LeakageError: an event after its prediction time.
    """
    predicted = microseconds(labels["prediction_time"])
    low, high = observed.seen
    _refuse_late(observed, predicted)
    record, time = observed.record, observed.time
    if single:
        first = np.ones(len(time), bool)
    else:
        first = _changes(record) | _changes(time if width is None else time // width)
        edge = np.append(first, True)
        if (
            width is not None
            and not edge[np.concatenate([low[low < high], high[low < high]])].all()
        ):
            return arrange(observed.apart(), labels, width)
    step = np.cumsum(first) - 1
    begin = np.flatnonzero(first)
    last = np.append(begin[1:], len(first)) - 1 if len(begin) else begin
    there = low < high
    place = np.append(step, 0)
    starts = np.where(there, place[np.where(there, low, -1)], 0)
    ends = np.where(there, place[np.where(there, high - 1, -1)] + 1, 0)
    return Steps(
        observed=observed,
        step=step,
        starts=starts,
        lengths=ends - starts,
        time=time[last],
        since=_since(record[last], time[last]),
        predicted=predicted,
    )


def distinct(numbers: np.ndarray) -> np.ndarray:
    """The distinct numbers, sorted; numpy's own function takes many times as long for this."""
    if not (numbers[1:] > numbers[:-1]).all():
        numbers = np.sort(numbers)
        return numbers[_changes(numbers)]
    return numbers


def distinct_codes(
    step: np.ndarray, codes: np.ndarray, steps: int, size: int
) -> tuple[np.ndarray, np.ndarray]:
    """The distinct codes of each step, sorted (int32 ``[C]``), and where they begin.

    Args:
        step: int64 ``[M]``, the step of each event.
        codes: int ``[M]``, its code.
        steps: N, how many there are.
        size: V, above all codes.
    """
    pairs = distinct(step * size + codes)
    place = pairs // size
    offsets = np.zeros(steps + 1, np.int64)
    np.cumsum(np.bincount(place, minlength=steps), out=offsets[1:])
    return (pairs - place * size).astype(np.int32), offsets


def _refuse_late(observed: Observations, predicted: np.ndarray) -> None:
    low, high = observed.seen
    there = np.flatnonzero(low < high)
    behind = there[observed.time[high[there] - 1] > predicted[there]]
    if not len(behind):
        return
    late = sum(
        int((observed.time[low[sample] : high[sample]] > predicted[sample]).sum())
        for sample in behind
    )
    raise LeakageError(
        "the events of the samples",
        got=f"{late} event(s) after the prediction time",
        wanted="only what was known at the prediction time",
    )


def _changes(values: np.ndarray) -> np.ndarray:
    return np.concatenate([np.ones(min(1, len(values)), bool), values[1:] != values[:-1]])


def _since(record: np.ndarray, time: np.ndarray) -> np.ndarray:
    since = np.where(_changes(record), 0, np.diff(time, prepend=time[:1]))
    return np.log1p(since / MICROSECONDS_PER_DAY).astype(np.float32)
