"""Laws of cohorts: the engine is its specification, and the future is never seen."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import assume, event, given, settings
from hypothesis import strategies as st
from tests.cohort import records
from tests.cohort.naive import Event, Reader
from tests.cohort.records import START, TREE, in_memory
from tests.tiers import examples

from sequela.cohort import Cohort, CohortDeclaration, build_cohort, observation_events
from sequela.cohort.occurrences import Shard
from sequela.errors import DataError

# The default tier draws the same examples each time, the long one explores.
EXAMPLES = examples(45, 600)


def built(people: dict[int, list[Event]], declared: CohortDeclaration, **options: Any):
    """The cohort, or None where nobody is left."""
    shards = options.pop("shards", 1)
    try:
        return build_cohort(in_memory(people, shards), declared, **options)
    except DataError as error:
        if "no subject is left" not in str(error):
            raise
        return None


def readers(people: dict[int, list[Event]], declared: CohortDeclaration) -> dict[int, Reader]:
    return {number: Reader(number, events, declared, TREE) for number, events in people.items()}


def plain(cohort: Cohort | None) -> dict[Any, Any]:
    """Label and further columns by subject and time."""
    if cohort is None:
        return {}
    rows = cohort.labels.rows()
    beside = cohort.beside.drop("subject_id", "prediction_time").rows(named=True) if (
        cohort.beside is not None
    ) else [{}] * len(rows)  # fmt: skip
    return {row[:2]: (row[2], more) for row, more in zip(rows, beside, strict=True)}


def close(one: Any, other: Any) -> bool:
    if isinstance(one, float) and isinstance(other, float):
        return math.isclose(one, other, rel_tol=1e-6, abs_tol=1e-9)
    return one == other


@settings(max_examples=EXAMPLES)
@given(people=records.people, values=records.declarations, shards=st.integers(1, 3))
def test_the_engine_equals_the_specification(
    people: dict[int, list[Event]], values: dict[str, Any], shards: int
):
    declared = records.parsed(values)
    expected = {}
    for number, reader in readers(people, declared).items():
        for sample, label in reader.labelled():
            expected[number, sample.moments["index"]] = label
    found = plain(built(people, declared, shards=shards))
    event(f"{declared.label.kind}: {'some' if expected else 'none'}")
    assert sorted(found) == sorted(expected)
    for key, (value, beside) in expected.items():
        assert close(found[key][0], value), key
        assert found[key][1].keys() == beside.keys()
        assert all(close(found[key][1][name], beside[name]) for name in beside), (key, found[key])


@settings(max_examples=EXAMPLES)
@given(people=records.people, more=records.derived)
def test_predicates_equal_the_specification(people: dict[int, list[Event]], more: dict[str, Any]):
    """Each predicate is the same events, whether dated by when it began or became known."""
    plain = {"index": {"at": "start"}, "prediction": None}
    label = {"kind": "binary", "predicate": "twice"}
    declared = records.parsed(
        {**plain, "predicates": {**records.PREDICATES, **more}, "label": label}
    )
    (events,) = in_memory(people).shards()
    shard = Shard(events, declared.predicates, TREE)
    for known in (False, True):
        for name in records.NAMES:
            found = shard.occurrences(name, known)
            for place, reader in enumerate(readers(people, declared).values()):
                rows = found.rows[found.subject == place] - np.searchsorted(shard._subject, place)
                assert rows.tolist() == reader.places(name, known), (name, known)


@settings(max_examples=EXAMPLES // 2)
@given(people=records.people, values=records.declarations)
def test_the_observation_equals_the_specification(
    people: dict[int, list[Event]], values: dict[str, Any]
):
    declared = records.parsed(values)
    cohort = built(people, declared, known=False)
    assume(cohort is not None)
    assert cohort is not None
    found = observation_events(in_memory(people), cohort.labels, windows=cohort.windows)
    everyone = readers(people, declared)
    newest = max(time for reader in everyone.values() if (time := _newest(reader)))
    expected = []
    for number, reader in everyone.items():
        due = reader.selected(newest)
        expected += [(number, one.moments["index"], reader.observed(one)) for one in due]
    assert cohort.labels.rows() == [row[:2] for row in expected]
    for place, (_, _, events) in enumerate(expected):
        rows = found.filter(pl.col("sample") == place).select("time", "code").rows()
        assert sorted(rows, key=str) == sorted(events, key=str)


def _newest(reader: Reader) -> Any:
    times = [reader.when(place) for place in range(len(reader.events))]
    return max((time for time in times if time), default=None)


@settings(max_examples=EXAMPLES // 2)
@given(people=records.people, values=records.declarations, data=st.data())
def test_nothing_later_changes_what_is_seen(
    people: dict[int, list[Event]], values: dict[str, Any], data: st.DataObject
):
    """What was known at the prediction alone says what is observed, who is old and of which sex."""
    declared = records.parsed({**values, "index": {**values["index"], "until": "record_end"}})
    cohort = built(people, declared, known=False)
    assume(cohort is not None)
    assert cohort is not None
    subject, when = data.draw(st.sampled_from(cohort.labels.rows()))
    label = cohort.labels.filter(
        (pl.col("subject_id") == subject) & (pl.col("prediction_time") == when)
    )
    seen = [e for e in people[subject] if e.known is None or e.known <= when]
    later = data.draw(st.lists(st.tuples(st.sampled_from("AB"), st.integers(1, 90)), max_size=6))
    noise = [Event(when + hours * records.HOUR, code, 1.0) for code, hours in later]
    row = cohort.labels.with_row_index().join(label, on=list(label.columns), how="semi")["index"][0]
    windows = cohort.windows[row : row + 1] if cohort.windows is not None else None
    whole = observation_events(in_memory(people), label, windows=windows)
    for changed in (seen, [*seen, *noise]):
        again = observation_events(in_memory({subject: changed}), label, windows=windows)
        assert again.drop("sample").equals(whole.drop("sample"))


@settings(max_examples=EXAMPLES // 2)
@given(people=records.people, values=records.declarations)
def test_eligibility_does_not_depend_on_the_future(
    people: dict[int, list[Event]], values: dict[str, Any]
):
    """Each sample is still one when the record is cut at its index date, if its episode is known.

    Episodes and grids may end later than the index date; what is left of them must bring the same
    index date. So the rules here are those that a running system can follow.
    """
    rule = {**values["index"], "at": "start + 6h", "until": None, "every": None}
    rule |= {"not_before": "record_start + 12h", "select": "each"}
    declared = records.parsed({**values, "index": rule})
    cohort = built(people, declared, known=False)
    assume(cohort is not None)
    assert cohort is not None
    for subject, when in cohort.labels.rows()[:4]:
        cut = [e for e in people[subject] if e.known is None or e.known <= when]
        other = {subject: cut, 99: [Event(when, "A")]}
        again = built(other, declared, known=False)
        assert again is not None
        assert (subject, when) in again.labels.rows()


@settings(max_examples=EXAMPLES // 2)
@given(
    people=records.people,
    values=records.declarations,
    lot=st.randoms(use_true_random=False),
    shards=st.integers(1, 4),
)
def test_order_and_shards_change_nothing(
    people: dict[int, list[Event]], values: dict[str, Any], lot: Any, shards: int
):
    if values["label"]["kind"] == "binary":
        values = {**values, "matching": {"ratio": 2, "age": 5, "replacement": shards == 1}}
    declared = records.parsed(values)
    shuffled = list(people.items())
    lot.shuffle(shuffled)
    cohort, again = built(people, declared), built(dict(shuffled), declared, shards=shards)
    assert (cohort is None) == (again is None)
    if cohort is None or again is None:
        return
    assert again.attrition == cohort.attrition
    for name in ("labels", "beside", "subgroups", "windows", "balance"):
        one, other = getattr(cohort, name), getattr(again, name)
        assert (one is None and other is None) or one.equals(other), name
    keys = cohort.labels.select("subject_id", "prediction_time")
    assert keys.is_unique().all()
    assert keys.equals(keys.sort("subject_id", "prediction_time"))


@settings(max_examples=EXAMPLES // 2)
@given(people=records.people, edges=st.lists(st.integers(0, 60), min_size=2, max_size=5))
def test_windows_partition_time(people: dict[int, list[Event]], edges: list[int]):
    """Windows that follow each other hold each event once, whichever of their ends is closed."""
    edges = sorted(set(edges))

    def counts(start: str | None, end: str | None, late: bool) -> int:
        window = {"start": start, "end": end, "start_inclusive": late, "end_inclusive": not late}
        values = {
            "kind": "cohort",
            "predicates": {"all": {"any_of": ["any_event"]}},
            "index": {"at": "record_start - 1h"},
            "prediction": window,
            "censoring": "keep",
            "label": {"kind": "count", "predicate": "all", "by": "event"},
        }
        cohort = built(people, records.parsed(values))
        return 0 if cohort is None else cohort.labels["integer_value"].sum()

    bounds = [f"index + {hours}h" for hours in edges]
    for late in (False, True):
        parts = zip([None, *bounds], [*bounds, None], strict=True)
        assert sum(counts(*part, late) for part in parts) == counts(None, None, late)


@pytest.mark.parametrize("by", ["time", "day", "event"])
def test_an_event_counts_from_when_it_became_known(by: str):
    day = records.DAY
    coded = Event(START, "A", available=START + 3 * day)
    people = {1: [coded, Event(START, "B"), Event(START + 9 * day, "B")]}
    values = {
        "kind": "cohort",
        "predicates": {"a": {"exact": ["A"]}},
        "index": {"at": "record_start + 1d"},
        "prediction": "2d",
        "label": {"kind": "count", "predicate": "a", "by": by},
    }
    cohort = built(people, records.parsed(values))
    assert cohort is not None
    assert cohort.labels["integer_value"].to_list() == [1]
    seen = observation_events(in_memory(people), cohort.labels)
    assert seen["code"].to_list() == ["B"]
