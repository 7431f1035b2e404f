"""One run in a folder at a time."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path

from sequela.errors import OutputError
from sequela.files import translated

try:
    import fcntl
except ImportError:  # not on Windows; there the user has to take care
    fcntl = None

__all__ = ["locked"]


@contextlib.contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Keeps other runs out of a folder while the block runs.

    The folder itself is locked, so that no file is left; the system unlocks it when the process
    ends, however it ends. Without such locks (Windows, some network disks) nothing is kept out.

    Args:
        folder: made when missing.

    Raises:
        OutputError: another run is at work there, or the folder cannot be made.
    """
    with translated(folder):
        folder.mkdir(parents=True, exist_ok=True)
    if fcntl is None:
        yield
        return
    with translated(folder):
        handle = os.open(folder, os.O_RDONLY)
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise OutputError(
                f"folder {folder}",
                got="another run at work in it",
                todo="Wait for its end, stop it, or choose another folder.",
            ) from error
        except OSError:
            pass  # a file system without locks
        yield
    finally:
        os.close(handle)
