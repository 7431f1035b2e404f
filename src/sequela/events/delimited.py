"""Delimited text (CSV, TSV, also gzipped) in chunks of text columns, whatever its size.

Arrow parses, since it is fast and never holds more than a block. What Arrow says of a broken file
quotes the file, so its words are dropped: the file is read again, slowly, only to find the place.
"""

from __future__ import annotations

import csv
import gzip
import io
import zlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import polars as pl
import pyarrow as pa
import pyarrow.csv as arrow_csv

from sequela.errors import DataError, SchemaError, nearest_column
from sequela.events.files import existing

__all__ = ["Delimited", "find_table"]

# A row longer than a block is refused: 8 MiB in a row is no table. Smaller blocks bound memory.
_BLOCK = 1 << 23
_FIELD = _BLOCK
_DAMAGE = (OSError, EOFError, zlib.error)


def find_table(
    folder: Path, name: str, endings: Iterable[str] = (".csv", ".csv.gz")
) -> Path | None:
    """The file of a table in a folder, whatever the case of its name; None where there is none.

    Args:
        folder: looked in, not below.
        name: without ending.
        endings: tried in turn; the first that is there wins.
    """
    present = {file.name.lower(): file for file in sorted(folder.iterdir()) if file.is_file()}
    return next(
        (present[name.lower() + end] for end in endings if name.lower() + end in present), None
    )


@dataclass(frozen=True)
class Delimited:
    """A table in delimited text whose header is known. Made by :meth:`open`.

    Args:
        path: the file.
        name: in messages.
        columns: the header's names, lower case, without blanks around them.
        separator: between cells.
        header_row: 1, and 1 more for each blank line before the header.
        quoted: whether quotes around a cell mean anything.
    """

    path: Path
    name: str
    columns: tuple[str, ...]
    separator: str
    header_row: int = 1
    quoted: bool = True

    @classmethod
    def open(
        cls,
        path: Path | str,
        *,
        required: Iterable[str] = (),
        name: str | None = None,
        separator: str | None = None,
        quoted: bool = True,
    ) -> Delimited:
        """Reads the header.

        Args:
            path: ``.csv`` or ``.tsv`` (or another ending), plain or with ``.gz``.
            required: columns that must be there, in lower case.
            name: in messages; the file's own by default.
            separator: a tab for ``.tsv`` and a comma for the rest by default.
            quoted: False for tables in which a quote is a letter like any other.

        Raises:
            DataError: no such file, not readable, empty, not UTF-8.
            SchemaError: a required column is missing or stands twice.
        """
        path = existing(path, "file")
        name = path.name if name is None else name
        if not path.is_file():
            raise DataError(f"file {name}", got="no plain file", wanted="a table in a file")
        if separator is None:
            separator = "\t" if ".tsv" in path.suffixes[-2:] else ","
        columns, blank = _header(path, name, separator, quoted)
        table = cls(path, name, columns, separator, blank + 1, quoted)
        for column in required:
            table._place(column)
        return table

    @property
    def size(self) -> int:
        """About how many bytes of text it is; a tenth of it is what tables shrink to in ``.gz``."""
        found = self.path.stat().st_size
        return found * 10 if _compression(self.path) else found

    def _place(self, column: str) -> int:
        found = self.columns.count(column)
        if found == 1:
            return self.columns.index(column)
        raise SchemaError(
            f"column '{column}' of {self.name}",
            got=f"{found} columns of this name" if found else "no such column",
            wanted="each name once" if found else None,
            todo="Rename all but one."
            if found
            else nearest_column(column, filter(None, self.columns)),
        )

    def frames(
        self, columns: Iterable[str] | None = None, row_column: str | None = None
    ) -> Iterator[pl.DataFrame]:
        """The rows in order, some tens of thousands at a time.

        Blank lines are passed over. A cell in quotes may hold separators and line ends.

        Args:
            columns: lower-case names; all by default. Those not there are left out, so that what
                is optional needs no question.
            row_column: also give each row's number in the file, 1 for the first after the header,
                under this name (int64).

        Yields:
            Text columns; an empty cell is null.

        Raises:
            DataError: a damaged or cut file, not UTF-8, a row with more or fewer cells than the
                header, a quote that is never closed, a row of more than 8 MiB; with the row.
        """
        wanted = self.columns if columns is None else [c for c in columns if c in self.columns]
        places = [self._place(column) for column in wanted]
        first = 1
        for batch in self._batches(places):
            frame = pl.DataFrame(
                {name: pl.from_arrow(batch.column(place)) for place, name in enumerate(wanted)},
                schema={name: pl.String() for name in wanted},
            )
            if row_column is not None:
                numbers = pl.int_range(first, first + batch.num_rows, eager=True)
                frame = frame.with_columns(numbers.alias(row_column))
            first += batch.num_rows
            yield frame

    def _batches(self, places: list[int]) -> Iterator[pa.RecordBatch]:
        # Arrow takes a quote that is never closed for a long last cell, so that one is looked at.
        names = [str(place) for place in range(len(self.columns))]
        final = names[-1]
        chosen = [names[place] for place in places]
        last = None
        try:
            with pa.input_stream(str(self.path), compression=_compression(self.path)) as source:
                reader = arrow_csv.open_csv(
                    source,
                    arrow_csv.ReadOptions(
                        column_names=names,
                        skip_rows_after_names=self.header_row,
                        block_size=_BLOCK,
                    ),
                    arrow_csv.ParseOptions(
                        delimiter=self.separator,
                        quote_char='"' if self.quoted else False,
                        newlines_in_values=self.quoted,
                    ),
                    arrow_csv.ConvertOptions(
                        column_types=dict.fromkeys(names, pa.string()),
                        include_columns=list(dict.fromkeys([*chosen, final])),
                        null_values=[""],
                        strings_can_be_null=True,
                    ),
                )
                for batch in reader:
                    if batch.num_rows:
                        last = batch.column(final)[-1]
                        yield batch.select(chosen)
        except (pa.ArrowException, *_DAMAGE) as error:
            fault = _fault(self)
            if fault is None and _rows(self):
                fault = _damaged(self.name, "a table that cannot be read")
            if fault is not None:
                raise fault from _nameless(error)
        if not self.quoted or last is None or not last.is_valid:
            return
        if set("\r\n") & set(last.as_py()) or _ends_in_quotes(self.path):
            fault = _open_quote(self)
            if fault is not None:
                raise fault


