"""The cleaned notes in the form that they came in: text files, CSV, Parquet or lines of JSON."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from sequela.files import translated

__all__ = ["FORMS", "write_notes"]

FORMS = ("txt", "csv", "parquet", "jsonl")
_COLUMNS = ("id", "subject", "time", "text")
_ROWS = 1024


def write_notes(form: str, folder: Path, notes: Iterable[dict[str, Any]]) -> None:
    """Writes cleaned notes, one after the other.

    Args:
        form: one of :data:`FORMS`; ``txt`` makes a file for each note in ``notes/``, the others
            one file ``notes.csv`` and so on, with the columns id, subject, time and text.
        folder: exists.
        notes: ``id`` and ``text``, and where known ``subject`` and ``time``.

    Raises:
        OutputError: the place cannot be written.
    """
    with translated(folder):
        {"txt": _texts, "csv": _csv, "parquet": _parquet, "jsonl": _jsonl}[form](folder, notes)


def _texts(folder: Path, notes: Iterable[dict[str, Any]]) -> None:
    made: set[Path] = set()
    (folder / "notes").mkdir()
    for note in notes:
        file = folder / "notes" / f"{note['id']}.txt"
        if file.parent not in made:
            file.parent.mkdir(parents=True, exist_ok=True)
            made.add(file.parent)
        file.write_bytes(note["text"].encode())


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
