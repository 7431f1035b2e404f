"""Small random records and random declarations, on which engine and specification are compared."""

from __future__ import annotations

import datetime as dt
import random
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import polars as pl
from hypothesis import reject
from hypothesis import strategies as st
from tests.cohort.naive import Event

from sequela.cohort import CohortDeclaration
from sequela.errors import ConfigError
from sequela.events import EventData

START = dt.datetime(2000, 1, 1)
HOUR = dt.timedelta(hours=1)
DAY = dt.timedelta(days=1)
TREE = {"D": ["D1", "D2"], "D2": ["D3"], "D3": ["D"]}

SCHEMA = {
    "subject_id": pl.Int64,
    "time": pl.Datetime("us"),
    "code": pl.String,
    "numeric_value": pl.Float32,
    "available_time": pl.Datetime("us"),
}


class Memory(EventData):
    """A data set in memory: each frame is a shard."""

    def __init__(self, frames: Iterable[pl.DataFrame], children: dict[str, list[str]]):
        super().__init__(Path("memory"), ())
        self.frames = [frame for frame in frames if frame.height]
        self._below = children

    def shards(self, subjects: Any = None):
        """The frames."""
        for frame in self.frames:
            kept = frame if subjects is None else frame.filter(pl.col("subject_id").is_in(subjects))
            if kept.height:
                yield kept

    def code_children(self) -> dict[str, list[str]]:
        """As given."""
        return self._below


def in_memory(people: dict[int, list[Event]], shards: int = 1) -> Memory:
    """A data set of these people, dealt to shards."""
    rows: list[list[Any]] = [[] for _ in range(shards)]
    for place, (number, events) in enumerate(people.items()):
        rows[place % shards] += [(number, e.time, e.code, e.value, e.known) for e in events]
    frames = [
        pl.DataFrame(part, schema=SCHEMA, orient="row")
        .with_columns(text_value=pl.lit(None, pl.String))
        .sort("subject_id", "time", nulls_last=False, maintain_order=True)
        for part in rows
    ]
    return Memory(frames, TREE)


# -- records: few times on a coarse grid, so that events fall on each other and on the edges -------

_CODES = ["A", "A", "A", "B", "B", "C", "D1", "D3", "IN", "IN", "OUT", "OUT", "V", "V", "V"]


def record(seed: int) -> list[Event]:
    """The record of a subject: by its own seed, so that a failing example keeps only few."""
    lot = random.Random(seed)
    found = []
    for _ in range(lot.randint(1, 24)):
        time = START + lot.randint(0, 40) * 6 * HOUR if lot.random() < 0.95 else None
        delay = lot.choice([None, None, None, 6 * HOUR, 2 * DAY])
        value = lot.choice([None, 0.1, 1.0, 2.0, 3.0])
        known = time + delay if time and delay else None
        found.append(Event(time, lot.choice(_CODES), value, known))
    if lot.random() < 0.7:
        found.append(Event(START - lot.randint(6000, 9000) * DAY, "MEDS_BIRTH"))
    if lot.random() < 0.3:
        found.append(Event(START + lot.randint(4, 44) * 6 * HOUR, "MEDS_DEATH"))
    return found


people = st.lists(st.integers(0, 2**32), min_size=12, max_size=12).map(
    lambda seeds: {number: record(seed) for number, seed in enumerate(seeds, start=1)}
)

# -- declarations ----------------------------------------------------------------------------------

lengths = st.sampled_from(["6h", "12h", "1d", "30h", "2d", "4d"])
by = st.sampled_from(["time", "day", "event"])

PREDICATES: dict[str, Any] = {
    "a": {"exact": ["A"]},
    "b": {"prefix": ["B"]},
    "d": {"descendants": ["D2"]},
    "enter": {"exact": ["IN"]},
    "leave": {"exact": ["OUT"]},
    "high": {"exact": ["V"], "min": 1, "max": 3, "max_inclusive": False},
    "low": {"prefix": ["V"], "max": 0.1},
    "valued": {"exact": ["V", "A"]},
    "static": {"prefix": ["A", "V"], "dated": False},
}

