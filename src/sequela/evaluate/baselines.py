"""The honest rivals: majority, logistic regression, gradient boosting and one number alone.

A model earns its place only beside these. Each is fitted on the training part and has its size or
strength chosen on the tuning part by the log loss; the held-out part is never seen here. Two
classes give risks [n], more give probabilities [n, C].
"""

from __future__ import annotations

import itertools
import warnings
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from sequela.errors import ConfigError, DataError, LabelError
from sequela.seeds import derive

__all__ = [
    "Baseline",
    "Standardiser",
    "gradient_boosting",
    "logistic_regression",
    "majority",
    "single_feature",
]

# Inverse strengths of the ridge penalty on standardised features, from "almost the mean alone" to
# "hardly any"; each is ten times the one before, which changes the log loss visibly.
_STRENGTHS = (1e-4, 1e-3, 1e-2, 1e-1, 1.0)
_LOGISTIC_ITERATIONS = 300

# Small trees in larger steps for what adds up, larger trees in smaller steps for what interacts.
_BOOSTERS = ({"leaves": 6, "learning_rate": 0.2}, {"leaves": 24, "learning_rate": 0.1})
_TREES_PER_ROUND = 100
# Trees x rows x features x classes: about five seconds of one core for each booster.
_BOOSTING_WORK = 4.5e8
_FEWEST_TREES, _MOST_TREES = 100, 400


@dataclass(frozen=True)
class Baseline:
    """A fitted rival.

    Args:
        name: as the tables show it.
        predict: features [n, F] to risks [n], or to probabilities [n, C].
        chosen: what the tuning part decided, for the report.
    """

    name: str
    predict: Callable[[np.ndarray], np.ndarray]
    chosen: dict[str, float | int | str] = field(default_factory=dict)


def _check(features: np.ndarray, labels: np.ndarray, classes: int, where: str) -> None:
    if features.ndim != 2 or len(features) != len(labels) or len(labels) == 0:
        raise DataError(
            f"{where} features of a baseline",
            got=f"shape {features.shape} for {len(labels)} labels",
            wanted="one row per label",
        )
    if np.isinf(features).any():
        raise DataError(
            f"{where} features of a baseline", got="infinite numbers", wanted="finite or NaN"
        )
    missing = sorted(set(range(classes)) - set(np.unique(labels).tolist()))
    if where == "training" and missing:
        raise LabelError(
            "training labels of a baseline",
            got=f"{len(missing)} of {classes} classes absent",
            wanted="every class",
        )


def _prepared(train, train_labels, tuning, tuning_labels, classes: int):
    if classes < 2:
        raise ConfigError("number of classes", got=classes, wanted="2 or more")
    train, tuning = np.asarray(train, dtype=np.float64), np.asarray(tuning, dtype=np.float64)
    train_labels, tuning_labels = (
        np.asarray(train_labels).astype(np.int64),
        np.asarray(tuning_labels).astype(np.int64),
    )
    _check(train, train_labels, classes, "training")
    _check(tuning, tuning_labels, classes, "tuning")
    return train, train_labels, tuning, tuning_labels


def _log_loss(labels: np.ndarray, probabilities: np.ndarray) -> float:
    right = probabilities[np.arange(len(labels)), labels]
    return float(-np.log(np.maximum(right, 1e-12)).mean())


def _answer(probabilities: np.ndarray) -> np.ndarray:
    return probabilities[:, 1] if probabilities.shape[1] == 2 else probabilities


def majority(train_labels: np.ndarray, number_of_classes: int = 2) -> Baseline:
    """The share of each class in the training part, whatever the features say.

    Args:
        train_labels: 0 .. C - 1, [n].
        number_of_classes: C.
    """
    counts = np.bincount(np.asarray(train_labels).astype(np.int64), minlength=number_of_classes)
    shares = counts / counts.sum()

    def predict(features: np.ndarray) -> np.ndarray:
        return _answer(np.tile(shares, (len(features), 1)))

    return Baseline("majority", predict)


