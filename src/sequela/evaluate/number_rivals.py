"""The honest rivals of counts and of numbers: the mean, regressions, boosting, naive forecasts.

As in :mod:`sequela.evaluate.baselines`: fitted on the training part, strengths chosen on the tuning
part. A rival that says one number gets its quantiles from its own errors.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from typing import Any, Literal

import numpy as np

from sequela.evaluate.baselines import Baseline, Standardiser
from sequela.evaluate.means import poisson_deviance
from sequela.seeds import derive

__all__ = [
    "boosted_numbers",
    "constant_quantiles",
    "count_boosting",
    "mean_count",
    "poisson_regression",
    "ridge_numbers",
    "with_errors",
]

_PENALTIES = (1e-3, 1e-2, 1e-1, 1.0)
_RIDGES = (1.0, 10.0, 100.0, 1000.0)
_LEAVES = (4, 16)
_TREES = 200


def mean_count(train: np.ndarray) -> Baseline:
    """The mean of the training part, whatever the features say.

    Args:
        train: counts, [n].
    """
    mean = max(float(np.mean(train)), 1e-9)
    return Baseline("mean", lambda features: np.full(len(features), mean))


def _chosen(
    candidates: Sequence[Any],
    fit: Callable[[Any], Callable[[np.ndarray], np.ndarray]],
    judge: Callable[[Callable[[np.ndarray], np.ndarray]], float],
) -> tuple[Callable[[np.ndarray], np.ndarray], Any]:
    fitted = [(fit(candidate), candidate) for candidate in candidates]
    return min(fitted, key=lambda pair: judge(pair[0]))


def poisson_regression(
    train: np.ndarray, truth: np.ndarray, tuning: np.ndarray, tuning_truth: np.ndarray
) -> Baseline:
    """Ridge-penalised Poisson regression with a logarithmic link on standardised features.

    Args:
        train: features, [n, F].
        truth: counts, [n].
        tuning: features, [m, F].
        tuning_truth: [m].
    """
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.linear_model import PoissonRegressor

    standardise = Standardiser(train)
    inputs = standardise(train)
    most = 10.0 * max(float(np.max(truth)), 1.0)

    def fit(penalty: float) -> Callable[[np.ndarray], np.ndarray]:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)
            model: Any = PoissonRegressor(alpha=penalty, max_iter=300).fit(inputs, truth)
        # The exponential of a row unlike any other would decide the mean deviance alone.
        return lambda features: np.clip(model.predict(standardise(features)), 1e-9, most)

    predict, penalty = _chosen(
        _PENALTIES, fit, lambda one: float(poisson_deviance(tuning_truth, one(tuning)).mean())
    )
    return Baseline("Poisson regression", predict, {"penalty": penalty})


def count_boosting(
    train: np.ndarray,
    truth: np.ndarray,
    tuning: np.ndarray,
    tuning_truth: np.ndarray,
    *,
    seed: int = 0,
) -> Baseline:
    """Boosted trees with the Poisson deviance; arguments as :func:`poisson_regression`."""
    predict, chosen = _boosted(train, truth, tuning, tuning_truth, "poisson", seed)
    return Baseline("gradient boosting", lambda rows: np.maximum(predict(rows), 1e-9), chosen)


def _boosted(
    train: np.ndarray,
    truth: np.ndarray,
    tuning: np.ndarray,
    tuning_truth: np.ndarray,
    loss: Literal["poisson", "absolute_error"],
    seed: int,
) -> tuple[Callable[[np.ndarray], np.ndarray], dict[str, float | int | str]]:
    from sklearn.ensemble import HistGradientBoostingRegressor
    from threadpoolctl import threadpool_limits

    best: tuple = (np.inf,)
    with threadpool_limits(1, user_api="openmp"):
        for leaves in _LEAVES:
            model: Any = HistGradientBoostingRegressor(
                loss=loss,
                learning_rate=0.08,
                max_iter=_TREES,
                max_leaf_nodes=leaves,
                early_stopping=False,
                random_state=derive(seed, "gradient boosting") % 2**32,
            ).fit(train, truth)
            for trees, said in enumerate(model.staged_predict(tuning), start=1):
                if loss == "poisson":
                    error = poisson_deviance(tuning_truth, np.maximum(said, 1e-9)).mean()
                else:
                    error = np.abs(tuning_truth - said).mean()
                if error < best[0]:
                    best = (error, model, leaves, trees)
    _, model, leaves, trees = best

    def predict(features: np.ndarray) -> np.ndarray:
        stages = model.staged_predict(np.asarray(features, np.float64))
        return next(said for number, said in enumerate(stages, start=1) if number == trees)

    return predict, {"leaves": leaves, "trees": trees}


def with_errors(
    said: np.ndarray, truth: np.ndarray, levels: Sequence[float]
) -> Callable[[np.ndarray], np.ndarray]:
    """From one number to quantiles: the number and the quantiles of its errors.

    The median stays the number itself, so that its absolute error is that of the method.

    Args:
        said: [n, H], what the method says of rows that it was not fitted to.
        truth: [n, H], NaN where not known.
        levels: Q, the median among them.

    Returns:
        From numbers [m, H] to quantiles [m, H, Q].
    """
    errors = np.where(np.isnan(said), np.nan, truth - said)
    shifts = np.zeros((truth.shape[1], len(levels)))
    for place in range(truth.shape[1]):
        known = errors[:, place][np.isfinite(errors[:, place])]
        if len(known):
            shifts[place] = np.quantile(known, levels) - np.median(known)
    return lambda numbers: numbers[:, :, None] + shifts


def constant_quantiles(truth: np.ndarray, levels: Sequence[float]) -> Baseline:
    """The quantiles of the training part, whatever the features say.

    Args:
        truth: [n, H], NaN where not known.
        levels: Q.
    """
    found = np.stack([np.nanquantile(truth, level, axis=0) for level in levels], axis=1)
    return Baseline("constant quantiles", lambda rows: np.tile(found, (len(rows), 1, 1)))


def _per_number(
    truth: np.ndarray,
    tuning: np.ndarray,
    tuning_truth: np.ndarray,
    levels: Sequence[float],
    fit: Callable[[int, np.ndarray], Callable[[np.ndarray], np.ndarray]],
) -> Callable[[np.ndarray], np.ndarray]:
    """A model of each number, and quantiles from the errors on the tuning part.

    Regressions and trees know their training part too well for its errors to say how far off they
    will be.
    """
    models = [fit(place, ~np.isnan(truth[:, place])) for place in range(truth.shape[1])]

    def numbers(features: np.ndarray) -> np.ndarray:
        return np.stack([model(features) for model in models], axis=1)

    spread = with_errors(numbers(tuning), tuning_truth, levels)
    return lambda features: spread(numbers(features))


def ridge_numbers(
    train: np.ndarray,
    truth: np.ndarray,
    tuning: np.ndarray,
    tuning_truth: np.ndarray,
    levels: Sequence[float],
) -> Baseline:
    """Ridge regression of each number, with the quantiles of its errors.

    Args:
        train: features, [n, F].
        truth: [n, H], NaN where not known.
        tuning: features, [m, F].
        tuning_truth: [m, H].
        levels: Q, the median among them.
    """
    from sklearn.linear_model import Ridge

    standardise = Standardiser(train)
    inputs, others = standardise(train), standardise(tuning)

    def fit(place: int, known: np.ndarray) -> Callable[[np.ndarray], np.ndarray]:
        there = ~np.isnan(tuning_truth[:, place])
        wanted = tuning_truth[there, place]

        def one(penalty: float) -> Callable[[np.ndarray], np.ndarray]:
            return Ridge(alpha=penalty).fit(inputs[known], truth[known, place]).predict

        model, _ = _chosen(
            _RIDGES,
            one,
            lambda made: float(np.abs(made(others[there]) - wanted).sum()),
        )
        return lambda features: model(standardise(features))

    return Baseline("ridge regression", _per_number(truth, tuning, tuning_truth, levels, fit))


def boosted_numbers(
    train: np.ndarray,
    truth: np.ndarray,
    tuning: np.ndarray,
    tuning_truth: np.ndarray,
    levels: Sequence[float],
    *,
    seed: int = 0,
) -> Baseline:
    """Boosted trees of each number's median; arguments as :func:`ridge_numbers`."""

    def fit(place: int, known: np.ndarray) -> Callable[[np.ndarray], np.ndarray]:
        there = ~np.isnan(tuning_truth[:, place])
        given = train[known], truth[known, place]
        if not there.any():
            middle = float(np.median(given[1]))
            return lambda features: np.full(len(features), middle)
        others = tuning[there], tuning_truth[there, place]
        return _boosted(*given, *others, "absolute_error", seed)[0]

    return Baseline("gradient boosting", _per_number(truth, tuning, tuning_truth, levels, fit))
