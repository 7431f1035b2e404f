"""Outcomes without classes: measures against numbers worked out by hand, and their rivals."""

from __future__ import annotations

import json

import numpy as np
import pytest

from sequela.errors import ConfigError, DataError, LeakageError
from sequela.evaluate import (
    About,
    Part,
    Scores,
    auprc,
    auroc,
    boosted_numbers,
    constant_quantiles,
    count_boosting,
    cox_regression,
    evaluate_outcome,
    label_boosting,
    label_neighbours,
    label_rates,
    label_regression,
    mean_count,
    poisson_regression,
    ridge_numbers,
    same_curve,
    with_errors,
)
from sequela.evaluate.labels import LabelMetrics, label_threshold, per_label
from sequela.evaluate.means import (
    MeanMetrics,
    best_threshold,
    count_rows,
    poisson_deviance,
    quantile_rows,
    set_rows,
)
from sequela.evaluate.survival import (
    SurvivalMetrics,
    at_times,
    brier_rows,
    kaplan_meier,
    lost_time,
)

NAN = np.nan
LEVELS = (0.1, 0.5, 0.9)


def once(statistic, n: int) -> dict[str, float]:
    return {name: float(value[0]) for name, value in statistic(np.ones((1, n))).items()}


def test_labels_by_hand():
    labels = np.array([[1, 0, NAN], [0, 0, 1], [1, 0, 0], [0, 0, NAN]])
    scores = np.array([[0.9, 0.2, 0.5], [0.8, 0.1, 0.6], [0.3, 0.1, 0.7], [0.1, 0.3, 0.5]])
    found = once(LabelMetrics(labels, scores, np.array([0.5, 0.25, 0.65])), 4)
    # Label 1: pairs 3 of 4 in order; label 3: the only pair is not. Label 2 never holds.
    assert found["macro_auroc"] == pytest.approx((0.75 + 0.0) / 2)
    known = ~np.isnan(labels)
    assert found["micro_auroc"] == pytest.approx(auroc(labels[known], scores[known]))
    assert found["micro_auprc"] == pytest.approx(auprc(labels[known], scores[known]))
    # F1: label 1 flags rows 1 and 2, one rightly: 2 / (2 + 2); label 3 flags row 3, wrongly.
    assert found["macro_f1"] == pytest.approx((0.5 + 0.0) / 2)
    assert found["micro_f1"] == pytest.approx(2 * 1 / (4 + 3))
    assert found["brier"] == pytest.approx(((scores - labels)[known] ** 2).mean())
    rows = per_label(labels, scores, np.array([0.5, 0.25, 0.65]))
    assert [row["n"] for row in rows] == [4, 4, 2]
    assert [row["positives"] for row in rows] == [2, 0, 1]
    assert np.isnan(rows[1]["auroc"])


def test_a_weight_is_a_copy_of_the_row():
    random = np.random.default_rng(0)
    labels = random.integers(0, 2, (30, 3)).astype(float)
    labels[random.random((30, 3)) < 0.2] = NAN
    scores, weights = random.random((30, 3)), random.integers(0, 3, 30)
    twice = np.repeat(np.arange(30), weights)
    limits = np.full(3, 0.5)
    weighted = LabelMetrics(labels, scores, limits)(weights[None].astype(float))
    plain = once(LabelMetrics(labels[twice], scores[twice], limits), len(twice))
    for name, value in plain.items():
        assert float(weighted[name][0]) == pytest.approx(value), name


def test_the_threshold_of_a_label():
    labels, scores = np.array([0, 1, 1, 0]), np.array([0.1, 0.4, 0.8, 0.6])
    # Flagging from .4 finds both with one false alarm: F1 = 4 / 5.
    assert label_threshold(labels, scores) == 0.4
    assert label_threshold(np.zeros(4), scores) == np.inf


