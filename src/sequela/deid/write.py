"""The cleaned notes as text files, CSV, Parquet, lines of JSON, or in a form that holds spans."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterable, Iterator
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sequela.errors import DataError, LeakageError
from sequela.files import translated
from sequela.notes import Document, Span, write_brat, write_conll, write_i2b2
from sequela.notes.i2b2 import FORBIDDEN

if TYPE_CHECKING:
    import polars as pl

__all__ = ["FORMS", "MARKED_FORMS", "NOTE", "WITH_SUBJECT", "writable", "write_notes"]

MARKED_FORMS = ("brat", "i2b2", "conll")
"""In these it is marked where something was replaced; surrogates then hide nothing."""

FORMS = ("txt", "csv", "parquet", "jsonl", "meds", *MARKED_FORMS)
WITH_SUBJECT = ("csv", "parquet", "jsonl", "meds")
"""These hold a code of the subject."""
NOTE = "NOTE"
"""The code of a note in MEDS whose sort is not known."""

_COLUMNS = ("id", "subject", "time", "text")
_ROWS = 1024


def write_notes(form: str, folder: Path, notes: Iterable[dict[str, Any]]) -> None:
    """Writes cleaned notes, one after the other.

    Args:
        form: one of :data:`FORMS`; ``txt`` makes a file for each note in ``notes/``, the others
            one file ``notes.csv`` and so on, with the columns id, subject, time and text; brat and
            i2b2 make files in ``notes/``, CoNLL one file; ``meds`` makes a data set in ``notes/``,
            where each note is an event of its subject with the text in ``text_value``.
        folder: exists.
        notes: ``id`` and ``text``, where known ``subject`` and ``time``, and for forms that hold
            them ``spans``.

    Raises:
        DataError: a note that the form cannot hold.
        OutputError: the place cannot be written.
    """
    with translated(folder):
        {
            "txt": _texts,
            "csv": _csv,
            "parquet": _parquet,
            "jsonl": _jsonl,
            "meds": _meds,
            "brat": lambda folder, notes: write_brat(folder / "notes", _marked(notes)),
            "i2b2": lambda folder, notes: write_i2b2(folder / "notes", _marked(notes)),
            "conll": lambda folder, notes: write_conll(folder / "notes.conll", _marked(notes)),
        }[form](folder, _once(notes))


def writable(form: str, text: str) -> tuple[str, int]:
    """A text as a form can hold it, every character in its place, and how many had to go.

    XML has no place for NUL and most other control characters; U+FFFD stands for them.
    """
    return FORBIDDEN.subn("\ufffd", text) if form == "i2b2" else (text, 0)


def _once(notes: Iterable[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    """Two notes of one id: an error, not the loss of one or of knowing which was which."""
    ids: set[str] = set()
    for number, note in enumerate(notes, 1):
        if note["id"] in ids:
            raise DataError(f"note {number}", got="an id that stood before")
        ids.add(note["id"])
        yield note


def _marked(notes: Iterable[dict[str, Any]]) -> Iterator[Document]:
    for note in notes:
        yield Document(note["id"], note["text"], tuple(Span(*span) for span in note["spans"]))


def _texts(folder: Path, notes: Iterable[dict[str, Any]]) -> None:
    made: set[Path] = set()
    (folder / "notes").mkdir()
    for note in notes:
        file = folder / "notes" / f"{note['id']}.txt"
        if file.parent not in made:
            file.parent.mkdir(parents=True, exist_ok=True)
            made.add(file.parent)
        # Ids that the file system takes for one: an error, not the loss of one.
        with open(file, "xb") as place:
            place.write(note["text"].encode())


def _csv(folder: Path, notes: Iterable[dict[str, Any]]) -> None:
    with open(folder / "notes.csv", "w", encoding="utf-8", newline="") as file:
        rows = csv.DictWriter(file, _COLUMNS, restval="")
        rows.writeheader()
        rows.writerows(notes)


def _jsonl(folder: Path, notes: Iterable[dict[str, Any]]) -> None:
    with open(folder / "notes.jsonl", "w", encoding="utf-8", newline="") as file:
        for note in notes:
            file.write(json.dumps(note, ensure_ascii=False) + "\n")


def _parquet(folder: Path, notes: Iterable[dict[str, Any]]) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    schema = pa.schema([(name, pa.large_string()) for name in _COLUMNS])
    with pq.ParquetWriter(folder / "notes.parquet", schema) as table:
        for rows in _chunks(notes):
            full = [{name: row.get(name) for name in _COLUMNS} for row in rows]
            table.write_table(pa.Table.from_pylist(full, schema))


def _meds(folder: Path, notes: Iterable[dict[str, Any]]) -> None:
    from sequela.events.write import write_events

    try:
        write_events(folder / "notes", _shards(notes), dataset={"dataset_name": "notes"})
    except LeakageError:
        raise DataError(
            "notes of a subject",
            got="some that stand far from the others",
            wanted="a subject in one file of MEDS",
            todo="Sort the notes by subject, or choose another --format.",
        ) from None


def _shards(notes: Iterable[dict[str, Any]]) -> Iterator[pl.DataFrame]:
    """Whole subjects, so many that a shard is not small."""
    import polars as pl

    types = {"subject_id": pl.Int64, "time": pl.Datetime("us"), "code": pl.String}
    types |= {"text_value": pl.String}
    rows: list[tuple] = []
    for number, note in enumerate(notes, 1):
        # A code of 16 hexadecimal digits has one bit too many; notes of nobody known stand alone.
        known = note.get("subject")
        subject = number if known is None else int(known, 16) >> 1
        if len(rows) >= _ROWS and subject != rows[-1][0]:
            yield pl.DataFrame(rows, types, orient="row")
            rows = []
        time = None if note.get("time") is None else datetime.fromisoformat(note["time"])
        rows.append((subject, time, note["code"], note["text"]))
    if rows:
        yield pl.DataFrame(rows, types, orient="row")


def _chunks(notes: Iterable[dict[str, Any]]) -> Iterator[list[dict[str, Any]]]:
    rows: list[dict[str, Any]] = []
    for note in notes:
        rows.append(note)
        if len(rows) == _ROWS:
            yield rows
            rows = []
    if rows:
        yield rows
