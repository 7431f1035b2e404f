"""Writing files so that nothing half-written is ever left.

Everything is written beside its final place and renamed when it is whole. A full disk or a missing
permission leaves the old state, never a mixture. So does a kill, which may also leave the hidden
temporary (``.NAME.xxxx``) behind; whoever goes on with a run removes its own.
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from sequela.errors import OutputError

__all__ = [
    "atomic_stream",
    "atomic_write",
    "publish_directory",
    "refuse_existing",
    "replace_directory",
    "sha256",
    "translated",
]

_REASONS = {
    errno.ENOSPC: ("no space left on the disk", "Free some space or choose another place."),
    errno.EDQUOT: ("the disk quota is used up", "Free some space or choose another place."),
    errno.EACCES: ("no permission to write there", "Choose a place that you may write to."),
    errno.EPERM: ("no permission to write there", "Choose a place that you may write to."),
    errno.EROFS: ("a read-only file system", "Choose a place that you may write to."),
    errno.ENOTDIR: ("a file where a folder is needed", "Choose another place."),
    errno.EISDIR: ("a folder where a file is needed", "Choose another place."),
    errno.ENAMETOOLONG: ("a name that is too long", "Choose a shorter name."),
}


def _output_error(path: Path, error: OSError) -> OutputError:
    got, todo = _REASONS.get(
        error.errno or 0, (error.strerror or type(error).__name__, "Choose another place.")
    )
    return OutputError(f"writing {path}", got=got, todo=todo)


@contextlib.contextmanager
def translated(path: Path) -> Iterator[None]:
    """Turns an ``OSError`` of the block into an :class:`OutputError` that names ``path``."""
    try:
        yield
    except OutputError:
        raise
    except OSError as error:
        raise _output_error(path, error) from error


def _synchronise(folder: Path) -> None:
    # The rename is durable only once the folder that holds the name is on the disk.
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def atomic_write(path: Path | str, content: bytes | str) -> Path:
    """Writes a whole file or nothing.

    Args:
        path: the file; its folder is made when missing; an existing file is replaced.
        content: bytes, or text (written as UTF-8).

    Returns:
        The path.

    Raises:
        OutputError: the disk is full, or the place cannot be written.
    """
    with atomic_stream(path) as file:
        file.write(content.encode() if isinstance(content, str) else content)
    return Path(path)


@contextlib.contextmanager
def atomic_stream(path: Path | str) -> Iterator[BinaryIO]:
    """A file that appears whole when the block ends, or not at all when it fails.

    Args:
        path: as of :func:`atomic_write`.

    Raises:
        OutputError: the disk is full, or the place cannot be written.
    """
    path = Path(path)
    with translated(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name[:80]}.")
        try:
            with os.fdopen(handle, "wb") as file:
                yield file
                file.flush()
                os.fsync(file.fileno())
            mask = os.umask(0)
            os.umask(mask)
            os.chmod(name, 0o666 & ~mask)
            os.replace(name, path)
        except BaseException:
            with contextlib.suppress(FileNotFoundError):
                os.unlink(name)
            raise
        _synchronise(path.parent)


def refuse_existing(final: Path) -> None:
    """Nothing may stand where a new folder shall be: to be asked before long work, too.

    Raises:
        OutputError: something stands there.
    """
    with translated(final):
        there = final.exists()
    if there:
        raise OutputError(
            f"folder {final}",
            got="one that exists already",
            todo="Choose another name or remove it.",
        )


@contextlib.contextmanager
def publish_directory(final: Path | str, *, replace: bool = False) -> Iterator[Path]:
    """A folder that appears whole or not at all.

    The block fills the yielded temporary sibling; it is renamed to ``final`` when the block ends
    and removed when the block fails.

    Args:
        final: where the folder will be; must not exist unless ``replace``.
        replace: take the place of an existing folder.

    Raises:
        OutputError: ``final`` exists, the disk is full, or the place cannot be written.
    """
    final = Path(final)
    if not replace:
        refuse_existing(final)
    with translated(final):
        final.parent.mkdir(parents=True, exist_ok=True)
        temporary = Path(tempfile.mkdtemp(dir=final.parent, prefix=f".{final.name[:80]}."))
    try:
        yield temporary
        with translated(final):
            replace_directory(temporary, final)
    except OSError as error:
        # The caller may also read; only what concerns the new folder is a fault of writing.
        full = error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EFBIG)
        ours = str(error.filename or "").startswith(str(temporary))
        if not isinstance(error, OutputError) and (full or ours):
            raise _output_error(final, error) from error
        raise
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def replace_directory(temporary: Path, final: Path) -> None:
    """Gives a whole folder its name; a folder that had the name before is removed.

    Args:
        temporary: the folder, beside ``final``; all that is in it is on the disk before it moves.
        final: its name from now on.
    """
    for folder, _, names in os.walk(temporary):
        for name in names:
            with open(Path(folder, name), "rb") as file:
                os.fsync(file.fileno())
        _synchronise(Path(folder))
    mask = os.umask(0)
    os.umask(mask)
    os.chmod(temporary, 0o777 & ~mask)
    if final.exists():
        doomed = Path(tempfile.mkdtemp(dir=final.parent, prefix=f".{final.name[:80]}."))
        os.replace(final, doomed)
        os.replace(temporary, final)
        shutil.rmtree(doomed, ignore_errors=True)
    else:
        os.replace(temporary, final)
    _synchronise(final.parent)


def sha256(path: Path | str) -> str:
    """The SHA-256 of a file, as 64 hexadecimal digits."""
    digest = hashlib.sha256()
    with open(path, "rb") as file:
        while block := file.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()