derived = st.fixed_dictionaries(
    {
        "either": st.just({"any_of": ["a", "high"]}),
        "both": st.just({"all_of": ["a", "b"]}),
        "after": st.fixed_dictionaries(
            {
                "first": st.sampled_from(["a", "either"]),
                "then": st.sampled_from(["b", "both"]),
                "within": st.one_of(st.none(), lengths),
                "same_time": st.booleans(),
            }
        ),
        "twice": st.fixed_dictionaries(
            {
                "repeat": st.sampled_from(["a", "either", "after"]),
                "times": st.integers(2, 3),
                "within": st.one_of(st.none(), lengths),
                "distinct": by,
                "date": st.sampled_from(["first", "last"]),
            }
        ),
    }
)
NAMES = [*PREDICATES, "either", "both", "after", "twice", "any_event", "death"]
names = st.sampled_from(NAMES)

episodes: st.SearchStrategy[Any] = st.one_of(
    st.just("record"),
    st.just("day"),
    names.map(lambda name: {"each": name}),
    st.just({"start": "enter", "stop": "leave"}),
    st.just({"start": "enter", "stop": "leave"}),
    st.just({"dates": ["2000-01-03", "2000-01-01 12:00", "2000-01-06"]}),
    st.just({"first": "2000-01-01", "every": "36h", "last": "2000-01-09"}),
)
_stay_moments = ["start", "stop", "next_start", "next_stop", "record_start", "record_end"]


def _steps(moments: list[str]) -> st.SearchStrategy[str]:
    moment = st.sampled_from(moments)
    shift = st.one_of(st.just(""), st.tuples(st.sampled_from("+-"), lengths).map(" ".join))
    step = st.one_of(
        st.just(""),
        st.just(""),
        st.tuples(st.sampled_from(["->", "<-", "->=", "<-="]), names).map(" ".join),
    )
    return st.tuples(moment, step, shift).map(lambda parts: " ".join(filter(None, parts)))


stay_bounds = st.one_of(st.just("start"), st.just("start + 1d"), _steps(_stay_moments))
bounds = st.one_of(st.just("index"), _steps(["index", "index", *_stay_moments]))
known_bounds = st.one_of(
    st.just("index"), _steps(["index", "start", "stop", "next_start", "record_start"])
)
late_bounds = st.one_of(bounds, _steps(["observation.start", "prediction.end", "extra.start"]))
known_late_bounds = st.one_of(known_bounds, _steps(["observation.start", "extra.start"]))


def windows(ends: st.SearchStrategy[str] = bounds) -> st.SearchStrategy[dict[str, Any]]:
    """Windows whose bounds may come in any order, save for those that can be told apart."""
    return st.fixed_dictionaries(
        {
            "start": st.one_of(st.none(), ends),
            "end": st.one_of(st.none(), ends),
            "start_inclusive": st.booleans(),
            "end_inclusive": st.booleans(),
        }
    )


index_rules = st.fixed_dictionaries(
    {
        "at": stay_bounds,
        "every": st.one_of(st.none(), st.none(), lengths),
        "until": st.one_of(st.none(), stay_bounds),
        "most": st.sampled_from([1, 3, 2000]),
        "not_before": st.one_of(st.none(), st.none(), stay_bounds),
        "during": st.booleans(),
        "select": st.sampled_from(
            ["each", "each", "first", "last", "first_eligible", "last_eligible"]
        ),
    }
)


