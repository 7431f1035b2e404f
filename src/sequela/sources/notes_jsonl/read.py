"""Reading documents and spans from JSON."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from sequela.errors import ConfigError
from sequela.folders import files_below, recording_id
from sequela.notes import Document, JsonKeys, NoteSet, jsonl_documents

__all__ = ["LAYOUTS", "read"]

LAYOUTS: dict[str, dict[str, str]] = {
    "sequela": {},
    "presidio": {
        "text": "full_text",
        "start": "start_position",
        "end": "end_position",
        "type": "entity_type",
    },
    "doccano": {"spans": "label"},
    "prodigy": {"type": "label"},
}
"""Names of keys that programs use, where they differ from our own."""


def read(
    path: Path | str,
    *,
    layout: str = "sequela",
    text: str | None = None,
    spans: str | None = None,
    start: str | None = None,
    end: str | None = None,
    type: str | None = None,
    id: str | None = None,
    subject: str | None = None,
    time: str | None = None,
    part: str | None = None,
) -> NoteSet:
    """Opens one file, or every .jsonl and .json file below a folder; documents are read one by one.

    Args:
        path: lines of JSON objects (.jsonl), or one list of objects (.json).
        layout: "sequela", "presidio", "doccano" or "prodigy": which keys hold what.
        text, spans, start, end, type, id, subject, time, part: the key that holds it, where it is
            another than in the layout.

    Returns:
        Documents with spans; without an id of their own they are named by file and line.

    Raises:
        ConfigError: no such layout.
        DataError: no such file; and, when it is read, lines that are no JSON, missing or wrong
            keys, spans outside the text; by file and line, never by content.
    """
    if layout not in LAYOUTS:
        raise ConfigError("option 'layout' of source notes_jsonl", wanted=", ".join(LAYOUTS))
    given = {"text": text, "spans": spans, "start": start, "end": end, "type": type}
    given |= {"id": id, "subject": subject, "time": time, "part": part}
    chosen = {name: value for name, value in given.items() if value is not None}
    keys = JsonKeys(**{**LAYOUTS[layout], **chosen})
    root, files = files_below(path, (".jsonl", ".ndjson", ".json"), "a file of JSON lines")

    def documents() -> Iterator[Document]:
        for file in files:
            # Two folders may each have a file of one name.
            yield from jsonl_documents(file, keys, recording_id(root, file))

    return NoteSet(documents, "documents as their file names them")
