"""What all encoders of events share: checked tables, and events laid out as steps."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl

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
    "grid_width",
    "microseconds",
    "target_of",
    "training_rows",
]

MICROSECONDS_PER_DAY = 86_400_000_000
_UNITS = {"m": 60, "h": 3600, "d": 86_400}
#: A century: a wider grid is a mistake in the unit.
_WIDEST = 36_525 * 86_400


def check_tables(
    events: pl.DataFrame, labels: pl.DataFrame, subgroups: pl.DataFrame, *more: str
) -> None:
    """Raises where columns are missing or the tables do not fit each other.

    Args:
        events: what was observed; needs ``sample``, ``time``, ``code`` and the columns ``more``.
        labels: needs ``subject_id`` and ``prediction_time``.
        subgroups: needs ``age`` and ``sex``, a row for each label.
        more: further columns of the events.
    """
    for where, table, names in (
        ("the events of the samples", events, ("sample", "time", "code", *more)),
        ("the labels", labels, ("subject_id", "prediction_time")),
        ("the subgroups", subgroups, ("age", "sex")),
    ):
        for name in names:
            if name not in table.columns:
                raise SchemaError(f"column '{name}' of {where}", got="no such column")
    if subgroups.height != labels.height:
        raise DataError(
            "the subgroups",
            got=f"{subgroups.height} row(s)",
            wanted=f"{labels.height}, one a label",
        )
    if events.height:
        low, high = events["sample"].min(), events["sample"].max()
        if events["sample"].null_count() or low < 0 or high >= labels.height:  # type: ignore[operator]
            raise DataError(
                "column 'sample' of the events of the samples",
                got="a row number outside the labels",
                wanted=f"0 to {labels.height - 1}",
            )


def dated(events: pl.DataFrame) -> pl.DataFrame:
    """The events that belong to a step: birth is told by the age, static facts have no time."""
    return events.filter(pl.col("time").is_not_null() & (pl.col("code") != BIRTH_CODE))


def training_rows(
    events: pl.DataFrame, labels: pl.DataFrame, rows: np.ndarray | None
) -> pl.DataFrame:
    """The events of the training samples, with their ``subject``.

    Args:
        events: with ``sample``.
        labels: with ``subject_id``.
        rows: int64, the training rows of the labels; None where all are.

    Raises:
        DataError: there are no labels.
    """
    if not labels.height:
        raise DataError("the training labels", got="none", wanted="at least one")
    if rows is not None:
        learnt = np.zeros(labels.height, dtype=bool)
        learnt[rows] = True
        events = events.filter(pl.Series(learnt[events["sample"].to_numpy()]))
    subject = labels["subject_id"].to_numpy()[events["sample"].to_numpy()]
    return events.with_columns(subject=pl.Series(subject))


def common(values: pl.Series, subjects: pl.Series, min_subjects: int) -> tuple[str, ...]:
    """The values of at least ``min_subjects`` distinct subjects, sorted."""
    pairs = pl.DataFrame({"value": values.cast(pl.String), "subject": subjects}).unique()
    counts = pairs.drop_nulls("value").group_by("value").len()
    return tuple(counts.filter(pl.col("len") >= min_subjects)["value"].sort().to_list())


def microseconds(times: pl.Series) -> np.ndarray:
    """Int64 microseconds since 1970."""
    return times.cast(pl.Datetime("us")).to_physical().to_numpy()


def target_of(labels: pl.DataFrame) -> np.ndarray | None:
    """The labels' yes or no; None where they have none.

    Raises:
        DataError: a label is missing.
    """
    if "boolean_value" not in labels.columns:
        return None
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
    """Events in the order of samples and time, cut into ``N`` steps.

    Args:
        order: int64 ``[M]``, the rows of the events in this order, or None where they stand so.
        step: int64 ``[M]``, the step of each event in this order.
        offsets: int64 ``[n + 1]``; sample ``i`` has the steps ``offsets[i]`` to ``offsets[i + 1]``.
        features: float32 ``[N, 2]``: ``log1p`` of the days since the step before (0 for the first)
            and ``log1p`` of the days until the prediction.
        time: int64 ``[N]``, microseconds; of the last event of the step, when all of it is known.
    """

    order: np.ndarray | None
    step: np.ndarray
    offsets: np.ndarray
    features: np.ndarray
    time: np.ndarray

    def sorted(self, values: np.ndarray) -> np.ndarray:
        """A column of the events, in the order of the steps."""
        return values if self.order is None else values[self.order]


def arrange(
    events: pl.DataFrame, labels: pl.DataFrame, width: int | None = None, *, single: bool = False
) -> Steps:
    """Cuts dated events into steps.

    Args:
        events: ``sample``, ``time``; any order; those of one time keep theirs.
        labels: with ``prediction_time``.
        width: microseconds of a grid on the clock (a step holds what happened in one cell, and
            empty cells are no step); None for one step per distinct time.
        single: one step per event.

    Raises:
        LeakageError: an event after its prediction time.
    """
    sample = events["sample"].to_numpy().astype(np.int64)
    time = microseconds(events["time"])
    predicted = microseconds(labels["prediction_time"])
    late = int((time > predicted[sample]).sum())
    if late:
        raise LeakageError(
            "the events of the samples",
            got=f"{late} event(s) after the prediction time",
            wanted="only what was known at the prediction time",
        )
    order = None
    if not _in_order(sample, time):
        order = np.lexsort((time, sample))
        sample, time = sample[order], time[order]
    if single:
        first = np.ones(len(time), bool)
    else:
        first = _changes(sample) | _changes(time if width is None else time // width)
    step = np.cumsum(first) - 1
    last = np.append(np.flatnonzero(first)[1:], len(first)) - 1 if len(first) else step
    return Steps(
        order=order,
        step=step,
        offsets=np.searchsorted(sample[last], np.arange(labels.height + 1)),
        features=_features(sample[last], time[last], predicted),
        time=time[last],
    )


def distinct(pairs: np.ndarray) -> np.ndarray:
    """The distinct numbers, sorted; numpy's own function takes many times as long for this."""
    pairs = np.sort(pairs)
    return pairs[_changes(pairs)]


def _in_order(sample: np.ndarray, time: np.ndarray) -> bool:
    risen = sample[1:] > sample[:-1]
    return bool((risen | ((sample[1:] == sample[:-1]) & (time[1:] >= time[:-1]))).all())


def _changes(values: np.ndarray) -> np.ndarray:
    return np.concatenate([np.ones(min(1, len(values)), bool), values[1:] != values[:-1]])


def _features(sample: np.ndarray, time: np.ndarray, predicted: np.ndarray) -> np.ndarray:
    since = np.where(_changes(sample), 0, np.diff(time, prepend=time[:1]))
    until = predicted[sample] - time
    return np.log1p(np.stack([since, until], axis=1) / MICROSECONDS_PER_DAY).astype(np.float32)
