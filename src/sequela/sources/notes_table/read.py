"""Reading documents from a text column of a CSV or Parquet file."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, datetime
from datetime import time as clock
from pathlib import Path
from typing import Any

import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq

from sequela.errors import DataError, SchemaError
from sequela.events.delimited import Delimited
from sequela.folders import files_below
from sequela.notes import Document, NoteSet
from sequela.notes.documents import document, parsed_time
from sequela.settings import nearest

__all__ = ["read"]

# Rows of a Parquet file held at once: notes are long.
_ROWS = 1024


def read(
    path: Path | str,
    *,
    text: str = "text",
    id: str | None = None,
    subject: str | None = None,
    time: str | None = None,
    part: str | None = None,
) -> NoteSet:
    """Opens one table, or every .csv, .tsv and .parquet file below a folder.

    Args:
        path: the file or the folder.
        text: the column of the texts; letter case of names does not count.
        id: the column of ids; by default documents are named by file and row.
        subject, time, part: the columns of these, where there are some.

    Returns:
        Documents without spans; a row whose text is empty has an empty text.

    Raises:
        DataError: no such file; and, when it is read, a damaged table, an id or time that is
            missing or of another form; by file and row (1 is the first below the header).
        SchemaError: a column is missing, or holds something else.
    """
    names = {"text": text, "id": id, "subject": subject, "time": time, "part": part}
    columns = {what: name.lower() for what, name in names.items() if name is not None}
    _, files = files_below(path, (".csv", ".csv.gz", ".tsv", ".parquet"), "a table of texts")

    def documents() -> Iterator[Document]:
        for file in files:
            yield from _documents(file, columns)

    return NoteSet(documents, "documents as their table names them")


def _documents(file: Path, columns: dict[str, str]) -> Iterator[Document]:
    frames = _parquet if file.suffix.lower() == ".parquet" else _delimited
    stem, row = file.name.split(".")[0], 0
    for frame in frames(file, list(dict.fromkeys(columns.values()))):
        for values in frame.iter_rows(named=True):
            row += 1
            where = f"row {row} of {file}"
            found = {what: values[name] for what, name in columns.items()}
            yield _document(found, where, f"{stem} {row}")


def _document(found: dict[str, Any], where: str, number: str) -> Document:
    text = found["text"]
    if text is not None and not isinstance(text, str):
        raise SchemaError(f"{where}: column of the text", got="no text", wanted="a column of text")
    name = _word(found.get("id"))
    if "id" in found and name is None:
        raise DataError(f"{where}: column of the id", got="nothing", wanted="an id")
    return document(
        where,
        name or number,
        text or "",
        (),
        subject=_word(found.get("subject")),
        time=_time(found.get("time"), where),
        part=_word(found.get("part")),
    )


def _word(value: Any) -> str | None:
    return None if value is None or value == "" else str(value)


def _time(value: Any, where: str) -> datetime | None:
    if value is None or value == "":
        return None
    if isinstance(value, datetime):
        return value.replace(tzinfo=None)
    if isinstance(value, date):
        return datetime.combine(value, clock())
    return parsed_time(str(value), where)


def _delimited(file: Path, names: list[str]) -> Iterator[pl.DataFrame]:
    yield from Delimited.open(file, required=names, name=str(file)).frames(names)


def _parquet(file: Path, names: list[str]) -> Iterator[pl.DataFrame]:
    try:
        with pq.ParquetFile(file) as table:
            known = {name.lower(): name for name in table.schema_arrow.names}
            for name in names:
                if name not in known:
                    todo = nearest(name, known)
                    raise SchemaError(f"column '{name}' of {file}", got="no such column", todo=todo)
            for batch in table.iter_batches(_ROWS, columns=[known[name] for name in names]):
                frame = pl.DataFrame(pl.from_arrow(batch))
                yield frame.rename({known[name]: name for name in names})
    except (pa.ArrowException, OSError) as error:
        raise DataError(
            f"file {file}",
            got=f"no readable table ({type(error).__name__})",
            wanted="a Parquet file",
            todo="The file is damaged or cut off: copy it again.",
        ) from None
