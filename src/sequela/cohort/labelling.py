"""The values of labels, and the columns beside them, for the samples of a shard."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl

from sequela.cohort.durations import microseconds
from sequela.cohort.occurrences import FOREVER, MISSING, UNDATED, Occurrences
from sequela.cohort.samples import Samples
from sequela.cohort.targets import (
    UNITS,
    Binary,
    Count,
    Length,
    Multiclass,
    Multilabel,
    Sequence,
    Series,
    TimeToEvent,
    Value,
)

__all__ = ["VALUE_COLUMNS", "Labelled", "label_samples"]

#: Names and types of the value that each kind of label has.
VALUE_COLUMNS: dict[str, tuple[str, Any]] = {
    "binary": ("boolean_value", pl.Boolean()),
    "count": ("integer_value", pl.Int64()),
    "multiclass": ("categorical_value", pl.String()),
    "multilabel": ("integer_value", pl.Int64()),
    "value": ("float_value", pl.Float32()),
    "length": ("float_value", pl.Float32()),
    "time_to_event": ("float_value", pl.Float32()),
    "sequence": ("integer_value", pl.Int64()),
    "series": ("float_value", pl.Float32()),
}


@dataclass(frozen=True, eq=False)
class Labelled:
    """What labels say of each sample.

    Args:
        value: the column of MEDS labels, [n].
        beside: further columns, [n] each.
        there: bool [n], the label can be told.
        settled: bool [n], the outcome was seen, so that nothing later could change the label.
    """

    value: pl.Series
    beside: pl.DataFrame
    there: np.ndarray
    settled: np.ndarray


def label_samples(samples: Samples, label: Any) -> Labelled:
    """The labels of samples.

    Args:
        samples: of a shard.
        label: the table ``label`` of the declaration.
    """
    made = {
        Binary: _binary,
        Count: _count,
        Multiclass: _multiclass,
        Multilabel: _multilabel,
        Value: _value,
        Length: _length,
        TimeToEvent: _time_to_event,
        Sequence: _sequence,
        Series: _series,
    }
    return made[type(label)](samples, label)


def _labelled(
    samples: Samples,
    values: Any,
    name: str,
    kind: Any,
    beside: dict[str, Any] | None = None,
    *,
    there: np.ndarray | None = None,
    settled: np.ndarray | None = None,
) -> Labelled:
    every, none = np.ones(len(samples), bool), np.zeros(len(samples), bool)
    series = pl.Series(name, values, strict=False).cast(kind)
    frame = pl.DataFrame(beside) if beside else pl.DataFrame()
    return Labelled(
        series,
        frame,
        every if there is None else there,
        none if settled is None else settled,
    )


def _counted(samples: Samples, label: Any, by: str) -> np.ndarray:
    found = samples.shard.occurrences(label.predicate)
    return found.count(*samples.stretch(found, label.window), by)


def _binary(samples: Samples, label: Binary) -> Labelled:
    happens = _counted(samples, label, label.by) >= label.min
    return _labelled(samples, happens, *VALUE_COLUMNS["binary"], settled=happens)


def _count(samples: Samples, label: Count) -> Labelled:
    return _labelled(samples, _counted(samples, label, label.by), *VALUE_COLUMNS["count"])


def _first_in(samples: Samples, name: str, window: Any) -> np.ndarray:
    """The first dated occurrence in each window, MISSING where there is none."""
    found = samples.shard.occurrences(name).dated
    low, high = samples.stretch(found, window)
    return np.append(found.time, MISSING)[np.where(high > low, low, len(found.time))]


def _multiclass(samples: Samples, label: Multiclass) -> Labelled:
    times = np.stack([_first_in(samples, name, label.window) for name in label.classes])
    happens = times.min(axis=0) != MISSING
    names = np.array([*label.classes, label.otherwise], dtype=object)
    chosen = np.where(happens, times.argmin(axis=0), len(label.classes))
    values = names[chosen].tolist()
    return _labelled(samples, values, *VALUE_COLUMNS["multiclass"], settled=happens)


def _multilabel(samples: Samples, label: Multilabel) -> Labelled:
    columns = {}
    for name in label.classes:
        found = samples.shard.occurrences(name)
        low, high = samples.stretch(found, label.window)
        columns[name] = high > low
    total = np.sum(list(columns.values()), axis=0)
    return _labelled(samples, total, *VALUE_COLUMNS["multilabel"], columns)


def _with_values(
    samples: Samples, name: str, known: bool = False
) -> tuple[Occurrences, np.ndarray]:
    """The dated occurrences of a predicate that have a value, and the values of all events."""
    numbers = samples.shard.events["numeric_value"].cast(pl.Float64).fill_null(np.nan).to_numpy()
    found = samples.shard.occurrences(name, known)
    return found.only(~np.isnan(numbers[found.rows])).dated, numbers


def _value(samples: Samples, label: Value) -> Labelled:
    found, numbers = _with_values(samples, label.predicate)
    low, high = samples.stretch(found, label.window)
    place = low if label.which == "first" else high - 1
    rows = np.append(found.rows, 0)[np.where(high > low, place, len(found.rows))]
    values = np.where(high > low, numbers[rows] if len(numbers) else 0.0, 0.0)
    return _labelled(samples, values, *VALUE_COLUMNS["value"], there=high > low)


def _span(samples: Samples, bound: Any, unit: str) -> tuple[np.ndarray, np.ndarray]:
    """Time from the index date to a moment, in a unit, and whether there is one."""
    moment, index = samples.moment(bound), samples.moments["index"]
    there = (moment != MISSING) & (moment != FOREVER) & (moment != UNDATED)
    return np.where(there, moment - np.where(there, index, 0), 0) / UNITS[unit], there


def _length(samples: Samples, label: Length) -> Labelled:
    lengths, there = _span(samples, label.to, label.unit)
    there &= lengths >= 0
    # Where the length is known, the stay was seen to its end.
    known: dict[str, Any] = {"there": there, "settled": there}
    if not label.bins:
        return _labelled(samples, lengths, *VALUE_COLUMNS["length"], **known)
    numbers = np.searchsorted(np.array(label.bins), lengths, side="right")
    return _labelled(samples, numbers, "integer_value", pl.Int64(), {"length": lengths}, **known)


def _time_to_event(samples: Samples, label: TimeToEvent) -> Labelled:
    index, window = samples.moments["index"], samples.window(label.window)
    event = _first_in(samples, label.predicate, label.window)
    other = np.full(len(samples), MISSING)
    if label.competing:
        other = _first_in(samples, label.competing, label.window)
    end = np.full(len(samples), FOREVER) if window.end is None else samples.moment(window.end)
    censored = np.minimum(end, samples.moments["record_end"])
    until = np.minimum(np.minimum(event, other), np.where(censored == MISSING, index, censored))
    kind = np.where(event == until, 1, np.where(other == until, 2, 0))
    kind = np.where((event == MISSING) & (other == MISSING), 0, kind)
    # A record that ends before the prediction gives no time at all.
    length = np.maximum(until - index, 0) / UNITS[label.unit]
    return _labelled(samples, length, *VALUE_COLUMNS["time_to_event"], {"event": kind})


def _sequence(samples: Samples, label: Sequence) -> Labelled:
    found = samples.shard.occurrences(label.predicate).dated
    low, high = samples.stretch(found, label.window)
    lists = _lists(samples, found, low, high, label.distinct)
    beside: dict[str, Any] = {"codes": lists}
    if label.length_to:
        length, there = _span(samples, label.length_to, label.unit)
        beside["length"] = pl.Series(np.where(there, length, np.nan)).fill_nan(None)
    return _labelled(samples, lists.list.len(), *VALUE_COLUMNS["sequence"], beside)


def _lists(
    samples: Samples, found: Occurrences, low: np.ndarray, high: np.ndarray, distinct: bool
) -> pl.Series:
    counts = high - low
    sample = np.repeat(np.arange(len(samples)), counts)
    place = np.arange(len(sample)) - np.repeat(np.cumsum(counts) - counts, counts)
    rows = found.rows[np.repeat(low, counts) + place]
    events = pl.DataFrame({"sample": sample, "code": samples.shard.events["code"][rows]})
    if distinct:
        events = events.unique().sort("sample", "code")
    lists = events.group_by("sample", maintain_order=True).agg("code")
    every = pl.DataFrame({"sample": np.arange(len(samples))})
    joined = every.join(lists, on="sample", how="left", maintain_order="left")
    return joined["code"].fill_null(pl.Series([[]], dtype=pl.List(pl.String)))


def _series(samples: Samples, label: Series) -> Labelled:
    found, numbers = _with_values(samples, label.predicate)
    before, _ = _with_values(samples, label.predicate, known=True)
    values, earlier = numbers[found.rows], numbers[before.rows]
    index = samples.moments["index"]
    window = samples.window(label.window)
    assert window.start is not None
    assert window.end is not None
    start, end = samples.moment(window.start), samples.moment(window.end)
    whole = (start > UNDATED) & (start < MISSING) & (end < min(MISSING, FOREVER)) & (end > start)
    # Where a bound is missing, every part is empty.
    start, end = np.where(whole, start, index), np.where(whole, end, index)
    step = (end - start) // label.parts
    ahead, season = {}, {}
    for part, name in enumerate(label.columns):
        first, last = start + part * step, start + (part + 1) * step
        ahead[name] = _means(samples, found, values, first, last)
        if label.season is not None:
            length = microseconds(label.season)
            back = -(-(last - index) // length) * length
            column = name.replace("ahead", "season")
            season[column] = _means(samples, before, earlier, first - back, last - back)
    low, high = before.stretch(samples.subject, None, index)
    latest = np.append(earlier, np.nan)[np.where(high > low, high - 1, len(earlier))]
    known = np.stack(list(ahead.values()))
    there = np.asarray(~np.isnan(known).all(axis=0))
    total = np.nansum(known, axis=0) / np.maximum((~np.isnan(known)).sum(axis=0), 1)
    beside = {**ahead, **season, "last": latest}
    columns = {name: pl.Series(found).fill_nan(None) for name, found in beside.items()}
    return _labelled(samples, total, *VALUE_COLUMNS["series"], columns, there=there)


def _means(
    samples: Samples, found: Occurrences, values: np.ndarray, start: np.ndarray, end: np.ndarray
) -> np.ndarray:
    """The mean of the values after each start, up to each end and that moment; NaN for none."""
    low, high = found.stretch(samples.subject, start, end)
    count = np.maximum(high - low, 0)
    edges = np.stack([low, np.maximum(high, low)], axis=1).ravel()
    # Sums of pieces, each on its own: a running total would leave a trace of other patients.
    pieces = np.add.reduceat(np.append(values, 0.0), edges)[::2] if len(edges) else np.zeros(0)
    return np.divide(pieces, count, out=np.full(len(count), np.nan), where=count > 0)