class Standardiser:
    """Features with mean 0 and spread 1 by the training rows, gaps filled.

    A gap becomes the mean, and a column of its own says that it was a gap: "never measured" is
    often the most telling value in a record.

    Args:
        train: [n, F], NaN in gaps.
    """

    def __init__(self, train: np.ndarray):
        known = np.isfinite(train)
        count = np.maximum(known.sum(axis=0), 1)
        filled = np.where(known, train, 0.0)
        self._mean = filled.sum(axis=0) / count
        spread = np.sqrt((np.where(known, train - self._mean, 0.0) ** 2).sum(axis=0) / count)
        # The spread of a constant column is rounding error, not 0, when its values are large.
        self._used = spread > 1e-9 * np.maximum(np.abs(self._mean), 1e-300)
        self._spread = np.where(self._used, spread, 1.0)
        gaps = ~known
        self._gap_mean = gaps.mean(axis=0)
        self._gappy = (self._gap_mean > 0) & (self._gap_mean < 1)

    def __call__(self, features: np.ndarray) -> np.ndarray:
        """Features [m, F] to columns without a gap, [m, K]."""
        features = np.asarray(features, dtype=np.float64)
        known = np.isfinite(features)
        standard = np.where(known, (features - self._mean) / self._spread, 0.0)[:, self._used]
        share = self._gap_mean[self._gappy]
        gaps = (~known[:, self._gappy] - share) / np.sqrt(share * (1 - share))
        # A value far outside the training range would otherwise decide a risk alone.
        return np.clip(np.concatenate([standard, gaps], axis=1), -20, 20)


def logistic_regression(
    train: np.ndarray,
    train_labels: np.ndarray,
    tuning: np.ndarray,
    tuning_labels: np.ndarray,
    number_of_classes: int = 2,
    *,
    name: str = "logistic regression",
) -> Baseline:
    """Ridge-penalised logistic regression on standardised features.

    Gaps (NaN) take the training mean and a column that says so. The penalty is that of five with
    the least log loss on the tuning part.

    Args:
        train: features, [n, F].
        train_labels: 0 .. C - 1, [n].
        tuning: features, [m, F].
        tuning_labels: [m].
        number_of_classes: C.
        name: as the tables show it.

    Raises:
        DataError: infinite features, lengths that differ.
        LabelError: a class is absent from the training part.
    """
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.linear_model import LogisticRegression

    arrays = _prepared(train, train_labels, tuning, tuning_labels, number_of_classes)
    train, train_labels, tuning, tuning_labels = arrays
    standardise = Standardiser(train)
    # Single precision halves the cost; the penalty keeps the problem well conditioned.
    inputs = standardise(train).astype(np.float32)
    tuning_inputs = standardise(tuning).astype(np.float32)
    if inputs.shape[1] == 0:
        constant = majority(train_labels, number_of_classes)
        return Baseline(name, constant.predict, {"features": 0})
    model: Any = LogisticRegression(
        C=_STRENGTHS[0], warm_start=True, max_iter=_LOGISTIC_ITERATIONS, tol=1e-4
    )
    best: tuple = (np.inf,)
    for strength in _STRENGTHS:
        model.C = strength
        with warnings.catch_warnings():
            # A weak penalty may not settle within the limit: it then competes as it stands.
            warnings.simplefilter("ignore", ConvergenceWarning)
            model.fit(inputs, train_labels)
        loss = _log_loss(tuning_labels, model.predict_proba(tuning_inputs))
        if loss < best[0]:
            best = (loss, strength, model.coef_.copy(), model.intercept_.copy())
    model.C, model.coef_, model.intercept_ = best[1:]

    def predict(features: np.ndarray) -> np.ndarray:
        return _answer(model.predict_proba(standardise(features)))

    return Baseline(name, predict, {"inverse_penalty": best[1], "tuning_log_loss": best[0]})


def _grow(booster: dict, seed: int, share: int, train, train_labels, tuning, tuning_labels):
    # Rounds of trees until the best loss is not in the last round; sklearn's own early stopping
    # would cut its validation rows from the training part and so split patients.
    from sklearn.ensemble import HistGradientBoostingClassifier
    from threadpoolctl import threadpool_limits

    model: Any = HistGradientBoostingClassifier(
        learning_rate=booster["learning_rate"],
        max_leaf_nodes=booster["leaves"],
        early_stopping=False,
        warm_start=True,
        random_state=derive(seed, "gradient boosting") % 2**32,
    )
    classes = int(train_labels.max()) + 1
    per_tree = train.size * (1 if classes == 2 else classes)
    most = int(np.clip(_BOOSTING_WORK / share / per_tree, _FEWEST_TREES, _MOST_TREES))
    loss, best, trees = np.inf, 0, 0
    # OpenMP threads wait for each other by spinning: on a busy machine two take ten times as long
    # as one. The boosters therefore run beside each other instead, one thread each.
    with threadpool_limits(1, user_api="openmp"):
        while trees < most and best > trees - _TREES_PER_ROUND // 2:
            trees = min(trees + _TREES_PER_ROUND, most)
            model.set_params(max_iter=trees).fit(train, train_labels)
            losses = [_log_loss(tuning_labels, p) for p in model.staged_predict_proba(tuning)]
            loss, best = min(losses), int(np.argmin(losses)) + 1
    return loss, model, {"trees": best, **booster}


