"""The honest rivals where several labels may hold: rates, regression, neighbours, boosting.

As in :mod:`sequela.evaluate.baselines`: fitted on the training part, strengths chosen on the tuning
part by the log loss.
"""

from __future__ import annotations

import numpy as np

from sequela.evaluate.baselines import Baseline, Standardiser, gradient_boosting

__all__ = ["label_boosting", "label_neighbours", "label_rates", "label_regression"]

# As for one outcome; three suffice where all labels share one strength.
_STRENGTHS = (1e-3, 1e-2, 1e-1)
_ITERATIONS = 60
_NEIGHBOURS = (1, 5, 20, 50)
# Every row is held against every training row: more of these are slower, hardly better.
_MOST_ROWS, _AT_ONCE = 20_000, 256
_ROWS = 2048
# Boosting grows trees for each label on its own.
_MOST_BOOSTED = 30


def _rates(labels: np.ndarray) -> np.ndarray:
    known = ~np.isnan(labels)
    # Half a case more on either side, so that a label that never occurs has a log odds.
    return (np.where(known, labels, 0).sum(axis=0) + 0.5) / (known.sum(axis=0) + 1)


def label_rates(train_labels: np.ndarray, *, name: str = "label rates") -> Baseline:
    """The share of each label in the training part, whatever the features say.

    Args:
        train_labels: 0 or 1, NaN where not known, [n, C].
        name: as the tables show it.
    """
    rates = _rates(np.asarray(train_labels, np.float64))
    return Baseline(name, lambda features: np.tile(rates, (len(features), 1)))


def _log_loss(labels: np.ndarray, logits: np.ndarray) -> float:
    known = ~np.isnan(labels)
    losses = np.logaddexp(0, logits) - np.nan_to_num(labels) * logits
    return float(np.where(known, losses, 0).sum() / known.sum())


def _sigmoid(logits: np.ndarray) -> np.ndarray:
    return 0.5 * (1 + np.tanh(logits / 2))


def _losses(
    inputs: np.ndarray,
    held: np.ndarray,
    known: np.ndarray | None,
    weights: np.ndarray,
    bias: np.ndarray,
) -> tuple[float, np.ndarray, np.ndarray]:
    """The sum of the log losses, and its slopes by the weights and the biases.

    Rows are taken some at a time, so that what is between the products stays in the cache.
    """
    value, gradient = 0.0, np.zeros(weights.shape)
    slopes, shift = np.zeros(len(bias)), bias.astype(np.float32)
    for first in range(0, len(inputs), _ROWS):
        block = slice(first, first + _ROWS)
        logits = inputs[block] @ weights
        logits += shift
        # log(1 + exp(l)) = max(l, 0) + log(1 + e) and sigmoid(l) = (1 or e) / (1 + e), where
        # e = exp(-|l|): one exponential serves both.
        small = np.exp(-np.abs(logits))
        below = 1 + small
        losses = np.maximum(logits, 0) + np.log(below) - held[block] * logits
        slope = np.where(logits >= 0, 1, small) / below - held[block]
        if known is not None:
            losses *= known[block]
            slope *= known[block]
        value += float(losses.sum(dtype=np.float64))
        gradient += inputs[block].T @ slope
        slopes += slope.sum(axis=0, dtype=np.float64)
    return value, gradient, slopes


def label_regression(
    train: np.ndarray,
    train_labels: np.ndarray,
    tuning: np.ndarray,
    tuning_labels: np.ndarray,
    *,
    name: str = "logistic regression",
) -> Baseline:
    """A ridge-penalised logistic regression of each label, all with the same strength.

    Args:
        train: features, [n, F].
        train_labels: 0 or 1, NaN where not known, [n, C].
        tuning: features, [m, F].
        tuning_labels: [m, C].
        name: as the tables show it.
    """
    from scipy.optimize import minimize

    standardise = Standardiser(train)
    inputs = standardise(train).astype(np.float32)
    tuning_inputs = standardise(tuning).astype(np.float32)
    labels = np.asarray(train_labels, np.float64)
    shape = (inputs.shape[1], labels.shape[1])
    rates = _rates(labels)
    base = np.log(rates) - np.log1p(-rates)
    known = ~np.isnan(labels)
    given = (inputs, np.nan_to_num(labels).astype(np.float32), None if known.all() else known)

    def loss(flat: np.ndarray, strength: float) -> tuple[float, np.ndarray]:
        weights, bias = flat[: shape[0] * shape[1]].reshape(shape), flat[shape[0] * shape[1] :]
        value, gradient, slope = _losses(*given, weights.astype(np.float32), bias)
        gradient = gradient + weights / strength
        value += (weights**2).sum() / (2 * strength)
        return float(value), np.concatenate([gradient.ravel(), slope])

    start = np.concatenate([np.zeros(shape[0] * shape[1]), base])
    best: tuple = (np.inf, start, 0.0)
    for strength in _STRENGTHS:
        options = {"maxiter": _ITERATIONS}
        fitted = minimize(loss, start, (strength,), "L-BFGS-B", jac=True, options=options)
        start = fitted.x
        weights, bias = start[: shape[0] * shape[1]].reshape(shape), start[shape[0] * shape[1] :]
        found = _log_loss(np.asarray(tuning_labels, np.float64), tuning_inputs @ weights + bias)
        if found < best[0]:
            best = (found, start.copy(), strength)
    weights = best[1][: shape[0] * shape[1]].reshape(shape)
    bias = best[1][shape[0] * shape[1] :]

    def predict(features: np.ndarray) -> np.ndarray:
        return _sigmoid(standardise(features) @ weights + bias)

    return Baseline(name, predict, {"inverse_penalty": best[2], "tuning_log_loss": best[0]})


