"""Reading one file of a table: Parquet, or CSV for small hand-made data."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable
from pathlib import Path

import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq

from sequela.errors import DataError, SchemaError
from sequela.events.times import plain_time_type, refuse_far_times

__all__ = ["column_names", "existing", "from_arrow", "read_arrow", "read_columns", "tables_in"]

_DAMAGE = (pl.exceptions.PolarsError, pa.ArrowException, OSError, UnicodeDecodeError)

# Of a path in a message: more would fill the screen.
_SHOWN = 200

# So polars renames the second column of a name.
_CSV_TWICE = re.compile(r"_duplicated_\d+$")


def existing(path: Path | str, what: str) -> Path:
    """The path, with ``~`` as the home folder, once it is known that something is there.

    Args:
        path: from the user.
        what: lies there, for the message ("data").

    Raises:
        DataError: nothing is there, or the system cannot look it up (a name that is too long, a
            folder that may not be entered).
    """
    shown = str(path) if len(str(path)) <= _SHOWN else f"{str(path)[:_SHOWN]}..."
    try:
        path = Path(path).expanduser()
        path.stat()
    except (FileNotFoundError, NotADirectoryError) as error:
        raise DataError(
            f"{what} {shown}", got="no such file or folder", todo=f"Check the path ({what}=...)."
        ) from error
    # A home folder that is not known is a RuntimeError, a zero byte a ValueError.
    except (OSError, RuntimeError, ValueError) as error:
        reason = getattr(error, "strerror", None) or "a path that cannot be looked up"
        raise DataError(f"{what} {shown}", got=reason, todo="Check the path.") from error
    return path


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
    # Raised without its cause, which may quote a cell.
    kind = "CSV" if path.suffix == ".csv" else "Parquet"
    if path.is_file() and not path.stat().st_size:
        return DataError(f"file {path}", got="nothing in it", wanted=f"a whole {kind} file")
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
        raise _unreadable(path, error) from None


def read_columns(path: Path, names: Iterable[str] | None = None) -> pl.DataFrame:
    """A file's table, of the named columns where they are there, of all by default.

    Arrow reads Parquet here, not polars: it answers a damaged file with an error, never a panic.
    All columns of a CSV file are read as text, so that a wrong cell can be named by its row.

    Raises:
        DataError: the file is missing or not readable, or a time lies outside the years 1 to 9999.
        SchemaError: a column has no plain type, or its name stands twice.
    """
    present = column_names(path)
    asked = set() if names is None else set(names)
    wanted = present if names is None else [name for name in present if name in asked]
    try:
        if path.suffix == ".csv":
            written = [_CSV_TWICE.sub("", name) for name in present]
            _refuse_twice([name for name in written if name in wanted], path.name, asked)
            return pl.read_csv(path, columns=wanted, infer_schema=False)
    except _DAMAGE as error:
        raise _unreadable(path, error) from None
    return from_arrow(read_arrow(path, wanted), path.name, asked)


def read_arrow(path: Path, names: Iterable[str], distinct: Iterable[str] = ()) -> pa.Table:
    """Columns of a Parquet file that are there, as Arrow has them, checked for damage.

    Args:
        path: the file.
        names: of columns.
        distinct: columns of text that are wanted as a list of distinct texts and places in it.

    Raises:
        DataError: the file is missing or not readable.
    """
    try:
        with pq.ParquetFile(path, read_dictionary=list(distinct)) as file:
            present = set(file.schema_arrow.names)
            table = file.read(columns=[name for name in names if name in present])
            table.validate(full=True)
    except FileNotFoundError as error:
        raise DataError(f"file {path}", got="no such file", todo="Check the path.") from error
    except _DAMAGE as error:
        raise _unreadable(path, error) from None
    return table


def from_arrow(table: pa.Table, where: str, asked: Collection[str] = ()) -> pl.DataFrame:
    """An Arrow table as a polars frame; what its schema says beside the types is dropped.

    Times with a zone become those of UTC.

    Args:
        table: as read.
        where: what it is called in messages.
        asked: the names that the caller knows. Others are never shown: where a table began without
            a line of names, they are the cells of a patient.

    Raises:
        SchemaError: two columns have one name, or a column has a type that polars does not know.
        DataError: a time lies outside the years 1 to 9999.
    """
    _refuse_twice(table.schema.names, where, asked)
    # Polars panics on metadata that is not UTF-8, and nothing here needs metadata.
    bare = pa.schema([pa.field(field.name, plain_time_type(field.type)) for field in table.schema])
    try:
        plain = table.cast(bare)
        # A time out of range makes polars panic, so it is looked for before polars sees it.
        for name, column in zip(plain.schema.names, plain.columns, strict=True):
            refuse_far_times(column, name, where)
        return pl.DataFrame(plain)
    except DataError:
        raise
    except (pl.exceptions.PolarsError, pa.ArrowException, ValueError):
        types = sorted({str(field.type) for field in table.schema})
        raise SchemaError(where, got=f"types {', '.join(types)}", wanted="plain types") from None


def _refuse_twice(names: list[str], where: str, asked: Collection[str]) -> None:
    twice = next((name for place, name in enumerate(names) if name in names[:place]), None)
    if twice is None:
        return
    shown = f"column '{twice}'" if twice in asked else f"column {names.index(twice) + 1}"
    raise SchemaError(
        f"{shown} of {where}",
        got=f"{names.count(twice)} columns of this name",
        wanted="each name once",
        todo="Rename or remove all but one; the names stand in the first line.",
    )
