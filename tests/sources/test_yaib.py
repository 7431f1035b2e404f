"""Hourly tables: every cell with a value is an event, known when its hour is over."""

from __future__ import annotations

import shutil
import traceback
from datetime import timedelta
from pathlib import Path

import polars as pl
import pytest

from sequela import ingest, sources
from sequela.errors import DataError, SchemaError
from sequela.sources.yaib import read

EXAMPLE = Path(sources.__file__).parent / "yaib" / "example"
CANARY = "zq9canary"


def _frame(extract) -> pl.DataFrame:
    return pl.concat(frame for table in extract.tables for frame in table.frames())


@pytest.fixture
def cohort(tmp_path: Path) -> Path:
    """A copy of the example, to be damaged."""
    return Path(shutil.copytree(EXAMPLE, tmp_path / "cohort"))


def _change(path: Path, *changes: pl.Expr) -> None:
    pl.read_parquet(path).with_columns(*changes).write_parquet(path)


def test_the_example():
    found = ingest.opened("yaib", EXAMPLE).read()
    assert found.write_csv() == (EXAMPLE / "expected.csv").read_text()
    extract = read(EXAMPLE)
    assert _frame(extract).height == found.height
    assert extract.drops.counts() == {
        ("dyn", "value too large, infinite or no number"): 1,
        ("sta", "age missing or out of range"): 1,
        ("sta", "sex not known"): 1,
    }


def test_hours_may_be_numbers(cohort: Path):
    _change(cohort / "dyn.parquet", pl.col("time").dt.total_hours().cast(pl.Float64))
    found = ingest.opened("yaib", cohort).read()
    assert found.write_csv() == (EXAMPLE / "expected.csv").read_text()


def test_a_row_is_known_when_its_hour_is_over():
    found = _frame(read(EXAMPLE)).filter(pl.col("code") == "YAIB//hr")
    assert (found["available_time"] - found["time"]).unique().to_list() == [timedelta(hours=1)]


def test_without_outcomes_no_stay_has_an_end(cohort: Path):
    (cohort / "outc.parquet").unlink()
    extract = read(cohort)
    assert extract.missing == ("outc.parquet",)
    assert not _frame(extract)["code"].str.contains("DISCHARGE").any()


@pytest.mark.parametrize(
    ("file", "change", "said"),
    [
        ("dyn", pl.lit(CANARY).alias("hr"), "'hr' of dyn.parquet.*String"),
        ("dyn", pl.lit(CANARY).alias("time"), "'time' of dyn.parquet.*String"),
        ("dyn", pl.lit(CANARY).alias("stay_id"), "'stay_id' of dyn.parquet"),
        ("dyn", pl.lit(None, pl.Int32).alias("stay_id"), "'stay_id' of dyn.parquet.*gap"),
        ("sta", pl.lit(1, pl.Int32).alias("stay_id"), "'stay_id' of sta.parquet.*equal ids"),
        ("sta", pl.lit(CANARY).alias("age"), "'age' of sta.parquet.*String"),
        ("sta", pl.lit(CANARY).alias("height"), "'height' of sta.parquet.*String"),
        ("sta", pl.lit(3).alias("sex"), "'sex' of sta.parquet"),
        ("outc", pl.lit(2).alias("label"), "'label' of outc.parquet"),
        ("outc", pl.lit(CANARY).alias("label"), "'label' of outc.parquet"),
        ("outc", pl.lit(None, pl.Int32).alias("label"), "'label' of outc.parquet"),
    ],
)
def test_a_column_of_something_else_is_refused(cohort: Path, file: str, change, said: str):
    _change(cohort / f"{file}.parquet", change)
    with pytest.raises(DataError, match=said) as caught:
        _frame(read(cohort))
    assert CANARY not in "".join(traceback.format_exception(caught.value))


@pytest.mark.parametrize("name", ["dyn", "sta", "outc"])
def test_cut_files_are_refused(cohort: Path, name: str):
    path = cohort / f"{name}.parquet"
    path.write_bytes(path.read_bytes()[:-20])
    with pytest.raises(DataError, match=rf"{name}\.parquet"):
        _frame(read(cohort))


def test_what_is_not_there(cohort: Path, tmp_path: Path):
    with pytest.raises(DataError, match=r"no sta\.parquet"):
        read(tmp_path / "..")
    with pytest.raises(DataError, match=rf"that have one: {cohort.name}"):
        read(cohort.parent)
    pl.read_parquet(cohort / "dyn.parquet").drop("time").write_parquet(cohort / "dyn.parquet")
    with pytest.raises(SchemaError, match=r"'time' of dyn\.parquet"):
        read(cohort)


def test_hours_out_of_range_are_counted(cohort: Path):
    _change(cohort / "dyn.parquet", pl.lit(timedelta(days=-1)).alias("time"))
    extract = read(cohort)
    assert not _frame(extract)["code"].str.starts_with("YAIB//hr").any()
    assert extract.drops.counts()[("dyn", "hour out of range")] == 5


@pytest.mark.data
@pytest.mark.parametrize(
    ("name", "stays", "deaths"), [("eicu_demo", 1367, 70), ("mimic_demo", 99, 21)]
)
def test_the_facts_of_the_demos(data_root: Path, name: str, stays: int, deaths: int):
    folder = data_root / "yaib_mortality24" / name
    extract = read(folder)
    found = _frame(extract)
    assert found["subject_id"].n_unique() == stays
    assert (found["code"] == "ICU_DISCHARGE//DIED").sum() == deaths
    dynamic = pl.read_parquet(folder / "dyn.parquet")
    assert dynamic.height == 25 * stays
    cells = dynamic.select(pl.exclude("stay_id", "time").is_not_null().sum()).row(0)
    assert sum(cells) == sum(frame.height for frame in extract.tables[1].frames())
