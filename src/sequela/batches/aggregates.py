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
    visit_sample = np.repeat(np.arange(count), lengths)
    begin = np.cumsum(lengths) - lengths
    visits = samples.starts[visit_sample] + np.arange(len(visit_sample)) - begin[visit_sample]
    days = np.expm1(samples.steps[visits, 1].astype(np.float64))
    recency = np.exp(-days / _RECENCY_DAYS)

    assert samples.codes is not None
    assert samples.code_offsets is not None
    codes, _ = gather_ragged(samples.codes, samples.code_offsets, visits)
    per_visit = samples.code_offsets[visits + 1] - samples.code_offsets[visits]
    kept = codes < width
    code_sample = np.repeat(visit_sample, per_visit)[kept]
    code_recency = np.repeat(recency, per_visit)[kept]
    cell = code_sample * width + codes[kept]
    counts = np.bincount(cell, minlength=count * width).reshape(count, width)
    last = np.zeros(count * width)
    # Visits run forward in time, so the last assignment is the latest visit.
    last[cell] = code_recency

    first_days = np.zeros(count)
    last_days = np.zeros(count)
    last_recency = np.zeros(count)
    seen = lengths > 0
    ends = begin[seen] + lengths[seen] - 1
    first_days[seen], last_days[seen] = days[begin[seen]], days[ends]
    last_recency[seen] = recency[ends]
    features = np.concatenate(
        [
            counts,
            last.reshape(count, width),
            np.stack([lengths, first_days - last_days, last_recency], axis=1),
            samples.static,
        ],
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
