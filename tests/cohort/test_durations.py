"""Lengths of time, read and said."""

from __future__ import annotations

import datetime as dt

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sequela.cohort.durations import microseconds, parse_duration, words


@pytest.mark.parametrize(
    ("text", "hours"),
    [
        ("24h", 24), ("1d", 24), ("30 days", 720), ("2w", 336), ("1y", 8766), ("90min", 1.5),
        ("1d 12h", 36), ("1 day, 12 hours", 36), ("1 hour and 30 minutes", 1.5), ("0", 0), (0, 0),
        ("0.5d", 12), (" 3 weeks ", 504), ("3600s", 1), (dt.timedelta(hours=5), 5),
    ],
)  # fmt: skip
def test_lengths(text, hours):
    assert parse_duration(text) == dt.timedelta(hours=hours)


@pytest.mark.parametrize(
    "text",
    ["", "h", "24", "-1d", "1 month", "1d 2", "soon", 5, 1.5, None, True, "1d;", "9" * 30 + "y",
     "300y", "1e3h", "NaNh", ["1d"], "999999999999y"],
)  # fmt: skip
def test_no_lengths(text):
    with pytest.raises(ValueError, match="a length of time"):
        parse_duration(text)


def test_words():
    said = [words(parse_duration(text)) for text in ("24h", "36h", "1y", "90min", "5s", "0")]
    assert said == ["1 day", "36 hours", "8766 hours", "90 minutes", "5 seconds", "0 days"]


@given(st.integers(0, 10**15))
def test_microseconds_are_exact(number):
    assert microseconds(dt.timedelta(microseconds=number)) == number
