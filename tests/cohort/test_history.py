"""What was known at the prediction time; age and sex."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import polars as pl
import pytest
from tests.cohort.naive import Event
from tests.cohort.records import in_memory

from sequela.cohort import observation_events, subgroups
from sequela.errors import SchemaError
from sequela.events import EventData

NOON = dt.datetime(2020, 6, 1, 12)
DAY = dt.timedelta(days=1)


@pytest.fixture
def data(tmp_path: Path) -> EventData:
    (tmp_path / "data").mkdir()
    rows = [
        (1, None, "GENDER//F", None),
        (1, dt.datetime(1970, 6, 1, 12), "MEDS_BIRTH", None),
        (1, NOON - 10 * DAY, "old", 1.0),
        (1, NOON - 9 * DAY, "b", 2.0),
        (1, NOON, "a", 3.0),
        (1, NOON + dt.timedelta(microseconds=1), "late", 4.0),
        (2, NOON - DAY, "c", None),
        (2, NOON + DAY, "sex//male", None),
        (3, NOON - DAY, "Gender/8507", None),
        (4, None, "SEX//F", None),
        (4, None, "SEX//M", None),
        (5, None, "SEX|intersex", None),
        (6, None, "GENDER//UNK", None),
    ]
    frame = pl.DataFrame(rows, schema=["subject_id", "time", "code", "numeric_value"], orient="row")
    for part in (0, 1):
        path = tmp_path / "data" / f"{part}.parquet"
        frame.filter(pl.col("subject_id") % 2 == part).write_parquet(path)
    return EventData.open(tmp_path)


def labels(*rows: tuple[int, dt.datetime]) -> pl.DataFrame:
    return pl.DataFrame(rows, schema=["subject_id", "prediction_time"], orient="row")


def test_the_window(data: EventData):
    given = labels((2, NOON), (1, NOON), (1, NOON - 9 * DAY), (99, NOON))
    events = observation_events(data, given, 10)
    assert dict(events.schema) == {
        "sample": pl.UInt32,
        "time": pl.Datetime("us"),
        "code": pl.String,
        "numeric_value": pl.Float32,
    }
    assert events.select("sample", "code").rows() == [
        (0, "c"), (1, "GENDER//F"), (1, "b"), (1, "a"), (2, "GENDER//F"), (2, "old"), (2, "b"),
    ]  # fmt: skip
    whole = observation_events(data, given)
    assert whole.filter(pl.col("sample") == 1)["code"].to_list() == ["GENDER//F", "old", "b", "a"]


def test_a_window_that_ends_after_the_prediction_is_cut_off_there(data: EventData):
    given = labels((1, NOON))
    windows = given.with_columns(
        observation_start=pl.lit(NOON - 9 * DAY), observation_end=pl.lit(NOON + DAY)
    )
    events = observation_events(data, given, windows=windows)
    assert events["code"].to_list() == ["GENDER//F", "a"]


def test_no_sample_and_no_history(data: EventData):
    assert observation_events(data, labels((99, NOON))).height == 0
    empty = labels((1, NOON))[:0]
    assert observation_events(data, empty).schema == observation_events(data, empty, 3).schema
    assert subgroups(data, labels((99, NOON))).rows() == [(99, None, None)]
    assert subgroups(data, empty).height == 0
    with pytest.raises(SchemaError, match="column 'prediction_time' of the labels"):
        observation_events(data, labels((1, NOON)).drop("prediction_time"))


def test_age_and_sex(data: EventData):
    given = labels(
        (6, NOON), (5, NOON), (4, NOON), (3, NOON), (2, NOON), (2, NOON + DAY), (1, NOON)
    )
    found = subgroups(data, given)
    assert found["subject_id"].to_list() == [6, 5, 4, 3, 2, 2, 1]
    # A sex that is recorded later is not seen; two sexes are none.
    assert found["sex"].to_list() == [None, "other", None, "male", None, "male", "female"]
    assert found["age"].drop_nulls().to_list() == [pytest.approx(50, abs=0.01)]


def test_a_birth_that_is_told_later_gives_no_age_before():
    born = Event(NOON - 40 * 365 * DAY, "MEDS_BIRTH", None, NOON + DAY)
    found = subgroups(in_memory({1: [born]}), labels((1, NOON), (1, NOON + DAY)))
    assert found["age"].is_null().to_list() == [True, False]
