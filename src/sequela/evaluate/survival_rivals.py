"""The honest rivals of a time to event: Kaplan and Meier's curve, and Cox's regression."""

from __future__ import annotations

import numpy as np

from sequela.evaluate.baselines import Baseline, Standardiser
from sequela.evaluate.survival import kaplan_meier

__all__ = ["cox_regression", "same_curve"]

_STRENGTHS = (1e-3, 1e-2, 1e-1)
_ITERATIONS = 60
# exp of more than this, twice over, is a curve that falls to 0 at once or never.
_LARGEST_LOG = 15.0


def _curve_at(times: np.ndarray, survival: np.ndarray, edges: np.ndarray) -> np.ndarray:
    return np.append(1.0, survival)[np.searchsorted(times, edges, side="right")]


def same_curve(time: np.ndarray, event: np.ndarray, edges: np.ndarray) -> Baseline:
    """Kaplan and Meier's survival of the training part, the same for everybody.

    Args:
        time: [n].
        event: [n], 1 for the event.
        edges: [K], the ends of the intervals.
    """
    curve = _curve_at(*kaplan_meier(time, event == 1), edges)
    return Baseline("Kaplan-Meier", lambda features: np.tile(curve, (len(features), 1)))


class _Partial:
    # Breslow's log partial likelihood of rows in falling order of time, and its gradient.
    def __init__(self, inputs: np.ndarray, time: np.ndarray, event: np.ndarray):
        order = np.argsort(-time, kind="stable")
        self._x, falling, self._event = inputs[order], time[order], event[order] == 1
        # The risk set of a row is everybody seen at least as long, those of equal time included.
        self._last = np.searchsorted(-falling, -falling, side="right") - 1

    def __call__(self, weights: np.ndarray, strength: float) -> tuple[float, np.ndarray]:
        score = self._x @ weights
        shift = score.max(initial=0.0)
        hazard = np.exp(score - shift)
        total = np.cumsum(hazard)[self._last]
        value = (score - shift - np.log(total))[self._event].sum()
        # A row counts in the risk sets of all events of its own time or earlier ones.
        share = np.bincount(self._last[self._event], 1 / total[self._event], len(score))
        counted = np.cumsum(share[::-1])[::-1]
        slope = self._event - hazard * counted
        penalty = (weights**2).sum() / (2 * strength)
        return float(penalty - value), weights / strength - self._x.T @ slope


def _breslow(
    score: np.ndarray, time: np.ndarray, event: np.ndarray, edges: np.ndarray
) -> np.ndarray:
    """The cumulative baseline hazard at the ends of the intervals."""
    times, happened = np.unique(time[event == 1], return_counts=True)
    order = np.argsort(-time, kind="stable")
    total = np.append(0.0, np.cumsum(np.exp(score[order])))
    risk = total[np.searchsorted(-time[order], -times, side="right")]
    hazard = np.append(0.0, np.cumsum(happened / risk))
    return hazard[np.searchsorted(times, edges, side="right")]


def cox_regression(
    train: np.ndarray,
    time: np.ndarray,
    event: np.ndarray,
    tuning: np.ndarray,
    tuning_time: np.ndarray,
    tuning_event: np.ndarray,
    edges: np.ndarray,
) -> Baseline:
    """Cox's proportional hazards with a ridge penalty and Breslow's baseline, on standardised
    features; the penalty is that with the greatest partial likelihood on the tuning part.

    Args:
        train: features, [n, F].
        time: [n].
        event: [n], 1 for the event.
        tuning: features, [m, F].
        tuning_time: [m].
        tuning_event: [m].
        edges: [K], the ends of the intervals.
    """
    from scipy.optimize import minimize

    standardise = Standardiser(train)
    inputs, others = standardise(train), standardise(tuning)
    partial = _Partial(inputs, time, event)
    judge = _Partial(others, tuning_time, tuning_event)
    weights = np.zeros(inputs.shape[1])
    best: tuple = (np.inf, weights, 0.0)
    for strength in _STRENGTHS:
        options = {"maxiter": _ITERATIONS}
        fitted = minimize(partial, weights, (strength,), "L-BFGS-B", jac=True, options=options)
        weights = fitted.x
        loss = judge(weights, np.inf)[0]
        if loss < best[0]:
            best = (loss, weights.copy(), strength)
    chosen = best[1]
    base = _breslow(np.clip(inputs @ chosen, -_LARGEST_LOG, _LARGEST_LOG), time, event, edges)

    def predict(features: np.ndarray) -> np.ndarray:
        score = np.clip(standardise(features) @ chosen, -_LARGEST_LOG, _LARGEST_LOG)
        return np.exp(-np.exp(score)[:, None] * base)

    return Baseline("Cox regression", predict, {"inverse_penalty": best[2]})
