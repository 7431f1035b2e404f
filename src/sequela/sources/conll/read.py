"""Reading files of tokens and tags as documents with spans."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from sequela.errors import ConfigError, DataError
from sequela.folders import files_below, recording_id, text_of
from sequela.notes import Document, NoteSet, decoded
from sequela.notes.documents import document

__all__ = ["read"]

_ENDINGS = (".conll", ".conll03", ".bio", ".iob", ".iob2")


def read(path: Path | str, *, token: int = 1, tag: int = -1, whole: bool = False) -> NoteSet:
    """Opens one file, or every .conll, .bio and .iob file below a folder.

    Args:
        path: one token a line, its columns apart by a tab (or by blanks where a line has no tab);
            empty lines between sentences.
        token: the column of the token, from 1; -1 is the last.
        tag: the column of the tag.
        whole: join the sentences up to the next ``-DOCSTART-`` line into one document, with a line
            end between them; by default each sentence is a document.

    Returns:
        Documents whose text is the tokens with one blank between them (the files do not keep what
        stood there), named by file and number.

    Raises:
        ConfigError: a column of number 0.
        DataError: no such file; and, when it is read, a line without these columns or a tag of
            another form, by file and line.
    """
    if token == 0 or tag == 0:
        raise ConfigError("a column of source conll", got=0, wanted="1, 2 ... or -1, -2 ...")
    root, files = files_below(path, _ENDINGS, "a file of tokens and tags")
    # One number places a column from the left, counted from 1, or from the right.
    columns = [place - 1 if place > 0 else place for place in (token, tag)]

    def documents() -> Iterator[Document]:
        for file in files:
            # Two folders may each have a file of one name.
            name = recording_id(root, file)
            yield from _documents(file, name, columns[0], columns[1], whole)

    note = "sentences counted as documents" if not whole else "documents as the files part them"
    return NoteSet(documents, note)


def _documents(file: Path, name: str, token: int, tag: int, whole: bool) -> Iterator[Document]:
    count, text, spans = 0, "", []
    first = None
    for line, tokens, tags in _sentences(file, token, tag):
        if tokens:
            try:
                words, marks = decoded(tokens, tags)
            except DataError as error:
                raise DataError(f"sentence from line {line} of {file}: {error}") from None
            shift = len(text) + 1 if text else 0
            text = f"{text}\n{words}" if text else words
            spans += [(start + shift, end + shift, kind) for start, end, kind in marks]
            first = first or line
        if text and not (whole and tokens):
            count += 1
            yield document(f"line {first} of {file}", f"{name} {count}", text, spans)
            text, spans, first = "", [], None
    if text:
        yield document(f"line {first} of {file}", f"{name} {count + 1}", text, spans)


def _sentences(file: Path, token: int, tag: int) -> Iterator[tuple[int, list[str], list[str]]]:
    """Line, tokens and tags of each sentence; no tokens where a document begins."""
    tokens: list[str] = []
    tags: list[str] = []
    begin = 1
    for number, line in enumerate(text_of(file).removeprefix("\ufeff").split("\n"), 1):
        line = line.removesuffix("\r")
        starts = line.startswith("-DOCSTART-")
        if starts or not line.strip(" \t"):
            if tokens:
                yield begin, tokens, tags
                tokens, tags = [], []
            if starts:
                yield number, [], []
            continue
        if not tokens:
            begin = number
        fields = line.split("\t") if "\t" in line else re.split(" +", line.strip(" "))
        try:
            word, mark = fields[token], fields[tag].strip(" ")
        except IndexError:
            word, mark = "", ""
        if len(fields) < 2 or not word.strip():
            raise DataError(
                f"line {number} of {file}",
                got=f"{len(fields)} columns, or no token",
                wanted="a token and a tag",
            )
        tokens.append(word)
        tags.append(mark)
    if tokens:
        yield begin, tokens, tags
