"""Measures against scikit-learn, against cases worked by hand, and by their laws."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn import metrics as reference
from sklearn.linear_model import LogisticRegression

from sequela.evaluate import metrics
from sequela.seeds import generator


def _example(seed: int, n: int = 300, levels: int | None = None):
    random = generator(seed, "metrics test")
    scores = random.random(n)
    if levels:
        scores = np.round(scores * levels) / levels
    labels = (random.random(n) < 0.1 + 0.6 * scores).astype(int)
    labels[:2] = 0, 1
    return labels, scores, random.integers(0, 4, n).astype(float)


@given(st.integers(0, 10_000), st.sampled_from([None, 1, 5, 40]))
def test_ranking_measures_are_scikit_learns_for_any_weights_and_ties(seed, levels):
    labels, scores, weights = _example(seed, levels=levels)
    assert metrics.auroc(labels, scores) == pytest.approx(
        reference.roc_auc_score(labels, scores), abs=1e-12
    )
    assert metrics.auprc(labels, scores) == pytest.approx(
        reference.average_precision_score(labels, scores), abs=1e-12
    )
    weights[:2] = 1
    used = weights > 0
    some = labels[used], scores[used]
    assert metrics.auroc(labels, scores, weights) == pytest.approx(
        reference.roc_auc_score(*some, sample_weight=weights[used]), abs=1e-12
    )
    assert metrics.auprc(labels, scores, weights) == pytest.approx(
        reference.average_precision_score(*some, sample_weight=weights[used]), abs=1e-12
    )
    assert metrics.brier(labels, scores, weights) == pytest.approx(
        reference.brier_score_loss(*some, sample_weight=weights[used]), abs=1e-12
    )
    accuracy = metrics.BinaryMetrics(labels, scores)(weights[None])["accuracy"]
    assert accuracy[0] == pytest.approx(
        reference.accuracy_score(some[0], some[1] >= 0.5, sample_weight=weights[used]), abs=1e-12
    )


@given(st.integers(0, 10_000))
def test_a_weight_is_a_repetition(seed):
    labels, scores, weights = _example(seed, levels=30)
    weights[:2] = 1
    rows = np.repeat(np.arange(len(labels)), weights.astype(int))
    for measure in (metrics.auroc, metrics.auprc, metrics.brier):
        repeated = measure(labels[rows], scores[rows])
        assert measure(labels, scores, weights) == pytest.approx(repeated, abs=1e-12)


@given(st.integers(0, 10_000))
def test_auroc_is_unchanged_by_a_monotone_transform_and_reversed_by_a_sign(seed):
    labels, scores, _ = _example(seed, levels=50)
    area = metrics.auroc(labels, scores)
    assert metrics.auroc(labels, np.exp(3 * scores) - 7) == area
    assert metrics.auroc(labels, -scores) == pytest.approx(1 - area, abs=1e-12)
    assert metrics.auroc(1 - labels, scores) == pytest.approx(1 - area, abs=1e-12)


@given(st.integers(0, 10_000))
def test_all_measures_are_unchanged_by_the_order_of_rows(seed):
    labels, scores, _ = _example(seed, levels=20)
    order = generator(seed, "order").permutation(len(labels))
    ones = np.ones((1, len(labels)))
    straight = metrics.BinaryMetrics(labels, scores, 0.5)(ones)
    shuffled = metrics.BinaryMetrics(labels[order], scores[order], 0.5)(ones)
    for name, value in straight.items():
        np.testing.assert_allclose(shuffled[name], value, rtol=1e-9, err_msg=name)


def test_by_hand():
    # Two positives at .8 and .4, two negatives at .6 and .4: of four pairs 2 are won and 1 is tied.
    labels, scores = np.array([1, 1, 0, 0]), np.array([0.8, 0.4, 0.6, 0.4])
    assert metrics.auroc(labels, scores) == 2.5 / 4
    assert metrics.auprc(labels, scores) == 0.5 * 1 + 0.5 * 2 / 4
    assert metrics.brier(labels, scores) == pytest.approx((0.04 + 0.36 + 0.36 + 0.16) / 4)
    # With two bins the line falls at .6: {.4, .4} observes 1 of .8, {.6, .8} observes 1 of 1.4.
    assert metrics.calibration_error(labels, scores, bins=2) == pytest.approx((0.2 + 0.4) / 4)
    # With four, equal scores share a bin: {.4, .4}, {.6} and {.8}.
    assert metrics.calibration_error(labels, scores, bins=4) == pytest.approx(
        (abs(1 - 0.8) + abs(0 - 0.6) + abs(1 - 0.8)) / 4
    )
    found = metrics.at_threshold(labels, scores, 0.5)
    assert found == {
        "sensitivity": 0.5,
        "specificity": 0.5,
        "ppv": 0.5,
        "npv": 0.5,
        "flagged_per_1000": 500.0,
    }


def test_published_example():
    # Hanley & McNeil, Radiology 1982, table I: 109 CT images rated 1 to 5, area .893.
    normal, abnormal = [33, 6, 6, 11, 2], [3, 2, 2, 11, 33]
    ratings = np.tile(np.arange(1, 6), 2)
    labels = np.repeat([0, 1], 5)
    area = metrics.auroc(labels, ratings, np.array([*normal, *abnormal], dtype=float))
    assert area == pytest.approx(0.893, abs=5e-4)


def test_a_constant_score_knows_nothing():
    labels = np.array([1, 0, 0, 0])
    assert metrics.auroc(labels, np.full(4, 0.25)) == 0.5
    assert metrics.auprc(labels, np.full(4, 0.25)) == 0.25
    assert metrics.calibration_error(labels, np.full(4, 0.25)) == 0
    slope, intercept = metrics.calibration_line(labels, np.full(4, 0.25))
    assert np.isnan(slope)
    assert intercept == pytest.approx(0, abs=1e-9)


@pytest.mark.parametrize("only", [0, 1])
def test_one_class_leaves_ranking_measures_undefined(only):
    labels, scores = np.full(5, only), np.linspace(0, 1, 5)
    assert np.isnan(metrics.auroc(labels, scores))
    assert np.isnan(metrics.auprc(labels, scores))


def test_nobody_flagged_has_no_ppv():
    found = metrics.at_threshold(np.array([0, 1]), np.array([0.1, 0.2]), 0.9)
    assert np.isnan(found["ppv"])
    assert (found["sensitivity"], found["specificity"], found["npv"]) == (0, 1, 0.5)


@given(st.integers(0, 1000))
def test_calibration_line_is_that_of_an_unpenalised_logistic_regression(seed):
    labels, scores, _ = _example(seed, 800)
    scores = np.clip(scores, 0.01, 0.99)
    logit = np.log(scores / (1 - scores))
    fitted = LogisticRegression(C=np.inf, tol=1e-10).fit(logit[:, None], labels)
    slope, intercept = metrics.calibration_line(labels, scores)
    assert slope == pytest.approx(fitted.coef_[0, 0], abs=1e-4)
    # The intercept with the slope held at 1 makes the mean risk equal to the observed rate.
    assert (1 / (1 + np.exp(-logit - intercept))).mean() == pytest.approx(labels.mean(), abs=1e-9)


def test_calibration_line_by_construction():
    random = generator(0, "line")
    logit = random.normal(-1, 1.5, 40_000)
    labels = (random.random(40_000) < 1 / (1 + np.exp(-logit))).astype(int)
    slope, intercept = metrics.calibration_line(labels, 1 / (1 + np.exp(-logit)))
    assert (slope, intercept) == (pytest.approx(1, abs=0.04), pytest.approx(0, abs=0.04))
    twice_too_sure = metrics.calibration_line(labels, 1 / (1 + np.exp(-2 * logit)))
    assert twice_too_sure[0] == pytest.approx(slope / 2, abs=1e-6)


def test_separable_scores_have_no_slope_and_no_warning():
    slope, _ = metrics.calibration_line(np.array([0, 0, 1, 1]), np.array([0.0, 0.1, 0.9, 1.0]))
    assert np.isnan(slope)


@given(st.integers(0, 1000), st.integers(1, 20))
def test_calibration_bins_have_equal_mass_and_keep_ties_together(seed, bins):
    _, scores, _ = _example(seed, 200)
    sizes = np.bincount(metrics.calibration_bins(scores, bins))
    assert len(sizes) == bins
    assert sizes.max() - sizes.min() <= 1
    _, tied, _ = _example(seed, 200, levels=6)
    member = metrics.calibration_bins(tied, bins)
    for value in np.unique(tied):
        assert len(np.unique(member[tied == value])) == 1


def test_many_weightings_at_once_equal_one_at_a_time():
    labels, scores, _ = _example(3, levels=25)
    weights = generator(3, "weights").integers(0, 3, (5, len(labels))).astype(float)
    together = metrics.BinaryMetrics(labels, scores, 0.4)(weights)
    for row, one in enumerate(weights):
        alone = metrics.BinaryMetrics(labels, scores, 0.4)(one[None])
        for name, value in together.items():
            np.testing.assert_allclose(value[row], alone[name][0], rtol=1e-10, err_msg=name)
    np.testing.assert_allclose(metrics.auroc(labels, scores, weights), together["auroc"])
