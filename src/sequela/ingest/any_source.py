"""Any source of events as an `EventData`: a raw one is written to a private folder first."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from sequela import sources
from sequela.errors import ConfigError
from sequela.events import EventData, Extract
from sequela.ingest.run import Say, ingest, input_identity
from sequela.private import private_folder

__all__ = ["opened"]

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
    folder = private_folder()
    ingest(data, folder / "meds", say=say)
    found = EventData.open(folder / "meds")
    if key is not None:
        _KEPT[key] = found
    return found
