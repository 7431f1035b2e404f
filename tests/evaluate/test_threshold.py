"""Thresholds: what each rule picks, and what it refuses."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import roc_curve

from sequela.errors import ConfigError
from sequela.evaluate import UnreachableTarget, at_threshold, choose_threshold
from sequela.seeds import generator

LABELS = np.array([0, 0, 0, 1, 0, 1, 1, 1])
SCORES = np.array([0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8])


def _example(seed: int):
    random = generator(seed, "threshold test")
    scores = np.round(random.random(150), 2)
    labels = (random.random(150) < scores).astype(int)
    labels[:2] = 0, 1
    return labels, scores


def test_youden_by_hand():
    # At .55 sensitivity 3/4 and specificity 1; at .35 sensitivity 1 and specificity 3/4: a tie,
    # which the higher threshold wins.
    assert choose_threshold(LABELS, SCORES) == pytest.approx(0.55)


def test_targets_by_hand():
    assert choose_threshold(LABELS, SCORES, "sensitivity", 0.9) == pytest.approx(0.35)
    assert choose_threshold(LABELS, SCORES, "sensitivity", 0.5) == pytest.approx(0.65)
    assert choose_threshold(LABELS, SCORES, "specificity", 0.9) == pytest.approx(0.55)
    assert choose_threshold(LABELS, SCORES, "specificity", 0.7) == pytest.approx(0.35)


@given(st.integers(0, 10_000))
def test_youden_is_the_best_of_the_roc_curve(seed):
    labels, scores = _example(seed)
    wrong, right, _ = roc_curve(labels, scores)
    found = at_threshold(labels, scores, choose_threshold(labels, scores))
    best = (right - wrong).max()
    assert found["sensitivity"] + found["specificity"] - 1 == pytest.approx(best)


@given(st.integers(0, 10_000), st.sampled_from([0.5, 0.8, 0.9]))
def test_a_target_is_kept_and_is_not_wasteful(seed, target):
    labels, scores = _example(seed)
    for rule, other in (("sensitivity", "specificity"), ("specificity", "sensitivity")):
        threshold = choose_threshold(labels, scores, rule, target)
        found = at_threshold(labels, scores, threshold)
        assert found[rule] >= target
        rivals = [at_threshold(labels, scores, t) for t in np.unique(scores)]
        assert found[other] == max(r[other] for r in rivals if r[rule] >= target)


def test_a_score_that_knows_nothing_flags_nobody():
    scores = np.full(8, 0.5)
    assert choose_threshold(LABELS, scores) > 0.5


@pytest.mark.parametrize("rule", ["sensitivity", "specificity"])
def test_an_unreachable_target_is_refused(rule):
    with pytest.raises(UnreachableTarget, match=r"reached only by flagging (everybody|nobody)"):
        choose_threshold(LABELS, np.full(8, 0.5), rule, 0.9)


@pytest.mark.parametrize(
    ("rule", "target", "message"),
    [
        ("best", None, "wanted one of youden"),
        ("youden", 0.9, "wanted no target"),
        ("sensitivity", None, "wanted a target"),
        ("sensitivity", 1.2, "wanted a number between 0 and 1"),
        ("specificity", 0.0, "wanted a number between 0 and 1"),
    ],
)
def test_wrong_rules_and_targets(rule, target, message):
    with pytest.raises(ConfigError, match=message):
        choose_threshold(LABELS, SCORES, rule, target)
