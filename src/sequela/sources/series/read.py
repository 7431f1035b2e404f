"""Reading tables with a column of times and a column for each series."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import polars as pl

from sequela.errors import ConfigError, DataError, SchemaError
from sequela.events import Delimited, Drops, Extract, Table, subject_ids
from sequela.events.cells import as_numbers, as_times
from sequela.folders import files_below

__all__ = ["read"]

_LARGEST = 3.4e38  # of float32, in which MEDS keeps values
_DAY, _LONGEST = 86_400_000_000, 1000
_KINDS = {
    "subject_id": pl.Int64(),
    "time": pl.Datetime("us"),
    "code": pl.String(),
    "numeric_value": pl.Float32(),
}


def read(
    path: Path | str, *, time: str | None = None, step_days: float | int | None = None
) -> Extract:
    """Reads one table, or every .csv and .tsv file of a folder, each a subject of its own.

    Args:
        path: tables with a header; every column beside that of the times is a series.
        time: the column of the times; the first one by default.
        step_days: the rows stand at equal distances of so many days, the first one at the beginning
            of 1970, and the column of the times is not looked at. For months, which are of unequal
            length: a year of them is then exactly twelve steps.

    Returns:
        An event ``SERIES//NAME`` for each number, the name of its column in capitals.

    Raises:
        DataError: no such file, or a damaged one; SchemaError where the column is missing or there
            is no other; ConfigError for a distance that is none.
    """
    if step_days is not None and not 0 < step_days <= _LONGEST:
        wanted = f"days, above 0 and at most {_LONGEST:,}"
        raise ConfigError("option 'step_days' of source series", got=str(step_days), wanted=wanted)
    _, files = files_below(path, (".csv", ".csv.gz", ".tsv"), "a table of series")
    opened = [Delimited.open(file, required=[time.lower()] if time else ()) for file in files]
    for table in opened:
        if len(set(table.columns)) < max(2, len(table.columns)):
            raise SchemaError(
                f"columns of {table.name}", got="one, or a name twice", wanted="times and series"
            )
    drops = Drops()
    names = pl.Series([file.name.split(".")[0] for file in files], dtype=pl.String())
    known = subject_ids(names, "the files")
    if known.height < len(files):
        raise DataError(f"data {path}", got="two files of one name", wanted="a name for each")
    numbers = dict(known.iter_rows())

    def frames() -> Iterator[pl.DataFrame]:
        for name, table in zip(names, opened, strict=True):
            column, done = (time or table.columns[0]).lower(), 0
            for rows in table.frames():
                found = as_times(rows[column])
                if step_days is not None:
                    found = _at_equal_distances(done, len(rows), step_days)
                dated = rows.with_columns(found.alias(column))
                yield _events(dated, column, numbers[name], table.name, drops)
                done += len(rows)

    return Extract(
        tables=(Table("series", frames),),
        drops=drops,
        subjects=lambda: known.select("subject_id", "source_id"),
        files=tuple(files),
    )


def _at_equal_distances(first: int, count: int, days: float) -> pl.Series:
    places = np.arange(first, first + count) * round(days * _DAY)
    return pl.Series(places).cast(pl.Datetime("us"))


def _events(
    rows: pl.DataFrame, column: str, subject: int, table: str, drops: Drops
) -> pl.DataFrame:
    rows = drops.keep(rows, pl.col(column).is_not_null(), table, "time missing or unreadable")
    series = [name for name in rows.columns if name != column]
    long = pl.concat(
        rows.select(
            pl.col(column).alias("time"),
            pl.lit(f"SERIES//{name.upper()}").alias("code"),
            pl.Series("numeric_value", as_numbers(rows[name])),
            pl.col(name).alias("cell"),
        )
        for name in series
    )
    long = drops.keep(long, pl.col("cell").is_not_null(), table, "no number at a time")
    inside = pl.col("numeric_value").is_finite() & (pl.col("numeric_value").abs() <= _LARGEST)
    long = drops.keep(long, inside, table, "a cell that is no number")
    long = long.with_columns(subject_id=pl.lit(subject))
    return long.select(pl.col(name).cast(kind) for name, kind in _KINDS.items())
