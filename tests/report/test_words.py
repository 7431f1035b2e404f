"""How numbers and sentences are written."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sequela.report import words


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.8464, ".846"),
        (1.0, "1.000"),
        (0.99999, "1.000"),
        (-0.0123, "−.012"),
        (-0.00001, ".000"),
        (-1.5, "−1.500"),
        (0, ".000"),
        (None, "–"),
    ],
)
def test_decimal(value, text):
    assert words.decimal(value) == text


def test_interval():
    assert words.interval({"value": 0.8, "low": 0.829, "high": 0.862}) == ".829 to .862"
    assert words.interval({"value": 0.8, "low": None, "high": None}) == ""
    assert words.interval(None) == ""


def test_counts_and_shares():
    assert words.count(12345) == "12,345"
    assert words.count("fewer than 20") == "fewer than 20"
    assert words.count(None) == "–"
    assert words.percent(0.1054) == "10.5 %"
    assert words.percent(0.0012) == "0.12 %"
    assert words.percent(0) == "0.0 %"


def test_durations():
    assert [words.duration(s) for s in (2.34, 48, 59.7, 200, 7500)] == [
        "2.3 s",
        "48 s",
        "1 min 0 s",
        "3 min 20 s",
        "2 h 5 min",
    ]


def test_settings():
    assert words.number_or_text([0.9, 0.999, None, True]) == "0.9, 0.999, none, yes"


CELLS = ("true_positives", "false_positives", "false_negatives", "true_negatives")


@given(st.lists(st.integers(0, 10_000), min_size=4, max_size=4).filter(any))
def test_a_thousand_is_a_thousand(counts):
    cells = words.per_thousand(dict(zip(CELLS, counts, strict=True)))
    assert sum(cells.values()) == 1000
    assert min(cells.values()) >= 0
    flagged = 1000 * (counts[0] + counts[1]) / sum(counts)
    assert cells["found"] + cells["false_alarms"] == round(flagged)
    for number, shown in zip(counts, cells.values(), strict=True):
        assert abs(1000 * number / sum(counts) - shown) <= 2


def test_headline_in_words():
    cells = {"found": 89, "false_alarms": 246, "missed": 29, "left_alone": 636}
    first, second = words.binary_sentences("patients", "yes", cells)
    assert first == "Of 1,000 patients, the model flags 335, of whom 89 have the outcome."
    assert second.startswith("It finds 89 of the 118 that have the outcome and misses 29;")
    one = {"found": 1, "false_alarms": 2, "missed": 0, "left_alone": 997}
    first, second = words.binary_sentences("samples", "seizure", one)
    assert first == "Of 1,000 samples, the model flags 3, of which 1 is “seizure”."
    assert "the 1 that is “seizure”" in second


def test_multiclass_headline():
    said = words.multiclass_sentences(
        "samples", [[8, 2, 0], [0, 10, 0], [5, 0, 5]], ["a", "b", "c"]
    )
    assert said[0] == "Of 1,000 samples, the model names the right one of 3 classes for 767."
    assert said[1] == "Its most frequent error: 50.0 % of “c” is called “a”."
    perfect = words.multiclass_sentences("samples", [[1, 0], [0, 1]], ["a", "b"])
    assert perfect[1] == "It confuses no two classes."


def test_few_cases_are_said():
    (said,) = words.few_cases("patients", "yes", 150, 12)
    assert said.startswith("All this rests on 150 held-out patients, of whom 12 have the outcome:")
    assert words.few_cases("samples", "seizure", 150, 1)[0].count("1 is “seizure”") == 1
    assert words.few_cases("patients", "yes", 3000, 2950)  # few without it count as much
    assert words.few_cases("patients", "yes", 3000, 100) == []
    (said,) = words.few_of_a_class("samples", {"a": 400, "b": 20, "c": 1000})
    assert said.startswith("All this rests on 1,420 held-out samples, 20 of “b”:")
    assert words.few_of_a_class("samples", {"a": 400, "b": 100}) == []