def test_sets_by_hand():
    truth = np.array([[1, 0, 1, 0, 2], [0, 0, 0, 0, 0]])
    scores = np.array([[0.9, 0.8, 0.4, 0.1], [0.1, 0.2, 0.3, 0.4]])
    seen = np.array([[True, False, False, False], [False] * 4])
    found = set_rows(truth, scores, 0.5, seen)
    # Four codes, of which two have no score: both others are among the first five.
    assert found["recall_at_5"][0] == 0.5
    assert found["precision_at_10"][0] == 0.2
    assert found["auprc"][0] == pytest.approx((1 + 2 / 3) / 4)
    assert found["jaccard"][0] == pytest.approx(1 / (2 + 4 - 1))
    assert found["f1"][0] == pytest.approx(2 / (2 + 4))
    assert found["new_recall_at_10"][0] == 1.0
    assert np.isnan(found["recall_at_10"][1])
    assert once(MeanMetrics(found), 2)["jaccard"] == pytest.approx(0.2)
    exact = np.array([[1, 0, 1, 0, 0]] * 3)
    assert 0.1 < best_threshold(exact, np.tile([0.8, 0.1, 0.9, 0.05], (3, 1))) <= 0.8


def test_counts_by_hand():
    truth, mean = np.array([0.0, 2.0]), np.array([1.0, 1.0])
    wanted = [2.0, 2 * (2 * np.log(2) - 1)]
    np.testing.assert_allclose(poisson_deviance(truth, mean), wanted)
    found = once(MeanMetrics(count_rows(truth, mean)), 2)
    assert (found["mae"], found["bias"]) == (1.0, 0.0)
    assert found["deviance"] == pytest.approx(sum(wanted) / 2)


def test_quantiles_by_hand():
    truth = np.array([[3.0, NAN], [NAN, NAN]])
    answer = np.tile(np.array([1.0, 2.0, 4.0]), (2, 2, 1))
    found = quantile_rows(truth, answer, LEVELS)
    assert found["pinball"][0] == pytest.approx((0.2 + 0.5 + 0.1) / 3)
    assert (found["mae"][0], found["coverage"][0], found["width"][0]) == (1.0, 1.0, 3.0)
    assert np.isnan(found["pinball"][1])


def test_kaplan_and_meier_by_hand():
    # At risk 5, 4 (one of two at time 2 is censored), 2.
    time, event = np.array([1.0, 2, 2, 3, 4]), np.array([1, 1, 0, 1, 0]) == 1
    times, survival = kaplan_meier(time, event)
    assert times.tolist() == [1, 2, 3]
    np.testing.assert_allclose(survival, [0.8, 0.8 * 0.75, 0.8 * 0.75 * 0.5])


def test_concordance_by_hand():
    time, event = np.array([1.0, 2, 3, 4]), np.array([1.0, 0, 1, 0])
    # Higher hazard, lower curve: risks 3, 2, 1, 2 by the order of the curves.
    curves = np.array([[0.1], [0.5], [0.9], [0.5]])
    found = once(SurvivalMetrics(time, event, curves, np.array([5.0])), 4)
    # Row 1 against 2, 3, 4: all right. Row 3 against 4: wrong.
    assert found["harrell"] == pytest.approx(3 / 4)
    # Censoring: 1 before time 2, 2/3 after it; row 3 weighs (3/2)^2.
    assert found["uno"] == pytest.approx(3 / (3 + 2.25))


def test_the_brier_score_by_hand():
    time, event = np.array([1.0, 2, 4]), np.array([True, False, True])
    curves, edges = np.array([[0.2], [0.6], [0.7]]), np.array([4.0])
    rows, grid = brier_rows(time, event, curves, edges)
    place = int(np.argmin(np.abs(grid - 3)))
    survival = 1 - (1 - curves[:, 0]) * grid[place] / 4
    # By then row 1 had its event (G just before 1 is 1), row 2 is lost, row 3 is seen (G = 1/2).
    wanted = [survival[0] ** 2, 0.0, (1 - survival[2]) ** 2 / 0.5]
    np.testing.assert_allclose(rows[:, place], wanted)
    assert grid.max() < 4


def test_curves_between_the_ends():
    curves, edges = np.array([[0.8, 0.4]]), np.array([2.0, 4.0])
    found = at_times(curves, edges, np.array([1.0, 2.0, 3.0, 9.0]))
    np.testing.assert_allclose(found, [[0.9, 0.8, 0.6, 0.4]])
    np.testing.assert_allclose(lost_time(curves, edges), [2 * 0.1 + 2 * 0.4])


