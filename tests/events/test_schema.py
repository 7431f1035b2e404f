"""Aligning near-MEDS tables."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import meds
import numpy as np
import polars as pl
import pyarrow as pa
import pytest

from sequela.errors import DataError, SchemaError
from sequela.events import COLUMNS, align
from sequela.events.files import read_columns
from sequela.events.schema import to_arrow

NOON = dt.datetime(2020, 1, 2, 12)


def near_meds(**columns: pa.Array) -> pa.Table:
    standard = {
        "subject_id": pa.array([2, 1, 1]),
        "time": pa.array([NOON, NOON, None], pa.timestamp("us")),
        "code": pa.array(["b", "a", "sex"]),
    }
    return pa.table({**standard, **columns})


def test_the_result_is_meds_sorted_with_static_facts_first():
    events = align(near_meds(), "x")
    assert dict(events.schema) == COLUMNS
    assert events["subject_id"].to_list() == [1, 1, 2]
    assert events["code"].to_list() == ["sex", "a", "b"]
    meds.DataSchema.validate(to_arrow(events))


@pytest.mark.parametrize(
    "time",
    [
        pa.timestamp("s"),
        pa.timestamp("ms"),
        pa.timestamp("ns"),
        pa.timestamp("us", "UTC"),
        pa.timestamp("ns", "UTC"),
    ],
    ids=str,
)
def test_time_units_and_zones(time: pa.DataType):
    events = align(near_meds(time=pa.array([NOON, NOON, None], time)), "x")
    assert events["time"].to_list() == [None, NOON, NOON]


def test_a_zone_becomes_utc():
    times = pa.array([NOON] * 3, pa.timestamp("us")).cast(pa.timestamp("us", "Asia/Tokyo"))
    assert align(near_meds(time=times), "x")["time"].to_list() == [NOON] * 3


@pytest.mark.parametrize("zone", ["+05:30", "-08:00", "America/New_York"])
def test_any_zone_of_arrow_becomes_utc(zone: str):
    times = pa.array([NOON, NOON, None], pa.timestamp("us")).cast(pa.timestamp("us", zone))
    assert align(near_meds(time=times), "x")["time"].to_list() == [None, NOON, NOON]


@pytest.mark.parametrize("name", ["time", "canary4711"])
def test_a_doubled_column_is_named_by_its_place_where_its_name_may_be_a_cell(name: str):
    table = near_meds(canary4711=pa.array([1, 2, 3]))
    shown = "column 'time'" if name == "time" else f"column {table.num_columns}"
    with pytest.raises(SchemaError, match=f"^{shown} of x: got 2 columns of this name"):
        align(table.append_column(name, table[name]), "x")


def test_a_table_without_a_line_of_names_is_refused_without_its_cells(tmp_path: Path):
    path = tmp_path / "a.csv"
    path.write_text("canary4711,2020-01-02,canary4711\n7,2020-01-03,x\n")
    with pytest.raises(SchemaError, match=r"^column 1 of a\.csv: got 2 columns of this name"):
        read_columns(path)


def test_dates_and_text_times():
    day = pa.array([NOON.date(), NOON.date(), None], pa.date32())
    assert align(near_meds(time=day), "x")["time"][1] == dt.datetime(2020, 1, 2)
    text = pa.array(["2020-01-02T12:00:00", "2020-01-02 12:00", ""])
    assert align(near_meds(time=text), "x")["time"].to_list() == [None, NOON, NOON]


_LONG = 2**62


@pytest.mark.parametrize(
    "times",
    [
        pa.array([0, None, 2**53 - 1], pa.timestamp("s")),
        pa.array([0, None, _LONG], pa.timestamp("ms")),
        pa.array([0, None, -_LONG], pa.timestamp("us")),
        pa.array([0, None, _LONG], pa.timestamp("us", "+05:30")),
        pa.array([0, None, 2**31 - 1], pa.date32()),
        pa.array([0, None, -_LONG], pa.date64()),
        pa.array([0, None, 253_402_300_800], pa.timestamp("s")),
        pa.array([0, None, -62_135_596_801], pa.timestamp("s")),
        pa.array([0, None, _LONG], pa.timestamp("us")).dictionary_encode(),
        pa.array(["2020-01-01", None, "+262000-01-01"]),
        pa.array(["2020-01-01", None, "0000-12-31"]),
    ],
    ids=lambda times: str(times.type),
)
def test_times_out_of_range_are_refused(times: pa.Array):
    with pytest.raises(DataError, match=r"column 'time' of x: .* 1 row\(s\), the first is row 3"):
        align(near_meds(time=times), "x")


@pytest.mark.parametrize("kind", [pl.Datetime("us"), pl.Datetime("ms"), pl.Date()], ids=str)
def test_times_of_frames_are_looked_at_too(kind: pl.DataType):
    far = pl.Series("time", [0, 0, 2**31 - 1 if kind == pl.Date else _LONG]).cast(kind)
    frame = pl.DataFrame({"subject_id": [1, 1, 1], "code": ["a", "b", "c"]}).with_columns(far)
    with pytest.raises(DataError, match="years 1 to 9999"):
        align(frame, "x")


def test_the_first_and_the_last_time_pass():
    ends = [dt.datetime(1, 1, 1), dt.datetime(9999, 12, 31, 23, 59, 59)]
    for unit in ("s", "ms", "us"):
        times = pa.array([*ends, None], pa.timestamp(unit))
        events = align(near_meds(subject_id=pa.array([1, 1, 1]), time=times), "x")
        assert events["time"].to_list() == [None, *ends]


@pytest.mark.parametrize("kind", [pa.int32(), pa.int16(), pa.uint32(), pa.uint64(), pa.float64()])
def test_subjects_of_other_types(kind: pa.DataType):
    assert align(near_meds(subject_id=pa.array([2, 1, 1], kind)), "x")["subject_id"][2] == 2


@pytest.mark.parametrize(
    "codes",
    [
        pa.array(["b", "a", "sex"]).dictionary_encode(),
        pa.array(["b", "a", "sex"], pa.large_string()),
        pa.array(["b", "a", "sex"], pa.string_view()),
    ],
    ids=lambda codes: str(codes.type),
)
def test_codes_of_other_types(codes: pa.Array):
    assert align(near_meds(code=codes), "x")["code"].to_list() == ["sex", "a", "b"]


def test_the_value_column():
    value, other = pa.array([1.0, float("nan"), None]), pa.array([7, 8, 9])
    assert align(near_meds(value=value), "x")["numeric_value"].to_list() == [None, None, 1.0]
    both = near_meds(value=value, numeric_value=other)
    assert align(both, "x")["numeric_value"].to_list() == [9, 8, 7]
    assert align(both, "x", "value")["numeric_value"].to_list() == [None, None, 1.0]
    decimal = pa.array(["1.5", None, "2"]).cast(pa.decimal128(5, 2))
    assert align(near_meds(dose=decimal), "x", "dose")["numeric_value"].to_list() == [2, None, 1.5]


def test_extra_columns_go_and_text_stays():
    events = align(
        near_meds(table=pa.array([1, 2, 3]), text_value=pa.array(["x", None, None])), "x"
    )
    assert events.columns == list(COLUMNS)
    assert events["text_value"].to_list() == [None, None, "x"]


def test_a_polars_frame_with_categories():
    frame = pl.DataFrame(near_meds()).with_columns(pl.col("code").cast(pl.Categorical))
    assert align(frame, "x").equals(align(near_meds(), "x"))


def test_events_at_one_time_keep_their_order():
    codes = [f"c{number}" for number in range(50)]
    frame = pl.DataFrame({"subject_id": 1, "time": NOON, "code": codes})
    assert align(frame, "x")["code"].to_list() == codes


def test_no_rows_is_a_table():
    assert align(near_meds().slice(0, 0), "x").height == 0


@pytest.mark.parametrize("name", ["subject_id", "time", "code"])
def test_a_missing_column(name: str):
    with pytest.raises(SchemaError, match=f"column '{name}' of part.parquet: got no such column"):
        align(near_meds().drop_columns([name]), "part.parquet")


def test_a_missing_value_column():
    with pytest.raises(SchemaError, match="column 'dose' of x: got no such column"):
        align(near_meds(), "x", "dose")


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        (
            {"value": pa.array(["1", "SECRET", "3"])},
            "got text in 1 row.* first is row 2, wanted a n",
        ),
        ({"subject_id": pa.array(["1", "2", "SECRET"])}, "column 'subject_id' of x: got text in 1"),
        ({"subject_id": pa.array([1, None, 3])}, "got nothing in 1 row.* row 2"),
        ({"subject_id": pa.array([1.5, 2.0, 3.0])}, "got fractions in 1 row"),
        ({"subject_id": pa.array([2**63, 1, 1], pa.uint64())}, "got too large in 1 row"),
        ({"subject_id": pa.array([True, True, True])}, "got the type Boolean"),
        ({"time": pa.array(["SECRET", "2020-01-01", None])}, "text that is no time in 1 row"),
        ({"time": pa.array([1, 2, 3])}, "column 'time' of x: got the type Int64"),
        ({"code": pa.array(["a", None, "b"])}, "column 'code' of x: got nothing in 1 row"),
        ({"code": pa.array(["a", "", "b"])}, "column 'code' of x: got nothing in 1 row"),
        ({"code": pa.array([1.5, 2.5, 3.5])}, "column 'code' of x: got the type Float64"),
        ({"numeric_value": pa.array([[1.0], [2.0], None])}, "column 'numeric_value' of x"),
    ],
)
def test_what_cannot_be_understood(columns: dict[str, pa.Array], message: str):
    with pytest.raises(SchemaError, match=message) as caught:
        align(near_meds(**columns), "x")
    assert "SECRET" not in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("bad", [np.inf, -np.inf, 1e300])
def test_an_infinite_value(bad: float):
    table = near_meds(value=pa.array([np.nan, bad, None]))
    with pytest.raises(DataError, match=r"column 'value' of x: got 1 infinite value.* row 2"):
        align(table, "x")


def test_when_an_event_became_known():
    day, later = dt.datetime(2020, 1, 1), dt.datetime(2020, 1, 9)
    frame = pl.DataFrame(
        {
            "subject_id": [1, 1, 1, 1],
            "time": [day, day, day, None],
            "code": ["a", "b", "c", "static"],
            "available_time": [None, day, later, later],
        }
    )
    known = align(frame, "t")
    assert known["code"].to_list() == ["static", "a", "b", "c"]
    assert known["available_time"].to_list() == [later, day, day, later]
    assert (
        align(frame.drop("available_time"), "t")["available_time"].to_list() == [None] + [day] * 3
    )
    text = align(frame.cast({"available_time": pl.String()}), "t")
    assert text.equals(known)


def test_an_event_known_before_it_happens_is_refused():
    frame = pl.DataFrame(
        {
            "subject_id": [1, 1],
            "time": [dt.datetime(2020, 1, 1)] * 2,
            "code": ["a", "b"],
            "available_time": [None, dt.datetime(2019, 12, 31)],
        }
    )
    with pytest.raises(SchemaError, match=r"'available_time' of t: got an earlier moment.* row 2"):
        align(frame, "t")


@pytest.mark.parametrize(
    ("subjects", "days", "order"),
    [
        ([1, 1, 2], [None, 1, 0], [0, 1, 2]),
        ([1, 1, 2], [1, None, 0], [1, 0, 2]),
        ([2, 1, 1], [0, 1, 1], [1, 2, 0]),
        ([1, 1, 1], [2, 1, 1], [1, 2, 0]),
        ([-1, -2], [0, 0], [1, 0]),
        ([1, 1], [None, None], [0, 1]),
        ([], [], []),
    ],
)
def test_the_order_of_events(subjects: list, days: list, order: list):
    times = [None if day is None else dt.datetime(1, 1, 1) + dt.timedelta(day) for day in days]
    frame = pl.DataFrame(
        {"subject_id": subjects, "time": times, "code": [str(n) for n in range(len(days))]},
        schema={"subject_id": pl.Int64, "time": pl.Datetime("us"), "code": pl.String},
    )
    assert align(frame, "t")["code"].to_list() == [str(place) for place in order]
