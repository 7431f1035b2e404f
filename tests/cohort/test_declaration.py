"""What may be declared, and what is refused."""

from __future__ import annotations

from typing import Any

import polars as pl
import pytest

from sequela.cohort import CodeSet, OnsetDeclaration
from sequela.errors import ConfigError

PLAIN: dict[str, Any] = {
    "outcome": {"name": "gout", "prefix": ["M10"]},
    "index": {"rule": "landmark", "days": 10},
    "prediction_days": 30,
}


def test_defaults_and_description():
    declared = OnsetDeclaration.parse(PLAIN)
    assert declared.observation_days is None
    assert (declared.gap_days, declared.min_visits, declared.censoring) == (0, 1, "exclude")
    text = declared.describe()
    assert "gout" in text
    assert "30 days" in text
    assert "the whole record" in text


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            {"gap_day": 3},
            "setting 'gap_day' of task onset: got an unknown key. Did you mean 'gap_days'",
        ),
        (
            {"index": {"rule": "random", "days": 1}},
            "setting 'index.rule' of task onset: got 'random'",
        ),
        ({"index": {"rule": "visit"}}, "setting 'index.days' of task onset: got nothing"),
        (
            {"index": {"rule": "visit", "days": 1, "day": 2}},
            "'index.day' of task onset: got an unkn",
        ),
        ({"prediction_days": 0}, "setting 'prediction_days' of task onset: got 0, wanted greater"),
        ({"prediction_days": 1.5}, "got 1.5, wanted a whole number"),
        ({"gap_days": -1}, "setting 'gap_days'"),
        ({"observation_days": 10**9}, "setting 'observation_days'"),
        ({"min_age": "old"}, "setting 'min_age' of task onset: got 'old', wanted a number"),
        ({"min_age": float("nan")}, "setting 'min_age'"),
        ({"censoring": "ignore"}, "wanted 'exclude' or 'negative'"),
        ({"death": "positive"}, "wanted 'negative' or 'exclude'"),
        ({"outcome": "gout"}, "setting 'outcome' of task onset: got 'gout', wanted a table"),
        ({"outcome": {"name": "gout"}}, "wanted codes under 'exact', 'prefix', 'regex' or"),
        ({"outcome": {"name": "x", "prefix": [""]}}, "wanted codes that are not empty"),
        ({"outcome": {"name": "x", "regex": ["(a"]}}, "wanted a regular expression"),
        ({"outcome": {"name": "x", "prefix": "a"}}, "wanted a list"),
        ({"kind": "signal"}, "setting 'kind'"),
    ],
)
def test_mistakes_take_one_line(change: dict[str, Any], message: str):
    with pytest.raises(ConfigError) as caught:
        OnsetDeclaration.parse({**PLAIN, **change})
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


def test_code_sets():
    codes = CodeSet(name="x", exact=("A1",), prefix=("B",), regex=("^C[0-9]$", "d+"))
    given = pl.Series(["A1", "A10", "B", "BX", "C1", "C12", "add", "a", None, "A1"])
    assert sorted(codes.among(given)) == ["A1", "B", "BX", "C1", "add"]
    assert codes.among(pl.Series([], dtype=pl.String)).to_list() == []
    assert codes.words == "x"
    # A dot in a prefix or a whole code is a dot.
    assert CodeSet(name="x", prefix=("I5.",)).among(pl.Series(["I50"])).to_list() == []