def label_neighbours(
    train: np.ndarray,
    train_labels: np.ndarray,
    tuning: np.ndarray,
    tuning_labels: np.ndarray,
    *,
    name: str = "nearest neighbours",
) -> Baseline:
    """The labels of the most similar training rows: the cosine of standardised features.

    Beside as many neighbours as the tuning part decides, everybody counts as one more. Of more than
    20,000 training rows as many are kept, evenly spaced; what is not known counts as absent.
    Arguments as :func:`label_regression`.
    """
    rows = np.unique(np.linspace(0, len(train) - 1, min(len(train), _MOST_ROWS)).astype(int))
    standardise = Standardiser(train)
    labels = np.asarray(train_labels, np.float64)
    rates, held = _rates(labels), np.nan_to_num(labels[rows]).astype(np.float32)

    def directions(features: np.ndarray) -> np.ndarray:
        found = standardise(features).astype(np.float32)
        return found / np.maximum(np.linalg.norm(found, axis=1, keepdims=True), 1e-9)

    known = directions(train[rows])
    counts = [count for count in _NEIGHBOURS if count <= len(rows)]

    def said(features: np.ndarray, wanted: list[int]) -> list[np.ndarray]:
        found: list[list[np.ndarray]] = [[] for _ in wanted]
        most = max(wanted)
        for start in range(0, len(features), _AT_ONCE):
            alike = directions(features[start : start + _AT_ONCE]) @ known.T
            near = np.argpartition(-alike, most - 1, axis=1)[:, :most]
            order = np.argsort(-np.take_along_axis(alike, near, axis=1), axis=1, kind="stable")
            near = np.take_along_axis(near, order, axis=1)
            for place, count in enumerate(wanted):
                found[place].append((held[near[:, :count]].sum(axis=1) + rates) / (count + 1))
        return [np.concatenate(one) for one in found]

    losses = [
        _log_loss(np.asarray(tuning_labels, np.float64), np.log(one) - np.log1p(-one))
        for one in said(tuning, counts)
    ]
    best = counts[int(np.argmin(losses))]
    chosen: dict[str, float | int | str] = {"neighbours": best, "tuning_log_loss": min(losses)}
    return Baseline(name, lambda features: said(features, [best])[0], chosen)


def label_boosting(
    train: np.ndarray,
    train_labels: np.ndarray,
    tuning: np.ndarray,
    tuning_labels: np.ndarray,
    *,
    seed: int = 0,
    name: str = "gradient boosting",
) -> Baseline | None:
    """Boosted trees for each label; None for more than 30 labels, which would take too long.

    A label that is not both there and absent in the training and the tuning part keeps its rate.
    Arguments as :func:`label_regression`; ``seed`` is the run's.
    """
    labels = np.asarray(train_labels, np.float64)
    others = np.asarray(tuning_labels, np.float64)
    if labels.shape[1] > _MOST_BOOSTED:
        return None
    rates, fitted = _rates(labels), {}
    for label in range(labels.shape[1]):
        known, known_too = ~np.isnan(labels[:, label]), ~np.isnan(others[:, label])
        held, held_too = labels[known, label], others[known_too, label]
        if len(np.unique(held)) == 2 and len(held_too):
            fitted[label] = gradient_boosting(
                train[known], held, tuning[known_too], held_too, seed=seed, share=labels.shape[1]
            )

    def predict(features: np.ndarray) -> np.ndarray:
        found = np.tile(rates, (len(features), 1))
        for label, one in fitted.items():
            found[:, label] = one.predict(features)
        return found

    return Baseline(name, predict, {"labels": len(fitted)})
