"""What one process does with a block of notes: find, replace, write down, count."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

from sequela.deid.found import KEEPING, Finder, Found
from sequela.deid.replace import MOVING, Cleaned, Replacer, clean, person_of
from sequela.deid.rules import Names, seen
from sequela.deid.work import Block, write_block
from sequela.deid.write import MARKED_FORMS, NOTE, WITH_SUBJECT, writable
from sequela.notes import Document

__all__ = ["Settings", "begin", "clean_block"]


@dataclass(frozen=True)
class Settings:
    """How notes are cleaned.

    Args:
        mode, safe_harbor, day_first: of :class:`sequela.deid.Replacer`.
        form: of the output, one of :data:`sequela.deid.write.FORMS`.
        keep_ids: notes keep their ids, and with them their file names; by default they are
            numbered, since names of files often name patients.
        keep_originals: the account also holds the words that were found.
    """

    mode: str = "tag"
    safe_harbor: bool = False
    day_first: bool = False
    form: str = "txt"
    keep_ids: bool = False
    keep_originals: bool = False


class _Ahead:
    """What a model finds in some documents, computed together where it can do that."""

    def __init__(self, model: Finder, documents: Sequence[Document]):
        self._model = model
        self._found: dict[str, list[tuple[int, int, str, float]]] = {}
        together = getattr(model, "spans", None)
        # Where one document breaks the rest, each is asked for by itself, and that one withheld.
        with contextlib.suppress(Exception):
            shown = [seen(one) for one in documents] if together is not None else []
            found = together(shown) if together is not None else []
            self._found = {one.id: list(each) for one, each in zip(shown, found, strict=True)}

    def __call__(self, document: Document) -> Iterable[tuple[int, int, str, float]]:
        found = self._found.get(document.id)
        return self._model(document) if found is None else found


_State = tuple[Settings, Replacer, Names | None, Finder | None, Path]
_STATE: list[_State] = []


def begin(
    settings: Settings, key: bytes, names: Sequence[str], model: Finder | None, blocks: Path
) -> None:
    """Once in each process: names and surrogates take time to prepare."""
    replacer = Replacer(
        settings.mode, key, safe_harbor=settings.safe_harbor, day_first=settings.day_first
    )
    _STATE[:] = [(settings, replacer, Names(names) if names else None, model, blocks)]


def clean_block(
    number: int,
    first: int,
    documents: list[Document],
    orders: list[frozenset[bool]],
    digest: str,
) -> Block:
    """Cleans documents, writes them and their account into the private folder, and counts.

    Args:
        number: of the block.
        first: number of its first document.
        documents: of the block.
        orders: of the dates of each one's patient, see :func:`sequela.deid.replace.clean`.
        digest: of the documents.
    """
    settings, replacer, names, model, folder = _STATE[0]
    block = Block(digest, len(documents), sum(len(one.text) for one in documents))
    finder = None if model is None else _Ahead(model, documents)
    lines, phi = [], []
    for place, (one, told) in enumerate(zip(documents, orders, strict=True), first):
        cleaned = clean(one, replacer, names=names, model=finder, orders=told)
        name = _name(one, place, settings)
        line = _line(one, name, cleaned, settings, replacer)
        line["text"], unwritable = writable(settings.form, cleaned.text)
        block.unwritable += unwritable
        if settings.form == "meds":
            line["code"] = _kind(one, names)
        lines.append({**line, "source": one.id})
        phi += [_account(one, name, span, made, settings) for span, made in cleaned.done]
        _count(block, name, cleaned, settings)
        block.coded += "subject" in line and settings.form in WITH_SUBJECT
    write_block(folder, number, lines, phi, block)
    return block


def _name(one: Document, place: int, settings: Settings) -> str:
    """The id of a cleaned note: a number, or its own where that can be a file's."""
    parts = one.id.split("/")
    sound = all(re.fullmatch(r"[^./\\\x00-\x1f][^/\\\x00-\x1f]*", part) for part in parts)
    numbered = re.fullmatch(r"note-[0-9]{7,}", one.id)
    short = all(len(part.encode()) <= 200 for part in parts)
    if settings.keep_ids and sound and short and not numbered:
        return one.id
    return f"note-{place:07d}"


def _line(
    one: Document, name: str, cleaned: Cleaned, settings: Settings, replacer: Replacer
) -> dict[str, Any]:
    line: dict[str, Any] = {"id": name, "text": cleaned.text}
    if settings.form in MARKED_FORMS:
        line["spans"] = cleaned.spans
    # Safe Harbor has no place for a code that is made from the patient's own, nor for a time.
    if one.subject is not None and not settings.safe_harbor:
        line["subject"] = replacer.pseudonym(one.subject)
    moving = settings.mode in MOVING and not settings.safe_harbor
    if one.time is not None and moving:
        with contextlib.suppress(OverflowError):
            days = timedelta(replacer.shift_of(person_of(one)))
            line["time"] = (one.time + days).isoformat()
    return line


def _kind(one: Document, names: Names | None) -> str:
    """The code of a note's sort, unless it tells of somebody itself."""
    kind = one.kind or NOTE
    # Its parts stand apart, or a date behind a slash is taken for a piece of something else.
    parts = Document("kind", re.sub(r"[/_|]+", " ", kind))
    found = clean(parts, Replacer("tag", bytes(16)), names=names)
    return kind if not found.done and not found.withheld else NOTE


def _account(
    one: Document, name: str, span: Found, made: str, settings: Settings
) -> dict[str, Any]:
    account = {
        "id": name,
        "start": span.start,
        "end": span.end,
        "label": span.label,
        "score": round(span.score, 4),
        "by": span.by,
        "replacement": made,
    }
    if settings.keep_originals:
        account["original"] = one.text[span.start : span.end]
    return account


def _count(block: Block, name: str, cleaned: Cleaned, settings: Settings) -> None:
    for span, made in cleaned.done:
        block.found[span.label] += 1
        block.by[span.by] += 1
        kept = span.label in KEEPING if settings.mode == "shift-dates" else settings.mode != "tag"
        block.tagged += kept and made == f"[{span.label}]"
    block.again += cleaned.again
    moving = settings.mode in MOVING
    block.against_order += moving and cleaned.against_order
    block.silent += not cleaned.done and not cleaned.withheld
    if cleaned.withheld:
        block.withheld.append(name)
