"""Events with numbers for codes are the same events."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

import numpy as np
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from sequela.errors import DataError, SchemaError
from sequela.events import EventData

FRAME = pl.DataFrame(
    {
        "subject_id": [3, 1, 1, 2],
        "time": [datetime(2020, 1, 1), datetime(2020, 1, 3), None, datetime(2020, 1, 2)],
        "code": ["B", "A", "STATIC", "A"],
        "numeric_value": [1.5, None, float("nan"), 2.0],
        "text_value": ["x", None, None, "y"],
    }
)


def _named(data: EventData, subjects=None) -> pl.DataFrame:
    parts = []
    for shard in data.coded(subjects):
        codes = shard.names.gather(shard.frame["code"])
        parts.append(shard.frame.with_columns(codes.alias("code")))
    return pl.concat(parts)


def _check(data: EventData) -> None:
    wanted = data.read().drop("text_value")
    assert _named(data).sort("subject_id", "time", maintain_order=True).equals(wanted)
    some = wanted.filter(pl.col("subject_id") != 2)
    assert _named(data, np.array([3, 1, 9])).equals(some)


@pytest.mark.parametrize("kind", [pl.String, pl.Categorical, pl.Int64])
def test_parquet_of_any_kind_of_code(tmp_path: Path, kind):
    frame = FRAME
    if kind == pl.Int64:
        frame = frame.with_columns(code=pl.Series([7, 5, 11, 5]))
    else:
        frame = frame.with_columns(pl.col("code").cast(kind))
    frame.write_parquet(tmp_path / "0.parquet", row_group_size=2)
    _check(EventData.open(tmp_path))


def test_csv_and_memory(tmp_path: Path):
    FRAME.drop_nulls("time").write_csv(tmp_path / "events.csv")
    _check(EventData.open(tmp_path / "events.csv"))


@pytest.mark.parametrize("codes", [["A", None, "B", "B"], ["A", "", "B", "B"]])
def test_a_missing_code_is_refused_with_its_row(tmp_path: Path, codes):
    FRAME.with_columns(code=pl.Series(codes)).write_parquet(tmp_path / "0.parquet")
    data = EventData.open(tmp_path)
    with pytest.raises(SchemaError, match="row 2"):
        list(data.coded())


def test_the_same_text_twice_in_the_list_of_a_file(tmp_path: Path):
    codes = pa.DictionaryArray.from_arrays(pa.array([0, 1, 2, 1], pa.int32()), ["A", "B", "A"])
    table = FRAME.to_arrow().set_column(2, "code", codes)
    pq.write_table(table, tmp_path / "0.parquet")
    _check(EventData.open(tmp_path))


def test_a_damaged_file_is_refused(tmp_path: Path):
    FRAME.write_parquet(tmp_path / "0.parquet")
    data = EventData.open(tmp_path)
    data.subject_ids()
    (tmp_path / "0.parquet").write_bytes(b"PAR1 no more")
    with pytest.raises(DataError, match="not readable"):
        list(data.coded())
