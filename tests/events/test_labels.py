"""MEDS labels in, MEDS predictions out."""

from __future__ import annotations

import datetime as dt
import traceback
from pathlib import Path

import meds
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from sequela.errors import DataError, LabelError, SchemaError
from sequela.events import read_labels, write_labels, write_predictions

NOON = dt.datetime(2020, 1, 2, 12)


def labels(**columns: object) -> pl.DataFrame:
    return pl.DataFrame(
        {
            "subject_id": [2, 1],
            "prediction_time": [NOON, NOON],
            "boolean_value": [True, False],
            **columns,
        }
    )


def test_the_output_of_aces(tmp_path: Path):
    empty = [None, None]
    aces = labels(
        integer_value=empty, float_value=empty, categorical_value=empty, trigger=["x", "y"]
    )
    (tmp_path / "sub").mkdir()
    aces[:1].write_parquet(tmp_path / "sub" / "0.parquet")
    aces[1:].write_parquet(tmp_path / "sub" / "1.parquet")
    read = read_labels(tmp_path)
    assert read.columns == ["subject_id", "prediction_time", "boolean_value"]
    assert read.rows() == [(1, NOON, False), (2, NOON, True)]
    meds.LabelSchema.validate(
        read.to_arrow().cast(
            pa.schema([f for f in meds.LabelSchema.schema() if f.name in read.columns])
        )
    )


def test_other_types_and_csv(tmp_path: Path):
    table = labels(boolean_value=[1, 0]).with_columns(
        pl.col("subject_id").cast(pl.Int32),
        pl.col("prediction_time").dt.cast_time_unit("ns").dt.replace_time_zone("UTC"),
    )
    table.write_parquet(tmp_path / "l.parquet")
    assert read_labels(tmp_path / "l.parquet").rows() == [(1, NOON, False), (2, NOON, True)]
    labels().write_csv(tmp_path / "l.csv")
    assert read_labels(tmp_path / "l.csv").rows() == [(1, NOON, False), (2, NOON, True)]
    zoned = "subject_id,prediction_time,boolean_value\n1,2020-01-02T14:00:00+02:00,true\n"
    (tmp_path / "z.csv").write_text(zoned)
    assert read_labels(tmp_path / "z.csv").rows() == [(1, NOON, True)]


@pytest.mark.parametrize("column", ["subject_id", "prediction_time", "boolean_value"])
def test_no_traceback_quotes_a_cell(tmp_path: Path, column: str):
    table = labels().with_columns(pl.lit("CANARY7391").alias(column))
    table.write_parquet(tmp_path / "l.parquet")
    with pytest.raises(SchemaError, match=f"column '{column}'") as caught:
        read_labels(tmp_path / "l.parquet")
    assert "CANARY" not in "".join(traceback.format_exception(caught.value))


@pytest.mark.parametrize(
    "times",
    [pa.array([0, 2**53], pa.timestamp("s")), pa.array([0, 2**62], pa.int64())],
    ids=lambda times: str(times.type),
)
def test_labels_far_out_of_time(tmp_path: Path, times: pa.Array):
    table = pa.table({"subject_id": [1, 2], "prediction_time": times, "boolean_value": [True] * 2})
    pq.write_table(table, tmp_path / "l.parquet")
    with pytest.raises(DataError, match=r"column 'prediction_time' of l.parquet.* row 2"):
        read_labels(tmp_path / "l.parquet")


@pytest.mark.parametrize(
    ("frame", "kind", "message"),
    [
        (labels().drop("subject_id"), SchemaError, "column 'subject_id' of l.parquet"),
        (labels(boolean_value=[None, True]), LabelError, "got nothing in 1 of 2 rows"),
        (labels(boolean_value=[0, 2]), LabelError, "numbers beside 0 and 1"),
        (labels(boolean_value=["SECRET", "true"]), SchemaError, "got the type String"),
        (labels(subject_id=[1, 1]), LabelError, r"1 row\(s\) whose subject and time"),
        (labels(prediction_time=[None, NOON]), LabelError, "'prediction_time'"),
        (labels(prediction_time=[1.5, 2.5], subject_id=["x", "y"]), SchemaError, "'subject_id'"),
        (labels()[:0], DataError, "got no rows"),
    ],
)
def test_bad_labels(tmp_path: Path, frame: pl.DataFrame, kind: type[Exception], message: str):
    frame.write_parquet(tmp_path / "l.parquet")
    with pytest.raises(kind, match=message) as caught:
        read_labels(tmp_path)
    assert "SECRET" not in str(caught.value)


def test_bad_places(tmp_path: Path):
    with pytest.raises(DataError, match="no such file"):
        read_labels(tmp_path / "absent")
    with pytest.raises(DataError, match="no Parquet file"):
        read_labels(tmp_path)


def test_predictions(tmp_path: Path):
    frame = labels(
        predicted_boolean_value=[True, False],
        predicted_boolean_probability=[0.75, 0.25],
        row=[1, 2],
    )
    path = write_predictions(tmp_path / "new" / "predictions.parquet", frame)
    table = pq.read_table(path)
    assert [(field.name, str(field.type)) for field in table.schema] == [
        ("subject_id", "int64"),
        ("prediction_time", "timestamp[us]"),
        ("boolean_value", "bool"),
        ("predicted_boolean_value", "bool"),
        ("predicted_boolean_probability", "double"),
    ]
    write_predictions(path, frame.drop("boolean_value"))
    assert pq.read_table(path)["boolean_value"].null_count == 2
    with pytest.raises(SchemaError, match="no column 'predicted_boolean_value'"):
        write_predictions(path, frame.drop("predicted_boolean_value"))
    for bad in (1.5, float("nan"), None):
        with pytest.raises(DataError, match="missing or outside"):
            write_predictions(
                path, frame.with_columns(predicted_boolean_probability=pl.Series([0.5, bad]))
            )


@pytest.mark.parametrize(
    "value",
    [
        {"boolean_value": [True, False]},
        {"integer_value": [3, 0]},
        {"float_value": [0.5, 2.0]},
        {"categorical_value": ["a", "b"]},
    ],
    ids=str,
)
def test_labels_are_written_as_meds_has_them(tmp_path: Path, value: dict[str, list[object]]):
    table = labels(more=[1, 1]).drop("boolean_value").with_columns(pl.DataFrame(value))
    path = write_labels(tmp_path / "labels.parquet", table)
    written = pq.read_table(path)
    meds.LabelSchema.validate(written)
    assert written.schema.names == ["subject_id", "prediction_time", *value]
    assert read_labels(path).equals(
        table.drop("more").sort("subject_id").cast(read_labels(path).schema)
    )
    assert path.read_bytes() == write_labels(tmp_path / "again.parquet", table[::-1]).read_bytes()


def test_labels_with_gaps_are_not_written(tmp_path: Path):
    for table in (
        labels(boolean_value=[True, None]),
        labels().drop("boolean_value"),
        labels(subject_id=[1, 1]),
    ):
        with pytest.raises(LabelError):
            write_labels(tmp_path / "labels.parquet", table)
    with pytest.raises(SchemaError, match="prediction_time"):
        write_labels(tmp_path / "labels.parquet", labels().drop("prediction_time"))
    assert not list(tmp_path.iterdir())
