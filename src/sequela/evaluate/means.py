"""Measures that are means over rows, and what makes them: counts, quantiles and sets of codes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

__all__ = [
    "SHORT_LISTS",
    "MeanMetrics",
    "best_threshold",
    "count_rows",
    "poisson_deviance",
    "quantile_rows",
    "set_rows",
    "top",
]

#: How many codes a short list has.
SHORT_LISTS = (5, 10, 20, 30)


class MeanMetrics:
    """Weighted means of numbers that each row has on its own.

    Args:
        rows: by measure, [n]; NaN where a row has no say.
    """

    def __init__(self, rows: Mapping[str, np.ndarray]):
        self._names = list(rows)
        values = np.stack([np.asarray(rows[name], np.float64) for name in self._names], axis=1)
        known = np.isfinite(values)
        self._values = np.where(known, values, 0.0)
        # Most measures have a say in the same rows: what divides them is counted once.
        patterns, self._pattern = np.unique(known, axis=1, return_inverse=True)
        self._known = patterns.astype(np.float64)

    def __call__(self, weights: np.ndarray) -> dict[str, np.ndarray]:
        """Each measure [R] for weights [R, n]; NaN where no row that has it is left."""
        above, below = weights @ self._values, (weights @ self._known)[:, self._pattern.ravel()]
        means = np.divide(above, below, out=np.full(above.shape, np.nan), where=below > 0)
        return {name: means[:, place] for place, name in enumerate(self._names)}


def poisson_deviance(truth: np.ndarray, mean: np.ndarray) -> np.ndarray:
    """``2 (y log(y / m) - y + m)`` of each row, 0 where the mean is the count (McCullagh, Nelder).

    Args:
        truth: counts, [n].
        mean: expected counts above 0, [n].
    """
    ratio = np.where(truth > 0, truth, 1.0) / mean
    return 2 * (np.where(truth > 0, truth * np.log(ratio), 0.0) - truth + mean)


def count_rows(truth: np.ndarray, mean: np.ndarray) -> dict[str, np.ndarray]:
    """Deviance, absolute and plain error of each row.

    Args:
        truth: counts, [n].
        mean: expected counts, [n].
    """
    mean = np.maximum(np.asarray(mean, np.float64), 1e-9)
    return {
        "deviance": poisson_deviance(truth, mean),
        "mae": np.abs(truth - mean),
        "bias": mean - truth,
    }


def quantile_rows(
    truth: np.ndarray, quantiles: np.ndarray, levels: Sequence[float]
) -> dict[str, np.ndarray]:
    """Pinball loss, absolute error of the median, coverage and width of the outermost interval.

    Args:
        truth: [n, H], NaN where a number is not known; a row's mean is over those known.
        quantiles: [n, H, Q], rising along the last axis.
        levels: Q, the median among them.
    """
    gap = truth[:, :, None] - quantiles
    level = np.asarray(levels)
    pinball = np.maximum(level * gap, (level - 1) * gap).mean(axis=2)
    low, high = quantiles[:, :, 0], quantiles[:, :, -1]
    inside = np.where(np.isnan(truth), np.nan, (truth >= low) & (truth <= high))
    known = ~np.isnan(truth)
    return {
        "pinball": _mean_known(pinball, known),
        "mae": _mean_known(np.abs(gap[:, :, list(levels).index(0.5)]), known),
        "coverage": _mean_known(inside, known),
        "width": _mean_known(high - low, known),
    }


def _mean_known(values: np.ndarray, known: np.ndarray) -> np.ndarray:
    count = known.sum(axis=1)
    total = np.where(known, values, 0.0).sum(axis=1)
    return np.divide(total, count, out=np.full(len(count), np.nan), where=count > 0)


def top(scores: np.ndarray, length: int) -> np.ndarray:
    """The columns of the highest scores of each row, [n, length]; of equals the first."""
    return np.argsort(-scores, axis=1, kind="stable")[:, :length]


def set_rows(
    truth: np.ndarray,
    scores: np.ndarray,
    threshold: float | None = None,
    seen: np.ndarray | None = None,
) -> dict[str, np.ndarray]:
    """How well each row's set of codes is ranked, and hit where a score says so.

    Args:
        truth: [n, C + 1], whether each code is in the set, then how many more the set has that no
            score is for: they count as not found.
        scores: [n, C], higher is more likely.
        threshold: from which on a code is said to be in the set; None leaves Jaccard and F1 out.
        seen: [n, C], the code is in the patient's history already; "new" measures are over the
            others. None leaves them out.

    Returns:
        ``recall_at_k`` (of the set, how much is among the first k), ``precision_at_k`` (of the
        first k, how many are in the set), ``auprc`` (average precision of the row's ranking),
        ``jaccard``, ``f1``, ``codes`` (how many are said to be in the set); with ``seen``
        ``new_recall_at_k`` and ``new_precision_at_k``, the same over the codes that are new, of
        those that a score is for: whether the others are new is not asked. NaN for an empty set.
    """
    held, more = truth[:, :-1] > 0, truth[:, -1]
    size = held.sum(axis=1) + more
    order = top(scores, scores.shape[1])
    ranked = np.take_along_axis(held, order, axis=1)
    hits = ranked.cumsum(axis=1)
    found = _short_lists(hits, size)
    precision = hits / np.arange(1, scores.shape[1] + 1)
    found["auprc"] = _ratio((precision * ranked).sum(axis=1), size)
    if threshold is not None:
        said = scores >= threshold
        both, named = (said & held).sum(axis=1), said.sum(axis=1)
        found["jaccard"] = _ratio(both, named + size - both)
        found["f1"] = _ratio(2 * both, named + size)
        found["codes"] = named.astype(np.float64)
    if seen is not None:
        fresh = held & ~seen
        # A stable order: those seen already behind all others, the rest as before.
        behind = np.take_along_axis(seen, order, axis=1)
        longest = min(SHORT_LISTS[-1], scores.shape[1])
        order = np.take_along_axis(order, np.argsort(behind, axis=1, kind="stable"), axis=1)
        hits = np.take_along_axis(fresh, order[:, :longest], axis=1).cumsum(axis=1)
        lists = _short_lists(hits, fresh.sum(axis=1))
        found |= {f"new_{name}": values for name, values in lists.items()}
    return found


def _short_lists(hits: np.ndarray, size: np.ndarray) -> dict[str, np.ndarray]:
    """Recall and precision at each length of the lists.

    Args:
        hits: [n, K], how many of the first 1 ... K are in the set.
        size: [n], of the set.
    """
    found = {}
    for length in SHORT_LISTS:
        first = hits[:, min(length, hits.shape[1]) - 1]
        found[f"recall_at_{length}"] = _ratio(first, size)
        found[f"precision_at_{length}"] = np.where(size > 0, first / length, np.nan)
    return found


def _ratio(above: np.ndarray, below: np.ndarray) -> np.ndarray:
    return np.divide(above, below, out=np.full(len(below), np.nan), where=below > 0)


def best_threshold(truth: np.ndarray, scores: np.ndarray) -> float:
    """The threshold with the greatest mean F1 of the rows' sets, among 50 quantiles of the scores.

    Args:
        truth: [n, C + 1], as :func:`set_rows` has it.
        scores: [n, C].
    """
    # Sets are small beside the vocabulary: the candidates lie among the highest scores.
    share = np.clip(truth[:, :-1].mean() * np.geomspace(0.1, 10, 50), 1e-6, 1.0)
    candidates = np.unique(np.quantile(scores, 1 - share))
    held = truth[:, :-1] > 0
    size = held.sum(axis=1) + truth[:, -1]
    means = []
    for one in candidates:
        said = scores >= one
        means.append(np.nanmean(_ratio(2 * (said & held).sum(axis=1), said.sum(axis=1) + size)))
    return float(candidates[int(np.argmax(means))])
