"""The cohort of an onset task against a plain patient-by-patient reading of its rules."""

from __future__ import annotations

import contextlib
import datetime as dt
from collections.abc import Iterable
from itertools import pairwise
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from hypothesis import event, given, settings
from hypothesis import strategies as st
from tests.tiers import examples

from sequela.cohort import OnsetDeclaration, build_cohort, observation_events, subgroups
from sequela.errors import ConfigError, DataError
from sequela.events import EventData, align, write_events

START = dt.datetime(2000, 1, 1)
HOUR = dt.timedelta(hours=1)
DAY = dt.timedelta(days=1)


class Frames(EventData):
    """A data set in memory: each frame is a shard."""

    def __init__(self, frames: Iterable[pl.DataFrame]):
        super().__init__(Path("memory"), ())
        self.frames = [frame for frame in frames if frame.height]

    def shards(self, subjects: Any = None):
        """The frames."""
        for frame in self.frames:
            kept = frame if subjects is None else frame.filter(pl.col("subject_id").is_in(subjects))
            if kept.height:
                yield kept


def table(rows: list[tuple[int, dt.datetime | None, str]]) -> pl.DataFrame:
    frame = pl.DataFrame(
        rows,
        schema={"subject_id": pl.Int64, "time": pl.Datetime("us"), "code": pl.String},
        orient="row",
    ).with_columns(numeric_value=pl.lit(None, pl.Float32), text_value=pl.lit(None, pl.String))
    return align(frame, "made by hand").sort("subject_id", "time", maintain_order=True)


Event = tuple[dt.datetime | None, str]


def naive_indices(events: list[Event], declared: OnsetDeclaration) -> list[dt.datetime]:
    contacts = sorted(t for t, code in events if t and not code.startswith("MEDS_"))
    if not contacts:
        return []
    earliest = contacts[0] + declared.index.days * DAY
    if declared.index.rule == "landmark":
        return [earliest]
    days = sorted({t.date() for t in contacts})
    visits = [min(t for t in contacts if t.date() == day) for day in days]
    visits = [visit for visit in visits if visit >= earliest]
    return visits if declared.index.rule == "visits" else visits[:1]


def naive_labels(events: list[Event], declared: OnsetDeclaration) -> list[tuple[dt.datetime, bool]]:
    found = [naive_label(events, declared, index) for index in naive_indices(events, declared)]
    return [label for label in found if label]


def naive_label(
    events: list[Event], declared: OnsetDeclaration, index: dt.datetime
) -> tuple[dt.datetime, bool] | None:
    """The rules as the README says them, for one index date of one subject."""
    gap_end = index + declared.gap_days * DAY
    end = gap_end + declared.prediction_days * DAY
    births = [t for t, code in events if code == "MEDS_BIRTH" and t]
    deaths = [t for t, code in events if code == "MEDS_DEATH" and t]
    if deaths and min(deaths) <= index:
        return None
    age = (index - min(births)) / DAY / 365.25 if births else -1
    if declared.min_age and age < declared.min_age:
        return None
    days = {
        t.date()
        for t, code in events
        if t and not code.startswith("MEDS_") and t <= index
        and (declared.observation_days is None or t > index - declared.observation_days * DAY)
    }  # fmt: skip
    if len(days) < declared.min_visits:
        return None
    outcomes = [t for t, code in events if code.startswith("HF")]
    if None in outcomes or any(t <= gap_end for t in outcomes if t):
        return None
    if any(t <= end for t in outcomes if t):
        return index, True
    if deaths and min(deaths) <= end:
        return None if declared.death == "exclude" else (index, False)
    followed = max(t for t, _ in events if t) >= end
    return (index, False) if followed or declared.censoring == "negative" else None


