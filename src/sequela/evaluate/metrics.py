"""Measures of a risk score against a yes-or-no outcome, vectorised over row weights.

Every measure takes weights, because a bootstrap resample is nothing but a count per row: the
scores are sorted once and each of a thousand resamples costs one pass over sorted counts.

    AUROC   P(score of a positive > score of a negative) + P(equal) / 2
    AUPRC   average precision: the sum over thresholds of precision x the recall gained there
    Brier   mean of (score - label)^2
    accuracy  the share of rows on the right side of one half
    ECE     sum over bins of |observed - predicted| x the bin's share; bins of equal mass

A measure that is not defined (one class only, nobody flagged) is NaN, never a made-up 0 or 1.
"""

from __future__ import annotations

import numpy as np

__all__ = [
    "BinaryMetrics",
    "Ranking",
    "at_threshold",
    "auprc",
    "auroc",
    "brier",
    "calibration_bins",
    "calibration_error",
    "calibration_line",
]

# Ten is what the calibration literature plots; equal mass keeps every bin's rate measurable when
# almost all scores are small, as they are for a rare outcome.
_BINS = 10

# A score of exactly 0 or 1 has no logit; this bound is that of a float32 sigmoid.
_SMALLEST = 1e-7


def _divide(above: np.ndarray, below: np.ndarray) -> np.ndarray:
    return np.divide(above, below, out=np.full(np.shape(above), np.nan), where=below > 0)


def _as_rows(weights: np.ndarray | None, count: int) -> np.ndarray:
    if weights is None:
        return np.ones((1, count))
    return np.atleast_2d(np.asarray(weights, dtype=np.float64))


def _like(weights: np.ndarray | None, values: np.ndarray):
    return float(values[0]) if weights is None or np.ndim(weights) == 1 else values


