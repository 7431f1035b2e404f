"""Aggregates say how often, how recently and how long, and nothing about order."""

from __future__ import annotations

from datetime import datetime, timedelta

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sequela.batches.aggregates import aggregates, recency
from sequela.batches.visits import VisitEncoder
from sequela.cohort import Observations

START = datetime(2020, 1, 1)
DAYS = 100


def _samples(rows, count):
    events = pl.DataFrame(
        {
            "sample": [row[0] for row in rows],
            "time": [START + timedelta(days=row[1]) for row in rows],
            "code": [row[2] for row in rows],
        },
        schema={"sample": pl.UInt32, "time": pl.Datetime("us"), "code": pl.String},
    )
    labels = pl.DataFrame(
        {
            "subject_id": np.arange(count),
            "prediction_time": [START + timedelta(days=DAYS)] * count,
            "boolean_value": [False] * count,
        }
    )
    subgroups = pl.DataFrame(
        {"age": np.linspace(40, 80, count), "sex": (["F", "M"] * count)[:count]}
    )
    tables = (events, labels, subgroups)
    return VisitEncoder.fit(*tables, min_subjects=1).encode(*tables)


def test_a_small_example():
    rows = [(0, 10, "A"), (0, 10, "B"), (0, 40, "A"), (2, 100, "B")]
    features, names = aggregates(_samples(rows, 3))
    assert features.shape == (3, len(names))
    table = {name: features[:, column] for column, name in enumerate(names)}
    np.testing.assert_allclose(table["visits with A"], [2, 0, 0])
    np.testing.assert_allclose(table["visits with B"], [1, 0, 1])
    np.testing.assert_allclose(table["recency of A"], [np.exp(-60 / 365), 0, 0], rtol=1e-5)
    np.testing.assert_allclose(table["recency of B"], [np.exp(-90 / 365), 0, 1], rtol=1e-5)
    np.testing.assert_allclose(table["visits"], [2, 0, 1])
    np.testing.assert_allclose(table["days from first to last visit"], [30, 0, 0], rtol=1e-4)
    np.testing.assert_allclose(
        table["recency of the last visit"], [np.exp(-60 / 365), 0, 1], rtol=1e-5
    )
    assert {"age", "sex F", "sex M"} <= set(names)
    assert len(set(names)) == len(names)


@settings(deadline=None, max_examples=40)
@given(
    st.lists(
        st.tuples(st.integers(0, 5), st.integers(0, DAYS), st.sampled_from("ABC")), max_size=40
    ),
    st.permutations(range(6)),
)
def test_equal_to_counting_by_hand_and_to_subsets(rows, order):
    samples = _samples(rows, 6)
    features, names = aggregates(samples)
    assert np.isfinite(features).all()
    for column, name in enumerate(names):
        if name.startswith("visits with "):
            code = name.removeprefix("visits with ")
            expected = [
                len({row[1] for row in rows if row[0] == sample and row[2] == code})
                for sample in range(6)
            ]
            np.testing.assert_array_equal(features[:, column], expected)
    np.testing.assert_array_equal(aggregates(samples.subset(np.array(order)))[0], features[order])


def test_the_order_of_codes_in_between_does_not_matter():
    one = _samples([(0, 1, "A"), (0, 2, "B"), (0, 3, "A"), (0, 4, "A"), (0, 5, "B")], 1)
    two = _samples([(0, 1, "A"), (0, 2, "A"), (0, 3, "B"), (0, 4, "A"), (0, 5, "B")], 1)
    np.testing.assert_array_equal(aggregates(one)[0], aggregates(two)[0])


@pytest.mark.parametrize("limit", [1, 2])
def test_only_the_most_frequent_codes(limit):
    rows = [(0, 1, "A"), (1, 1, "A"), (0, 2, "B")]
    _, names = aggregates(_samples(rows, 2), max_codes=limit)
    assert [name for name in names if name.startswith("visits with")] == [
        "visits with unknown code",
        "visits with A",
    ][:limit]


_EVENTS = st.lists(
    st.tuples(st.integers(0, 3), st.integers(0, 200), st.sampled_from("ABCD")), max_size=30
)
_ASKED = st.lists(st.tuples(st.integers(0, 3), st.integers(0, 200)), min_size=1, max_size=5)


def _quarters(rows):
    return [START + timedelta(hours=6 * row[1]) for row in rows]


@settings(deadline=None)
@given(_EVENTS, _ASKED)
def test_recency_is_that_of_the_last_time_a_code_was_seen(rows, asked):
    """Time is in quarters of a day; the codes of one day are equally late."""
    who = pl.Series([row[0] for row in asked], dtype=pl.UInt32)
    labels = pl.DataFrame({"subject_id": who, "prediction_time": _quarters(asked)})
    visible = [
        (sample, when, code)
        for sample, (one, until) in enumerate(asked)
        for person, when, code in rows
        if person == one and when <= until
    ]
    events = pl.DataFrame(
        {
            "sample": [row[0] for row in visible],
            "time": _quarters(visible),
            "code": [row[2] for row in visible],
        },
        schema={"sample": pl.UInt32, "time": pl.Datetime("us"), "code": pl.String},
    )
    found = recency(Observations.of_table(events, len(asked)), labels, ["D", "E", "A"])
    for sample, (_, until) in enumerate(asked):
        for column, code in enumerate("DEA"):
            times = [when for one, when, held in visible if one == sample and held == code]
            wanted = np.exp(-(until // 4 - max(times) // 4) / 365) if times else 0.0
            np.testing.assert_allclose(found[sample, column], wanted, rtol=1e-6)
