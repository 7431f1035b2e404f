"""A user's CSV file of pairs of codes: which stands for which, which does not go with which."""

from __future__ import annotations

from pathlib import Path

import polars as pl

from sequela.errors import DataError, SchemaError
from sequela.events.files import existing

__all__ = ["read_pairs"]

# The largest public maps (CCSR, ATC) have about a hundred thousand rows; more is another file.
_LARGEST = 64 << 20


def read_pairs(path: Path | str, what: str, columns: tuple[str, str]) -> pl.DataFrame:
    """Both columns as texts without blanks around them; other columns are ignored.

    Args:
        path: of the file.
        what: it is, for messages ("map of codes").
        columns: their names, in any case.

    Raises:
        DataError: no such file, one that is too large or no CSV, or an empty cell.
        SchemaError: a column is missing.
    """
    path = existing(path, f"the {what}")
    where = f"{what} {path.name}"
    if path.stat().st_size > _LARGEST:
        raise DataError(where, got="more than 64 MiB", wanted="a table of pairs of codes")
    try:
        frame = pl.read_csv(path, infer_schema=False)
    except (pl.exceptions.PolarsError, OSError, UnicodeDecodeError):
        # polars quotes the cell it stumbled over, which must not be repeated.
        raise DataError(where, got="no table", wanted="CSV in UTF-8") from None
    frame = frame.rename({name: name.strip().lower() for name in frame.columns}, strict=False)
    for name in columns:
        if name not in frame.columns:
            raise SchemaError(f"column '{name}' of {where}", got="no such column")
    frame = frame.select(pl.col(columns).str.strip_chars())
    empty = frame.select(pl.any_horizontal(pl.all().is_null() | (pl.all() == ""))).to_series()
    if empty.any():
        raise DataError(f"{where}, row {empty.arg_true()[0] + 1}", got="an empty cell")
    return frame