# Six-hour steps with few values, so that events often fall on the very edges of the windows.
days_after = st.integers(0, 100).map(lambda step: START + step * 6 * HOUR)
moments = st.one_of(*[days_after] * 8, st.none())
codes = st.sampled_from(["A", "A", "A", "B", "B", "HF1", "MEDS_DEATH"])
# Whoever is seen four times a day for long is in each of these cohorts, so that none is empty.
FAITHFUL: list[Event] = [(START + step * 6 * HOUR, "A") for step in range(240)]
dates_of_birth = st.integers(-8000, -5000).map(lambda day: START + day * DAY)
births = st.one_of(*[dates_of_birth] * 4, st.none())
subjects = st.tuples(st.lists(st.tuples(moments, codes), min_size=2, max_size=9), births)
declarations = st.fixed_dictionaries(
    {
        "outcome": st.just({"name": "hf", "prefix": ["HF"]}),
        "index": st.fixed_dictionaries(
            {"rule": st.sampled_from(["landmark", "visit", "visits"]), "days": st.integers(0, 12)}
        ),
        "observation_days": st.one_of(st.none(), st.integers(1, 12)),
        "gap_days": st.integers(0, 4),
        "prediction_days": st.integers(1, 15),
        "min_age": st.sampled_from([0, 18]),
        "min_visits": st.integers(0, 2),
        "censoring": st.sampled_from(["exclude", "negative"]),
        "death": st.sampled_from(["exclude", "negative"]),
    }
)


def as_frames(people: list[tuple[list[Event], dt.datetime | None]], shards: int) -> Frames:
    rows: list[list[tuple[int, dt.datetime | None, str]]] = [[] for _ in range(shards)]
    for number, (events, birth) in enumerate(people):
        whole = events + ([(birth, "MEDS_BIRTH")] if birth else [])
        rows[number % shards] += [(number, time, code) for time, code in whole]
    return Frames(table(part) for part in rows)


@settings(max_examples=examples(60), deadline=None)
@given(
    people=st.lists(subjects, min_size=4, max_size=20),
    values=declarations,
    shards=st.integers(1, 3),
)
def test_labels_equal_the_plain_reading(
    people: list[tuple[list[Event], dt.datetime | None]], values: dict[str, Any], shards: int
):
    declared = OnsetDeclaration.parse(values)
    people = [*people, (FAITHFUL, START - 9000 * DAY)]
    expected = []
    for number, (events, birth) in enumerate(people):
        whole = events + ([(birth, "MEDS_BIRTH")] if birth else [])
        expected += [(number, *label) for label in naive_labels(whole, declared)]
    data = as_frames(people, shards)
    event(f"{min(len(expected), 5)} subjects or more")
    if not expected:
        with pytest.raises(DataError, match="no subject is left"):
            build_cohort(data, declared)
        return
    cohort = build_cohort(data, declared)
    assert cohort.labels.rows() == expected
    assert cohort.subgroups["subject_id"].to_list() == [row[0] for row in expected]
    steps = cohort.attrition
    assert steps[-1]["samples"] == len(expected)
    assert steps[-1]["subjects"] == len({row[0] for row in expected})
    for before, after in pairwise(steps):
        left = "subjects" if before["samples"] is None else "samples"
        assert before[left] - after["excluded"] == after[left]


@settings(max_examples=examples(30), deadline=None)
@given(
    people=st.lists(subjects, min_size=1, max_size=6),
    days=st.one_of(st.none(), st.integers(1, 12)),
    data=st.data(),
)
def test_nothing_after_the_prediction_changes_a_feature(
    people: list[tuple[list[Event], dt.datetime | None]], days: int | None, data: st.DataObject
):
    whole = as_frames(people, 2)
    steps = data.draw(st.lists(st.integers(0, 160), min_size=len(people), max_size=len(people)))
    times = [START + step * 6 * HOUR for step in steps]
    labels = pl.DataFrame({"subject_id": range(len(people)), "prediction_time": times})
    features = observation_events(whole, labels, days)
    groups = subgroups(whole, labels)
    late = [
        (row["subject_id"], row["prediction_time"] + data.draw(st.integers(1, 9)) * HOUR, code)
        for row in labels.rows(named=True)
        for code in ("A", "HF1", "GENDER//F", "MEDS_BIRTH//TWIN", "MEDS_DEATH")
    ]
    index = labels.select("subject_id", "prediction_time")
    cut, changed = [], []
    for frame in whole.frames:
        kept = frame.join(index, on="subject_id", how="left", maintain_order="left")
        kept = kept.filter(
            pl.col("time").is_null()
            | pl.col("prediction_time").is_null()
            | (pl.col("time") <= pl.col("prediction_time"))
        ).drop("prediction_time")
        mine = [row for row in late if row[0] in set(frame["subject_id"])]
        cut.append(kept)
        changed.append(
            pl.concat([kept, table(mine)]).sort("subject_id", "time", maintain_order=True)
        )
    for other in (Frames(cut), Frames(changed)):
        assert observation_events(other, labels, days).equals(features)
        assert subgroups(other, labels).equals(groups)
    assert (
        features.join(labels.with_row_index("sample"), on="sample")
        .filter(pl.col("time") > pl.col("prediction_time"))
        .is_empty()
    )


