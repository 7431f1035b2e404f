"""Reading one file of a table: Parquet, or CSV for small hand-made data."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq

from sequela.errors import DataError, SchemaError

__all__ = ["column_names", "from_arrow", "read_columns", "tables_in"]

_DAMAGE = (pl.exceptions.PolarsError, pa.ArrowException, OSError, UnicodeDecodeError)


def tables_in(path: Path) -> list[Path]:
    """The Parquet files below a folder, in order of name, or the one file itself.

    Hidden files and folders are passed over: they are what a broken writer leaves.
    """
    if path.is_file():
        return [path]
    found = (
        file
        for file in path.rglob("*.parquet")
        if file.is_file() and not any(part[0] == "." for part in file.relative_to(path).parts)
    )
    return sorted(found, key=lambda file: file.relative_to(path).parts)


def _unreadable(path: Path, error: BaseException) -> DataError:
    kind = "CSV" if path.suffix == ".csv" else "Parquet"
    return DataError(
        f"file {path}",
        got=f"not readable ({type(error).__name__})",
        wanted=f"a whole {kind} file",
        todo="The file is damaged, cut short or of another kind: copy it again.",
    )


def column_names(path: Path) -> list[str]:
    """The names of a file's columns.

    Raises:
        DataError: the file is missing or not readable.
    """
    try:
        if path.suffix == ".csv":
            return pl.read_csv(path, n_rows=0, infer_schema=False).columns
        with pq.ParquetFile(path) as file:
            return list(file.schema_arrow.names)
    except FileNotFoundError as error:
        raise DataError(f"file {path}", got="no such file", todo="Check the path.") from error
    except _DAMAGE as error:
        raise _unreadable(path, error) from error


def read_columns(path: Path, names: Iterable[str] | None = None) -> pl.DataFrame:
    """A file's table, of the named columns where they are there, of all by default.

    Arrow reads Parquet here, not polars: it answers a damaged file with an error, never a panic.
    All columns of a CSV file are read as text, so that a wrong cell can be named by its row.

    Raises:
        DataError: the file is missing or not readable.
        SchemaError: a column has no plain type.
    """
    present = column_names(path)
    wanted = present if names is None else [name for name in present if name in set(names)]
    try:
        if path.suffix == ".csv":
            return pl.read_csv(path, columns=wanted, infer_schema=False)
        with pq.ParquetFile(path) as file:
            table = file.read(columns=wanted)
            table.validate(full=True)
    except _DAMAGE as error:
        raise _unreadable(path, error) from error
    return from_arrow(table, path.name)


def from_arrow(table: pa.Table, where: str) -> pl.DataFrame:
    """An Arrow table as a polars frame; what its schema says beside the types is dropped.

    Raises:
        SchemaError: a column has a type that polars does not know.
    """
    # Polars panics on metadata that is not UTF-8, and nothing here needs metadata.
    bare = pa.schema([pa.field(field.name, field.type) for field in table.schema])
    try:
        return pl.DataFrame(table.cast(bare))
    except (pl.exceptions.PolarsError, pa.ArrowException, ValueError) as error:
        types = sorted({str(field.type) for field in table.schema})
        raise SchemaError(where, got=f"types {', '.join(types)}", wanted="plain types") from error
