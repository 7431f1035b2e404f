"""Aggregates of samples: what a model without memory may know, the honest food of the baselines."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import polars as pl

from sequela.batches.batch import gather_ragged
from sequela.batches.tables import MICROSECONDS_PER_DAY
from sequela.batches.values import ValueSamples
from sequela.batches.visits import VisitSamples
from sequela.cohort import Observations

__all__ = ["aggregates", "recency"]

# A third of the weight is left after a year: the feature still moves over the usual one to two
# years of observation.
_RECENCY_DAYS = 365.0
_STEPS_AT_A_TIME = 1_000_000


def aggregates(
    samples: VisitSamples | ValueSamples, *, max_codes: int = 500
) -> tuple[np.ndarray, tuple[str, ...]]:
    """One row of numbers per sample, whatever its length; there is no infinity.

    For each code the number of visits with it, and its recency ``exp(-days / 365)`` where ``days``
    lie between the last visit with it and the prediction (0 for never). Trees read in it exactly
    the days since last, logistic regression reads an effect that fades. Then the number of visits,
    the days from the first to the last, the recency of the last visit, and the static features.
    Of measurements, for each variable the last, mean, least and greatest standardised value (NaN
    where it was never measured, so that each rival fills the gap in its own way) and the number of
    steps with one.

    Args:
        samples: ``n`` samples of visits or measurements.
        max_codes: only the first of the vocabulary, which is sorted by frequency, so that
            thousands of rare codes do not fill the memory.

    Returns:
        Float32 ``[n, K]`` and the ``K`` names.
    """
    # Rivals are told how long ago something was, whatever a model's steps say.
    samples = replace(samples, online=False)
    width = min(samples.vocabulary_size, max_codes)
    ends = np.cumsum(samples.lengths + 1)
    # In blocks of a bounded number of steps, since those of many samples may be the same.
    block = ends // _STEPS_AT_A_TIME
    parts = [
        _block(samples.subset(rows), width)
        for rows in np.split(np.arange(len(samples)), np.flatnonzero(np.diff(block)) + 1)
    ]
    measured: tuple[str, ...] = ()
    if isinstance(samples, ValueSamples):
        words = ("last", "mean", "least", "greatest", "number of")
        measured = tuple(f"{word} {name}" for word in words for name in samples.variable_names)
    names = samples.code_names[:width]
    return np.concatenate(parts), (
        *(f"visits with {name}" for name in names),
        *(f"recency of {name}" for name in names),
        "visits",
        "days from first to last visit",
        "recency of the last visit",
        *samples.static_names,
        *measured,
    )


def recency(events: Observations, labels: pl.DataFrame, codes: Sequence[str]) -> np.ndarray:
    """How lately each sample saw each code: ``exp(-days / 365)``, 0 for never.

    Days are those of the calendar, so that codes of one day are equally late. What an encoder keeps
    is not asked: a code is in the history of a patient even where it is too rare to be learnt from,
    or has a number beside it.

    Args:
        events: what each label may see.
        labels: with ``prediction_time``.
        codes: C, distinct.

    Returns:
        Float32 ``[n, C]``.
    """
    today = labels["prediction_time"].cast(pl.Datetime("us")).to_physical().to_numpy()
    place = {code: number for number, code in enumerate(codes)}
    column = np.array([place.get(name, -1) for name in events.names], np.int64)
    column = column[events.code] if len(events.names) else np.zeros(0, np.int64)
    rows = np.flatnonzero(column >= 0)
    rows = rows[np.argsort(column[rows], kind="stable")]
    ends = np.searchsorted(column[rows], np.arange(len(codes) + 1))
    found = np.zeros((len(events), len(codes)), np.float32)
    first, behind = events.seen
    for code in range(len(codes)):
        mine = rows[ends[code] : ends[code + 1]]
        last = np.searchsorted(mine, behind) - 1
        there = (last >= 0) & (behind > first)
        there[there] = mine[last[there]] >= first[there]
        day = events.time[mine[last[there]]] // MICROSECONDS_PER_DAY
        days = today[there] // MICROSECONDS_PER_DAY - day
        found[there, code] = np.exp(-days / _RECENCY_DAYS)
    return found


def _block(samples: VisitSamples | ValueSamples, width: int) -> np.ndarray:
    visits, sample, begin = samples.listed()
    days = np.expm1(samples.times[:, 1].astype(np.float64))
    recency = np.exp(-days / _RECENCY_DAYS)
    counts, last = _per_code(samples, visits, sample, recency, width)
    parts = [counts, last, _per_sample(samples.lengths, begin, days, recency), samples.static]
    if isinstance(samples, ValueSamples):
        parts.append(_per_variable(samples, visits, sample))
    return np.concatenate(parts, axis=1, dtype=np.float32)


def _per_code(
    samples: VisitSamples | ValueSamples,
    visits: np.ndarray,
    sample: np.ndarray,
    recency: np.ndarray,
    width: int,
) -> tuple[np.ndarray, np.ndarray]:
    """The visits with each of the first codes, and the recency of the last, ``[n, width]`` each.

    ``visits`` lists all visits in the order of the samples; ``sample`` and ``recency`` go with it.
    """
    codes, _ = gather_ragged(samples.codes, samples.code_offsets, visits)
    per_visit = samples.code_offsets[visits + 1] - samples.code_offsets[visits]
    kept = codes < width
    cell = np.repeat(sample, per_visit)[kept] * width + codes[kept]
    shape = (len(samples), width)
    counts = np.bincount(cell, minlength=shape[0] * width).reshape(shape)
    last = np.zeros(shape[0] * width)
    # Visits run forward in time, so the last assignment is the latest visit.
    last[cell] = np.repeat(recency, per_visit)[kept]
    return counts, last.reshape(shape)


def _per_variable(samples: ValueSamples, steps: np.ndarray, sample: np.ndarray) -> np.ndarray:
    """Last, mean, least, greatest and number of the values of each variable, ``[n, 5 K]``.

    ``steps`` lists all steps in the order of the samples; ``sample`` goes with it.
    """
    width = len(samples.variable_names)
    variable, _ = gather_ragged(samples.variables, samples.value_offsets, steps)
    value, _ = gather_ragged(samples.values, samples.value_offsets, steps)
    per_step = samples.value_offsets[steps + 1] - samples.value_offsets[steps]
    cell = np.repeat(sample, per_step) * width + variable
    # Stable: the values of a cell stay in the order of time.
    order = np.argsort(cell, kind="stable")
    cell, value = cell[order], value[order].astype(np.float64)
    first = np.flatnonzero(np.diff(cell, prepend=-1))
    result = np.full((5, len(samples) * width), np.nan)
    result[4] = 0
    if len(first):
        there, counts = cell[first], np.diff(np.append(first, len(cell)))
        result[0, there] = value[first + counts - 1]
        result[1, there] = np.add.reduceat(value, first) / counts
        result[2, there] = np.minimum.reduceat(value, first)
        result[3, there] = np.maximum.reduceat(value, first)
        result[4, there] = counts
    return result.reshape(5, len(samples), width).transpose(1, 0, 2).reshape(len(samples), -1)


def _per_sample(
    lengths: np.ndarray, begin: np.ndarray, days: np.ndarray, recency: np.ndarray
) -> np.ndarray:
    """Number of visits, days from the first to the last, recency of the last, ``[n, 3]``."""
    span = np.zeros(len(lengths))
    last_recency = np.zeros(len(lengths))
    seen = lengths > 0
    first, last = begin[seen], begin[seen] + lengths[seen] - 1
    span[seen] = days[first] - days[last]
    last_recency[seen] = recency[last]
    return np.stack([lengths, span, last_recency], axis=1)
