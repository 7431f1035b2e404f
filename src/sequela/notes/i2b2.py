"""Documents as the de-identification task of i2b2 2014 keeps them: one XML file for each.

``<deIdi2b2><TEXT><![CDATA[...]]></TEXT><TAGS><DATE id="P0" start="16" end="26" text="2067-05-03"
TYPE="DATE" comment="" /></TAGS></deIdi2b2>``: places count the characters of the text.
A file that declares a document type is refused before anything of it is read: only there can
entities be defined that fill the memory or read other files.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from xml.parsers import expat
from xml.sax.saxutils import quoteattr

from sequela.errors import DataError
from sequela.files import publish_directory
from sequela.folders import recording_id, text_of
from sequela.notes.documents import Document, Span, document

__all__ = ["CATEGORIES", "FORBIDDEN", "i2b2_documents", "write_i2b2"]

CATEGORIES = {
    "NAME": ("PATIENT", "DOCTOR", "USERNAME"),
    "PROFESSION": ("PROFESSION",),
    "LOCATION": (
        *("ROOM", "DEPARTMENT", "HOSPITAL", "ORGANIZATION", "STREET", "CITY", "STATE"),
        *("COUNTRY", "ZIP", "LOCATION-OTHER"),
    ),
    "AGE": ("AGE",),
    "DATE": ("DATE",),
    "CONTACT": ("PHONE", "FAX", "EMAIL", "URL", "IPADDR"),
    "ID": (
        *("SSN", "MEDICALRECORD", "HEALTHPLAN", "ACCOUNT", "LICENSE", "VEHICLE", "DEVICE"),
        *("BIOID", "IDNUM"),
    ),
}
"""The types of each category."""

_CATEGORY = {type: category for category, types in CATEGORIES.items() for type in types}
_ROOT = "deIdi2b2"
FORBIDDEN = re.compile(r"[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
"""Characters that no XML 1.0 file can hold."""


class _Stop(Exception):
    """A document type: nothing more is read."""


class _Reader:
    """What is taken from one file while it is parsed."""

    def __init__(self, where: str):
        self.where, self.path = where, []
        self.pieces: list[str] = []
        self.tags: list[tuple[str, dict[str, str]]] = []
        self.texts = 0

    def start(self, name: str, attributes: dict[str, str]) -> None:
        self.path.append(name)
        if self.path[1:] == ["TEXT"]:
            self.texts += 1
        elif self.path[1:2] == ["TAGS"] and len(self.path) == 3:
            self.tags.append((name, attributes))

    def end(self, name: str) -> None:
        self.path.pop()

    def characters(self, text: str) -> None:
        if self.path[1:] == ["TEXT"]:
            self.pieces.append(text)


def i2b2_documents(root: Path, files: Iterable[Path]) -> Iterator[Document]:
    """The documents of files; the type of a span is its ``TYPE``, or the name of its tag.

    Args:
        root: the folder; ids are the paths below it without ending.
        files: the XML files.

    Raises:
        DataError: no XML, a declared document type, no text or two, a tag without place, outside
            the text or with other words than the text has there; by file and number of the tag,
            never by content.
    """
    for file in files:
        where = f"file {file}"
        found = _parsed(where, text_of(file).removeprefix("\ufeff"))
        text = "".join(found.pieces)
        spans = [_span(where, number, tag, text) for number, tag in enumerate(found.tags, 1)]
        yield document(where, recording_id(root, file), text, spans)


def _parsed(where: str, content: str) -> _Reader:
    reader = _Reader(where)
    parser = expat.ParserCreate()
    parser.buffer_text = True
    parser.StartElementHandler = reader.start
    parser.EndElementHandler = reader.end
    parser.CharacterDataHandler = reader.characters
    parser.StartDoctypeDeclHandler = _stop
    # The text was read as UTF-8 already, whatever its first line says.
    content = re.sub(r"^\s*<\?xml[^>]*\?>", "", content, count=1)
    problem = None
    try:
        parser.Parse(content.encode(), True)
    except _Stop:
        problem = ("a document type", "a file without one")
    except (expat.ExpatError, ValueError):
        problem = ("something that is no XML", "a file of i2b2 2014")
    if problem is None and reader.texts != 1:
        problem = (f"{reader.texts} texts", f"one <TEXT> in <{_ROOT}>")
    if problem is not None:
        raise DataError(where, got=problem[0], wanted=problem[1])
    return reader


def _stop(*declaration: object) -> None:
    raise _Stop


def _span(
    where: str, number: int, tag: tuple[str, dict[str, str]], text: str
) -> tuple[int, int, str]:
    name, attributes = tag
    places = [attributes.get(key, "") for key in ("start", "end")]
    if not all(re.fullmatch(r"[0-9]{1,12}", place) for place in places):
        raise DataError(f"{where}, tag {number}", got="no place", wanted="start and end")
    start, end = map(int, places)
    if not start < end <= len(text):
        raise DataError(
            f"{where}, tag {number}",
            got=f"characters {start} to {end}",
            wanted=f"a place in a text of {len(text)} characters",
        )
    words = attributes.get("text")
    # In an attribute, XML makes a blank of every line end.
    if words is not None and words.split() != text[start:end].split():
        raise DataError(f"{where}, tag {number}", got="other words than the text has there")
    return start, end, attributes.get("TYPE") or name


def write_i2b2(folder: Path | str, documents: Iterable[Document]) -> int:
    """Writes documents into a new folder, a file for each; whole or not at all.

    What the format has no place for (subject, time, part) is not written. Line ends stay as they
    are. A type that i2b2 does not know stands in a tag ``OTHER``.

    Returns:
        The number of documents.

    Raises:
        DataError: an id is no file name below the folder, or a text holds characters that XML
            cannot (NUL and most other control characters); by number of the document.
        OutputError: the folder exists, or cannot be written.
    """
    count = 0
    with publish_directory(folder) as place:
        for count, one in enumerate(documents, 1):
            parts = one.id.split("/")
            if any(part.startswith(".") or not part or "\\" in part for part in parts):
                raise DataError(f"id of document {count}", got="no file name")
            if FORBIDDEN.search(one.text):
                raise DataError(f"text of document {count}", got="control characters")
            file = place / f"{one.id}.xml"
            if file.exists():
                raise DataError(f"document {count}", got="an id that stood before")
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(_written(one).encode())
    return count


def _written(one: Document) -> str:
    text = one.text.replace("]]>", "]]]]><![CDATA[>")
    # A parser makes a line feed of a carriage return, unless it is written as a number.
    text = text.replace("\r", "]]>&#13;<![CDATA[")
    tags = [_tag(number, span, one.text) for number, span in enumerate(one.spans)]
    return (
        '<?xml version="1.0" encoding="UTF-8" ?>\n'
        f"<{_ROOT}>\n<TEXT><![CDATA[{text}]]></TEXT>\n<TAGS>\n{''.join(tags)}</TAGS>\n</{_ROOT}>\n"
    )


def _tag(number: int, span: Span, text: str) -> str:
    category = _CATEGORY.get(span.type, "OTHER")
    words = quoteattr(" ".join(text[span.start : span.end].split()))
    places = f'start="{span.start}" end="{span.end}"'
    kind = quoteattr(span.type)
    return f'<{category} id="P{number}" {places} text={words} TYPE={kind} comment="" />\n'
