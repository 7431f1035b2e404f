"""Measures of several labels of which any number may hold, vectorised over row weights.

Macro is the plain mean over the labels that occur and fail to occur among the rows: each label
counts the same, however rare. Micro takes every pair of row and label as one question.
"""

from __future__ import annotations

import numpy as np

from sequela.evaluate.metrics import Ranking

__all__ = ["LabelMetrics", "label_threshold", "per_label"]


class LabelMetrics:
    """AUROC, AUPRC and F1, macro and micro, and the Brier score, for many weightings.

    Args:
        labels: 0 or 1, NaN where not known, [n, C].
        scores: probabilities, [n, C].
        thresholds: from which on each label is said to hold, [C].
    """

    def __init__(self, labels: np.ndarray, scores: np.ndarray, thresholds: np.ndarray):
        labels, scores = np.asarray(labels, np.float64), np.asarray(scores, np.float64)
        self._width = labels.shape[1]
        self._known = ~np.isnan(labels)
        self._judged = [c for c in range(self._width) if len(self._values(labels, c)) > 1]
        self._rows = [np.flatnonzero(self._known[:, c]) for c in self._judged]
        self._rankings = [
            Ranking(labels[rows, c], scores[rows, c])
            for rows, c in zip(self._rows, self._judged, strict=True)
        ]
        self._flat = np.flatnonzero(self._known.ravel())
        self._micro = Ranking(labels.ravel()[self._flat], scores.ravel()[self._flat])
        said, held = scores >= thresholds, labels == 1
        self._both = (said & held & self._known).astype(np.float64)
        self._either = ((said & self._known) * 1.0) + (held & self._known)
        self._error = np.where(self._known, (scores - np.nan_to_num(labels)) ** 2, 0.0).sum(axis=1)

    def _values(self, labels: np.ndarray, label: int) -> np.ndarray:
        return np.unique(labels[self._known[:, label], label])

    def __call__(self, weights: np.ndarray) -> dict[str, np.ndarray]:
        """Each measure [R] for weights [R, n]."""
        areas = [
            ranking(weights[:, rows])
            for ranking, rows in zip(self._rankings, self._rows, strict=True)
        ]
        nothing = np.full((1, len(weights)), np.nan)
        auroc = np.stack([area[0] for area in areas]) if areas else nothing
        auprc = np.stack([area[1] for area in areas]) if areas else nothing
        pairs = np.take(weights, self._flat // self._width, axis=1)
        micro = self._micro(pairs)
        both, either = weights @ self._both, weights @ self._either
        f1 = _share(2 * both, either)[:, self._judged]
        return {
            "macro_auroc": _mean(auroc),
            "micro_auroc": micro[0],
            "macro_auprc": _mean(auprc),
            "micro_auprc": micro[1],
            "macro_f1": _mean(f1.T) if self._judged else nothing[0],
            "micro_f1": _share(2 * both.sum(axis=1), either.sum(axis=1)),
            "brier": weights @ self._error / (weights @ self._known.sum(axis=1)),
        }


def _share(above: np.ndarray, below: np.ndarray) -> np.ndarray:
    return np.divide(above, below, out=np.full(above.shape, np.nan), where=below > 0)


def _mean(values: np.ndarray) -> np.ndarray:
    """The mean over the labels that a resample leaves defined, ``[labels, R]`` to ``[R]``."""
    known = np.isfinite(values)
    return _share(np.where(known, values, 0.0).sum(axis=0), known.sum(axis=0) * 1.0)


def label_threshold(labels: np.ndarray, scores: np.ndarray) -> float:
    """The threshold of one label with the greatest F1; above all scores where it never occurs."""
    ranking = Ranking(labels, scores)
    falling = np.asarray(scores, np.float64)[ranking.order]
    hits = np.cumsum(np.asarray(labels)[ranking.order])
    if not len(hits) or hits[-1] == 0:
        return float("inf")
    # Equal scores are flagged together, so only the last of a run is a threshold.
    last = np.append(falling[1:] != falling[:-1], True)
    f1 = np.where(last, 2 * hits / (np.arange(1, len(hits) + 1) + hits[-1]), -1.0)
    return float(falling[int(np.argmax(f1))])


def per_label(labels: np.ndarray, scores: np.ndarray, thresholds: np.ndarray) -> list[dict]:
    """For each label ``n`` known, ``positives``, ``auroc``, ``auprc``, ``f1``, ``brier``.

    Args:
        labels: 0 or 1, NaN where not known, [n, C].
        scores: probabilities, [n, C].
        thresholds: [C].

    Returns:
        One dict per label in their order; NaN where a measure is not defined.
    """
    found = []
    for label in range(labels.shape[1]):
        known = ~np.isnan(labels[:, label])
        held, said = labels[known, label], scores[known, label]
        areas = Ranking(held, said)(np.ones((1, len(held)))) if len(held) else ([np.nan],) * 2
        flagged = said >= thresholds[label]
        both = 2 * (flagged & (held == 1)).sum()
        either = flagged.sum() + (held == 1).sum()
        found.append(
            {
                "n": len(held),
                "positives": int(held.sum()),
                "auroc": float(areas[0][0]),
                "auprc": float(areas[1][0]),
                "f1": float(both / either) if either else float("nan"),
                "brier": float(((said - held) ** 2).mean()) if len(held) else float("nan"),
            }
        )
    return found
