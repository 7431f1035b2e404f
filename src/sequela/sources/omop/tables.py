"""Tables of any form as chunks of text columns: CSV, members of a zip, Parquet, duckdb."""

from __future__ import annotations

import os
import shutil
import zipfile
import zlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq

from sequela.errors import DataError, MissingDependencyError, SchemaError, install_line
from sequela.events import Delimited
from sequela.events.files import column_names, from_arrow
from sequela.events.rows import TextTable
from sequela.private import private_folder

__all__ = ["find_tables"]

_ROWS = 65_536
_CSV = (".csv", ".csv.gz", ".tsv", ".tsv.gz", ".txt")
_DATABASES = (".duckdb", ".ddb", ".db")
_UNPACKED: dict[tuple[str, int, int], Path] = {}


def find_tables(path: Path, names: Iterable[str]) -> tuple[dict[str, TextTable], list[Path]]:
    """The tables of a data set by name, and the files they are in.

    Args:
        path: a folder of CSV or Parquet files, a zip of CSV files, or a database of duckdb.
        names: looked for, in lower case.

    Raises:
        DataError: a file that cannot be read, or a path of another kind.
        MissingDependencyError: duckdb is needed and not installed.
    """
    names = list(names)
    if path.is_dir():
        return _in_folder(path, names)
    if path.suffix.lower() == ".zip":
        return _in_folder(_unpacked(path, names), names)[0], [path]
    if path.suffix.lower() in _DATABASES:
        return _in_database(path, names), [path]
    raise DataError(
        f"data {path.name}",
        got="a file of another kind",
        wanted="a folder of CSV or Parquet files, a .zip of CSV files, or a .duckdb file",
    )


def _in_folder(folder: Path, names: list[str]) -> tuple[dict[str, TextTable], list[Path]]:
    present: dict[str, Path] = {}
    for file in sorted(folder.iterdir()):
        stem, dot, ending = file.name.lower().partition(".")
        kind = f"{dot}{ending}"
        # A large table may be a folder of Parquet files.
        whole = file.is_file() and kind in (*_CSV, ".parquet")
        if whole or (file.is_dir() and kind in ("", ".parquet")):
            present.setdefault(stem, file)
    found: dict[str, TextTable] = {}
    files: list[Path] = []
    for name in names:
        file = present.get(name)
        if file is None:
            continue
        if file.is_dir() or file.suffix.lower() == ".parquet":
            parts = sorted(file.glob("*.parquet")) if file.is_dir() else [file]
            if not parts:
                continue
            found[name] = _Parquet.open(name, parts)
            files += parts
        else:
            found[name] = _delimited(file)
            files.append(file)
    return found, files


def _delimited(file: Path) -> Delimited:
    # Vocabularies are published as .csv with tabs, and with quotes that are letters like any other.
    table = Delimited.open(file)
    if len(table.columns) == 1 and "\t" in table.columns[0]:
        return Delimited.open(file, separator="\t", quoted=False)
    return table


def _unpacked(path: Path, names: list[str]) -> Path:
    """A private folder with the tables of a zip; names inside it decide nothing."""
    state = path.stat()
    key = (str(path.resolve()), state.st_size, state.st_mtime_ns)
    if key in _UNPACKED and _UNPACKED[key].is_dir():
        return _UNPACKED[key]
    folder = private_folder()
    try:
        with zipfile.ZipFile(path) as archive:
            members = _members(archive, names)
            room = shutil.disk_usage(folder).free
            needed = sum(info.file_size for info in members.values())
            if needed > room:
                raise DataError(
                    f"archive {path.name}",
                    got=f"{needed >> 20} MiB of tables inside, {room >> 20} MiB of room",
                    todo="Unpack it where there is room, and give the folder (or set TMPDIR).",
                )
            for name, info in members.items():
                with archive.open(info) as source, open(folder / f"{name}.csv", "wb") as target:
                    # What unpacks to more than it says fails its checksum.
                    shutil.copyfileobj(source, target, 1 << 20)
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError) as error:
        raise DataError(
            f"archive {path.name}",
            got=f"not readable ({type(error).__name__})",
            wanted="a whole zip of CSV files without a password",
        ) from None if isinstance(error, RuntimeError) else error
    _UNPACKED[key] = folder
    return folder


def _members(archive: zipfile.ZipFile, names: list[str]) -> dict[str, zipfile.ZipInfo]:
    found: dict[str, zipfile.ZipInfo] = {}
    for info in archive.infolist():
        inner = PurePosixPath(info.filename.replace("\\", "/"))
        hidden = any(part.startswith(("_", ".")) for part in inner.parts)
        stem = inner.stem.lower()
        if inner.suffix.lower() == ".csv" and stem in names and not hidden:
            if stem in found:
                raise DataError(f"archive of {stem}.csv", got="two tables of this name")
            found[stem] = info
    return found


