"""MEDS labels in, MEDS predictions out."""

from __future__ import annotations

import io
from pathlib import Path

import meds
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq

from sequela.errors import DataError, LabelError, SchemaError
from sequela.events.files import existing, read_columns, tables_in
from sequela.events.times import refuse_far_times
from sequela.files import atomic_write

__all__ = [
    "LABEL_COLUMNS",
    "PREDICTION_COLUMNS",
    "read_labels",
    "write_labels",
    "write_predictions",
]

LABEL_COLUMNS: dict[str, pl.DataType] = {
    "subject_id": pl.Int64(),
    "prediction_time": pl.Datetime("us"),
    "boolean_value": pl.Boolean(),
    "integer_value": pl.Int64(),
    "float_value": pl.Float32(),
    "categorical_value": pl.String(),
}

PREDICTION_COLUMNS: dict[str, pl.DataType] = {
    "subject_id": pl.Int64(),
    "prediction_time": pl.Datetime("us"),
    "boolean_value": pl.Boolean(),
    "predicted_boolean_value": pl.Boolean(),
    "predicted_boolean_probability": pl.Float64(),
}

_KEYS = ("subject_id", "prediction_time")


def read_labels(path: Path | str) -> pl.DataFrame:
    """Labels in the MEDS label schema, as tools such as ACES write them.

    Columns that hold nothing are dropped (ACES writes four kinds of value, three of them empty),
    and so are columns that the schema does not know.

    Args:
        path: a Parquet file, a CSV file, or a folder of Parquet files, at any depth.

    Returns:
        Columns ``subject_id`` int64, ``prediction_time`` datetime[us], and those of
        ``boolean_value``, ``integer_value``, ``float_value``, ``categorical_value`` with content;
        sorted by subject and time.

    Raises:
        DataError: no such path, no Parquet file in it, a damaged file, or no rows.
        SchemaError: a column is missing or of the wrong type.
        LabelError: a label is missing in some rows, or one subject and time stands twice.
    """
    path = existing(path, "labels")
    files = tables_in(path)
    if not files:
        raise DataError(f"labels {path}", got="no Parquet file", wanted="MEDS labels (*.parquet)")
    labels = pl.concat([_label_file(file) for file in files])
    if not labels.height:
        raise DataError(f"labels {path}", got="no rows", wanted="at least one label")
    empty = [name for name in labels.columns if labels[name].null_count() == labels.height]
    labels = labels.drop(name for name in empty if name not in _KEYS)
    for name in labels.columns:
        if missing := labels[name].null_count():
            raise LabelError(
                f"column '{name}' of labels {path}",
                got=f"nothing in {missing} of {labels.height} rows",
                wanted="a value in each row",
            )
    twice = labels.height - labels.select(_KEYS).n_unique()
    if twice:
        raise LabelError(
            f"labels {path}",
            got=f"{twice} row(s) whose subject and time stand there already",
            wanted="one label for each subject and prediction time",
        )
    return labels.sort(_KEYS)


def _label_file(file: Path) -> pl.DataFrame:
    frame = read_columns(file, LABEL_COLUMNS)
    for name in _KEYS:
        if name not in frame.columns:
            raise SchemaError(
                f"column '{name}' of {file.name}",
                got="no such column",
                wanted="MEDS labels: subject_id, prediction_time and a value",
            )
    columns = []
    for name, kind in LABEL_COLUMNS.items():
        if name not in frame.columns:
            columns.append(pl.repeat(None, frame.height, dtype=kind, eager=True).alias(name))
            continue
        column = _label_column(frame[name], kind, file.name)
        refuse_far_times(column, name, file.name)
        columns.append(column)
    return pl.DataFrame(columns)


