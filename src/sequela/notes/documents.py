"""Documents and spans: characters of the unchanged text are the one truth about places."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime

from sequela.errors import DataError

__all__ = ["Document", "NoteSet", "Span", "document", "parsed_time"]


@dataclass(frozen=True, order=True)
class Span:
    """A marked piece of a text: ``text[start:end]``.

    Args:
        start: the first character, counted from 0 in Unicode code points.
        end: one behind the last.
        type: of what it is ("DATE"); printable.
    """

    start: int
    end: int
    type: str

    def __post_init__(self) -> None:
        """Checks that the span holds something and has a type."""
        if not 0 <= self.start < self.end:
            raise DataError(
                "span", got=f"{self.start} to {self.end}", wanted="0 <= start < end, in characters"
            )
        if not self.type.strip() or not self.type.isprintable():
            raise DataError("type of a span", got="nothing printable", wanted="a name")


@dataclass(frozen=True)
class Document:
    """One text with what is marked in it.

    Args:
        id: names it within its set; no part of the text.
        text: unchanged: line ends, blanks and odd characters as in the source.
        spans: inside the text, in order of place; they may overlap.
        subject: whom it is about, or None where the source does not say; the unit of splitting.
        time: when it was written, local time as written, or None.
        part: the part that the source itself puts it into ("train"), or None.
        kind: what the source calls notes of its sort ("discharge", a code of MEDS), or None.

    Raises:
        DataError: a span lies outside the text, the id is empty, or the text is no valid Unicode.
    """

    id: str
    text: str = field(repr=False)
    spans: tuple[Span, ...] = ()
    subject: str | None = field(default=None, repr=False)
    time: datetime | None = field(default=None, repr=False)
    part: str | None = None
    kind: str | None = field(default=None, repr=False)

    def __post_init__(self) -> None:
        """Checks the spans and puts them in order."""
        if not self.id or re.search(r"[\x00-\x1f]", self.id):
            raise DataError("id of a document", got="nothing, or control characters")
        for name in ("id", "text", "subject", "part", "kind"):
            # JSON can write half a character; no file can hold it.
            if re.search("[\ud800-\udfff]", getattr(self, name) or ""):
                wanted = "text in Unicode"
                raise DataError(name, got="half a character (a lone surrogate)", wanted=wanted)
        for number, span in enumerate(self.spans, 1):
            if span.end > len(self.text):
                raise DataError(
                    f"span {number}",
                    got=f"characters {span.start} to {span.end}",
                    wanted=f"a place in a text of {len(self.text)} characters",
                )
        object.__setattr__(self, "spans", tuple(sorted(self.spans)))


@dataclass(frozen=True, eq=False)
class NoteSet:
    """The documents of a data set, read one by one each time they are asked for.

    Args:
        documents: gives the documents, in a fixed order; called anew for each walk.
        group_note: one sentence on what the ids and subjects are; reports repeat it.
        size: gives the number of documents, where that is known without reading them.
    """

    documents: Callable[[], Iterable[Document]] = field(repr=False)
    group_note: str = ""
    size: Callable[[], int] | None = field(default=None, repr=False)

    def __iter__(self) -> Iterator[Document]:
        """The documents.

        Raises:
            DataError: two documents share an id, or what the source finds wrong.
        """
        seen: set[str] = set()
        for number, one in enumerate(self.documents(), 1):
            if one.id in seen:
                raise DataError(
                    f"document {number}", got="an id that stood before", wanted="an id for each"
                )
            seen.add(one.id)
            yield one

    def count(self) -> int:
        """How many documents there are; reads all of them where the source cannot know."""
        return sum(1 for _ in self.documents()) if self.size is None else self.size()

    def part(self, name: str) -> NoteSet:
        """The documents that the source puts into a part."""
        return NoteSet(lambda: (one for one in self if one.part == name), self.group_note)

    def types(self) -> Counter[str]:
        """How many spans there are of each type; reads all documents."""
        return Counter(span.type for one in self for span in one.spans)


def document(
    where: str, id: str, text: str, spans: Iterable[tuple[int, int, str]], **rest
) -> Document:
    """A document, or an error that says where in the source it stands.

    Args:
        where: file and line.
        id, text: of the document.
        spans: start, end and type.
        rest: the other fields.

    Raises:
        DataError: names the place and what is wrong there, never the text.
    """
    made: list[Span] = []
    try:
        for start, end, kind in spans:
            made.append(Span(start, end, kind))
    except DataError as error:
        raise DataError(f"{where}, span {len(made) + 1}: {error}") from None
    try:
        return Document(id, text, tuple(made), **rest)
    except DataError as error:
        raise DataError(f"{where}: {error}") from None


def parsed_time(text: str, where: str) -> datetime:
    """A time as ISO 8601 writes it; a zone is left out, the time stays as written.

    Raises:
        DataError: another form.
    """
    try:
        return datetime.fromisoformat(text.strip().removesuffix("Z")).replace(tzinfo=None)
    except ValueError:
        raise DataError(
            f"{where}: time of a document", got="another form", wanted="2001-02-03 04:05:06"
        ) from None
