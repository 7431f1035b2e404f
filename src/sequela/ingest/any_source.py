"""Any source of events as an `EventData`: a raw one is written to a private folder first."""

from __future__ import annotations

import atexit
import contextlib
import os
import shutil
import stat
import tempfile
import time
from pathlib import Path
from typing import Any

from sequela import lock, sources
from sequela.errors import ConfigError
from sequela.events import EventData, Extract
from sequela.ingest.run import Say, ingest, input_identity

__all__ = ["opened"]

_PREFIX = "sequela-events-"
_SETTLED = 60.0  # seconds
_KEPT: dict[str, EventData] = {}


def opened(source: str, path: Path | str, *, say: Say | None = None, **options: Any) -> EventData:
    """A data set through the named source, whatever kind of files it reads.

    The events of a raw source are written to a folder that only this user can enter, below the
    system's folder for temporary files (``TMPDIR``). It is removed at the end of the process; what
    a killed process left is removed by the next one. Within a process the same input is written
    once.

    Args:
        source: one of :func:`sequela.sources.names`.
        path: where the data lie.
        say: is told about progress, see :func:`sequela.ingest.ingest`.
        options: of the source.

    Raises:
        ConfigError: no such source or option, or a source of something else.
        DataError: whatever the source finds wrong with the data.
    """
    data = sources.read(source, path, **options)
    if isinstance(data, EventData):
        return data
    if not isinstance(data, Extract):
        raise ConfigError(
            f"source '{source}'", got="no events", wanted="a source of events for this task"
        )
    key = input_identity(data, source=source, path=str(path), options=options)
    if key is not None and key in _KEPT:
        return _KEPT[key]
    folder = _private_folder()
    ingest(data, folder / "meds", say=say)
    found = EventData.open(folder / "meds")
    if key is not None:
        _KEPT[key] = found
    return found


def _private_folder() -> Path:
    _remove_leftovers()
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


def _remove_leftovers() -> None:
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