def _compression(path: Path) -> str | None:
    return "gzip" if path.suffix.lower() == ".gz" else None


def _plain(path: Path) -> IO[bytes]:
    return gzip.open(path) if _compression(path) else open(path, "rb")  # type: ignore[return-value]


def _nameless(error: Exception) -> Exception:
    # The text of the cause may quote a row; a traceback would show it.
    return type(error)("(not shown: it may quote the data)") if error.args else error


def _damaged(name: str, got: str) -> DataError:
    return DataError(
        f"file {name}",
        got=got,
        wanted="a whole table in UTF-8 text",
        todo="The file is damaged, cut short or of another kind: copy it again.",
    )


def _reader(path: Path, separator: str, quoted: bool) -> Iterator[list[str]]:
    # Rows as Python's own reader has them, an empty one for a blank line.
    with io.TextIOWrapper(
        io.BufferedReader(_plain(path)),  # type: ignore[arg-type]
        encoding="utf-8-sig",
        errors="surrogateescape",
        newline="",
    ) as text:
        before = csv.field_size_limit(_FIELD)
        try:
            yield from csv.reader(
                text,
                delimiter=separator,
                quoting=csv.QUOTE_MINIMAL if quoted else csv.QUOTE_NONE,
            )
        finally:
            csv.field_size_limit(before)


def _header(path: Path, name: str, separator: str, quoted: bool) -> tuple[tuple[str, ...], int]:
    """The names, and the number of blank lines before them."""
    try:
        blank, row = next(
            ((blank, row) for blank, row in enumerate(_reader(path, separator, quoted)) if row),
            (0, None),
        )
    except (*_DAMAGE, csv.Error) as error:
        raise _damaged(name, f"not readable ({type(error).__name__})") from _nameless(error)
    if row is None:
        raise DataError(f"file {name}", got="nothing in it", wanted="column names and rows")
    if _undecoded("".join(row)) or "\0" in "".join(row):
        raise _damaged(name, "column names that are no UTF-8 text")
    return tuple(cell.strip().lower() for cell in row), blank


def _undecoded(text: str) -> bool:
    return any("\ud800" <= letter <= "\udfff" for letter in text) if not text.isascii() else False


def _rows(table: Delimited) -> bool:
    rows = filter(None, _reader(table.path, table.separator, table.quoted))
    next(rows)
    return next(rows, None) is not None


def _fault(table: Delimited) -> DataError | None:
    """The first thing wrong with a file that Arrow refused, with its row."""
    number, wanted = 0, len(table.columns)
    try:
        for number, row in enumerate(
            filter(None, _reader(table.path, table.separator, table.quoted))
        ):
            if len(row) != wanted:
                return DataError(
                    f"row {number} of {table.name}",
                    got=f"{len(row)} cells",
                    wanted=f"{wanted}, as in the header",
                    todo="Correct the row; a comma inside a cell needs quotes around the cell.",
                )
            for place, cell in enumerate(row):
                if _undecoded(cell):
                    return DataError(
                        f"column '{table.columns[place]}' of {table.name}",
                        got=f"bytes that are no UTF-8 in row {number}",
                        wanted="text in UTF-8",
                        todo="Save the file as UTF-8.",
                    )
            if sum(map(len, row)) > _FIELD:
                return _too_long(table.name, number)
    except csv.Error:
        return _too_long(table.name, number + 1)
    except _DAMAGE:
        return _damaged(table.name, f"a file that breaks off or is damaged after row {number}")
    return None


def _too_long(name: str, row: int) -> DataError:
    return DataError(
        f"row {row} of {name}",
        got=f"more than {_FIELD >> 20} MiB in a row",
        todo="Is a quote never closed? Correct the row.",
    )


def _ends_in_quotes(path: Path) -> bool:
    """Whether the last line may be cut: no line end, and a quote without its other one.

    Of a gzipped file False: one that is cut says so itself.
    """
    if _compression(path):
        return False
    with open(path, "rb") as file:
        file.seek(-min(_BLOCK, path.stat().st_size), io.SEEK_END)
        line = file.read().rpartition(b"\n")[2]
    return line.count(b'"') % 2 == 1


def _open_quote(table: Delimited) -> DataError | None:
    """An error if the file ends inside quotes."""
    number = 0
    with io.TextIOWrapper(
        io.BufferedReader(_plain(table.path)),  # type: ignore[arg-type]
        encoding="utf-8-sig",
        newline="",
    ) as text:
        before = csv.field_size_limit(1 << 30)
        try:
            for row in csv.reader(text, delimiter=table.separator, strict=True):
                number += bool(row)
        except csv.Error as error:
            if "end of data" not in str(error):
                return None
        else:
            return None
        finally:
            csv.field_size_limit(before)
    return DataError(
        f"row {number} of {table.name}",
        got="a quote that is never closed",
        wanted="quotes in pairs",
        todo="Correct the row: a quote inside a quoted cell is written twice.",
    )
