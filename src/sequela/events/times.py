"""Times that a record can hold: those of the years 1 to 9999, which ISO 8601 can write.

What lies outside is a mistake in the unit or a filler. It is refused before any conversion, since
converting it would wrap round to a plausible time without a word.
"""

from __future__ import annotations

from typing import Any

import polars as pl
import pyarrow as pa

from sequela.errors import DataError

__all__ = ["plain_time_type", "refuse_far_times"]

#: Days from 1970-01-01 to 0001-01-01, and to the day after 9999-12-31.
_FIRST_DAY, _END_DAY = -719_162, 2_932_897

# Nanoseconds are absent: 64 bits of them reach from 1677 to 2262.
_TICKS_PER_DAY = {"day": 1, "s": 86_400, "ms": 86_400_000, "us": 86_400_000_000}


def plain_time_type(kind: Any) -> Any:
    """The Arrow type in which times of ``kind`` can be read; other types stay as they are.

    A zone is only how a time is shown, its numbers count from the same moment everywhere. Polars
    does not know all zones of Arrow (``+05:30``), but all know UTC.
    """
    if pa.types.is_dictionary(kind) and pa.types.is_temporal(kind.value_type):
        return plain_time_type(kind.value_type)
    if pa.types.is_timestamp(kind) and kind.tz is not None:
        return pa.timestamp(kind.unit, "UTC")
    return kind


def refuse_far_times(times: pl.Series | pa.ChunkedArray, name: str, where: str) -> None:
    """Refuses a column with a time outside the years 1 to 9999.

    Args:
        times: a column; one that holds no dates or times passes.
        name: of the column.
        where: the name of the file.

    Raises:
        DataError: there is such a time; the message names the first row.
    """
    unit = _unit(times.dtype if isinstance(times, pl.Series) else times.type)
    if unit not in _TICKS_PER_DAY:
        return
    ticks = _ticks(times)
    low, end = (day * _TICKS_PER_DAY[unit] for day in (_FIRST_DAY, _END_DAY))
    least, most = ticks.min(), ticks.max()
    if least is None or (least >= low and most < end):  # type: ignore[operator]
        return
    far = ((ticks < low) | (ticks >= end)).fill_null(False)
    raise DataError(
        f"column '{name}' of {where}",
        got=f"a time far outside in {int(far.sum())} row(s), the first is row "
        f"{int(far.arg_max() or 0) + 1}",
        wanted="times of the years 1 to 9999",
        todo="Correct the unit of the times, or remove these rows.",
    )


def _unit(kind: Any) -> str | None:
    if isinstance(kind, pl.Datetime):
        return kind.time_unit
    if kind == pl.Date:
        return "day"
    if not isinstance(kind, pa.DataType):
        return None
    if pa.types.is_timestamp(kind):
        return kind.unit
    return {pa.date32(): "day", pa.date64(): "ms"}.get(kind)


def _ticks(times: pl.Series | pa.ChunkedArray) -> pl.Series:
    if isinstance(times, pl.Series):
        return times.to_physical()
    width = pa.int32() if pa.types.is_date32(times.type) else pa.int64()
    return pl.Series(times.cast(width))