def signal(n: int = 400, seed: int = 0) -> tuple[np.ndarray, np.random.Generator]:
    random = np.random.default_rng(seed)
    features = random.normal(size=(n, 4)).astype(np.float32)
    features[random.random((n, 4)) < 0.1] = NAN
    return features, random


@pytest.mark.long
def test_rivals_of_labels_find_the_signal():
    features, random = signal()
    filled = np.nan_to_num(features)
    truth = (filled[:, :2] + 0.5 * random.normal(size=(400, 2)) > 0).astype(float)
    truth[::9, 1] = NAN
    given = (features[:250], truth[:250], features[250:], truth[250:])
    rates = label_rates(truth[:250]).predict(features[250:])
    for rival in (label_regression(*given), label_boosting(*given), label_neighbours(*given)):
        assert rival is not None
        said = rival.predict(features[250:])
        assert said.shape == (150, 2)
        known = ~np.isnan(truth[250:])
        assert ((said - truth[250:])[known] ** 2).mean() < (
            (rates - truth[250:])[known] ** 2
        ).mean()
    assert label_boosting(features, np.zeros((400, 31)), features, np.zeros((400, 31))) is None


def test_neighbours_are_the_most_similar_rows_and_everybody_is_one_more():
    random = np.random.default_rng(1)
    features = random.normal(size=(300, 3)) * [1, 10, 100] + [5, 0, -7]
    truth = features @ random.normal(size=(3, 4)) > 0
    train, tuning, held_out = slice(0, 200), slice(200, 250), slice(250, 300)
    given = (features[train], truth[train], features[tuning], truth[tuning])
    rival = label_neighbours(*given)
    standard = (features - features[train].mean(axis=0)) / features[train].std(axis=0)
    standard /= np.linalg.norm(standard, axis=1, keepdims=True)
    rates = (truth[train].sum(axis=0) + 0.5) / 201
    count, losses = rival.chosen["neighbours"], {}
    for part in (tuning, held_out):
        near = np.argsort(-standard[part] @ standard[train].T, axis=1)
        for k in (1, 5, 20, 50):
            wanted = (truth[train][near[:, :k]].sum(axis=1) + rates) / (k + 1)
            if part == tuning:
                chance = np.where(truth[tuning], wanted, 1 - wanted)
                losses[k] = -np.log(chance).mean()
            elif k == count:
                np.testing.assert_allclose(rival.predict(features[held_out]), wanted, rtol=1e-5)
    assert count == min(losses, key=losses.__getitem__)


@pytest.mark.long
def test_rivals_of_counts_and_numbers_find_the_signal():
    features, random = signal()
    counts = random.poisson(np.exp(0.5 + 0.8 * np.nan_to_num(features[:, 0])))
    given = (features[:250], counts[:250], features[250:], counts[250:])
    plain = poisson_deviance(counts[250:], mean_count(counts[:250]).predict(features[250:])).mean()
    for rival in (poisson_regression(*given), count_boosting(*given)):
        assert poisson_deviance(counts[250:], rival.predict(features[250:])).mean() < plain
    numbers = np.stack([np.nan_to_num(features[:, 0]), random.normal(size=400)], axis=1)
    numbers[::7, 0] = NAN
    given = (features[:250], numbers[:250], features[250:], numbers[250:])
    errors = {}
    for rival in (
        constant_quantiles(numbers[:250], LEVELS),
        ridge_numbers(*given, LEVELS),
        boosted_numbers(*given, LEVELS),
    ):
        said = rival.predict(features[250:])
        assert said.shape == (150, 2, 3)
        assert (np.diff(said, axis=2) >= 0).all()
        errors[rival.name] = float(
            np.nanmean(quantile_rows(numbers[250:], said, LEVELS)["pinball"])
        )
    assert errors["ridge regression"] < errors["constant quantiles"]
    assert errors["gradient boosting"] < errors["constant quantiles"]


