"""Rules turn rows into events; what a rule cannot use is counted, never guessed."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import polars as pl
import pytest

from sequela.events import Delimited, Drops
from sequela.events.cells import as_integers
from sequela.events.rows import Rule, code_of, described, events_of, looked_up, parents, rows_table

DAY = dt.datetime(2020, 1, 1)


def apply(rules: list[Rule], **columns: list[str | None]) -> tuple[pl.DataFrame, dict]:
    rows = pl.DataFrame(columns, schema=dict.fromkeys(columns, pl.String()))
    drops = Drops()
    events = events_of(rows, as_integers(rows["subject_id"]), rules, "t", drops)
    return events, {reason: rows for (_, reason), rows in drops.counts().items()}


@pytest.mark.parametrize(
    ("template", "codes"),
    [
        ("X", ["X", "X"]),
        ("X//{a}", ["X//1", None]),
        ("X//{a?}", ["X//1", "X"]),
        ("X//{a?}//{b?}", ["X//1", "X//2"]),
        ("{b?}//{a}//y", ["//1//y", None]),
        ("{a?}, {b?}", ["1", ", 2"]),
    ],
)
def test_templates(template: str, codes: list[str | None]):
    rows = pl.DataFrame({"a": [" 1 ", "  "], "b": [None, "2"]})
    assert rows.with_columns(code_of(template).alias("code"))["code"].to_list() == codes


def test_a_row_holds_several_events_in_the_order_of_the_rules():
    rules = [Rule("A", time=("t",)), Rule("B//{x}"), Rule("C", time=("u",), optional=True)]
    events, lost = apply(
        rules, subject_id=["1", "2"], t=["2020-01-01"] * 2, u=[None, "2020-01-02"], x=["k", "l"]
    )
    assert events["code"].to_list() == ["A", "B//k", "A", "B//l", "C"]
    assert events["subject_id"].to_list() == [1, 1, 2, 2, 2]
    assert events["time"].to_list() == [DAY, None, DAY, None, DAY + dt.timedelta(1)]
    assert not lost


def test_what_cannot_be_used_is_counted_by_reason():
    rule = Rule("X//{x}", time=("t", "u"), available=("k",))
    events, lost = apply(
        [rule],
        subject_id=["1", None, "x", "1", "1", "1", "1"],
        t=["2020-01-01", "2020-01-01", "2020-01-01", "2020-01-01", "soon", None, "2020-01-01"],
        u=[None, None, None, None, None, None, None],
        x=["a", "a", "a", " ", "a", "a", "a"],
        k=["2020-01-05", None, None, None, None, None, "later"],
    )
    assert events.select("code", "available_time").rows() == [("X//a", DAY + dt.timedelta(4))]
    assert lost == {
        "no such subject": 2,
        "no code for X//{x}": 1,
        "t or u unreadable": 1,
        "t or u empty": 1,
        "k unreadable": 1,
    }


def test_the_first_readable_time_counts_and_nothing_is_known_before_it_happens():
    rule = Rule("X", time=("t", "u"), available=("k",))
    events, lost = apply(
        [rule],
        subject_id=["1", "1", "1"],
        t=["2020-01-01", None, "soon"],
        u=["2020-01-02", "2020-01-02", "2020-01-02"],
        k=["2019-01-01", "2020-01-02", None],
    )
    assert events["time"].to_list() == [DAY, DAY + dt.timedelta(1), DAY + dt.timedelta(1)]
    assert events["available_time"].to_list() == [None, None, None]
    assert not lost


def test_a_day_without_its_hour_is_known_when_it_is_over():
    rule = Rule("X", time=("t", "u"), available=("k", "l"), dates=("u", "l"))
    nothing = [None] * 5
    columns = {
        "t": ["2020-01-01", *nothing[1:]],  # the hour is known: midnight
        "u": [None, "2020-01-01", "2020-01-01 08:00:00", "2020-01-01", "2020-01-01"],
        "k": [None, None, None, "2020-01-01 09:00:00", None],
        "l": [None, None, None, None, "2020-01-03"],
    }
    events, lost = apply([rule], subject_id=["1"] * 5, **columns)
    day, hour = dt.timedelta(1), dt.timedelta(hours=1)
    assert events["time"].to_list() == [DAY, DAY, DAY + 8 * hour, DAY, DAY]
    known = [None, DAY + day, None, DAY + 9 * hour, DAY + 3 * day]
    assert events["available_time"].to_list() == known
    assert not lost


def test_what_sums_up_a_time_is_not_known_before_its_end():
    rule = Rule("X", time=("t",), available=("k",), ends="e")
    events, lost = apply(
        [rule],
        subject_id=["1"] * 5,
        t=["2020-01-01"] * 5,
        k=["2020-01-02", "2020-01-04", None, "2020-01-02", "2020-01-02"],
        e=["2020-01-03", "2020-01-03", "2020-01-03", None, "later"],
    )
    days = [(known - DAY).days for known in events["available_time"]]
    assert days == [2, 3, 2, 1]
    assert lost == {"k or e unreadable": 1}


def test_what_is_awaited_is_not_known_before_somebody_says_when():
    rule = Rule("X", time=("t",), available=("k",), awaited=True)
    events, lost = apply(
        [rule], subject_id=["1"] * 3, t=["2020-01-02"] * 3, k=["2020-01-03", None, "2020-01-01"]
    )
    assert events["available_time"].to_list() == [DAY + dt.timedelta(2), None]
    assert lost == {"k empty": 1}


def test_values():
    rules = [Rule("N", number="n", text="w"), Rule("M", number="n"), Rule("W", text="w")]
    events, _ = apply(rules, subject_id=["1", "1"], n=["5", "<5"], w=["five", "few"])
    assert events["numeric_value"].to_list() == [5, 5, None, None, None, None]
    assert events["text_value"].to_list() == [None, None, "five", "few", "<5", "few"]


def test_columns_that_are_not_there_count_as_empty():
    events, lost = apply([Rule("X//{x?}", number="n"), Rule("Y", time=("t",))], subject_id=["1"])
    assert events["code"].to_list() == ["X"]
    assert lost == {"t empty": 1}


def test_no_rows_keep_the_columns():
    events, lost = apply([Rule("X", time=("t",))], subject_id=[], t=[])
    assert events.height == 0
    assert events.schema["time"] == pl.Datetime("us")
    assert not lost


@pytest.fixture
def files(tmp_path: Path) -> dict[str, Delimited]:
    (tmp_path / "stays.csv").write_text(
        "stay,begin,end\n7,2020-01-01,2020-01-09\n7,2001-01-01,\n8,2020-02-01,\n"
    )
    (tmp_path / "rows.csv").write_text(
        "subject_id,stay,code,words,pack\n"
        "1, 7 ,a,An a,p1\n2,8,b,,p2\n2,8,a,Other,p0\n3,9,a,An a,p1\n"
    )
    return {name: Delimited.open(tmp_path / f"{name}.csv") for name in ("stays", "rows")}


def test_times_from_another_table(files: dict[str, Delimited]):
    drops = Drops()
    table = rows_table(
        files["rows"],
        "rows",
        [Rule("X//{code}", time=("begin",), available=("known",))],
        drops,
        prepare=looked_up(files["stays"], "stay", {"begin": "begin", "known": "end"}),
        columns=("stay",),
    )
    for _ in range(2):
        (events,) = table.frames()
        assert events["subject_id"].to_list() == [1, 2, 2]
        assert events["available_time"].to_list() == [DAY + dt.timedelta(8), None, None]
    # Twice read, twice counted: the stay of row 4 is not in the table.
    assert drops.counts() == {("rows", "begin empty"): 2}


def test_words_and_parents_of_codes(files: dict[str, Delimited]):
    found = described(files["rows"], "X//{code}", "{words} ({code})")
    assert found.rows() == [("X//a", "An a (a)")]
    above = parents(files["rows"], "X//{code}", "P//{pack}", but=("P//p0",)).sort("code")
    assert above.rows() == [("X//a", ["P//p1"]), ("X//b", ["P//p2"])]
    assert parents(files["rows"], "X//{code}", "P//{absent}").height == 0
