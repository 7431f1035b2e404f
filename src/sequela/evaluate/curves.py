"""The points of ROC, precision-recall and calibration curves, few enough to draw and to send."""

from __future__ import annotations

import numpy as np

from sequela.evaluate.metrics import calibration_bins

__all__ = ["MAXIMUM_POINTS", "calibration_points", "precision_recall_points", "roc_points"]

MAXIMUM_POINTS = 200

# The 97.5 % point of the normal distribution.
_NORMAL = 1.959963984540054


def _counts(labels: np.ndarray, scores: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    # Positives and rows flagged at each distinct score, from the highest down.
    order = np.argsort(-np.asarray(scores), kind="stable")
    falling = np.asarray(scores)[order]
    ends = np.flatnonzero(np.r_[falling[1:] != falling[:-1], True])
    return np.cumsum(np.asarray(labels)[order] == 1)[ends], ends + 1


def _thin(x: np.ndarray, y: np.ndarray) -> dict[str, list[float]]:
    # Points evenly spaced along the curve's length, ends kept: corners survive, straight runs go.
    if len(x) > MAXIMUM_POINTS:
        length = np.r_[0, np.cumsum(np.abs(np.diff(x)) + np.abs(np.diff(y)))]
        wanted = np.linspace(0, length[-1], MAXIMUM_POINTS)
        keep = np.unique(np.r_[0, np.searchsorted(length, wanted[1:-1]), len(x) - 1])
        x, y = x[keep], y[keep]
    return {"x": np.round(x, 5).tolist(), "y": np.round(y, 5).tolist()}


def roc_points(labels: np.ndarray, scores: np.ndarray) -> dict[str, list[float]]:
    """False positive rate ``x`` and sensitivity ``y``, from (0, 0) to (1, 1), at most 200 points.

    Args:
        labels: 0 or 1, both occur, [n].
        scores: [n].
    """
    found, flagged = _counts(labels, scores)
    wrong = flagged - found
    return _thin(np.r_[0, wrong / wrong[-1]], np.r_[0, found / found[-1]])


def precision_recall_points(labels: np.ndarray, scores: np.ndarray) -> dict[str, list[float]]:
    """Recall ``x`` and precision ``y``, from the highest score down to everybody.

    The first point repeats the precision of the highest score at recall 0; no perfect precision is
    made up there.
    """
    found, flagged = _counts(labels, scores)
    precision = found / flagged
    return _thin(np.r_[0, found / found[-1]], np.r_[precision[0], precision])


def calibration_points(
    labels: np.ndarray, scores: np.ndarray, groups: np.ndarray
) -> dict[str, list]:
    """Mean predicted risk ``x`` and observed rate ``y`` in ten bins of equal mass.

    ``low`` and ``high`` are Wilson intervals whose sample size is the number of groups in the bin,
    not of rows: rows of one patient do not count twice. ``n`` is the number of rows.

    Args:
        labels: 0 or 1, [n].
        scores: risks in [0, 1], [n].
        groups: the patient or recording of each row, [n].
    """
    member = calibration_bins(scores)
    size = np.bincount(member)
    predicted = np.bincount(member, weights=scores) / size
    observed = np.bincount(member, weights=labels) / size
    units = np.array([len(np.unique(groups[member == b])) for b in range(len(size))])
    squared = _NORMAL**2
    middle = (observed + squared / (2 * units)) / (1 + squared / units)
    spread = np.sqrt(observed * (1 - observed) / units + squared / (4 * units**2))
    spread *= _NORMAL / (1 + squared / units)
    return {
        "x": np.round(predicted, 5).tolist(),
        "y": np.round(observed, 5).tolist(),
        "low": np.round(np.maximum(middle - spread, 0), 5).tolist(),
        "high": np.round(np.minimum(middle + spread, 1), 5).tolist(),
        "n": size.tolist(),
    }