def conditions(
    window: st.SearchStrategy[Any], ends: st.SearchStrategy[str]
) -> st.SearchStrategy[dict[str, Any]]:
    """Conditions; counts look into these windows, and moments are of these."""
    least, most = st.one_of(st.none(), st.integers(0, 2)), st.one_of(st.none(), st.integers(1, 4))
    limits = st.fixed_dictionaries({"min": st.one_of(st.none(), lengths), "max": st.just("5d")})
    return st.one_of(
        st.fixed_dictionaries(
            {"count": names, "window": window, "min": least, "max": most, "by": by}
        ),
        st.just({"age": {"min": 18, "max": 22.5}}),
        ends.map(lambda bound: {"moment": bound}),
        limits.map(lambda range_: {"history": range_}),
        limits.map(lambda range_: {"stay": range_}),
    )


known_windows = st.one_of(st.sampled_from(["observation", "extra"]), windows(known_late_bounds))
any_windows = st.one_of(
    st.sampled_from(["observation", "extra", "gap", "prediction"]), windows(late_bounds)
)
two = st.lists(st.sampled_from(NAMES), min_size=1, max_size=3, unique=True)
labels = st.one_of(
    st.fixed_dictionaries({"kind": st.just("binary"), "predicate": names, "by": by}),
    st.fixed_dictionaries({"kind": st.just("count"), "predicate": names, "by": by}),
    st.fixed_dictionaries({"kind": st.just("multiclass"), "classes": two}),
    st.fixed_dictionaries({"kind": st.just("multilabel"), "classes": two}),
    st.fixed_dictionaries(
        {
            "kind": st.just("value"),
            "predicate": st.just("valued"),
            "which": st.sampled_from(["first", "last"]),
        }
    ),
    st.fixed_dictionaries(
        {"kind": st.just("length"), "to": bounds, "bins": st.sampled_from([[], [0.5, 1, 2]])}
    ),
    st.fixed_dictionaries(
        {
            "kind": st.just("time_to_event"),
            "predicate": names,
            "competing": st.one_of(st.none(), names),
            "unit": st.sampled_from(["days", "hours"]),
        }
    ),
    st.fixed_dictionaries(
        {
            "kind": st.just("sequence"),
            "predicate": names,
            "distinct": st.booleans(),
            "length_to": st.one_of(st.none(), bounds),
        }
    ),
)


def _sensible(values: dict[str, Any]) -> dict[str, Any]:
    # What is asked of stays alone is taken back where there are none.
    if "start" in values["episodes"]:
        return values
    lists = ("include", "exclude", "follow_up")
    return {
        **values,
        "index": {**values["index"], "during": False},
        **{key: [one for one in values[key] if "stay" not in one] for key in lists},
    }


declarations = st.fixed_dictionaries(
    {
        "kind": st.just("cohort"),
        "predicates": derived.map(lambda more: {**PREDICATES, **more}),
        "episodes": episodes,
        "index": index_rules,
        "observation": st.one_of(st.none(), lengths, st.just("start"), windows(known_bounds)),
        "gap": st.one_of(st.just(0), st.just(0), lengths),
        "prediction": st.one_of(st.none(), lengths, lengths, st.just("stop"), windows()),
        "windows": windows(known_bounds).map(lambda window: {"extra": window}),
        "include": st.lists(conditions(known_windows, known_late_bounds), max_size=1),
        "exclude": st.lists(conditions(known_windows, known_late_bounds), max_size=1),
        "follow_up": st.lists(conditions(any_windows, late_bounds), max_size=1),
        "censoring": st.sampled_from(["exclude", "keep", "keep"]),
        "death": st.sampled_from(["exclude", "keep", "keep"]),
        "label": labels,
    }
).map(_sensible)


def parsed(values: dict[str, Any]) -> CohortDeclaration:
    """The declaration; an example that contradicts itself is given back."""
    try:
        return CohortDeclaration.parse(values)
    except ConfigError as error:
        # Nothing else that is drawn here may be refused.
        known = ("start is not after its end", "episodes of kind 'stay'", "later events would move")
        if not any(words in str(error) for words in known):
            raise
        reject()
