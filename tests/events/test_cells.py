"""Text as times and numbers: what is read, and what becomes null."""

from __future__ import annotations

from datetime import datetime

import polars as pl
import pytest

from sequela.errors import SchemaError
from sequela.events.cells import (
    ISO_FORMATS,
    as_integers,
    as_numbers,
    as_times,
    refuse_unreadable,
    unreadable,
)


def test_times_in_several_forms():
    day, moment = datetime(2020, 2, 29), datetime(2020, 2, 29, 13, 5, 7)
    read = {
        "2020-02-29": day,
        "2020-02-29 13:05:07": moment,
        " 2020-02-29T13:05:07Z ": moment,
        "2020-02-29T13:05:07+00:00": moment,
        "2020-02-29 13:05:07.250": moment.replace(microsecond=250_000),
        "2020-02-29T13:05": moment.replace(second=0),
        "": None,
        "2021-02-29": None,
        "yesterday": None,
        "2020-02-29 13:05:07+05:00": None,
    }
    column = pl.Series("t", list(read))
    times = as_times(column)
    assert times.to_list() == list(read.values())
    assert times.name == "t"
    assert unreadable(column, times).to_list() == [False] * 7 + [True] * 3


@pytest.mark.parametrize(
    "text",
    ["19xx-01-01", "2020-1x-01", "20 0-01-01", "20-01-01", "+2020-01-01", "12020-01-01"]
    + ["2020-01-01x", "2020-01-01 1x:00:00", "2020-02-30", "2020-01-01 10:00:00.5x", "1/2/2020"]
    + ["2020-01-01 10", "06:00.1", "2020-01-01T25:00:00", "2020-01-01T10:00:00+05:00"],
)
def test_nothing_is_guessed(text: str):
    assert as_times(pl.Series("t", [text])).to_list() == [None]
    assert as_times(pl.Series("t", ["2020-01-01", text])).null_count() == 1


def test_american_times():
    column = pl.Series("t", ["5/7/2180 1:54", "12/31/2180", "1/2/80", "13/1/2020", "1/x/2020"])
    forms = (*ISO_FORMATS, "%m/%d/%Y %H:%M", "%m/%d/%Y")
    expected = [datetime(2180, 5, 7, 1, 54), datetime(2180, 12, 31), None, None, None]
    assert as_times(column, forms).to_list() == expected


def test_times_in_a_form_of_the_callers_and_none_at_all():
    column = pl.Series("t", ["04/21/1991 9:09", "2020-01-01"])
    assert as_times(column, ("%m/%d/%Y %H:%M",)).to_list() == [datetime(1991, 4, 21, 9, 9), None]
    assert as_times(pl.Series("t", [None, ""], pl.String())).to_list() == [None, None]
    assert as_times(pl.Series("t", [], pl.String())).dtype == pl.Datetime("us")


def test_numbers():
    column = pl.Series("n", ["1", " -2.5e3", "", None, "nan", "inf", "1e999", "12 mg", "0x10"])
    assert as_numbers(column).to_list() == [1.0, -2500.0] + [None] * 7
    column = pl.Series("n", ["7", " -8 ", "1.0", "9223372036854775808", ""])
    assert as_integers(column).to_list() == [7, -8, None, None, None]


def test_what_cannot_be_read_is_refused_with_its_row():
    column = pl.Series("dose", ["1", "", "CANARY", "2"])
    with pytest.raises(SchemaError, match=r"column 'dose' of t.csv: .* 1 row.*row 103") as caught:
        refuse_unreadable(column, as_numbers(column), "t.csv", "a number", first_row=101)
    assert "CANARY" not in str(caught.value)
    refuse_unreadable(column[:2], as_numbers(column[:2]), "t.csv", "a number")
