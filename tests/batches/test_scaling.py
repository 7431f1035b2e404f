"""Scales of values: of the training part, not moved by outliers, no single patient's value."""

from __future__ import annotations

import json

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sequela.batches.scaling import Scales
from sequela.errors import BundleError


def _table(values, code: str = "HR", subjects=None) -> pl.DataFrame:
    return pl.DataFrame(
        {
            "code": [code] * len(values),
            "numeric_value": pl.Series(values, dtype=pl.Float64),
            "subject": list(range(len(values))) if subjects is None else subjects,
        }
    )


def test_a_normal_variable_is_standardised():
    values = np.random.default_rng(0).normal(80, 10, 2000)
    scales = Scales.fit(_table(values), 11, 10)
    assert scales.names == ("HR",)
    assert scales.subjects == (2000,)
    assert scales.mean[0] == pytest.approx(80, abs=1)
    assert scales.spread[0] == pytest.approx(10, abs=0.7)
    found = scales.apply(np.zeros(2000, int), values)
    assert abs(found.mean()) < 0.01
    assert found.std() == pytest.approx(1, abs=0.05)


def test_outliers_move_nothing():
    values = np.random.default_rng(0).normal(80, 10, 2000)
    clean = Scales.fit(_table(values), 11, 10)
    wild = values.copy()
    wild[:10] = [1e6, -1e6, 735, 3e7, -9e5, 1e5, 1e5, 1e5, 1e5, 1e5]
    scales = Scales.fit(_table(wild), 11, 10)
    assert scales.mean[0] == pytest.approx(clean.mean[0], rel=0.02)
    assert scales.spread[0] == pytest.approx(clean.spread[0], rel=0.1)
    assert np.abs(scales.apply(np.zeros(2000, int), wild)).max() < 6


def test_bounds_are_no_patients_values_and_hold_the_middle():
    values = np.random.default_rng(1).normal(0, 1, 500)
    scales = Scales.fit(_table(values), 11, 10)
    assert scales.low[0] not in values
    assert scales.high[0] not in values
    inside = (values >= scales.low[0]) & (values <= scales.high[0])
    assert inside.mean() >= 0.98


def test_equal_values_and_gaps():
    table = pl.concat(
        [
            _table([5.0, 5.0, 5.0], "SAME"),
            _table([None, float("nan"), float("inf")], "GAPS"),
            _table([1.0, 2.0, None], "FEW", [1, 1, 2]),
        ]
    )
    scales = Scales.fit(table, 2, 10)
    assert scales.names == ("SAME",)
    assert (scales.mean, scales.spread) == ((5.0,), (1.0,))
    assert scales.apply(np.array([0, 0]), np.array([5.0, 9.0])).tolist() == [0, 0]
    assert Scales.fit(table.clear(), 1, 10) == Scales()


def test_the_variables_of_most_subjects_are_kept():
    table = pl.concat([_table([1.0] * 3, "C"), _table([1.0] * 5, "B"), _table([1.0] * 5, "A")])
    assert Scales.fit(table, 1, 2).names == ("A", "B")
    assert Scales.fit(table, 1, 2).subjects == (5, 5)


@settings(deadline=None, max_examples=25)
@given(
    st.lists(st.floats(-1e6, 1e6, width=32), min_size=1, max_size=60),
    st.randoms(use_true_random=False),
)
def test_the_order_of_the_rows_does_not_matter(values, random):
    shuffled = list(values)
    random.shuffle(shuffled)
    scales = Scales.fit(_table(values, subjects=[0] * len(values)), 1, 5)
    assert scales == Scales.fit(_table(shuffled, subjects=[0] * len(values)), 1, 5)
    assert Scales.from_dict(json.loads(json.dumps(scales.to_dict()))) == scales
    found = scales.apply(np.zeros(len(values), int), np.array(values))
    assert np.isfinite(found).all()


def test_numbers_of_events():
    scales = Scales.fit(pl.concat([_table([1.0, 2.0], "A"), _table([1.0], "B")]), 1, 5)
    events = pl.DataFrame(
        {
            "code": ["B", "A", "X", "A", "A"],
            "numeric_value": pl.Series([1.0, None, 1.0, float("nan"), 3.0], dtype=pl.Float32),
        }
    )
    assert scales.number(events).tolist() == [1, -1, -1, -1, 0]


@pytest.mark.parametrize(
    "change",
    [
        {"names": "HR"},
        {"names": [1]},
        {"names": ["HR", "HR"]},
        {"subjects": [0]},
        {"subjects": [True]},
        {"low": [2.0], "high": [1.0]},
        {"spread": [0.0]},
        {"spread": [-1.0]},
        {"mean": [float("nan")]},
        {"mean": [float("inf")]},
        {"mean": [1]},
        {"mean": []},
        {"mean": [1.0, 2.0]},
        {"extra": []},
        {"high": None},
    ],
)
def test_damaged_scales_are_refused(change):
    content = Scales.fit(_table([1.0, 2.0]), 1, 5).to_dict()
    with pytest.raises(BundleError, match="scales of values"):
        Scales.from_dict({**content, **change})
    for broken in ({}, [], None, "x"):
        with pytest.raises(BundleError):
            Scales.from_dict(broken)
