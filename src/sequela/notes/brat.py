"""Documents as brat keeps them: ``NAME.txt`` with the text and ``NAME.ann`` with the spans.

The standoff format: brat.nlplab.org/standoff.html. Of an annotation file the text-bound lines
(``T1<tab>TYPE 0 5<tab>words``) are read; relations, events, attributes and notes are passed over.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from pathlib import Path

from sequela.errors import DataError
from sequela.files import publish_directory
from sequela.folders import recording_id, text_of
from sequela.notes.documents import Document, Span, document

__all__ = ["brat_documents", "write_brat"]

_BOUND = re.compile(r"T[^\t]*\t(\S+) (\d{1,12} \d{1,12}(?:;\d{1,12} \d{1,12})*)\t(.*)", re.DOTALL)

# brat writes a span of several lines on one line.
_LINE_ENDS = str.maketrans("\r\n", "  ")


def brat_documents(root: Path, files: Iterable[Path]) -> Iterator[Document]:
    """The documents of text files, each with its annotation file beside it.

    Args:
        root: the folder; ids are the paths below it without ending.
        files: the text files.

    Raises:
        DataError: an annotation file is missing or malformed, a span lies outside the text or its
            words are others than the text's; by file and line, never by content.
    """
    for file in files:
        marks = file.with_suffix(".ann")
        if not marks.is_file():
            raise DataError(
                f"file {file}", got="no annotation file beside it", wanted=f"{marks.name}"
            )
        text = text_of(file)
        spans = list(_spans(marks, text))
        yield document(f"file {marks}", recording_id(root, file), text, spans)


def _spans(marks: Path, text: str) -> Iterator[tuple[int, int, str]]:
    for number, line in enumerate(text_of(marks).removeprefix("\ufeff").split("\n"), 1):
        line = line.removesuffix("\r")
        if not line.startswith("T"):
            if line.strip() and line[0] not in "REAMN*#":
                raise DataError(f"line {number} of {marks}", got="no annotation of brat")
            continue
        found = _BOUND.fullmatch(line)
        if not found:
            raise DataError(
                f"line {number} of {marks}", got="another form", wanted="T1, type, places, words"
            )
        pieces = [[int(place) for place in piece.split(" ")] for piece in found[2].split(";")]
        for start, end in pieces:
            if not start < end <= len(text):
                raise DataError(
                    f"line {number} of {marks}",
                    got=f"characters {start} to {end}",
                    wanted=f"a place in a text of {len(text)} characters",
                )
            yield start, end, found[1]
        words = " ".join(text[start:end] for start, end in pieces)
        if words.translate(_LINE_ENDS) != found[3].translate(_LINE_ENDS):
            raise DataError(
                f"line {number} of {marks}",
                got="other words than the text has there",
                todo="The text was changed after it was annotated, or its line ends were.",
            )


def write_brat(folder: Path | str, documents: Iterable[Document]) -> int:
    """Writes documents into a new folder; whole or not at all.

    What brat has no place for (subject, time, part) is not written. Folders in ids become folders.

    Returns:
        The number of documents.

    Raises:
        DataError: an id is no file name below the folder, or a type holds blanks.
        OutputError: the folder exists, or cannot be written.
    """
    count = 0
    with publish_directory(folder) as place:
        for count, one in enumerate(documents, 1):
            file = place / f"{_file_name(one, count)}.txt"
            file.parent.mkdir(parents=True, exist_ok=True)
            if file.exists():
                raise DataError(f"document {count}", got="an id that stood before")
            file.write_bytes(one.text.encode())
            lines = [_line(one, number, span) for number, span in enumerate(one.spans, 1)]
            file.with_suffix(".ann").write_bytes("".join(lines).encode())
    return count


def _file_name(one: Document, number: int) -> str:
    parts = one.id.split("/")
    if any(part in ("", ".", "..") or part[0] == "." or "\\" in part for part in parts):
        raise DataError(f"id of document {number}", got="no file name", wanted="a name for files")
    if any(len(part.encode()) > 200 for part in parts):
        raise DataError(f"id of document {number}", got="a name too long for a file")
    return one.id


def _line(one: Document, number: int, span: Span) -> str:
    if re.search(r"\s", span.type):
        raise DataError(f"type of span {number}", got="blanks", wanted="one word, for brat")
    words = one.text[span.start : span.end].translate(_LINE_ENDS)
    return f"T{number}\t{span.type} {span.start} {span.end}\t{words}\n"
