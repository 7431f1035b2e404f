"""Reading a folder of text files as documents."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from sequela.folders import files_below, recording_id, subject_of, text_of
from sequela.notes import Document, NoteSet
from sequela.notes.documents import document

__all__ = ["read"]


def read(path: Path | str, *, subject: str | None = None) -> NoteSet:
    """Opens one text file, or every .txt file below a folder; texts are read one by one.

    Args:
        path: the file or the folder.
        subject: whom the texts are about: "folder" takes the name of a file's folder, anything
            else is a regular expression with one group that is looked for in the file's path
            below ``path``. By default the subjects stay unknown.

    Returns:
        Documents without spans, in order of their paths; ids are the paths without ending.

    Raises:
        DataError: no such file, a link out of the folder; and, when it is read, a file that is not
            UTF-8 or longer than 256 MiB, by file and line.
        ConfigError: ``subject`` is no such expression.
    """
    root, files = files_below(path, (".txt",), "a text file")
    subject_of(root, files[0], subject)  # a wrong expression is said at once
    # There may be very many, and a path is several times as large as its text.
    names = [str(file) for file in files]

    def documents() -> Iterator[Document]:
        for file in map(Path, names):
            owner = subject_of(root, file, subject)
            yield document(
                f"file {file}", recording_id(root, file), text_of(file), (), subject=owner
            )

    return NoteSet(documents, "one document for each text file", lambda: len(names))
