"""Aggregates of visits: what a model without memory may know, the honest food of the baselines."""

from __future__ import annotations

import numpy as np

from sequela.batches.batch import gather_ragged
from sequela.batches.visits import VisitSamples

__all__ = ["aggregates"]

# A third of the weight is left after a year: the feature still moves over the usual one to two
# years of observation.
_RECENCY_DAYS = 365.0


def aggregates(
    samples: VisitSamples, *, max_codes: int = 500
) -> tuple[np.ndarray, tuple[str, ...]]:
    """One row of numbers per sample, whatever its length; there is no gap and no infinity.

    For each code the number of visits with it, and its recency ``exp(-days / 365)`` where ``days``
    lie between the last visit with it and the prediction (0 for never). Trees read in it exactly
    the days since last, logistic regression reads an effect that fades. Then the number of visits,
    the days from the first to the last, the recency of the last visit, and the static features.

    Args:
        samples: ``n`` samples of visits.
        max_codes: only the first of the vocabulary, which is sorted by frequency, so that
            thousands of rare codes do not fill the memory.

    Returns:
        Float32 ``[n, K]`` and the ``K`` names.
    """
    count, lengths = len(samples), samples.lengths
    width = min(samples.vocabulary_size, max_codes)
    sample = np.repeat(np.arange(count), lengths)
    begin = np.cumsum(lengths) - lengths
    visits = samples.starts[sample] + np.arange(len(sample)) - begin[sample]
    days = np.expm1(samples.steps[visits, 1].astype(np.float64))
    recency = np.exp(-days / _RECENCY_DAYS)
    counts, last = _per_code(samples, visits, sample, recency, width)
    features = np.concatenate(
        [counts, last, _per_sample(lengths, begin, days, recency), samples.static],
        axis=1,
        dtype=np.float32,
    )
    names = samples.code_names[:width]
    return features, (
        *(f"visits with {name}" for name in names),
        *(f"recency of {name}" for name in names),
        "visits",
        "days from first to last visit",
        "recency of the last visit",
        *samples.static_names,
    )


def _per_code(
    samples: VisitSamples, visits: np.ndarray, sample: np.ndarray, recency: np.ndarray, width: int
) -> tuple[np.ndarray, np.ndarray]:
    """The visits with each of the first codes, and the recency of the last, ``[n, width]`` each.

    ``visits`` lists all visits in the order of the samples; ``sample`` and ``recency`` go with it.
    """
    assert samples.codes is not None
    assert samples.code_offsets is not None
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
