"""A folder whose files are checked before they are used.

``manifest.json`` holds the size and the SHA-256 of each file. It finds damage (a flipped byte, a
file cut short, a file of another save); it is no signature, and does not tell who made the folder.
"""

from __future__ import annotations

import errno
import hashlib
import json
import math
import os
import stat
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from sequela.errors import BundleError

__all__ = ["MANIFEST", "DamagedError", "parse_json", "read_verified", "write_verified"]

MANIFEST = "manifest.json"
_FORMAT = 1
_LARGEST_MANIFEST = 1 << 20
_TODO = "Restore it from a copy, or make it again."


class DamagedError(BundleError):
    """What is stored is wrong and stays so: a file missing, cut short, or with another checksum.

    A file that cannot be read now (no permission, too many open files, a disk that does not answer)
    or is of another format may be whole, and is a plain :class:`BundleError`.
    """


def _canonical(files: Mapping[str, Mapping[str, Any]]) -> bytes:
    # One spelling only, so that no byte of the manifest itself can change unseen.
    return (
        json.dumps({"format": _FORMAT, "files": files}, indent=1, sort_keys=True) + "\n"
    ).encode()


def write_verified(folder: Path, contents: Mapping[str, bytes]) -> None:
    """Writes files and their manifest into a folder (that of ``files.publish_directory``).

    Args:
        folder: an existing folder.
        contents: plain file names and what the files hold.
    """
    entries = {}
    for name, content in contents.items():
        (folder / name).write_bytes(content)
        entries[name] = {"bytes": len(content), "sha256": hashlib.sha256(content).hexdigest()}
    (folder / MANIFEST).write_bytes(_canonical(entries))


def _read_plain(path: Path, largest: int) -> bytes:
    """The bytes of a regular file; no link, no device, nothing larger than it may be."""
    # Without O_NONBLOCK, opening a pipe would wait for somebody to write.
    flags = os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0)
    wanted = f"a plain file of at most {largest} bytes"
    try:
        handle = os.open(path, flags)
        try:
            status = os.fstat(handle)
            if not stat.S_ISREG(status.st_mode):
                raise BundleError(f"file {path}", got="something else", wanted=wanted)
            if status.st_size > largest:
                raise DamagedError(f"file {path}", got=f"{status.st_size} bytes", wanted=wanted)
            with open(handle, "rb", closefd=False) as file:
                return file.read()
        finally:
            os.close(handle)
    except FileNotFoundError as error:
        raise DamagedError(f"file {path}", got="no such file", todo=_TODO) from error
    except OSError as error:
        raise _unreadable(f"file {path}", error) from error


def _unreadable(what: str, error: OSError) -> BundleError:
    reason = os.strerror(error.errno) if error.errno else type(error).__name__
    if error.errno == errno.ELOOP:
        reason = "a link"
    return BundleError(
        what, got=reason, wanted="something plain that can be read", todo="Make it readable."
    )


def _entries(folder: Path) -> dict[str, dict[str, Any]]:
    path = folder / MANIFEST
    raw = _read_plain(path, _LARGEST_MANIFEST)
    manifest = parse_json(raw, path)
    if isinstance(manifest, dict) and manifest.get("format", _FORMAT) != _FORMAT:
        raise BundleError(
            f"file {path}",
            got="another format version",
            wanted=_FORMAT,
            todo="Use the version of Sequela that wrote it.",
        )
    entries = manifest.get("files") if isinstance(manifest, dict) else None
    if not isinstance(entries, dict) or _canonical(entries) != raw:
        raise DamagedError(f"file {path}", got="a damaged manifest", todo=_TODO)
    for name, entry in entries.items():
        plain = name not in ("", ".", "..", MANIFEST) and not set("/\\\0:") & set(name)
        if not plain or not isinstance(entry, dict) or not isinstance(entry.get("bytes"), int):
            raise DamagedError(f"file {path}", got="an entry that is no plain file", todo=_TODO)
    return entries


def _finite(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):  # Python reads NaN and 1e999; JSON knows neither
        raise ValueError
    return number


def parse_json(raw: bytes, path: Path) -> Any:
    """JSON of a file of a folder, or a :class:`DamagedError` that names the file.

    Args:
        raw: the content; numbers that are not finite count as damage.
        path: where it was, for the message.
    """
    try:
        return json.loads(raw, parse_float=_finite, parse_constant=_finite)
    except (ValueError, RecursionError) as error:
        raise DamagedError(f"file {path}", got="damaged text", wanted="JSON", todo=_TODO) from error


def read_verified(folder: Path, wanted: tuple[str, ...]) -> dict[str, bytes]:
    """The files of a folder, each checked against the manifest.

    Files beside those of the manifest are not read.

    Args:
        folder: what :func:`write_verified` filled.
        wanted: names that must be there.

    Returns:
        Each file's bytes: exactly those that were checked.

    Raises:
        DamagedError: a file is missing, damaged or cut short, or its name is outside the folder.
        BundleError: a file is a link, of another format, or cannot be read now.
    """
    try:
        found = folder.is_dir()
    except OSError as error:
        raise _unreadable(f"folder {folder}", error) from error
    if not found:
        raise BundleError(f"folder {folder}", got="no such folder", todo="Check the path.")
    if not any((folder / name).exists() for name in (MANIFEST, *wanted)):
        inner = folder / "model"
        raise BundleError(
            f"folder {folder}",
            got="none of the files of a bundle",
            wanted="a folder with manifest.json",
            todo=f"Give {inner}." if (inner / MANIFEST).is_file() else "Check the path.",
        )
    entries = _entries(folder)
    for name in wanted:
        if name not in entries:
            raise DamagedError(f"folder {folder}", got=f"no {name} in its manifest", todo=_TODO)
    contents = {}
    for name, entry in entries.items():
        content = _read_plain(folder / name, entry["bytes"])
        if len(content) != entry["bytes"]:
            raise DamagedError(
                f"file {folder / name}",
                got=f"{len(content)} bytes",
                wanted=entry["bytes"],
                todo=_TODO,
            )
        if hashlib.sha256(content).hexdigest() != entry.get("sha256"):
            raise DamagedError(
                f"file {folder / name}", got="damaged content (its checksum differs)", todo=_TODO
            )
        contents[name] = content
    return contents