class Ranking:
    """Labels in the order of falling scores: AUROC and AUPRC for any weights in one pass.

    Args:
        labels: 0 or 1, [n].
        scores: any finite numbers, [n]; only their order matters.
    """

    def __init__(self, labels: np.ndarray, scores: np.ndarray):
        scores = np.asarray(scores, dtype=np.float64)
        self.order = np.argsort(-scores, kind="stable")
        falling = scores[self.order]
        starts = np.flatnonzero(np.r_[True, falling[1:] != falling[:-1]])
        self._starts = None if len(starts) == len(scores) else starts
        self._positive = np.asarray(labels, dtype=np.float64)[self.order]

    def __call__(self, weights: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """AUROC and AUPRC, each [R], for weights [R, n] in the order of the original rows."""
        every = np.take(weights, self.order, axis=1)
        positive = every * self._positive
        if self._starts is not None:
            every = np.add.reduceat(every, self._starts, axis=1)
            positive = np.add.reduceat(positive, self._starts, axis=1)
        above = np.cumsum(positive, axis=1)
        flagged = np.cumsum(every, axis=1)
        positives = above[:, -1].copy()
        negatives = flagged[:, -1] - positives
        # A run of leading zero weights has nobody flagged; its own weight is 0, so it adds nothing.
        precision = above / np.maximum(flagged, np.finfo(float).tiny)
        average_precision = _divide(np.einsum("rn,rn->r", positive, precision), positives)
        every -= positive
        above -= positive / 2
        wins = np.einsum("rn,rn->r", every, above)
        # AUPRC is undefined without negatives too: it would be 1 whatever the scores.
        average_precision[negatives <= 0] = np.nan
        return _divide(wins, positives * negatives), average_precision


def auroc(labels: np.ndarray, scores: np.ndarray, weights: np.ndarray | None = None):
    """The area under the receiver operating characteristic curve; ties count one half.

    Args:
        labels: 0 or 1, [n].
        scores: higher means more likely positive, [n].
        weights: [n], or [R, n] for R results at once; None means 1 each.

    Returns:
        A float, or [R]; NaN where one class has no weight.
    """
    return _like(weights, Ranking(labels, scores)(_as_rows(weights, len(labels)))[0])


def auprc(labels: np.ndarray, scores: np.ndarray, weights: np.ndarray | None = None):
    """Average precision, the step-wise area under the precision-recall curve. See :func:`auroc`."""
    return _like(weights, Ranking(labels, scores)(_as_rows(weights, len(labels)))[1])


def brier(labels: np.ndarray, scores: np.ndarray, weights: np.ndarray | None = None):
    """The mean squared difference between risk and outcome. See :func:`auroc`."""
    rows = _as_rows(weights, len(labels))
    error = (np.asarray(scores, dtype=np.float64) - np.asarray(labels)) ** 2
    return _like(weights, _divide(rows @ error, rows.sum(axis=1)))


def calibration_bins(scores: np.ndarray, bins: int = _BINS) -> np.ndarray:
    """The bin, 0 and up, of each row: bins of equal mass; equal scores always share a bin.

    Args:
        scores: [n].
        bins: how many at most; ties make it fewer (a constant score has one).
    """
    scores = np.asarray(scores, dtype=np.float64)
    inner = np.arange(1, bins) * len(scores) // bins
    edges = np.unique(np.sort(scores)[inner])
    return np.unique(np.searchsorted(edges, scores, side="right"), return_inverse=True)[1]


def _bin_indicator(scores: np.ndarray, bins: int) -> np.ndarray:
    member = calibration_bins(scores, bins)
    return (member[:, None] == np.arange(member.max() + 1)).astype(np.float64)


def calibration_error(
    labels: np.ndarray,
    scores: np.ndarray,
    weights: np.ndarray | None = None,
    *,
    bins: int = _BINS,
):
    """Expected calibration error over bins of equal mass. The bins are those of the unweighted
    rows. See :func:`auroc`.
    """
    rows = _as_rows(weights, len(labels))
    excess = _bin_indicator(scores, bins) * (np.asarray(labels) - np.asarray(scores))[:, None]
    return _like(weights, _divide(np.abs(rows @ excess).sum(axis=1), rows.sum(axis=1)))


def _line_columns(labels: np.ndarray, logit: np.ndarray, slope: float, intercept: float):
    # Gradient and curvature of the log-likelihood, one row per sample, summed by any weights.
    risk = 0.5 * (1 + np.tanh((intercept + slope * logit) / 2))
    residual, first = labels - risk, risk * (1 - risk) * logit
    terms = [residual, residual * logit, risk * (1 - risk), first, first * logit]
    return np.stack(terms, axis=1)


def _line_step(sums: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    g0, g1, h00, h01, h11 = sums.T
    determinant = h00 * h11 - h01 * h01
    slope = _divide(h00 * g1 - h01 * g0, determinant)
    return slope, _divide(h11 * g0 - h01 * g1, determinant)


class _CalibrationLine:
    # Resamples take one Newton step from the full sample's solution, which is exact to first order
    # in the weights: a thousand full fits would cost more than all other measures together.
    def __init__(self, labels: np.ndarray, scores: np.ndarray):
        self._labels = np.asarray(labels, dtype=np.float64)
        clipped = np.clip(np.asarray(scores, dtype=np.float64), _SMALLEST, 1 - _SMALLEST)
        logit = np.log(clipped) - np.log1p(-clipped)
        self._fit_offset(logit)
        # The slope does not depend on where the logit's origin is; the middle is best conditioned.
        self._fit_slope(logit - logit.mean())

    def _fit_offset(self, logit: np.ndarray) -> None:
        self._offset = 0.0
        for _ in range(50):
            self._offset_columns = _line_columns(self._labels, logit, 1.0, self._offset)
            gradient, _, curvature, _, _ = self._offset_columns.sum(axis=0)
            step = float(np.clip(gradient / max(curvature, 1e-12), -2, 2))
            if abs(step) < 1e-10:
                break
            self._offset += step

    def _fit_slope(self, logit: np.ndarray) -> None:
        rate = np.clip(self._labels.mean(), _SMALLEST, 1 - _SMALLEST)
        self._slope, base = 0.0, float(np.log(rate / (1 - rate)))
        self._slope_columns, converged = None, False
        for _ in range(50 if np.ptp(logit) > 1e-12 else 0):
            columns = _line_columns(self._labels, logit, self._slope, base)
            step, shift = (float(part[0]) for part in _line_step(columns.sum(axis=0)[None]))
            converged = abs(step) < 1e-10
            # Separable data have no finite slope: Newton runs away and the answer is "undefined".
            if converged or not np.isfinite(step) or abs(self._slope + step) > 50:
                break
            self._slope, base = self._slope + step, base + shift
        if converged:
            self._slope_columns = columns

    def __call__(self, weights: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        sums = weights @ self._offset_columns[:, [0, 2]]
        offset = self._offset + _divide(sums[:, 0], sums[:, 1])
        if self._slope_columns is None:
            return np.full(len(weights), np.nan), offset
        return self._slope + _line_step(weights @ self._slope_columns)[0], offset


def calibration_line(labels: np.ndarray, scores: np.ndarray) -> tuple[float, float]:
    """Calibration slope and intercept (Cox 1958; Van Calster et al. 2016).

    The slope is the coefficient of logit(score) in a logistic regression of the outcome: below 1
    the risks are too extreme, above 1 too timid. The intercept is that of the same regression with
    the slope held at 1, "calibration in the large": above 0 the risks are too low on average.

    Args:
        labels: 0 or 1, [n].
        scores: risks in [0, 1], [n].

    Returns:
        ``(slope, intercept)``; the slope is NaN for a constant score and for separable data.
    """
    slope, intercept = _CalibrationLine(labels, scores)(np.ones((1, len(labels))))
    return float(slope[0]), float(intercept[0])


def at_threshold(
    labels: np.ndarray,
    scores: np.ndarray,
    threshold: float,
    weights: np.ndarray | None = None,
) -> dict:
    """What flagging every ``score >= threshold`` finds and costs.

    Args:
        labels: 0 or 1, [n].
        scores: [n].
        threshold: in the units of ``scores``.
        weights: [n], or [R, n] for R results at once; None means 1 each.

    Returns:
        ``sensitivity``, ``specificity``, ``ppv``, ``npv`` (NaN where undefined) and
        ``flagged_per_1000``; floats, or [R].
    """
    rows = _as_rows(weights, len(labels))
    flagged = np.asarray(scores) >= threshold
    positive = np.asarray(labels) == 1
    cells = np.stack([flagged & positive, flagged & ~positive, ~flagged & positive], axis=1)
    true_positive, false_positive, missed = (rows @ cells.astype(np.float64)).T
    total = rows.sum(axis=1)
    true_negative = total - true_positive - false_positive - missed
    values = {
        "sensitivity": _divide(true_positive, true_positive + missed),
        "specificity": _divide(true_negative, true_negative + false_positive),
        "ppv": _divide(true_positive, true_positive + false_positive),
        "npv": _divide(true_negative, true_negative + missed),
        "flagged_per_1000": _divide(1000 * (true_positive + false_positive), total),
    }
    return {name: _like(weights, value) for name, value in values.items()}


class BinaryMetrics:
    """All measures of one score, prepared once, then computed for many weightings.

    Args:
        labels: 0 or 1, [n].
        scores: risks in [0, 1], [n].
        threshold: for sensitivity and the like; None leaves them NaN.
    """

    def __init__(self, labels: np.ndarray, scores: np.ndarray, threshold: float | None = None):
        self._labels = np.asarray(labels, dtype=np.float64)
        self._scores = np.asarray(scores, dtype=np.float64)
        self._threshold = threshold
        self._ranking = Ranking(labels, scores)
        self._line = _CalibrationLine(labels, scores)
        excess = self._labels - self._scores
        bins = _bin_indicator(self._scores, _BINS) * excess[:, None]
        right = (self._scores >= 0.5) == (self._labels == 1)
        self._columns = np.concatenate([bins, (excess**2)[:, None], right[:, None]], axis=1)

    def __call__(self, weights: np.ndarray) -> dict[str, np.ndarray]:
        """Every measure by name, each [R], for weights [R, n]."""
        ranked, precision = self._ranking(weights)
        sums = weights @ self._columns
        total = weights.sum(axis=1)
        slope, intercept = self._line(weights)
        if self._threshold is None:
            empty = np.full(len(weights), np.nan)
            flags = dict.fromkeys(("sensitivity", "specificity", "ppv", "npv"), empty)
        else:
            flags = at_threshold(self._labels, self._scores, self._threshold, weights)
        return {
            "auroc": ranked,
            "auprc": precision,
            "brier": _divide(sums[:, -2], total),
            "calibration_error": _divide(np.abs(sums[:, :-2]).sum(axis=1), total),
            "calibration_slope": slope,
            "calibration_intercept": intercept,
            **{name: flags[name] for name in ("sensitivity", "specificity", "ppv", "npv")},
            "accuracy": _divide(sums[:, -1], total),
        }
