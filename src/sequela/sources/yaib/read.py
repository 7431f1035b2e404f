"""Reading the hourly tables of YAIB cohorts: one row per stay and hour, one column per variable."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq

from sequela.errors import DataError, SchemaError
from sequela.events import BIRTH_CODE, DEATH_CODE, Drops, Extract, Table
from sequela.events.files import column_names, from_arrow, read_columns

__all__ = ["read"]

# The tables count from admission and name no date; every stay begins here.
_START = datetime(2000, 1, 1)
_ROWS = 50_000  # at a time; with 48 variables some 2.4 million cells
_MINUTES_PER_YEAR = 1440 * 365.25
_LARGEST = 3.4e38  # of float32, in which MEDS keeps values
# Ten years: what counts beyond that is no hour of a stay.
_LATEST = 87_600.0
_SEXES = {"male": "GENDER//M", "female": "GENDER//F"}
_KINDS = {
    "subject_id": pl.Int64(),
    "time": pl.Datetime("us"),
    "code": pl.String(),
    "numeric_value": pl.Float32(),
    "available_time": pl.Datetime("us"),
}
_FILES = ("sta", "dyn", "outc")


def read(path: Path | str, end_hour: int = 30) -> Extract:
    """Opens a cohort; rows are read when they are asked for.

    Args:
        path: the folder with ``dyn.parquet``, ``sta.parquet`` and ``outc.parquet``. Without the
            outcomes the stays have no end, which is enough for prediction.
        end_hour: the hour at which the end of each stay is put; the tables do not say it. 30 is the
            shortest stay that the benchmark's mortality task admits, so that it lies behind all
            that may be seen.

    Raises:
        DataError: a file is missing or not readable.
        SchemaError: a column is missing or of the wrong type.
    """
    path = Path(path)
    files = {name: path / f"{name}.parquet" for name in _FILES}
    present = [name for name in _FILES if files[name].is_file()]
    for name in ("sta", "dyn"):
        if name not in present:
            cohorts = sorted(file.parent.name for file in path.glob(f"*/{name}.parquet"))
            raise DataError(
                f"data {path}",
                got=f"no {name}.parquet",
                wanted="the folder of one YAIB cohort",
                todo=f"Folders below it that have one: {', '.join(cohorts)}." if cohorts else None,
            )
    variables = _variables(files["dyn"])
    drops = Drops()
    tables = [
        Table("sta", lambda: _stays(files["sta"], drops)),
        Table("dyn", lambda: _measurements(files["dyn"], variables, drops)),
    ]
    if "outc" in present:
        tables.append(Table("outc", lambda: _ends(files["outc"], end_hour)))
    return Extract(
        tables=tuple(tables),
        codes=lambda: pl.DataFrame(
            {
                "code": [f"YAIB//{name}" for name in variables],
                "description": [f"{name}, of an hour" for name in variables],
            },
            schema={"code": pl.String(), "description": pl.String()},
        ),
        dataset={"dataset_name": f"YAIB cohort {path.name}", "license": "as the source's"},
        drops=drops,
        files=tuple(files[name] for name in present),
        missing=tuple(f"{name}.parquet" for name in _FILES if name not in present),
        notes=(
            "Stays have no dates: each begins on 2000-01-01 at 00:00.",
            f"The tables do not say when a stay ends: it is put at hour {end_hour}.",
            "The outcome is death in the unit; what came after it is not known.",
        ),
    )


def _variables(path: Path) -> list[str]:
    names = column_names(path)
    for name in ("stay_id", "time"):
        if name not in names:
            raise SchemaError(f"column '{name}' of {path.name}", got="no such column")
    return [name for name in names if name not in ("stay_id", "time")]


def _number(frame: pl.DataFrame, name: str, where: str, kind: pl.DataType) -> pl.Series:
    column = frame[name]
    if not (column.dtype.is_numeric() or column.dtype == pl.Null):
        got = f"type {column.dtype}"
        raise SchemaError(f"column '{name}' of {where}", got=got, wanted="numbers")
    return column.cast(kind, strict=False)


def _ids(frame: pl.DataFrame, where: str) -> pl.Series:
    if "stay_id" not in frame.columns:
        raise SchemaError(f"column 'stay_id' of {where}", got="no such column")
    column = frame["stay_id"]
    if not column.dtype.is_integer() or column.null_count():
        raise SchemaError(
            f"column 'stay_id' of {where}",
            got=f"type {column.dtype}, {column.null_count()} gap(s)",
            wanted="whole numbers",
        )
    return column.cast(pl.Int64(), strict=False)


def _unique(ids: pl.Series, where: str) -> pl.Series:
    twice = int(ids.is_duplicated().sum())
    if twice:
        raise DataError(
            f"column 'stay_id' of {where}", got=f"{twice} rows of equal ids", wanted="one a stay"
        )
    return ids


def _stays(path: Path, drops: Drops) -> Iterator[pl.DataFrame]:
    frame = read_columns(path)
    ids = _unique(_ids(frame, path.name), path.name)
    stays = pl.DataFrame({"subject_id": ids})
    parts = [
        stays.with_columns(time=pl.lit(_START), code=pl.lit(code))
        for code in ("HOSPITAL_ADMISSION//ICU", "ICU_ADMISSION//UNKNOWN")
    ]
    for name in frame.columns:
        if name == "sex":
            parts.append(_sexes(ids, frame[name], path.name, drops))
        elif name == "age":
            parts.append(_births(ids, frame, path.name, drops))
        elif name != "stay_id":
            value = _number(frame, name, path.name, pl.Float64())
            fact = pl.DataFrame({"subject_id": ids, "numeric_value": value})
            fact = _finite(fact.drop_nulls(), drops, "sta")
            parts.append(fact.with_columns(code=pl.lit(f"YAIB//{name}")))
    yield pl.concat(_near_meds(part) for part in parts)


def _sexes(ids: pl.Series, sex: pl.Series, where: str, drops: Drops) -> pl.DataFrame:
    if sex.dtype not in (pl.String, pl.Categorical, pl.Null):
        got = f"type {sex.dtype}"
        raise SchemaError(f"column 'sex' of {where}", got=got, wanted="Male or Female")
    code = sex.cast(pl.String).str.to_lowercase()
    code = code.replace_strict(_SEXES, default=None, return_dtype=pl.String)
    frame = pl.DataFrame({"subject_id": ids, "code": code})
    return drops.keep(frame, pl.col("code").is_not_null(), "sta", "sex not known")


def _births(ids: pl.Series, frame: pl.DataFrame, where: str, drops: Drops) -> pl.DataFrame:
    ages = pl.DataFrame({"subject_id": ids, "age": _number(frame, "age", where, pl.Float64())})
    ages = drops.keep(ages, pl.col("age").is_between(0, 130), "sta", "age missing or out of range")
    before = (pl.col("age") * _MINUTES_PER_YEAR).cast(pl.Int64())
    return ages.with_columns(
        time=pl.lit(_START) - pl.duration(minutes=before), code=pl.lit(BIRTH_CODE)
    )


def _measurements(path: Path, variables: list[str], drops: Drops) -> Iterator[pl.DataFrame]:
    try:
        with pq.ParquetFile(path) as file:
            for batch in file.iter_batches(_ROWS):
                table = pa.Table.from_batches([batch])
                table.validate(full=True)
                yield _long(from_arrow(table, path.name), variables, path.name, drops)
    except (pa.ArrowException, OSError) as error:
        raise DataError(
            f"file {path.name}",
            got=f"not readable ({type(error).__name__})",
            wanted="a whole Parquet file",
            todo="The file is damaged, cut short or of another kind: copy it again.",
        ) from error


def _long(frame: pl.DataFrame, variables: list[str], where: str, drops: Drops) -> pl.DataFrame:
    """One event for each cell that holds a value."""
    wide = pl.DataFrame({"subject_id": _ids(frame, where), "hour": _hours(frame["time"], where)})
    wide = wide.with_columns(_number(frame, name, where, pl.Float64()) for name in variables)
    wide = drops.keep(wide, pl.col("hour").is_between(0, _LATEST), "dyn", "hour out of range")
    minutes = (pl.col("hour") * 60).round().cast(pl.Int64())
    long = (
        wide.with_row_index("row")
        .unpivot(
            on=variables,
            index=["row", "subject_id", "hour"],
            variable_name="name",
            value_name="numeric_value",
        )
        .filter(pl.col("numeric_value").is_not_null() & pl.col("numeric_value").is_not_nan())
        .sort("row", maintain_order=True)
        .with_columns(
            time=pl.lit(_START) + pl.duration(minutes=minutes),
            # A row sums up the hour that begins at its time: it is known when that hour is over.
            available_time=pl.lit(_START) + pl.duration(minutes=minutes + 60),
            code=pl.lit("YAIB//") + pl.col("name"),
        )
    )
    return _near_meds(_finite(long, drops, "dyn"))


def _hours(time: pl.Series, where: str) -> pl.Series:
    if isinstance(time.dtype, pl.Duration):
        return time.dt.total_milliseconds() / 3_600_000
    if time.dtype.is_numeric():
        return time.cast(pl.Float64())
    got = f"type {time.dtype}"
    raise SchemaError(f"column 'time' of {where}", got=got, wanted="hours or durations")


def _finite(frame: pl.DataFrame, drops: Drops, table: str) -> pl.DataFrame:
    inside = pl.col("numeric_value").abs() <= _LARGEST
    return drops.keep(frame, inside, table, "value too large, infinite or no number")


def _ends(path: Path, end_hour: int) -> Iterator[pl.DataFrame]:
    frame = read_columns(path, ["stay_id", "label"])
    if "label" not in frame.columns:
        raise SchemaError(f"column 'label' of {path.name}", got="no such column")
    ids = _unique(_ids(frame, path.name), path.name)
    label = (
        frame["label"].cast(pl.Int64()) if frame["label"].dtype == pl.Boolean else frame["label"]
    )
    if not label.dtype.is_numeric() or not label.is_in([0, 1]).all() or label.null_count():
        raise SchemaError(f"column 'label' of {path.name}", got="something else", wanted="0 or 1")
    ends = pl.DataFrame({"subject_id": ids, "died": label == 1}).with_columns(
        time=pl.lit(_START) + pl.duration(hours=end_hour)
    )
    place = pl.when("died").then(pl.lit("DIED")).otherwise(pl.lit("ALIVE"))
    yield pl.concat(
        _near_meds(part.with_columns(code=code))
        for part, code in (
            (ends, pl.lit("ICU_DISCHARGE//") + place),
            (ends, pl.lit("HOSPITAL_DISCHARGE//") + place),
            (ends.filter("died"), pl.lit(DEATH_CODE)),
        )
    )


def _near_meds(frame: pl.DataFrame) -> pl.DataFrame:
    absent = [name for name in _KINDS if name not in frame.columns]
    frame = frame.with_columns(pl.lit(None).alias(name) for name in absent)
    return frame.select(pl.col(name).cast(kind) for name, kind in _KINDS.items())
