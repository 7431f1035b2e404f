"""Reading the UCI diabetes data: tab-separated logs of date, time, code and value."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import polars as pl

from sequela.errors import DataError, SchemaError
from sequela.events import Drops, Extract, Table
from sequela.events.cells import as_numbers, as_times

__all__ = ["read"]

_NAME = re.compile(r"data-([0-9]{1,9})")
# The largest log has 35 kB.
_LARGEST_FILE = 64 << 20
_LARGEST = 3.4e38  # of float32, in which MEDS keeps values
_CELLS = ("date", "clock", "code", "value")
_KINDS = {
    "subject_id": pl.Int64(),
    "time": pl.Datetime("us"),
    "code": pl.String(),
    "numeric_value": pl.Float32(),
}
_DESCRIPTIONS = {
    33: "regular insulin dose",
    34: "NPH insulin dose",
    35: "ultralente insulin dose",
    48: "unspecified blood glucose measurement",
    57: "unspecified blood glucose measurement",
    58: "blood glucose before breakfast",
    59: "blood glucose after breakfast",
    60: "blood glucose before lunch",
    61: "blood glucose after lunch",
    62: "blood glucose before supper",
    63: "blood glucose after supper",
    64: "blood glucose before a snack",
    65: "hypoglycaemic symptoms",
    66: "typical meal",
    67: "more than the usual meal",
    68: "less than the usual meal",
    69: "typical exercise",
    70: "more than the usual exercise",
    71: "less than the usual exercise",
    72: "unspecified special event",
}


def read(path: Path | str) -> Extract:
    """Opens the logs; rows are read when they are asked for.

    Args:
        path: the folder with ``data-01`` to ``data-70``.

    Raises:
        DataError: no log is there.
    """
    path = Path(path)
    files = {
        int(found[1]): file
        for file in (sorted(path.iterdir()) if path.is_dir() else ())
        if (found := _NAME.fullmatch(file.name)) and file.is_file()
    }
    if not files:
        raise DataError(f"data {path}", got="no log", wanted="files such as data-01")
    drops = Drops()
    return Extract(
        tables=(Table("logs", lambda: _frames(files, drops)),),
        codes=lambda: pl.DataFrame(
            {
                "code": [f"UCI_DIABETES//{number}" for number in _DESCRIPTIONS],
                "description": list(_DESCRIPTIONS.values()),
            }
        ),
        dataset={"dataset_name": "UCI Diabetes", "license": "CC BY 4.0"},
        drops=drops,
        files=tuple(files.values()),
        notes=("Logs kept on paper have fixed hours for meals and bedtime (8, 12, 18 and 22).",),
    )


def _frames(files: dict[int, Path], drops: Drops) -> Iterator[pl.DataFrame]:
    for subject, file in sorted(files.items()):
        yield _events(subject, _cells(file), drops)


def _cells(file: Path) -> pl.DataFrame:
    try:
        if file.stat().st_size > _LARGEST_FILE:
            raise DataError(f"file {file.name}", got="more than 64 MiB", wanted="one log")
        text = file.read_bytes().decode("utf-8-sig")
    except UnicodeDecodeError:
        # The cause would quote the bytes.
        raise DataError(f"file {file.name}", got="bytes that are no UTF-8") from None
    except OSError as error:
        raise DataError(f"file {file.name}", got=f"not readable ({error.strerror})") from error
    rows = pl.DataFrame({"line": text.replace("\r\n", "\n").split("\n")}).with_row_index("row", 1)
    rows = rows.filter(pl.col("line") != "")
    wrong = rows.filter(pl.col("line").str.count_matches("\t", literal=True) != 3)
    if wrong.height:
        raise SchemaError(
            f"row {wrong['row'][0]} of {file.name}",
            got="other cells",
            wanted="date, time, code and value with tabs between",
        )
    cells = pl.col("line").str.split_exact("\t", 3).struct.rename_fields(list(_CELLS))
    cells = rows.select(cells.alias("cells")).unnest("cells")
    return cells.with_columns(pl.col(_CELLS).str.strip_chars())


def _events(subject: int, rows: pl.DataFrame, drops: Drops) -> pl.DataFrame:
    rows = drops.keep(rows, pl.col("date") != "", "logs", "no date")
    rows = drops.keep(rows, pl.col("value") != "", "logs", "no value")
    # A day without a leading zero is read, an hour without two digits of minutes is not.
    whole = pl.col("clock").str.contains(r"^[0-9]{1,2}:[0-9]{2}$")
    moment = rows.select(pl.when(whole).then(pl.col("date") + " " + pl.col("clock")))
    rows = rows.with_columns(time=as_times(moment.to_series(), ["%m-%d-%Y %H:%M"]))
    rows = drops.keep(rows, pl.col("time").is_not_null(), "logs", "date or time unreadable")
    numbers = pl.col("code").str.contains(r"^[0-9]{1,4}$")
    rows = drops.keep(rows, numbers, "logs", "code is no number")
    rows = rows.with_columns(numeric_value=as_numbers(rows["value"]))
    inside = pl.col("numeric_value").abs() <= _LARGEST
    rows = drops.keep(rows, inside, "logs", "value is no number")
    code = pl.lit("UCI_DIABETES//") + pl.col("code").cast(pl.Int64()).cast(pl.String())
    rows = rows.with_columns(subject_id=pl.lit(subject), code=code)
    return rows.select(pl.col(name).cast(kind) for name, kind in _KINDS.items())
