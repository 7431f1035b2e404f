"""Resampling of groups: determinism, coverage, pairing, clustering and speed."""

from __future__ import annotations

import time

import numpy as np
import pytest

from sequela.errors import ConfigError
from sequela.evaluate import BinaryMetrics, estimate, interval, replicate, resample
from sequela.seeds import generator


def _weights(groups, replicates=200, seed=0):
    return np.concatenate(list(resample(np.asarray(groups), replicates, seed)))


def test_rows_of_a_group_share_a_weight_and_the_number_of_groups_is_kept():
    groups = np.array(["b", "a", "b", "c", "a", "d"])
    weights = _weights(groups)
    assert weights.shape == (200, 6)
    assert (weights[:, 0] == weights[:, 2]).all()
    assert (weights[:, 1] == weights[:, 4]).all()
    assert (weights[:, [0, 1, 3, 5]].sum(axis=1) == 4).all()
    assert weights[:, 3].mean() == pytest.approx(1, abs=0.2)


def test_same_seed_same_resamples_other_seed_others():
    groups = np.arange(40)
    np.testing.assert_array_equal(_weights(groups), _weights(groups))
    assert (_weights(groups) != _weights(groups, seed=1)).any()


def test_row_order_does_not_matter():
    groups = np.repeat(np.arange(30), 3)
    order = generator(0, "order").permutation(90)
    np.testing.assert_array_equal(_weights(groups)[:, order], _weights(groups[order]))


def test_chunks_do_not_matter(monkeypatch):
    whole = _weights(np.arange(50))
    monkeypatch.setattr("sequela.evaluate.bootstrap._CHUNK", 1000)
    np.testing.assert_array_equal(_weights(np.arange(50)), whole)


def test_statistics_share_their_resamples():
    random = generator(0, "paired")
    labels = random.integers(0, 2, 300)
    scores = np.clip(0.5 * labels + random.random(300) / 2, 0, 1)
    drawn = replicate(
        {"a": BinaryMetrics(labels, scores), "b": BinaryMetrics(labels, scores)}, np.arange(300), 50
    )
    for measure, values in drawn["a"].items():
        np.testing.assert_array_equal(values, drawn["b"][measure])


def test_a_paired_difference_is_narrower_than_its_parts():
    random = generator(1, "paired")
    labels = (random.random(1000) < 0.3).astype(int)
    signal = labels + random.normal(0, 1, 1000)
    risks = [1 / (1 + np.exp(-(signal + random.normal(0, noise, 1000)))) for noise in (0.2, 0.3)]
    drawn = replicate(
        {str(k): BinaryMetrics(labels, risk) for k, risk in enumerate(risks)}, np.arange(1000), 300
    )
    low, high = interval(drawn["0"]["auroc"] - drawn["1"]["auroc"])
    single = interval(drawn["0"]["auroc"])
    assert high - low < 0.6 * (single[1] - single[0])


def test_grouping_widens_the_interval_of_clustered_rows():
    random = generator(2, "cluster")
    groups = np.repeat(np.arange(60), 20)
    labels = np.repeat((random.random(60) < 0.5).astype(int), 20)
    scores = 1 / (1 + np.exp(-(labels + np.repeat(random.normal(0, 1.5, 60), 20))))
    statistic = {"m": BinaryMetrics(labels, scores)}
    grouped = interval(replicate(statistic, groups, 300)["m"]["auroc"])
    naive = interval(replicate(statistic, np.arange(1200), 300)["m"]["auroc"])
    assert grouped[1] - grouped[0] > 2.5 * (naive[1] - naive[0])


def test_coverage_of_the_interval_is_near_its_level():
    random = generator(3, "coverage")
    truth, covered = 0.5, 0
    for trial in range(120):
        rows = random.normal(truth, 1, 80)

        def mean(weights, rows=rows):
            return {"mean": weights @ rows / weights.sum(axis=1)}

        low, high = interval(replicate({"m": mean}, np.arange(80), 200, trial)["m"]["mean"])
        covered += low <= truth <= high
    # The standard error of 95 % over 120 trials is 2 %.
    assert 0.88 <= covered / 120 <= 1


def test_resamples_without_a_class_are_left_out():
    labels = np.array([1, 0, 0, 0, 0, 0])
    scores = np.array([0.7, 0.1, 0.2, 0.3, 0.8, 0.5])
    values = replicate({"m": BinaryMetrics(labels, scores)}, np.arange(6), 400)["m"]["auroc"]
    share = np.isnan(values).mean()
    assert share == pytest.approx((5 / 6) ** 6, abs=0.08)
    low, high = interval(values)
    assert 0 <= low < high <= 1


def test_an_interval_of_leftovers_is_refused():
    values = np.full(100, np.nan)
    values[:40] = 0.5
    assert np.isnan(interval(values)).all()
    assert estimate(0.5, values) == {"value": 0.5, "low": None, "high": None}
    assert estimate(float("nan"), values)["value"] is None


def test_the_interval_of_a_calibration_error_holds_its_value():
    random = generator(4, "ece")
    scores = random.random(500)
    labels = (random.random(500) < scores).astype(int)
    statistic = BinaryMetrics(labels, scores)
    value = float(statistic(np.ones((1, 500)))["calibration_error"][0])
    values = replicate({"m": statistic}, np.arange(500), 300)["m"]["calibration_error"]
    # Resampling adds its own noise to an absolute value: nearly all replicates lie above it.
    assert (values > value).mean() > 0.7
    answer = estimate(value, values, centred=True)
    assert answer["low"] <= value <= answer["high"]


def test_no_replicates_is_an_error():
    with pytest.raises(ConfigError, match="at least 1"):
        next(resample(np.arange(3), 0))


def test_one_step_calibration_slopes_agree_with_full_fits():
    random = generator(5, "slope")
    logit = random.normal(-1, 1.2, 1500)
    labels = (random.random(1500) < 1 / (1 + np.exp(-0.8 * logit))).astype(int)
    scores = 1 / (1 + np.exp(-logit))
    statistic = BinaryMetrics(labels, scores)
    for weights in _weights(np.arange(1500), 5):
        rows = np.repeat(np.arange(1500), weights.astype(int))
        full = BinaryMetrics(labels[rows], scores[rows])(np.ones((1, len(rows))))
        quick = statistic(weights[None])
        assert quick["calibration_slope"][0] == pytest.approx(
            full["calibration_slope"][0], abs=0.01
        )
        assert quick["calibration_intercept"][0] == pytest.approx(
            full["calibration_intercept"][0], abs=0.01
        )


def test_a_thousand_resamples_of_four_models_on_five_thousand_rows_are_quick():
    random = generator(6, "speed")
    labels = (random.random(5000) < 0.1).astype(int)
    statistics = {
        str(k): BinaryMetrics(labels, 1 / (1 + np.exp(2 - labels - random.normal(size=5000))), 0.2)
        for k in range(4)
    }
    start = time.process_time()
    replicate(statistics, generator(6, "groups").permutation(5000))
    assert time.process_time() - start < 5
