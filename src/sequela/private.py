"""Folders for what must not be seen by others and must not stay: patients' data on their way.

A folder lies below the system's folder for temporary files (``TMPDIR``), can be entered by this
user alone, and goes with the process. What a killed process left is removed by the next one.
"""

from __future__ import annotations

import atexit
import contextlib
import os
import shutil
import stat
import tempfile
import time
from pathlib import Path

from sequela import lock
from sequela.files import translated

__all__ = ["private_folder", "remove_leftovers"]

_PREFIX = "sequela-private-"
_SETTLED = 60.0  # seconds


def private_folder() -> Path:
    """A new empty folder that is removed at the end of the process.

    Raises:
        OutputError: the system's folder for temporary files cannot be written.
    """
    remove_leftovers()
    with translated(Path(tempfile.gettempdir())):
        folder = Path(tempfile.mkdtemp(prefix=_PREFIX))
    # The lock says that the folder is in use; the system lets go of it when the process ends.
    guard = contextlib.ExitStack()
    guard.enter_context(lock.locked(folder))

    def remove(owner: int = os.getpid()) -> None:
        # A forked child inherits this function, and the folder is not its own.
        if os.getpid() == owner:
            shutil.rmtree(folder, ignore_errors=True)
            guard.close()

    atexit.register(remove)
    return folder


def remove_leftovers() -> None:
    """Removes what killed processes of this user left; what is in use stays."""
    # Without locks nobody can tell a leftover from a folder in use.
    if lock.fcntl is None:
        return
    for folder in Path(tempfile.gettempdir()).glob(f"{_PREFIX}*"):
        with contextlib.suppress(OSError):
            state = folder.lstat()
            mine = stat.S_ISDIR(state.st_mode) and state.st_uid == os.getuid()
            # A folder just made may not be locked yet.
            if mine and time.time() - state.st_mtime > _SETTLED:
                with lock.locked(folder):
                    shutil.rmtree(folder, ignore_errors=True)
