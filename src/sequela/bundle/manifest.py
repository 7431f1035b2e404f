"""A folder whose files are checked before they are used.

``manifest.json`` holds the size and the SHA-256 of each file. It finds damage (a flipped byte, a
file cut short, a file of another save); it is no signature, and does not tell who made the folder.
"""

from __future__ import annotations

import hashlib
import json
import os
import stat
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from sequela.errors import BundleError

__all__ = ["MANIFEST", "parse_json", "read_verified", "write_verified"]

MANIFEST = "manifest.json"
_FORMAT = 1
_LARGEST_MANIFEST = 1 << 20
_TODO = "Restore it from a copy, or make it again."


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
    try:
        handle = os.open(path, flags)
    except FileNotFoundError as error:
        raise BundleError(f"file {path}", got="no such file", todo=_TODO) from error
    except OSError as error:
        reason = error.strerror or type(error).__name__
        raise BundleError(f"file {path}", got=reason, wanted="a plain readable file") from error
    try:
        status = os.fstat(handle)
        if not stat.S_ISREG(status.st_mode) or status.st_size > largest:
            raise BundleError(
                f"file {path}", got="something else", wanted=f"a plain file of {largest} bytes"
            )
        with open(handle, "rb", closefd=False) as file:
            return file.read()
    finally:
        os.close(handle)


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
        raise BundleError(f"file {path}", got="a damaged manifest", todo=_TODO)
    for name, entry in entries.items():
        plain = name not in ("", ".", "..", MANIFEST) and not set("/\\\0:") & set(name)
        if not plain or not isinstance(entry, dict) or not isinstance(entry.get("bytes"), int):
            raise BundleError(f"file {path}", got="an entry that is no plain file", todo=_TODO)
    return entries


def parse_json(raw: bytes, path: Path) -> Any:
    """JSON of a file of a folder, or a :class:`BundleError` that names the file."""
    try:
        return json.loads(raw)
    except (ValueError, RecursionError) as error:
        raise BundleError(f"file {path}", got="damaged text", wanted="JSON", todo=_TODO) from error


def read_verified(folder: Path, wanted: tuple[str, ...]) -> dict[str, bytes]:
    """The files of a folder, each checked against the manifest.

    Files beside those of the manifest are not read.

    Args:
        folder: what :func:`write_verified` filled.
        wanted: names that must be there.

    Returns:
        Each file's bytes: exactly those that were checked.

    Raises:
        BundleError: a file is missing, damaged, cut short, a link or outside the folder.
    """
    if not folder.is_dir():
        raise BundleError(f"folder {folder}", got="no such folder", todo="Check the path.")
    entries = _entries(folder)
    for name in wanted:
        if name not in entries:
            raise BundleError(f"folder {folder}", got=f"no {name} in its manifest", todo=_TODO)
    contents = {}
    for name, entry in entries.items():
        content = _read_plain(folder / name, entry["bytes"])
        if len(content) != entry["bytes"]:
            raise BundleError(
                f"file {folder / name}",
                got=f"{len(content)} bytes",
                wanted=entry["bytes"],
                todo=_TODO,
            )
        if hashlib.sha256(content).hexdigest() != entry.get("sha256"):
            raise BundleError(
                f"file {folder / name}", got="damaged content (its checksum differs)", todo=_TODO
            )
        contents[name] = content
    return contents
