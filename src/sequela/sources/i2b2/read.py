"""Reading the XML files of the de-identification task of i2b2 2014."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from sequela.folders import files_below, subject_of
from sequela.notes import Document, NoteSet
from sequela.notes.i2b2 import i2b2_documents

__all__ = ["read"]


def read(path: Path | str, *, subject: str = r"([^/]+)-[0-9]+\.xml$") -> NoteSet:
    """Opens one file, or every .xml file below a folder; files are read one by one.

    Args:
        path: the file or the folder.
        subject: whom the texts are about: "folder" takes the name of a file's folder, anything
            else is a regular expression with one group that is looked for in the file's path
            below ``path``. By default what stands before the hyphen, as in ``110-01.xml``.

    Returns:
        Documents in order of their paths; ids are the paths without ending, the types of spans
        are i2b2's (PATIENT, DOCTOR, DATE ...).

    Raises:
        DataError: no such file; and, when it is read, no XML, a declared document type, a tag
            outside the text or with other words than the text; by file and tag.
        ConfigError: ``subject`` is no such expression.
    """
    root, files = files_below(path, (".xml",), "an XML file of i2b2 2014")
    owners = [subject_of(root, file, subject) for file in files]

    def documents() -> Iterator[Document]:
        for one, owner in zip(i2b2_documents(root, files), owners, strict=True):
            yield replace(one, subject=owner)

    return NoteSet(
        documents, "records; the subject is the number before the hyphen", lambda: len(files)
    )
