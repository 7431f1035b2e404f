"""The rivals: what they learn, what the tuning part decides, gaps, and bad input."""

from __future__ import annotations

import time

import numpy as np
import pytest

from sequela.errors import ConfigError, DataError, LabelError
from sequela.evaluate import (
    auroc,
    gradient_boosting,
    logistic_regression,
    majority,
    single_feature,
)
from sequela.seeds import generator


def _linear(n=1500, seed=0, classes=2):
    random = generator(seed, "baseline test")
    features = random.normal(size=(n, 6)) * np.array([1, 10, 100, 1, 1, 0]) + 5
    weights = np.zeros((6, classes))
    weights[0], weights[1] = np.linspace(-1, 1, classes) * 1.5, np.linspace(1, -0.5, classes) / 10
    logits = (features - 5) @ weights + random.gumbel(size=(n, classes))
    return features, logits.argmax(axis=1)


def _parts(features, labels):
    third = len(labels) // 3
    return (
        features[:third],
        labels[:third],
        features[third : 2 * third],
        labels[third : 2 * third],
    )


def test_majority_says_the_training_share():
    baseline = majority(np.array([0, 0, 0, 1]))
    np.testing.assert_allclose(baseline.predict(np.zeros((3, 2))), [0.25] * 3)
    several = majority(np.array([0, 1, 1, 2]), 4)
    np.testing.assert_allclose(several.predict(np.zeros((1, 2))), [[0.25, 0.5, 0.25, 0]])


@pytest.mark.parametrize("fit", [logistic_regression, gradient_boosting])
@pytest.mark.parametrize("classes", [2, 4])
def test_rivals_learn_and_give_probabilities(fit, classes):
    features, labels = _linear(classes=classes)
    baseline = fit(*_parts(features, labels), classes)
    risk = baseline.predict(features[1000:])
    if classes == 2:
        assert risk.shape == (500,)
        assert auroc(labels[1000:], risk) > 0.8
        assert abs(risk.mean() - labels[1000:].mean()) < 0.06
    else:
        np.testing.assert_allclose(risk.sum(axis=1), 1, rtol=1e-5)
        assert (risk.argmax(axis=1) == labels[1000:]).mean() > 0.4
    assert baseline.chosen["tuning_log_loss"] > 0


@pytest.mark.parametrize("fit", [logistic_regression, gradient_boosting])
def test_rivals_are_deterministic(fit):
    features, labels = _linear(600)
    one, two = (fit(*_parts(features, labels)).predict(features) for _ in range(2))
    np.testing.assert_array_equal(one, two)


def test_boosting_finds_what_logistic_regression_cannot():
    features = generator(0, "interaction").normal(size=(1500, 3))
    labels = (features[:, 0] * features[:, 1] > 0).astype(int)
    areas = [
        auroc(labels[1000:], fit(*_parts(features, labels)).predict(features[1000:]))
        for fit in (logistic_regression, gradient_boosting)
    ]
    assert areas[0] < 0.6
    assert areas[1] > 0.9


@pytest.mark.parametrize("fit", [logistic_regression, gradient_boosting])
def test_a_gap_is_information(fit):
    random = generator(0, "gaps")
    labels = random.integers(0, 2, 900)
    features = random.normal(size=(900, 2))
    features[:, 0][(labels == 1) & (random.random(900) < 0.8)] = np.nan
    features[:, 1] = np.nan
    baseline = fit(*_parts(features, labels))
    assert auroc(labels[600:], baseline.predict(features[600:])) > 0.8


def test_noise_takes_the_strongest_penalty_and_few_trees():
    random = generator(0, "noise")
    features, labels = random.normal(size=(900, 30)), random.integers(0, 2, 900)
    assert logistic_regression(*_parts(features, labels)).chosen["inverse_penalty"] <= 1e-3
    assert gradient_boosting(*_parts(features, labels)).chosen["trees"] <= 20


def test_scaling_does_not_change_the_logistic_regression():
    features, labels = _linear(900)
    plain = logistic_regression(*_parts(features, labels)).predict(features)
    moved = features * 1000 - 7
    scaled = logistic_regression(*_parts(moved, labels)).predict(moved)
    np.testing.assert_allclose(plain, scaled, atol=1e-3)


@pytest.mark.parametrize("fit", [logistic_regression, gradient_boosting])
def test_features_that_never_vary_leave_the_prevalence(fit):
    labels = np.tile([0, 0, 1], 60)
    baseline = fit(*_parts(np.full((180, 2), 3.7e6 / 3), labels))
    np.testing.assert_allclose(baseline.predict(np.zeros((2, 2))), 1 / 3)


@pytest.mark.parametrize("sign", [1, -1])
def test_one_number_keeps_its_own_auroc(sign):
    random = generator(0, "one number")
    labels = random.integers(0, 2, 900)
    values = sign * np.exp(labels + random.normal(size=900))
    train, train_labels, tuning, tuning_labels = _parts(values, labels)
    baseline = single_feature(train, train_labels, tuning, tuning_labels, name="spread alone")
    risk = baseline.predict(values[600:, None])
    assert auroc(labels[600:], risk) == pytest.approx(auroc(labels[600:], sign * values[600:]))
    assert baseline.name == "spread alone"


def test_one_number_can_tell_a_class_between_two_others():
    random = generator(1, "one number")
    labels = random.integers(0, 3, 900)
    values = np.exp(2 * labels + 0.3 * random.normal(size=900))
    baseline = single_feature(*_parts(values, labels), 3, name="spread alone")
    assert (baseline.predict(values).argmax(axis=1) == labels).mean() > 0.95


def test_bad_input_is_named():
    features, labels = _linear(300)
    parts = _parts(features, labels)
    with pytest.raises(DataError, match="infinite numbers"):
        logistic_regression(np.where(features[:100] > 9, np.inf, 1), *parts[1:])
    with pytest.raises(DataError, match="training features of a baseline"):
        gradient_boosting(parts[0][:-1], *parts[1:])
    with pytest.raises(DataError, match="tuning features"):
        gradient_boosting(parts[0], parts[1], parts[2][:-1], parts[3])
    with pytest.raises(LabelError, match="1 of 3 classes absent"):
        logistic_regression(*parts, 3)
    with pytest.raises(ConfigError, match="number of classes"):
        logistic_regression(*parts, 1)


@pytest.mark.long
def test_all_rivals_of_the_demo_take_under_fifteen_seconds():
    random = generator(0, "speed")
    features = np.minimum(random.poisson(0.5, (20_000, 250)), 20).astype(float)
    features[:, 125:] = np.where(random.random((20_000, 125)) < 0.6, np.nan, 100.0)
    logits = np.nan_to_num(features[:, :125]) @ random.normal(0, 0.25, 125)
    labels = (random.random(20_000) < 1 / (1 + np.exp(2 - logits + logits.mean()))).astype(int)
    parts = features[:14_000], labels[:14_000], features[14_000:], labels[14_000:]
    start = time.process_time()
    logistic_regression(*parts)
    gradient_boosting(*parts)
    assert time.process_time() - start < 20
