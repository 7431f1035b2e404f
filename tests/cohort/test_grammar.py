"""The grammar of tasks: its short forms, and mistakes told in one line."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest

from sequela.cohort import Bound, CohortDeclaration, Window, parse_declaration
from sequela.errors import ConfigError

PLAIN: dict[str, Any] = {
    "kind": "cohort",
    "name": "plain",
    "predicates": {
        "a": {"exact": ["A"]},
        "b": {"prefix": ["B"], "min": 1},
        "either": {"any_of": ["a", "b"]},
        "in": {"exact": ["IN"]},
        "out": {"exact": ["OUT"]},
    },
    "index": {"at": "start + 24h"},
    "prediction": "30d",
    "label": {"kind": "binary", "predicate": "a"},
}
STAY = {"episodes": {"start": "in", "stop": "out"}}
DAY = dt.timedelta(days=1)


def parsed(**changes: Any) -> CohortDeclaration:
    found = parse_declaration({**PLAIN, **changes})
    assert isinstance(found, CohortDeclaration)
    return found


def test_short_forms_of_windows():
    index = Bound("index")
    assert parsed().observation == Window(end=index)
    assert parsed(observation=None).observation == Window(end=index)
    assert parsed(observation="7d").observation == Window(
        start=Bound("index", shift=-7 * DAY), end=index
    )
    assert parsed(observation="start - 6h").observation == Window(
        start=Bound("start", shift=-DAY / 4), end=index, start_inclusive=True
    )
    after = Bound("index", shift=2 * DAY)
    assert parsed(gap="2d").prediction == Window(start=after, end=Bound("index", shift=32 * DAY))
    assert parsed(gap="2d", prediction="stop").prediction == Window(start=after, end=Bound("stop"))
    assert parsed(prediction=None).prediction == Window(start=index)
    whole = {"start": "index -> a", "end": "next_stop", "start_inclusive": True}
    assert parsed(prediction=whole).prediction == Window(
        start=Bound("index", "->", "a"), end=Bound("next_stop"), start_inclusive=True
    )


def test_short_forms_of_episodes():
    kinds = {
        "record": "record",
        "day": "day",
        "each": {"each": "a"},
        "stay": {"start": "in", "stop": "out"},
        "calendar": {"dates": ["2020-01-01"]},
    }
    for kind, given in kinds.items():
        assert parsed(episodes=given).episodes.kind == kind
    regular = {"first": "2020-01-01", "every": "365d", "last": "2022-01-01"}
    assert len(parsed(episodes=regular).episodes.calendar()) == 3


def test_words():
    said = parsed(gap="1d", observation="start", title="A or not").describe()
    assert said.startswith("A or not. Predictions are made at 1 day after start, ")
    assert "31 days after index" in said


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"predicates": {"a": {"prefx": ["B"]}}},
         "'predicates.a.prefx' of task plain: got an unknown key. Did you mean 'prefix'"),
        ({"predicates": {"a": {"exact": []}}}, "'exact', 'prefix', 'regex' or 'descendants'"),
        ({"predicates": {"A b": {"exact": ["A"]}}}, "names of small letters"),
        ({"predicates": {"death": {"exact": ["A"]}}}, "another name for the predicate 'death'"),
        ({"predicates": {"a": {"any_of": ["b"]}}}, "a predicate that is declared ('b')"),
        (
            {"predicates": {"a": {"any_of": ["b"]}, "b": {"all_of": ["a"]}}},
            "do not rest on themselves",
        ),
        ({"label": {"kind": "binary", "predicate": "aa"}}, "Did you mean 'a'"),
        ({"label": {"kind": "ternary", "predicate": "a"}}, "setting 'label'"),
        ({"label": {"kind": "length", "to": "stop", "bins": [2, 1]}}, "rising order"),
        ({"index": {"at": "start + 24"}}, "setting 'index.at'"),
        ({"index": {"at": "beginning"}}, "a moment there is ('beginning')"),
        ({"index": {"at": "index"}}, "does not rest on the index date"),
        ({"index": {"at": "observation.end"}}, "does not rest on the index date"),
        ({"index": {"at": "start", "every": "0"}}, "longer than nothing"),
        ({"index": {"at": "start", "during": True}}, "episodes of kind 'stay'"),
        ({"episodes": {"start": "in"}}, "'start' and 'stop'"),
        ({"episodes": {"start": "in", "stop": "oot"}}, "Did you mean 'out'"),
        ({"episodes": {"each": "a", "stop": "out"}}, "no keys of another kind"),
        ({"episodes": "month"}, "setting 'episodes.kind'"),
        ({"episodes": {"dates": ["2020-01-01T00:00:00Z"]}}, "without a time zone"),
        ({"episodes": {"first": "2020-01-01"}}, "'first', 'every' and 'last'"),
        ({"observation": "record_end"}, "without 'record_end'"),
        ({"observation": {"start": "index", "end": "index - 1d"}}, "start is not after its end"),
        ({"prediction": "a month"}, "a moment such as"),
        ({"windows": {"gap": {}}}, "another name for the window 'gap'"),
        ({"windows": {"x": {"start": "x.start"}}}, "a moment there is"),
        ({"windows": {"x": {"start": "x.end", "end": "x.start"}}}, "does not rest on itself"),
        ({"windows": {"x": {"start": "y.end"}, "y": {}}}, "a moment there is ('y.end')"),
        ({"include": [{"count": "a", "window": "x"}]}, "a window that is declared ('x')"),
        ({"include": [{"count": "a", "window": "prediction"}]}, "under 'follow_up'"),
        ({"include": [{"count": "a", "age": {"min": 1}}]}, "exactly one of"),
        ({"include": [{}]}, "exactly one of"),
        ({"include": [{"age": {"min": 1}, "max": 3}]}, "beside 'count' alone"),
        ({"include": [{"moment": "record_end - 1d"}]}, "without 'record_end'"),
        ({"include": [{"sex": ["f"]}]}, "setting 'include.0.sex.0'"),
        ({"include": [{"stay": {"min": "1d"}}]}, "episodes of kind 'stay'"),
        ({"matching": {"age": 5}, "label": {"kind": "count", "predicate": "a"}}, "yes-or-no"),
        ({"kind": "cohorts"}, "Did you mean 'cohort'"),
        ({"gap": "-1d"}, "a length of time"),
        ({"horizon": "1d"}, "setting 'horizon'"),
    ],
)  # fmt: skip
def test_mistakes_take_one_line(change: dict[str, Any], message: str):
    with pytest.raises(ConfigError) as caught:
        parsed(**change)
    said = str(caught.value)
    assert message in said
    assert "\n" not in said
    assert len(said) < 400, said


def test_one_end_may_rest_on_the_other():
    found = parsed(windows={"x": {"start": "start -> a", "end": "x.start + 1d"}}).windows["x"]
    assert found.end == Bound("x.start", shift=DAY)
    parsed(**STAY, windows={"x": {"start": "start"}}, index={"at": "x.start + 1d", "during": True})
