"""A page on which somebody looks at what was found, and corrects it.

The page holds the notes as they were. It lies in the private folder, for its user alone, asks
nothing of any network, and what is in a note stands on it as text and never as a part of the page.
"""

from __future__ import annotations

import heapq
import json
import os
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from sequela.errors import DataError
from sequela.files import atomic_write, translated
from sequela.notes import NoteSet

__all__ = ["write_review"]

_PAGE = Path(__file__).with_name("review.html")
_PLACE = "__NOTES__"
_MOST = 200


def write_review(notes: NoteSet, out: Path | str, *, most: int = _MOST) -> Path:
    """Writes ``OUT.phi/review.html`` for a run that is done.

    On it stand the notes with the least sure spans and, one in four, others from all of them: for
    what was missed has no span. What is accepted, rejected or added there is exported as lines of
    JSON that source ``notes_jsonl`` reads, and so does training.

    Args:
        notes: that were cleaned.
        out: the folder of the run.
        most: notes on the page.

    Returns:
        The page.

    Raises:
        DataError: there is no such run, or the notes are not those of it.
        OutputError: the place cannot be written.
    """
    folder = Path(out).parent / f"{Path(out).name}.phi"
    try:
        sources = {line["source"]: line["id"] for line in _lines(folder / "ids.jsonl")}
        least: dict[str, float] = {}
        for line in _lines(folder / "phi.jsonl"):
            least[line["id"]] = min(line["score"], least.get(line["id"], 1.0))
    except (OSError, ValueError, KeyError):
        raise DataError(f"folder {folder}", got="no account of a run") from None
    chosen = _chosen(list(sources.values()), least, most)
    spans = defaultdict(list)
    for line in _lines(folder / "phi.jsonl"):
        if line["id"] in chosen:
            kept = {key: line[key] for key in ("start", "end", "label", "score", "by")}
            spans[line["id"]].append(kept)
    shown = []
    for note in notes:
        name = sources.get(note.id)
        if name in chosen:
            if any(span["end"] > len(note.text) for span in spans[name]):
                raise DataError("the notes", got="others than those of the run")
            shown.append({"id": note.id, "text": note.text, "spans": spans[name]})
    return _written(folder / "review.html", shown)


def _lines(path: Path) -> Iterator[dict[str, Any]]:
    with open(path, encoding="utf-8", newline="\n") as file:
        for line in file:
            yield json.loads(line)


def _chosen(names: list[str], least: dict[str, float], most: int) -> set[str]:
    """Three in four by their doubt, the others evenly from the rest."""
    doubtful = heapq.nsmallest(most - most // 4, least, key=lambda name: (least[name], name))
    there = set(doubtful)
    rest = [name for name in names if name not in there]
    count = min(len(rest), most - len(doubtful))
    return {*there, *(rest[number * len(rest) // count] for number in range(count))}


def _written(path: Path, shown: list[dict[str, Any]]) -> Path:
    # With no < in it, nothing in a note can end the script that holds the notes.
    content = json.dumps(shown).replace("<", "\\u003c")
    page = _PAGE.read_text(encoding="utf-8").replace(_PLACE, content)
    atomic_write(path, page)
    with translated(path):
        os.chmod(path, 0o600)
    return path
