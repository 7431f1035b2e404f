"""How well numbers tell cases from others, and how easily chance would do the same."""

from __future__ import annotations

import math

import numpy as np

__all__ = ["auroc", "rank_chance", "share_chance"]


def auroc(values: np.ndarray, cases: np.ndarray) -> float:
    """The area under the ROC curve of a number; ties count a half.

    Args:
        values: float [n], no NaN.
        cases: bool [n].

    Returns:
        In [0, 1]; 0.5 where there are no cases, or nothing else.
    """
    positives = int(cases.sum())
    negatives = len(cases) - positives
    if not positives or not negatives:
        return 0.5
    _, place, counts = np.unique(values, return_inverse=True, return_counts=True)
    last = np.cumsum(counts)
    ranks = (last - (counts - 1) / 2)[place]
    beaten = ranks[cases].sum() - positives * (positives + 1) / 2
    return float(beaten / (positives * negatives))


def rank_chance(area: np.ndarray, positives: np.ndarray, negatives: np.ndarray) -> np.ndarray:
    """The chance that a number without meaning has an AUROC as far from 0.5, on either side.

    Mann and Whitney's (1947) normal approximation, which is generous for few cases: it calls an
    AUROC of 1 of two cases and nine others nothing special.

    Args:
        area: float [n].
        positives: independent cases (subjects) of each, at least 1.
        negatives: the others.
    """
    area, positives, negatives = (
        np.asarray(value, np.float64) for value in (area, positives, negatives)
    )
    spread = np.sqrt((positives + negatives + 1) / (12 * positives * negatives))
    distance = np.abs(area - 0.5) / spread
    return np.array([math.erfc(one / math.sqrt(2)) for one in np.atleast_1d(distance)])


def share_chance(count: np.ndarray, of: np.ndarray, base: float) -> np.ndarray:
    """An upper bound of the chance that ``count`` of ``of`` or more are cases, by lot.

    Hoeffding's (1963, theorem 1) bound ``exp(-n KL(share, base))``.

    Args:
        count: cases among the bearers of each feature.
        of: its bearers, at least 1.
        base: the share of cases among all, strictly between 0 and 1.
    """
    count, of = np.asarray(count, np.float64), np.asarray(of, np.float64)
    share = count / of
    with np.errstate(divide="ignore", invalid="ignore"):
        left = np.where(share > 0, share * np.log(share / base), 0.0)
        right = np.where(share < 1, (1 - share) * np.log((1 - share) / (1 - base)), 0.0)
    return np.where(share > base, np.exp(-of * (left + right)), 1.0)
