"""The text files of the stays, out of a folder or an archive, checked one by one."""

from __future__ import annotations

import re
import tarfile
import zlib
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

from sequela.errors import DataError

__all__ = ["HEADER", "read_stays"]

HEADER = "Time,Parameter,Value"
_NAME = re.compile(r"([0-9]{1,18})\.txt")
# The largest stay of the challenge has 60 kB.
_LARGEST = 8 << 20


def read_stays(place: Path) -> Iterator[tuple[int, str]]:
    """Number and rows of each stay, in the order of the numbers in a folder, of the file in a tar.

    Only plain files called NUMBER.txt are looked at, wherever in the archive; nothing is unpacked.

    Args:
        place: a folder, or a tar archive (also compressed).

    Yields:
        The number in the file's name, and its text behind the header.

    Raises:
        DataError: a stay twice, larger than 8 MiB, without its header, no UTF-8; no stay at all;
            a damaged archive.
    """
    seen: set[int] = set()
    for name, content in _from_folder(place) if place.is_dir() else _from_archive(place):
        found = _NAME.fullmatch(name)
        if not found:
            continue
        stay = int(found[1])
        if stay in seen:
            raise DataError(f"file {name}", got="a second file of this name", wanted="one a stay")
        seen.add(stay)
        yield stay, _rows(name, content)
    if not seen:
        raise DataError(f"data {place}", got="no file of a stay", wanted="files such as 132539.txt")


def _from_folder(place: Path) -> Iterator[tuple[str, bytes]]:
    files = [path for path in place.iterdir() if _NAME.fullmatch(path.name) and path.is_file()]
    for path in sorted(files, key=lambda path: int(path.stem)):
        _refuse_large(path.name, path.stat().st_size)
        try:
            yield path.name, path.read_bytes()
        except OSError as error:
            raise DataError(f"file {path.name}", got=f"not readable ({error.strerror})") from error


def _from_archive(place: Path) -> Iterator[tuple[str, bytes]]:
    try:
        # Not "r|*", which takes the end of a cut stream for that of the archive.
        with tarfile.open(place, "r:*") as archive:
            for member in archive:
                name = PurePosixPath(member.name).name
                if not member.isreg() or not _NAME.fullmatch(name):
                    continue
                _refuse_large(name, member.size)
                stream = archive.extractfile(member)
                content = b"" if stream is None else stream.read()
                if len(content) < member.size:
                    raise EOFError
                yield name, content
    except (tarfile.TarError, EOFError, zlib.error, OSError) as error:
        raise DataError(
            f"archive {place.name}",
            got=f"not readable ({type(error).__name__})",
            wanted="a whole tar archive",
            todo="The file is damaged, cut short or of another kind: copy it again.",
        ) from error


def _refuse_large(name: str, size: int) -> None:
    if size > _LARGEST:
        raise DataError(f"file {name}", got="more than 8 MiB", wanted="one stay of 48 hours")


def _rows(name: str, content: bytes) -> str:
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        row = content[: error.start].count(b"\n")
        # The cause would quote the bytes.
        raise DataError(f"row {row} of {name}", got="bytes that are no UTF-8") from None
    header, _, rows = text.replace("\r\n", "\n").partition("\n")
    if header.strip() != HEADER:
        raise DataError(f"file {name}", got="another header", wanted=f"'{HEADER}' in line 1")
    return rows
