"""How well the time to the next visit is foretold, on the scale on which it is learnt.

Times between visits are spread over orders of magnitude: a day too many is nothing after a year and
everything after a day. Errors are therefore those of ``log(1 + days)``.
"""

from __future__ import annotations

import numpy as np

__all__ = ["DaysMetrics"]


class DaysMetrics:
    """``days_error`` and ``days_r2`` for many weightings of the rows.

    Args:
        truth: log(1 + days), [n]; NaN where it is not known.
        said: the same as foretold, [n].
    """

    def __init__(self, truth: np.ndarray, said: np.ndarray) -> None:
        known = np.isfinite(truth)
        there, gap = np.where(known, truth, 0.0), np.where(known, truth - said, 0.0)
        # All sums that the two measures are made of, so that a resample is one product.
        self._sums = np.stack([known, there, there**2, np.abs(gap), gap**2], axis=1)

    def __call__(self, weights: np.ndarray) -> dict[str, np.ndarray]:
        """The mean absolute error [R] and R2 [R], 1 less the share of the variance not explained.

        Args:
            weights: [R, n].
        """
        count, total, squares, error, gap = (weights @ self._sums).T
        some = count > 0
        count = np.where(some, count, 1.0)
        variance = squares - total**2 / count
        spread = some & (variance > 1e-12 * squares)
        share = np.divide(gap, variance, out=np.full(len(gap), np.nan), where=spread)
        return {"days_error": np.where(some, error / count, np.nan), "days_r2": 1.0 - share}