def plain(**changes: Any) -> dict[str, Any]:
    return {
        "outcome": {"name": "hf", "prefix": ["HF"]},
        "index": {"rule": "landmark", "days": 10},
        "gap_days": 5,
        "prediction_days": 20,
        **changes,
    }


def test_the_windows_are_open_at_the_start_and_closed_at_the_end():
    start, tick = START, dt.timedelta(microseconds=1)
    index = start + 10 * DAY
    people = {
        1: index,  # prevalent
        2: index + tick,  # in the gap
        3: index + 5 * DAY,  # the last moment of the gap
        4: index + 5 * DAY + tick,  # a case
        5: index + 25 * DAY,  # the last moment of the window: a case
        6: index + 25 * DAY + tick,  # after it
    }
    rows = [(number, start, "A") for number in people]
    rows += [(number, time, "HF") for number, time in people.items()]
    cohort = build_cohort(Frames([table(rows)]), plain())
    assert cohort.labels["subject_id"].to_list() == [4, 5, 6]
    assert cohort.labels["boolean_value"].to_list() == [True, True, False]
    assert {step["step"]: step["excluded"] for step in cohort.attrition} == {
        "in the data": 0,
        "with a dated event": 0,
        "with an index date": 0,
        "alive at the index date": 0,
        "1 or more visits in the observation window": 0,
        "no hf by the index date": 1,
        "no hf in the gap": 2,
        "followed to the end of the prediction window, or a case, or dead": 0,
    }


def test_labels_are_sorted_whatever_the_shards():
    rows = [(number, START + day * DAY, "A") for number in range(6) for day in (0, 60)]
    frames = [table([row for row in rows if row[0] % 2 == odd]) for odd in (1, 0)]
    births = [table([(n, START - (20 + n) * 365 * DAY, "MEDS_BIRTH")]) for n in range(2)]
    frames = [pl.concat([frames[0], births[1]]), pl.concat([frames[1], births[0]])]
    cohort = build_cohort(Frames(frames), plain())
    assert cohort.labels["subject_id"].to_list() == list(range(6))
    assert cohort.subgroups["age"].round(0).to_list() == [20, 21, None, None, None, None]
    assert cohort.subgroups.equals(subgroups(Frames(frames), cohort.labels))


def test_a_note_when_no_code_is_the_outcome():
    rows = [(1, START, "A"), (1, START + 60 * DAY, "A")]
    assert build_cohort(Frames([table(rows)]), plain()).notes == ("No code of the data means hf.",)


def test_an_empty_cohort_says_where_everyone_went():
    rows = [(1, START, "A"), (2, START, "A"), (2, START + DAY, "HF")]
    with pytest.raises(DataError, match=r"1 sample not 'no hf by .*, 1 sample not 'followed to"):
        build_cohort(Frames([table(rows)]), plain())
    late = plain(index={"rule": "visit", "days": 400})
    with pytest.raises(DataError, match=r"2 subjects not 'with an.*400 days after .*nobody reach"):
        build_cohort(Frames([table(rows)]), late)
    with pytest.raises(ConfigError, match="unknown key"):
        build_cohort(Frames([table(rows)]), plain(unknown=1))


@settings(max_examples=examples(30), deadline=None)
@given(people=st.lists(subjects, min_size=1, max_size=8), values=declarations)
def test_who_is_scored_does_not_depend_on_the_future(
    people: list[tuple[list[Event], dt.datetime | None]], values: dict[str, Any]
):
    """Without known outcomes, whoever has a label is in, and later events change nobody."""
    declared = OnsetDeclaration.parse(values)
    people = [*people, (FAITHFUL, START - 9000 * DAY)]
    try:
        whole = build_cohort(as_frames(people, 1), declared, known=False).labels
    except DataError:
        return
    assert "boolean_value" not in whole.columns
    times = dict(whole.group_by("subject_id").agg(pl.col("prediction_time").max()).rows())

    def seen(number: int, when: dt.datetime | None) -> bool:
        return number not in times or when is None or when <= times[number]

    cut = [
        ([one for one in events if seen(number, one[0])], birth)
        for number, (events, birth) in enumerate(people)
    ]
    # Somebody else's newest event keeps every index date in the past.
    cut.append(([(max(times.values()), "A")], None))
    again = build_cohort(as_frames(cut, 1), declared, known=False).labels
    assert set(whole.rows()) <= set(again.rows())
    with contextlib.suppress(DataError):
        labelled = build_cohort(as_frames(people, 1), declared).labels.drop("boolean_value")
        assert set(labelled.rows()) <= set(whole.rows())


