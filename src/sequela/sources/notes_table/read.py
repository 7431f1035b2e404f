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
from sequela.folders import files_below, recording_id
from sequela.notes import Document, NoteSet
from sequela.notes.documents import document, parsed_time
from sequela.settings import nearest

__all__ = ["read"]

_ENDINGS = (".csv", ".csv.gz", ".tsv", ".parquet")
_MEDS = {"text": "text_value", "subject": "subject_id", "time": "time", "kind": "code"}

# Rows of a Parquet file held at once: notes are long.
_ROWS = 1024


def read(
    path: Path | str,
    *,
    text: str | None = None,
    id: str | None = None,
    subject: str | None = None,
    time: str | None = None,
    part: str | None = None,
    kind: str | None = None,
) -> NoteSet:
    """Opens one table, or every .csv, .tsv and .parquet file below a folder.

    Args:
        path: the file or the folder; of a MEDS data set, its folder ``data`` is read.
        text: the column of the texts; letter case of names does not count. By default ``text``, and
            of MEDS ``text_value`` with its subjects, times and codes, where rows without text are
            no documents.
        id: the column of ids; by default documents are named by file and row.
        subject, time, part, kind: the columns of these, where there are some.

    Returns:
        Documents without spans; a row whose text is empty has an empty text.

    Raises:
        DataError: no such file; and, when it is read, a damaged table, an id or time that is
            missing or of another form; by file and row (1 is the first below the header).
        SchemaError: a column is missing, or holds something else.
    """
    names = {"text": text, "id": id, "subject": subject, "time": time, "part": part}
    names["kind"] = kind
    columns = {what: name.lower() for what, name in names.items() if name is not None}
    path = Path(path)
    if all((path / name).is_dir() for name in ("data", "metadata")):
        path = path / "data"
    root, files = files_below(path, _ENDINGS, "a table of texts")
    chosen = {file: {"text": "text", **(_meds(file) if text is None else {})} for file in files}

    def documents() -> Iterator[Document]:
        for file in files:
            name = recording_id(root, file).removesuffix(".csv")
            yield from _documents(file, name, {**chosen[file], **columns})

    known = all("subject" not in one and file.suffix == ".parquet" for file, one in chosen.items())
    size = (lambda: sum(pq.read_metadata(file).num_rows for file in files)) if known else None
    return NoteSet(documents, "documents as their table names them", size)


def _meds(file: Path) -> dict[str, str]:
    """The columns of MEDS, where a file has them and no column of the usual name."""
    if file.suffix.lower() != ".parquet":
        return {}
    try:
        known = {name.lower() for name in pq.read_schema(file).names}
    except (pa.ArrowException, OSError):
        return {}  # what is wrong with it is said when it is read
    return _MEDS if set(_MEDS.values()) <= known and "text" not in known else {}


def _documents(file: Path, name: str, columns: dict[str, str]) -> Iterator[Document]:
    frames = _parquet if file.suffix.lower() == ".parquet" else _delimited
    events, row = columns["text"] == _MEDS["text"], 0
    for frame in frames(file, list(dict.fromkeys(columns.values()))):
        for values in frame.iter_rows(named=True):
            row += 1
            if events and values[columns["text"]] is None:
                continue
            where = f"row {row} of {file}"
            found = {what: values[name] for what, name in columns.items()}
            yield _document(found, where, f"{name} {row}")


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
        kind=_word(found.get("kind")),
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