def gradient_boosting(
    train: np.ndarray,
    train_labels: np.ndarray,
    tuning: np.ndarray,
    tuning_labels: np.ndarray,
    number_of_classes: int = 2,
    *,
    seed: int = 0,
    name: str = "gradient boosting",
    share: int = 1,
) -> Baseline:
    """Boosted trees on histograms; gaps (NaN) need no filling.

    The number of trees (at most 400, fewer for large tables, which bounds the time) and their
    leaves (6 or 24) are those with the least log loss on the tuning part.

    Args:
        train: features, [n, F].
        train_labels: 0 .. C - 1, [n].
        tuning: features, [m, F].
        tuning_labels: [m].
        number_of_classes: C.
        seed: the run's seed.
        name: as the tables show it.
        share: how many such models share the time.

    Raises:
        DataError: infinite features, lengths that differ.
        LabelError: a class is absent from the training part.
    """
    arrays = _prepared(train, train_labels, tuning, tuning_labels, number_of_classes)
    train, train_labels, tuning, tuning_labels = arrays
    # A column that never varies, or is always a gap, costs time and tells nothing.
    varies = ~np.all((train == train[:1]) | np.isnan(train) & np.isnan(train[:1]), axis=0)
    if not varies.any():
        return Baseline(name, majority(train_labels, number_of_classes).predict, {"features": 0})
    inputs = train[:, varies], train_labels, tuning[:, varies], tuning_labels
    with ThreadPoolExecutor(len(_BOOSTERS)) as pool:
        grown = list(pool.map(lambda booster: _grow(booster, seed, share, *inputs), _BOOSTERS))
    loss, model, chosen = min(grown, key=lambda candidate: candidate[0])

    def predict(features: np.ndarray) -> np.ndarray:
        used = np.asarray(features, dtype=np.float64)[:, varies]
        stages = model.staged_predict_proba(used)
        return _answer(next(itertools.islice(stages, chosen["trees"] - 1, None)))

    return Baseline(name, predict, {**chosen, "tuning_log_loss": loss})


def _shapes(values: np.ndarray, curved: bool) -> np.ndarray:
    values = np.asarray(values, dtype=np.float64).reshape(-1)
    # The signed logarithm tames the long tail of a spread or a count and keeps the order.
    plain = np.log1p(np.abs(values)) * np.sign(values)
    return np.stack([plain, plain**2], axis=1) if curved else plain[:, None]


def single_feature(
    train: np.ndarray,
    train_labels: np.ndarray,
    tuning: np.ndarray,
    tuning_labels: np.ndarray,
    number_of_classes: int = 2,
    *,
    name: str,
) -> Baseline:
    """One number alone, for example the standard deviation of a window of EEG.

    For two classes a logistic regression of the value's signed logarithm: it keeps the order of the
    values (or reverses it), so its AUROC is that of the number itself. For several classes its
    square is added, so that a class may lie between two others.

    Args:
        train: values, [n] or [n, 1].
        train_labels: 0 .. C - 1, [n].
        tuning: values, [m] or [m, 1].
        tuning_labels: [m].
        number_of_classes: C.
        name: as the tables show it, for example "standard deviation alone".
    """
    curved = number_of_classes > 2
    fitted = logistic_regression(
        _shapes(train, curved),
        train_labels,
        _shapes(tuning, curved),
        tuning_labels,
        number_of_classes,
        name=name,
    )

    def predict(features: np.ndarray) -> np.ndarray:
        return fitted.predict(_shapes(features, curved))

    return Baseline(name, predict, fitted.chosen)
