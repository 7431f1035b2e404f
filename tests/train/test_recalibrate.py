from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sequela.train import logit_shift, probabilities

shares = st.lists(st.floats(0.01, 1), min_size=2, max_size=5).map(lambda x: np.array(x) / sum(x))


@given(shares, st.integers(0, 2**32 - 1))
def test_bayes_rule_is_undone_exactly(true_shares, seed):
    random = np.random.default_rng(seed)
    classes = len(true_shares)
    likelihood = random.random((8, classes)) + 0.01
    balanced = likelihood / likelihood.sum(axis=1, keepdims=True)
    wanted = likelihood * true_shares
    wanted /= wanted.sum(axis=1, keepdims=True)
    shift = logit_shift(true_shares, [1 / classes] * classes)
    np.testing.assert_allclose(probabilities(np.log(balanced), shift), wanted, rtol=1e-9)
    if classes == 2:
        odds = np.log(balanced[:, 1]) - np.log(balanced[:, 0])
        np.testing.assert_allclose(probabilities(odds, shift), wanted[:, 1], rtol=1e-9)


def test_equal_shares_move_nothing():
    assert logit_shift([0.5, 0.5], [0.5, 0.5]) == [0.0]
    assert logit_shift([0.2, 0.3, 0.5], [0.2, 0.3, 0.5]) == [0.0, 0.0, 0.0]


def test_large_logits_do_not_overflow():
    with np.errstate(all="raise", under="ignore"):
        assert probabilities(np.array([-1e4, 0.0, 1e4])).tolist() == [0.0, 0.5, 1.0]
        found = probabilities(np.array([[1e4, 0.0, -1e4]]))
    assert found == pytest.approx(np.array([[1.0, 0.0, 0.0]]))