def _label_column(column: pl.Series, kind: pl.DataType, where: str) -> pl.Series:
    try:
        if column.dtype == pl.String and kind == pl.Datetime("us"):
            column = column.str.to_datetime(time_unit="us")
        if isinstance(column.dtype, pl.Datetime) and column.dtype.time_zone:
            column = column.dt.convert_time_zone("UTC").dt.replace_time_zone(None)
        if column.dtype == pl.String and kind == pl.Boolean():
            truth = column.str.to_lowercase()
            return truth.replace_strict({"true": True, "false": False}, return_dtype=pl.Boolean)
        if kind == pl.Boolean() and column.dtype.is_numeric():
            if not column.drop_nulls().is_in([0, 1]).all():
                raise LabelError(
                    f"column '{column.name}' of {where}",
                    got="numbers beside 0 and 1",
                    wanted="true or false",
                )
            return column.cast(pl.Boolean())
        return column.cast(kind)
    except pl.exceptions.PolarsError:
        # The cause quotes cells, and a traceback shows the cause.
        raise SchemaError(
            f"column '{column.name}' of {where}", got=f"the type {column.dtype}", wanted=f"{kind}"
        ) from None


def write_labels(path: Path | str, labels: pl.DataFrame) -> Path:
    """Writes labels in the MEDS label schema; same input, same bytes.

    Args:
        path: the Parquet file; replaced when it exists.
        labels: ``subject_id``, ``prediction_time`` and columns of values that are known in each
            row; other columns are dropped.

    Returns:
        The path.

    Raises:
        SchemaError: a column is missing.
        LabelError: no value, a value that is missing in some rows, or one subject and time twice.
        OutputError: the file cannot be written.
    """
    for name in _KEYS:
        if name not in labels.columns:
            raise SchemaError(f"labels for {path}", got=f"no column '{name}'")
    kinds = {name: kind for name, kind in LABEL_COLUMNS.items() if name in labels.columns}
    frame = labels.select(pl.col(name).cast(kind) for name, kind in kinds.items())
    if frame.width == len(_KEYS) or any(frame[name].null_count() for name in frame.columns):
        raise LabelError(f"labels for {path}", got="gaps", wanted="a value in each row")
    if frame.select(_KEYS).n_unique() < frame.height:
        raise LabelError(f"labels for {path}", got="one subject and time twice", wanted="once")
    types = {field.name: field.type for field in meds.LabelSchema.schema()}
    table = frame.sort(_KEYS).to_arrow().cast(pa.schema([(name, types[name]) for name in kinds]))
    buffer = io.BytesIO()
    pq.write_table(table, buffer)
    return atomic_write(path, buffer.getvalue())


def write_predictions(path: Path | str, frame: pl.DataFrame) -> Path:
    """Writes predictions as MEDS evaluation tools read them: exactly the five columns.

    Args:
        path: the Parquet file; replaced when it exists.
        frame: ``subject_id``, ``prediction_time``, ``predicted_boolean_value``,
            ``predicted_boolean_probability`` (float64 in [0, 1]) and, where the truth is known,
            ``boolean_value``; other columns are dropped.

    Returns:
        The path.

    Raises:
        SchemaError: a column is missing.
        DataError: a probability is missing or outside [0, 1].
        OutputError: the file cannot be written.
    """
    if "boolean_value" not in frame.columns:
        frame = frame.with_columns(boolean_value=pl.lit(None, pl.Boolean))
    missing = [name for name in PREDICTION_COLUMNS if name not in frame.columns]
    if missing:
        raise SchemaError(f"predictions for {path}", got=f"no column '{missing[0]}'")
    frame = frame.select(pl.col(name).cast(kind) for name, kind in PREDICTION_COLUMNS.items())
    probability = frame["predicted_boolean_probability"]
    outside = int((~probability.is_between(0, 1)).fill_null(True).sum())
    if outside:
        raise DataError(
            "column 'predicted_boolean_probability'",
            got=f"{outside} value(s) missing or outside [0, 1]",
            wanted="probabilities",
        )
    label_types = {field.name: field.type for field in meds.LabelSchema.schema()}
    kinds = {
        **{name: label_types[name] for name in (*_KEYS, "boolean_value")},
        "predicted_boolean_value": pa.bool_(),
        "predicted_boolean_probability": pa.float64(),
    }
    buffer = io.BytesIO()
    pq.write_table(frame.to_arrow().cast(pa.schema(kinds.items())), buffer)
    return atomic_write(path, buffer.getvalue())