def _as_text(frame: pl.DataFrame) -> pl.DataFrame:
    # Whole numbers kept as floats, because some are missing, lose their fraction.
    columns = []
    for column in frame.get_columns():
        if column.dtype.is_float():
            whole = (column == column.round()) | column.is_null()
            if whole.all():
                column = column.cast(pl.Int64(), strict=False)
        columns.append(column.cast(pl.String()))
    return pl.DataFrame(columns)


@dataclass(frozen=True)
class _Parquet:
    name: str
    columns: tuple[str, ...]
    written: dict[str, str]
    files: list[Path]

    @classmethod
    def open(cls, name: str, files: list[Path]) -> _Parquet:
        written = {column.lower(): column for column in column_names(files[0])}
        return cls(name, tuple(written), written, files)

    def frames(self, columns: Iterable[str] | None = None) -> Iterator[pl.DataFrame]:
        wanted = self.columns if columns is None else [c for c in columns if c in self.written]
        for file in self.files:
            yield from self._of_file(file, {self.written[column]: column for column in wanted})

    def _of_file(self, file: Path, names: dict[str, str]) -> Iterator[pl.DataFrame]:
        try:
            with pq.ParquetFile(file) as source:
                for batch in source.iter_batches(_ROWS, columns=list(names)):
                    table = pa.Table.from_batches([batch])
                    table.validate(full=True)
                    frame = _as_text(from_arrow(table, file.name))
                    yield frame.select(pl.col(there).alias(name) for there, name in names.items())
        except (pa.ArrowException, pl.exceptions.PolarsError, OSError) as error:
            raise DataError(
                f"file {file.name}",
                got=f"not readable ({type(error).__name__})",
                wanted="a whole Parquet file with the columns of its neighbours",
            ) from None


def _connect(path: Path) -> Any:
    try:
        import duckdb
    except ImportError as error:
        raise MissingDependencyError(
            "databases need duckdb", todo=f"Run: {install_line('omop')}"
        ) from error
    try:
        return duckdb.connect(os.fspath(path), read_only=True)
    except duckdb.Error as error:
        raise _unreadable(path, error) from None


def _unreadable(path: Path, error: Exception) -> DataError:
    # What duckdb says may quote a cell.
    return DataError(
        f"database {path.name}",
        got=f"not readable ({type(error).__name__})",
        wanted="a whole database of duckdb that nobody is writing to",
    )


def _in_database(path: Path, names: list[str]) -> dict[str, TextTable]:
    query = (
        "select table_catalog, table_schema, table_name, column_name "
        "from information_schema.columns order by table_schema, table_name, ordinal_position"
    )
    with _connect(path) as database:
        rows = database.execute(query).fetchall()
    found: dict[str, _Database] = {}
    for *place, table, column in rows:
        name = table.lower()
        if name not in names:
            continue
        held = found.setdefault(name, _Database(path, (*place, table), name, {}))
        if held.place[:2] != tuple(place):
            raise SchemaError(
                f"table {name} of {path.name}",
                got="two schemas with this table",
                wanted="one",
                todo="Give a database that holds one data set.",
            )
        held.written[column.lower()] = column
    return dict(found)


@dataclass(frozen=True)
class _Database:
    path: Path
    place: tuple[str, ...]  # catalog, schema, table
    name: str
    written: dict[str, str]

    @property
    def columns(self) -> tuple[str, ...]:
        return tuple(self.written)

    def frames(self, columns: Iterable[str] | None = None) -> Iterator[pl.DataFrame]:
        wanted = self.columns if columns is None else [c for c in columns if c in self.written]
        if not wanted:
            return
        casts = ", ".join(f"cast({_quoted(self.written[column])} as varchar)" for column in wanted)
        query = f"select {casts} from {'.'.join(map(_quoted, self.place))}"
        with _connect(self.path) as database:
            import duckdb

            try:
                result = database.sql(query)
                # duckdb 2 calls it so, duckdb 1 otherwise.
                reader = getattr(result, "to_arrow_reader", None) or result.fetch_arrow_reader
                for batch in reader(_ROWS):
                    table = pa.Table.from_batches([batch]).rename_columns(wanted)
                    yield from_arrow(table, self.name).cast(pl.String())
            except (duckdb.Error, pa.ArrowException, OSError) as error:
                raise _unreadable(self.path, error) from None


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'
