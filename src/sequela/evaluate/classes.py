"""Measures of class probabilities against one of several classes, vectorised over row weights.

The prediction is the class of the highest probability (the first of equals). Macro means the plain
mean over the classes that occur among the labels: each class counts the same, however rare.
"""

from __future__ import annotations

import numpy as np

from sequela.evaluate.metrics import Ranking

__all__ = ["MulticlassMetrics", "confusion_matrix", "per_class"]


def confusion_matrix(labels: np.ndarray, predicted: np.ndarray, number_of_classes: int):
    """Counts [C, C]: row = true class, column = predicted class.

    Args:
        labels: class numbers 0 .. C - 1, [n].
        predicted: class numbers, [n].
        number_of_classes: C.
    """
    cell = np.asarray(labels) * number_of_classes + np.asarray(predicted)
    counts = np.bincount(cell, minlength=number_of_classes**2)
    return counts.reshape(number_of_classes, number_of_classes)


def _rates(confusion: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    # confusion [..., C, C]; precision of a class that is never predicted is undefined, its F1 is 0.
    hit = np.diagonal(confusion, axis1=-2, axis2=-1)
    true, predicted = confusion.sum(axis=-1), confusion.sum(axis=-2)

    def divide(above, below):
        return np.divide(above, below, out=np.full(above.shape, np.nan), where=below > 0)

    f1 = np.where(true > 0, divide(2.0 * hit, (true + predicted).astype(float)), np.nan)
    return divide(hit * 1.0, predicted), divide(hit * 1.0, true), f1


class MulticlassMetrics:
    """Accuracy, macro-F1 and macro AUROC (one class against the rest) for many weightings.

    Args:
        labels: class numbers 0 .. C - 1, [n].
        scores: class probabilities, [n, C].
        each: the F1 of each class too, as ``f1 0``, ``f1 1`` ...
    """

    def __init__(self, labels: np.ndarray, scores: np.ndarray, *, each: bool = False):
        self._each = each
        labels, scores = np.asarray(labels), np.asarray(scores, dtype=np.float64)
        self._count = scores.shape[1]
        cell = labels * self._count + scores.argmax(axis=1)
        used, member = np.unique(cell, return_inverse=True)
        self._cells = used
        self._indicator = (member[:, None] == np.arange(len(used))).astype(np.float64)
        self._present = np.unique(labels)
        self._rankings = [Ranking(labels == k, scores[:, k]) for k in self._present]

    def __call__(self, weights: np.ndarray) -> dict[str, np.ndarray]:
        """Each measure [R] for weights [R, n]; NaN where a class has lost all its rows."""
        confusion = np.zeros((len(weights), self._count**2))
        confusion[:, self._cells] = weights @ self._indicator
        confusion = confusion.reshape(-1, self._count, self._count)
        by_class = _rates(confusion)[2]
        f1 = by_class[:, self._present]
        areas = np.stack([ranking(weights)[0] for ranking in self._rankings], axis=1)
        hit = np.trace(confusion, axis1=1, axis2=2)
        return {
            "accuracy": hit / weights.sum(axis=1),
            "macro_f1": f1.mean(axis=1),
            "macro_auroc": areas.mean(axis=1),
            **{f"f1 {k}": by_class[:, k] for k in range(self._count) if self._each},
        }


def per_class(labels: np.ndarray, scores: np.ndarray) -> list[dict[str, float]]:
    """For each class: ``n``, ``precision``, ``recall``, ``f1`` and ``auroc`` against the rest.

    Args:
        labels: class numbers 0 .. C - 1, [n].
        scores: class probabilities, [n, C].

    Returns:
        One dict per class in their order; NaN where a measure is not defined.
    """
    labels, scores = np.asarray(labels), np.asarray(scores, dtype=np.float64)
    confusion = confusion_matrix(labels, scores.argmax(axis=1), scores.shape[1])
    precision, recall, f1 = _rates(confusion)
    ones = np.ones((1, len(labels)))
    rows = []
    for k in range(scores.shape[1]):
        area = float(Ranking(labels == k, scores[:, k])(ones)[0][0])
        rows.append(
            {
                "n": int(confusion[k].sum()),
                "precision": float(precision[k]),
                "recall": float(recall[k]),
                "f1": float(f1[k]),
                "auroc": area,
            }
        )
    return rows
