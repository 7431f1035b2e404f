"""Documents as lines of JSON, each with its spans: reading any names of keys, writing one form."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sequela.errors import DataError
from sequela.files import atomic_write
from sequela.folders import LARGEST_TEXT, text_of
from sequela.notes.documents import Document, document, parsed_time

__all__ = ["JsonKeys", "jsonl_documents", "write_jsonl"]


@dataclass(frozen=True)
class JsonKeys:
    """Which key holds what; a document without the key of spans has none.

    Args:
        text, spans: of a document.
        start, end, type: of a span; spans may also be lists ``[start, end, type]``.
        id: of a document; where the key is missing, the number of the line names it.
        subject, time, part, kind: of a document; may be missing.
    """

    text: str = "text"
    spans: str = "spans"
    start: str = "start"
    end: str = "end"
    type: str = "type"
    id: str = "id"
    subject: str = "subject"
    time: str = "time"
    part: str = "part"
    kind: str = "note_kind"


def jsonl_documents(
    path: Path, keys: JsonKeys = JsonKeys(), name: str | None = None
) -> Iterator[Document]:
    """The documents of a file: one JSON object on each line, or (``.json``) one list of objects.

    Args:
        path: the file.
        keys: of its objects.
        name: of the file, for documents without an id; by default its own without the ending.

    Raises:
        DataError: what is wrong, by file and line (of a list: by number), never by content.
    """
    values = _listed(path) if path.suffix.lower() == ".json" else _lines(path)
    for number, where, value in values:
        if not isinstance(value, dict):
            raise DataError(where, got=_kind(value), wanted="a JSON object")
        yield _document(value, keys, where, f"{name or path.stem} {number}")


def _kind(value: Any) -> str:
    return "null" if value is None else f"a JSON value of type {type(value).__name__}"


def _parsed(text: str, where: str) -> Any:
    try:
        return json.loads(text)
    # Beside its own error the parser fails at depth, and at numbers of thousands of digits.
    except (ValueError, RecursionError):
        pass
    raise DataError(where, got="something that is no JSON", todo="Is the file cut off there?")


def _lines(path: Path) -> Iterator[tuple[int, str, Any]]:
    if not path.is_file():
        raise DataError(f"file {path}", got="no such file", wanted="lines of JSON")
    with open(path, "rb") as file:
        number = 0
        while raw := file.readline(LARGEST_TEXT + 1):
            number += 1
            where = f"line {number} of {path}"
            if len(raw) > LARGEST_TEXT:
                raise DataError(where, got="more than 256 MiB", wanted="one document on a line")
            try:
                text = raw.decode("utf-8-sig" if number == 1 else "utf-8")
            except UnicodeDecodeError:
                text = None
            if text is None:
                raise DataError(where, got="bytes that are not UTF-8", wanted="text in UTF-8")
            if text.strip():
                yield number, where, _parsed(text, where)


def _listed(path: Path) -> Iterator[tuple[int, str, Any]]:
    values = _parsed(text_of(path).removeprefix("\ufeff"), f"file {path}")
    if not isinstance(values, list):
        raise DataError(f"file {path}", got=_kind(values), wanted="a list of JSON objects")
    for number, value in enumerate(values, 1):
        yield number, f"document {number} of {path}", value


def _text(value: dict[str, Any], key: str, where: str) -> str:
    found = value.get(key)
    if not isinstance(found, str):
        got = _kind(found) if key in value else "no such key"
        raise DataError(f"{where}: key '{key}'", got=got, wanted="a text")
    return found


def _maybe(value: dict[str, Any], key: str, where: str) -> str | None:
    found = value.get(key)
    if found is None or isinstance(found, str):
        return found or None
    if isinstance(found, int) and not isinstance(found, bool):
        return str(found)
    raise DataError(f"{where}: key '{key}'", got=_kind(found), wanted="a text or a whole number")


def _document(value: dict[str, Any], keys: JsonKeys, where: str, number: str) -> Document:
    time = _maybe(value, keys.time, where)
    return document(
        where,
        _maybe(value, keys.id, where) or number,
        _text(value, keys.text, where),
        list(_spans(value, keys, where)),
        subject=_maybe(value, keys.subject, where),
        time=None if time is None else parsed_time(time, where),
        part=_maybe(value, keys.part, where),
        kind=_maybe(value, keys.kind, where),
    )


def _spans(value: dict[str, Any], keys: JsonKeys, where: str) -> Iterator[tuple[int, int, str]]:
    listed = value.get(keys.spans)
    if listed is not None and not isinstance(listed, list):
        raise DataError(f"{where}: key '{keys.spans}'", got=_kind(listed), wanted="a list")
    for number, span in enumerate(listed or [], 1):
        if isinstance(span, dict):
            span = [span.get(keys.start), span.get(keys.end), span.get(keys.type)]
        fits = isinstance(span, list) and len(span) == 3
        if not (fits and [type(part) for part in span] == [int, int, str]):
            raise DataError(
                f"{where}: span {number}",
                got="other keys or kinds",
                wanted=f"{keys.start} and {keys.end} as whole numbers, {keys.type} as text",
            )
        yield span[0], span[1], span[2]


def write_jsonl(path: Path | str, documents: Iterable[Document]) -> int:
    """Writes documents, one line each, with the keys of :class:`JsonKeys`; whole or not at all.

    Returns:
        The number of documents.

    Raises:
        OutputError: the place cannot be written.
    """
    lines = [json.dumps(_plain(one), ensure_ascii=False) + "\n" for one in documents]
    atomic_write(path, "".join(lines))
    return len(lines)


def _plain(one: Document) -> dict[str, Any]:
    spans = [{"start": span.start, "end": span.end, "type": span.type} for span in one.spans]
    optional = {
        "subject": one.subject,
        "time": None if one.time is None else one.time.isoformat(),
        "part": one.part,
        "note_kind": one.kind,
    }
    known = {key: value for key, value in optional.items() if value is not None}
    return {"id": one.id, "text": one.text, "spans": spans, **known}
