"""Reading text files as one stream."""

from __future__ import annotations

from pathlib import Path

from sequela.errors import DataError
from sequela.folders import files_below, text_of
from sequela.notes import TextStream

__all__ = ["read"]


def read(path: Path | str) -> TextStream:
    """Reads one file, or every .txt file below a folder in the order of their paths.

    Args:
        path: text in UTF-8.

    Returns:
        The texts behind each other, unchanged but for a byte order mark.

    Raises:
        DataError: no such file, nothing in it, or bytes that are not UTF-8, by file and line.
    """
    _, files = files_below(path, (".txt",), "a text")
    text = "".join(text_of(file).removeprefix("\ufeff") for file in files)
    if not text:
        raise DataError(f"data {path}", got="no text", wanted="at least one character")
    return TextStream(text)