def test_errors_make_quantiles():
    truth = np.array([[1.0], [2.0], [3.0], [NAN]])
    spread = with_errors(np.zeros((4, 1)), truth, (0.25, 0.5, 0.75))
    np.testing.assert_allclose(spread(np.array([[10.0]])), [[[9.5, 10.0, 10.5]]])


def test_cox_finds_the_hazard_ratio():
    features, random = signal(3000)
    features = np.nan_to_num(features)
    time = random.exponential(np.exp(-0.7 * features[:, 0]))
    lost = random.exponential(2.0, 3000)
    event, seen = (time <= lost).astype(float), np.minimum(time, lost)
    edges = np.array([0.25, 0.5, 1.0])
    both = (features[:2000], seen[:2000], event[:2000], features[2000:], seen[2000:], event[2000:])
    rival = cox_regression(*both, edges)
    said = rival.predict(np.array([[0, 0, 0, 0], [1, 0, 0, 0]], np.float32))
    # Survival of whom the features are 0 is exp(-t), of the other exp(-t exp(.7)).
    np.testing.assert_allclose(said[0], np.exp(-edges), atol=0.04)
    np.testing.assert_allclose(np.log(said[1]) / np.log(said[0]), np.exp(0.7), rtol=0.1)
    plain = same_curve(seen, event, edges).predict(features[:1])
    np.testing.assert_allclose(
        plain[0],
        np.append(1.0, kaplan_meier(seen, event == 1)[1])[
            np.searchsorted(kaplan_meier(seen, event == 1)[0], edges, side="right")
        ],
    )


def answers(kind: str, n: int, random: np.random.Generator) -> tuple[About, np.ndarray, np.ndarray]:
    if kind == "multilabel":
        about = About(kind, ("a", "b"))
        return about, random.integers(0, 2, (n, 2)) * 1.0, random.random((n, 2))
    if kind == "sets":
        about = About(kind, ("a", "b", "c"))
        return about, random.integers(0, 2, (n, 4)), random.random((n, 3))
    if kind == "count":
        return About(kind), random.poisson(2, n) * 1.0, random.random(n) + 1
    if kind == "quantile":
        about = About(kind, ("up to 1 day",), levels=LEVELS, unit="days")
        return about, random.normal(size=(n, 1)), np.sort(random.normal(size=(n, 1, 3)), axis=2)
    about = About(kind, ("1 day", "2 days"), edges=(1.0, 2.0), unit="days")
    labels = np.stack([random.random(n) * 3, random.integers(0, 2, n)], axis=1)
    return about, labels, np.sort(random.random((n, 2)), axis=1)[:, ::-1]


@pytest.mark.parametrize("kind", ["multilabel", "sets", "count", "time_to_event", "quantile"])
def test_the_whole_is_ready_for_json(kind: str):
    random = np.random.default_rng(1)
    about, labels, said = answers(kind, 60, random)
    _, more, other = answers(kind, 60, random)
    groups = np.arange(60) // 2
    entries = [Scores("GRU", said, other), Scores("rival", other, said, "baseline")]
    parts = (Part(labels, groups), Part(more, groups + 100))
    found = evaluate_outcome(about, entries, *parts, replicates=50, seed=3)
    json.dumps(found, allow_nan=False)
    assert (found["kind"], found["n"], found["groups"]) == (kind, 60, 30)
    for row in found["table"]:
        for measure, value in row.items():
            if isinstance(value, dict) and value["low"] is not None:
                assert value["low"] <= value["high"], measure
    assert found["breakdown"]["rows"]
    again = evaluate_outcome(about, entries, *parts, replicates=50, seed=3)
    assert again == found
    with pytest.raises(LeakageError):
        evaluate_outcome(about, entries, parts[0], Part(more, groups + 5), replicates=50)
    with pytest.raises(DataError, match="shape"):
        evaluate_outcome(about, [Scores("GRU", said[:5], other)], *parts, replicates=50)
    with pytest.raises(ConfigError, match="names of the models"):
        evaluate_outcome(about, entries[:1] * 2, *parts, replicates=50)
