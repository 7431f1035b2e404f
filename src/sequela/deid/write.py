"""The cleaned notes as text files, CSV, Parquet, lines of JSON, or in a form that holds spans."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from sequela.files import translated
from sequela.notes import Document, Span, write_brat, write_conll, write_i2b2

__all__ = ["FORMS", "MARKED_FORMS", "write_notes"]

MARKED_FORMS = ("brat", "i2b2", "conll")
"""In these it is marked where something was replaced; surrogates then hide nothing."""

FORMS = ("txt", "csv", "parquet", "jsonl", *MARKED_FORMS)
_COLUMNS = ("id", "subject", "time", "text")
_ROWS = 1024


def write_notes(form: str, folder: Path, notes: Iterable[dict[str, Any]]) -> None:
    """Writes cleaned notes, one after the other.

    Args:
        form: one of :data:`FORMS`; ``txt`` makes a file for each note in ``notes/``, the others
            one file ``notes.csv`` and so on, with the columns id, subject, time and text; brat and
            i2b2 make files in ``notes/``, CoNLL one file.
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
            "brat": lambda folder, notes: write_brat(folder / "notes", _marked(notes)),
            "i2b2": lambda folder, notes: write_i2b2(folder / "notes", _marked(notes)),
            "conll": lambda folder, notes: write_conll(folder / "notes.conll", _marked(notes)),
        }[form](folder, notes)


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
        # Two notes of one name: an error, not the loss of one.
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


def _chunks(notes: Iterable[dict[str, Any]]) -> Iterator[list[dict[str, Any]]]:
    rows: list[dict[str, Any]] = []
    for note in notes:
        rows.append(note)
        if len(rows) == _ROWS:
            yield rows
            rows = []
    if rows:
        yield rows
