"""Reading a folder that was annotated with brat."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from sequela.errors import DataError
from sequela.folders import files_below, subject_of
from sequela.notes import Document, NoteSet, brat_documents

__all__ = ["read"]


def read(path: Path | str, *, subject: str | None = None) -> NoteSet:
    """Opens one .txt file with its .ann file, or all of a folder; texts are read one by one.

    Args:
        path: the text file or the folder.
        subject: whom the texts are about: "folder" takes the name of a file's folder, anything
            else is a regular expression with one group that is looked for in the file's path
            below ``path``. By default the subjects stay unknown.

    Returns:
        Documents in order of their paths; ids are the paths without ending.

    Raises:
        DataError: no such file, a text without annotations or the reverse; and, when it is read, a
            malformed line, a span outside the text or with other words than the text, by file and
            line.
        ConfigError: ``subject`` is no such expression.
    """
    root, files = files_below(path, (".txt",), "a text file with an annotation file")
    if Path(path).is_dir():
        _, marks = files_below(path, (".ann",), "an annotation file")
        texts = set(files)
        for mark in marks:
            if mark.with_suffix(".txt") not in texts:
                raise DataError(f"file {mark}", got="no text file beside it")
    owners = [subject_of(root, file, subject) for file in files]

    def documents() -> Iterator[Document]:
        for one, owner in zip(brat_documents(root, files), owners, strict=True):
            yield replace(one, subject=owner)

    return NoteSet(documents, "one document for each text file", lambda: len(files))