def confirmed(**changes: Any) -> list[tuple[int, bool]]:
    """Labels of people with heart failure coded on these days; the index date is day 10."""
    people = {
        1: [20, 25],  # confirmed within a week: a case from day 20
        2: [20, 40],  # too far apart
        3: [20],  # once only
        4: [20, 20.1],  # twice on one day
        5: [5, 20, 25],  # confirmed, but coded before
        6: [28, 33],  # the second code lies behind the window, the first in it
        7: [9, 12],  # began before the index date, confirmed after it
        8: [5, 9, 20],  # confirmed before the index date
        9: [],
    }
    rows = [(number, START + at * DAY, "A") for number in people for at in (0, 60)]
    rows += [(number, START + at * DAY, "HF") for number, days in people.items() for at in days]
    rule = {"qualifying": {"times": 2, "within": "7d"}, "gap_days": 0, **changes}
    cohort = build_cohort(Frames([table(rows)]), plain(**rule))
    return cohort.labels.select("subject_id", "boolean_value").rows()


def test_a_confirmed_diagnosis_takes_several_codes():
    assert confirmed() == [
        (1, True), (2, False), (3, False), (4, False), (6, True), (9, False),
    ]  # fmt: skip
    # Whoever was coded once before may still be new; who began before but was confirmed after is
    # no case of the window.
    assert confirmed(prevalent="qualified") == [
        (1, True), (2, False), (3, False), (4, False), (5, True), (6, True), (7, False), (9, False),
    ]  # fmt: skip
    twice = {"times": 2, "within": "7d", "distinct": "time"}
    assert (4, True) in confirmed(qualifying=twice)


def test_matched_controls():
    rows = [(number, START, "A") for number in range(40)]
    rows += [(number, START + 60 * DAY, "A") for number in range(40)]
    rows += [(number, START + 20 * DAY, "HF") for number in range(4)]
    ages = [(number, START - (20 + number % 4) * 365 * DAY, "MEDS_BIRTH") for number in range(40)]
    data = Frames([table(rows + ages)])
    cohort = build_cohort(data, plain(matching={"ratio": 3, "age": 0.1, "sex": True}))
    assert cohort.labels["boolean_value"].sum() == 4
    assert cohort.labels.height == 16
    assert cohort.attrition[-1]["step"] == "cases and their controls"
    assert cohort.attrition[-1]["samples"] == 16
    assert cohort.balance is not None
    assert cohort.balance.row(0, named=True)["difference"] == pytest.approx(0, abs=1e-9)
    assert cohort.beside is not None
    assert cohort.beside["match_sets"].list.len().to_list() == [1] * 16
    # Whoever is scored later has no controls.
    assert build_cohort(data, plain(matching={"ratio": 3}), known=False).labels.height == 40


def test_codes_below_a_parent(tmp_path: Path):
    codes = pl.DataFrame(
        {
            "code": ["HF//1", "HF//1//2", "OTHER"],
            "description": [None, None, None],
            "parent_codes": [["HEART"], ["HF//1"], []],
        },
        schema_overrides={"description": pl.String},
    )
    rows = [(number, START + day * DAY, "A") for number in range(3) for day in (0, 60)]
    rows += [(0, START + 20 * DAY, "HF//1//2"), (1, START + 20 * DAY, "OTHER")]
    write_events(tmp_path / "meds", [table(rows)], codes=codes)
    data = EventData.open(tmp_path / "meds")
    assert data.code_children() == {"HEART": ["HF//1"], "HF//1": ["HF//1//2"]}
    outcome = {"name": "heart", "descendants": ["HEART"]}
    cohort = build_cohort(data, plain(outcome=outcome))
    assert cohort.labels["boolean_value"].to_list() == [True, False, False]
