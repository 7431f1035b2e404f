"""Readers of data sets: each room turns one publisher's files into events, signals, notes or
texts.

A room is a folder with ``read.py``, ``README.md`` and ``example/``; nothing else knows it.
"""

from __future__ import annotations

import importlib
import inspect
import typing
from pathlib import Path
from typing import Any

from sequela.errors import ConfigError, DataError
from sequela.settings import nearest

__all__ = ["names", "read"]

_FOLDER = Path(__file__).parent


def names() -> list[str]:
    """The sources there are."""
    return sorted(file.parent.name for file in _FOLDER.glob("*/read.py"))


def read(name: str, path: Path | str, **options: Any) -> Any:
    """A data set through the named source; only that room is imported.

    Args:
        name: one of :func:`names`.
        path: where the data lie.
        options: what the room's ``read`` takes beside the path.

    Returns:
        As the room says: ``EventData`` or ``Extract`` (events), ``SignalSet`` or ``RecordingSet``
        (signals), ``NoteSet`` (notes), ``TextSet``, ``PairSet`` or
        ``TextStream`` (texts).

    Raises:
        ConfigError: no such source, an option that it does not take, or one of the wrong type.
        DataError: no such path, or whatever the room finds wrong with the data.
    """
    # Listing the sources must not wait for the table libraries.
    from sequela.events import existing

    if name not in names():
        raise ConfigError(f"source '{name}'", got="no such source", todo=nearest(name, names()))
    reader = importlib.import_module(f"sequela.sources.{name}.read").read
    known = list(inspect.signature(reader).parameters)[1:]
    kinds = typing.get_type_hints(reader)
    for option, value in options.items():
        if option not in known:
            todo = nearest(option, known) if known else "It takes none."
            raise ConfigError(f"option '{option}' of source {name}", got="unknown", todo=todo)
        _check_kind(f"option '{option}' of source {name}", value, kinds[option])
    path = existing(path, "data")
    try:
        return reader(path, **options)
    except DataError as error:
        if name != "meds" and (path / "data").is_dir() and (path / "metadata").is_dir():
            raise DataError(
                f"data {path}",
                got="what looks like MEDS data",
                wanted=f"data of source '{name}'",
                todo="Write source=meds (sequela inspect: --source meds).",
            ) from error
        raise


def _check_kind(what: str, value: Any, kind: Any) -> None:
    kinds = typing.get_args(kind) or (kind,)
    if not isinstance(value, kinds):
        words = "text" if str in kinds else " or ".join(one.__name__ for one in kinds)
        todo = "Put quotes around it." if str in kinds else None
        raise ConfigError(what, got=type(value).__name__, wanted=words, todo=todo)
