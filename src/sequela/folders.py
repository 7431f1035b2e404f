"""The files of a data set: finding them below a folder, reading text as it stands."""

from __future__ import annotations

import gzip
import os
import re
import zlib
from collections.abc import Sequence
from pathlib import Path

from sequela.errors import ConfigError, DataError

__all__ = ["LARGEST_TEXT", "files_below", "recording_id", "subject_of", "text_of"]

LARGEST_TEXT = 1 << 28
"""Bytes; what is longer is no document, and would fill the memory."""


def files_below(path: Path | str, endings: Sequence[str], what: str) -> tuple[Path, list[Path]]:
    """The folder, and the files with one of these endings in it, sorted by path.

    Letter case of endings does not count; hidden files and folders are passed over, and so are
    links to folders inside (what they lead to is found where it lies).

    Args:
        path: a file, taken whatever its ending, or a folder.
        endings: lower case, with the dot.
        what: is looked for, for the message.

    Raises:
        DataError: nothing is there, or a link leads out of the folder: a stray link must not pull
            the files of others in.
    """
    path = Path(path).expanduser()
    if path.is_file():
        return path.parent, [path]
    if not path.is_dir():
        raise DataError(f"data {path}", got="no such file or folder", wanted=what)
    home = path.resolve()
    found = []
    for folder, folders, names in os.walk(path):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        links = [Path(folder, name) for name in folders if Path(folder, name).is_symlink()]
        _refuse_outside(links, home)
        chosen = [name for name in sorted(names) if name.lower().endswith(tuple(endings))]
        found += [Path(folder, name) for name in chosen if not name.startswith(".")]
    _refuse_outside([file for file in found if file.is_symlink()], home)
    if not found:
        raise DataError(f"folder {path}", got=f"no {' or '.join(endings)} file", wanted=what)
    return path, sorted(found)


def _refuse_outside(links: Sequence[Path], home: Path) -> None:
    for link in links:
        if not link.resolve().is_relative_to(home):
            raise DataError(
                f"data {link}",
                got="a link that leads out of the folder",
                todo="Put the files themselves there, or give the folder that they lie in.",
            )


def recording_id(root: Path, file: Path) -> str:
    """The file's path below the folder, with slashes and without its ending."""
    return file.relative_to(root).with_suffix("").as_posix()


def subject_of(root: Path, file: Path, how: str | None, option: str = "subject") -> str | None:
    """Whose recording a file is, as far as its place says.

    Args:
        root: the folder of the data set.
        file: below it.
        how: None for unknown; "folder" for the name of the file's folder; otherwise a regular
            expression with one group that is looked for in the file's path below ``root``.
        option: what the user calls ``how``, for the message.

    Returns:
        The subject, or None where the expression does not fit.

    Raises:
        ConfigError: no regular expression with one group.
    """
    if how is None:
        return None
    if how == "folder":
        return file.resolve().parent.name or None
    try:
        pattern = re.compile(how)
    except re.error:
        pattern = None
    if pattern is None or pattern.groups != 1:
        raise ConfigError(
            f"option '{option}'",
            got="neither a known word nor a regular expression with one group",
            wanted="for example folder, or (S[0-9]+)R",
        )
    found = pattern.search(file.relative_to(root).as_posix())
    return found[1] if found and found[1] else None


def text_of(path: Path, *, largest: int = LARGEST_TEXT) -> str:
    """The text of a file, every character as it stands: line ends and a byte order mark too.

    Args:
        path: the file; one whose name ends in .gz is unpacked.
        largest: bytes of a text, unpacked: what is longer is refused before it fills the memory.

    Raises:
        DataError: not readable, damaged, not UTF-8 (with the place), or longer than ``largest``.
    """
    raw = _bytes_of(path, largest)
    if raw is None or len(raw) > largest:
        size = f"more than {largest >> 20} MiB"
        raise DataError(f"file {path}", got=size, wanted="a text that fits into memory")
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
    raise DataError(
        f"line {line} of {path}",
        got="bytes that are not UTF-8",
        wanted="text in UTF-8",
        todo="Save the file as UTF-8.",
    )


def _bytes_of(path: Path, largest: int) -> bytes | None:
    """One byte more than the largest text at most; None where the file itself is longer."""
    try:
        with open(path, "rb") as file:
            # Asked first: a file of terabytes without content must not fill the memory.
            if os.fstat(file.fileno()).st_size > largest:
                return None
            packed = path.name.lower().endswith(".gz")
            return (gzip.GzipFile(fileobj=file) if packed else file).read(largest + 1)
    except (gzip.BadGzipFile, EOFError, zlib.error):
        raise DataError(f"file {path}", got="a damaged archive", todo="Copy it again.") from None
    except OSError as error:
        raise DataError(
            f"file {path}", got=type(error).__name__, wanted="a readable file"
        ) from None
