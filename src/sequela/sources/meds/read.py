"""Reading a MEDS data set (https://medical-event-data-standard.github.io)."""

from __future__ import annotations

from pathlib import Path

from sequela.events import EventData

__all__ = ["read"]


def read(path: Path | str, value_column: str | None = None) -> EventData:
    """Opens a MEDS data set, or an event table that is nearly one.

    Args:
        path: the MEDS root (the folder that holds ``data`` and ``metadata``), a folder of Parquet
            files, or one Parquet or CSV file.
        value_column: the column with the number of an event; by default ``numeric_value``, or
            ``value`` where only that is there.

    Returns:
        The data set; events are read when they are asked for.

    Raises:
        DataError: no such path, or no event table in it.
    """
    return EventData.open(path, value_column)
