"""Tables of series: what is read, what is counted, what is refused."""

from __future__ import annotations

from pathlib import Path

import polars as pl
import pytest

from sequela import ingest, sources
from sequela.errors import ConfigError, DataError, SchemaError
from sequela.events import subject_number

EXAMPLE = Path(sources.__file__).parent / "series" / "example"
CANARY = "zq9canary"


def test_the_example():
    found = ingest.opened("series", EXAMPLE / "data").read()
    # The number of a subject is that of its file's name.
    names = {subject_number(name): name for name in ("days", "hours")}
    shown = found.select(
        pl.col("subject_id").replace_strict(names).alias("file"), "time", "code", "numeric_value"
    )
    assert shown.sort("file", "time", "code").write_csv() == (EXAMPLE / "expected.csv").read_text()
    extract = sources.read("series", EXAMPLE / "data")
    list(extract.tables[0].frames())
    assert {reason: rows for (_, reason), rows in extract.drops.counts().items()} == {
        "time missing or unreadable": 1,
        "no number at a time": 1,
        "a cell that is no number": 1,
    }


def test_the_column_of_times_by_name(tmp_path):
    (tmp_path / "a.csv").write_text("X,When\n1,2020-01-01\n")
    found = ingest.opened("series", tmp_path, time="when").read()
    assert found["code"].to_list() == ["SERIES//X"]


@pytest.mark.parametrize(
    ("content", "words", "kind"),
    [
        ("when\n2020-01-01\n", "columns of .*a.csv", SchemaError),
        ("when,x,x\n2020-01-01,1,2\n", "a name twice", SchemaError),
        (f"when,x\n2020-01-01,{CANARY},1\n", "row 1 of .*3 cells", DataError),
    ],
)
def test_what_is_refused(content, words, kind, tmp_path):
    (tmp_path / "a.csv").write_text(content)
    with pytest.raises(kind, match=words) as caught:
        list(sources.read("series", tmp_path).tables[0].frames())
    assert CANARY not in str(caught.value)


def test_two_files_of_one_name(tmp_path):
    for name in ("a.csv", "a.tsv"):
        separator = "\t" if name == "a.tsv" else ","
        (tmp_path / name).write_text(f"t{separator}x\n2020-01-01{separator}1\n")
    with pytest.raises(DataError, match="two files of one name"):
        sources.read("series", tmp_path)


@pytest.mark.data
def test_the_transformer(data_root):
    extract = sources.read("series", data_root / "ett" / "ETTh1.csv")
    events = pl.concat(extract.tables[0].frames())
    assert events.height == 17_420 * 7
    assert not extract.drops.counts()


def test_rows_at_equal_distances(tmp_path):
    (tmp_path / "a.csv").write_text("Month,Sold\n1949-01,1\n1949-02,2\n1949-03,\n1949-04,4\n")
    found = ingest.opened("series", tmp_path, step_days=30).read()
    days = (found["time"] - found["time"][0]).dt.total_days().to_list()
    assert (days, found["numeric_value"].to_list()) == ([0, 30, 90], [1, 2, 4])
    with pytest.raises(ConfigError, match="step_days"):
        sources.read("series", tmp_path, step_days=0)
