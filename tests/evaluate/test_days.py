"""The measures of the time to the next visit, by hand and weighted."""

from __future__ import annotations

import numpy as np
import pytest

from sequela.evaluate.days import DaysMetrics


def test_by_hand():
    truth, said = np.array([1.0, 3.0, np.nan, 5.0]), np.array([2.0, 3.0, 9.0, 3.0])
    found = DaysMetrics(truth, said)(np.ones((1, 4)))
    assert found["days_error"][0] == pytest.approx(1.0)
    assert found["days_r2"][0] == pytest.approx(1 - 5 / 8)


def test_a_weight_is_a_copy_of_the_row():
    random = np.random.default_rng(0)
    truth, said, weights = random.random(20), random.random(20), random.integers(0, 3, 20)
    twice = np.repeat(np.arange(20), weights)
    one = DaysMetrics(truth, said)(weights[None].astype(float))
    other = DaysMetrics(truth[twice], said[twice])(np.ones((1, len(twice))))
    for name, values in one.items():
        assert values[0] == pytest.approx(other[name][0])


def test_nothing_known_and_nothing_that_differs():
    nothing = DaysMetrics(np.full(2, np.nan), np.zeros(2))(np.ones((1, 2)))
    assert np.isnan(nothing["days_error"][0])
    same = DaysMetrics(np.ones(3), np.zeros(3))(np.ones((1, 3)))
    assert same["days_error"][0] == 1.0
    assert np.isnan(same["days_r2"][0])
