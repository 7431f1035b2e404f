"""The shape of an event table: any near-MEDS table becomes the columns of MEDS 0.4 and one more.

The one more is ``available_time``: when an event became known, which is later than when it happened
for what is coded at discharge. MEDS allows further columns; a table without it says that everything
was known at once.

Users' files are aligned, never validated: what can be understood without guessing at a value is
understood (other time units and zones, narrower integers, categories, a differently named value
column, extra columns), and what cannot be is refused in one line that names file, column and row.
"""

from __future__ import annotations

import meds
import polars as pl
import pyarrow as pa

from sequela.errors import DataError, SchemaError, nearest_column
from sequela.events.cells import as_times
from sequela.events.files import from_arrow
from sequela.events.times import refuse_far_times

__all__ = [
    "AVAILABLE",
    "BIRTH_CODE",
    "COLUMNS",
    "DEATH_CODE",
    "VALUE_COLUMNS",
    "align",
    "conform",
    "has_code",
    "in_order",
    "to_arrow",
]

BIRTH_CODE = meds.birth_code
DEATH_CODE = meds.death_code

COLUMNS: dict[str, pl.DataType] = {
    "subject_id": pl.Int64(),
    "time": pl.Datetime("us"),
    "code": pl.String(),
    "numeric_value": pl.Float32(),
    "text_value": pl.String(),
    "available_time": pl.Datetime("us"),
}

#: The column that MEDS does not know; on disk it may be absent, and null means "at once".
AVAILABLE = "available_time"

#: Names under which the number of an event is looked for when the caller names none.
VALUE_COLUMNS = ("numeric_value", "value")


def has_code(code: str) -> pl.Expr:
    """True where an event's code is ``code``, or ``code`` with a suffix after ``//``."""
    return (pl.col("code") == code) | pl.col("code").str.starts_with(f"{code}//")


def align(
    table: pa.Table | pl.DataFrame, where: str, value_column: str | None = None
) -> pl.DataFrame:
    """An event table with exactly the columns ``COLUMNS``, sorted by subject and time.

    It is :func:`conform` and :func:`in_order`, one after the other.
    """
    return in_order(conform(table, where, value_column))


def conform(
    table: pa.Table | pl.DataFrame,
    where: str,
    value_column: str | None = None,
    *,
    coded: bool = False,
) -> pl.DataFrame:
    """An event table with exactly the columns ``COLUMNS``, its rows in the order they came.

    Times with a zone are turned into UTC and lose the zone; finer units than the microsecond are
    cut. NaN in the value column means missing and becomes null. Null times are static facts.

    Args:
        table: at least ``subject_id``, ``time`` and ``code``; further columns are dropped.
        where: the name of the file, for messages.
        value_column: the column that holds the number of an event; by default ``numeric_value``, or
            ``value`` where only that is there (the name in older exports), else no numbers.
        coded: codes are checked already, and stay what they are.

    Returns:
        Columns ``subject_id`` int64, ``time`` datetime[us] (nullable), ``code`` text,
        ``numeric_value`` float32 (nullable), ``text_value`` text (nullable), ``available_time``
        datetime[us]: ``time`` where the table says nothing else.

    Raises:
        SchemaError: a column is missing, stands twice or cannot be of its type.
        DataError: a subject or code is missing, a value is infinite, a time lies outside the years
            1 to 9999, or an event is known before it happens.
    """
    known = {*COLUMNS, *VALUE_COLUMNS, value_column or ""}
    frame = table if isinstance(table, pl.DataFrame) else from_arrow(table, where, known)
    value_name = _value_name(frame.columns, where, value_column)
    for name in ("subject_id", "time", "code"):
        if name not in frame.columns:
            raise SchemaError(
                f"column '{name}' of {where}",
                got="no such column",
                wanted="the MEDS columns subject_id, time, code",
                todo=nearest_column(name, frame.columns),
            )
    time = _times(frame["time"], where)
    columns = [
        _subjects(frame["subject_id"], where),
        time,
        frame["code"] if coded else _codes(frame["code"], where),
        _numbers(frame[value_name], where)
        if value_name
        else pl.repeat(None, frame.height, dtype=pl.Float32(), eager=True),
        _texts(frame["text_value"], where)
        if "text_value" in frame.columns
        else pl.repeat(None, frame.height, dtype=pl.String(), eager=True),
        _available(_times(frame[AVAILABLE], where), time, where)
        if AVAILABLE in frame.columns
        else time,
    ]
    return pl.DataFrame([column.alias(name) for name, column in zip(COLUMNS, columns, strict=True)])


def in_order(events: pl.DataFrame) -> pl.DataFrame:
    """Aligned events by subject and time, static facts first; those of one moment keep theirs."""
    if _is_in_order(events):  # as in every file that we wrote; sorting costs more than reading
        return events
    return events.sort("subject_id", "time", nulls_last=False, maintain_order=True)


def _is_in_order(events: pl.DataFrame) -> bool:
    subject = events["subject_id"].to_numpy()
    # Before the year 1 there is nothing, so this stands for no time at all.
    time = events["time"].to_physical().fill_null(-(2**63)).to_numpy()
    same = subject[1:] == subject[:-1]
    return bool(((subject[1:] > subject[:-1]) | (same & (time[1:] >= time[:-1]))).all())


def to_arrow(events: pl.DataFrame, available: bool = False) -> pa.Table:
    """Aligned events as the Arrow table of MEDS 0.4, ready to be written.

    Args:
        events: as :func:`align` returns them.
        available: write the column ``available_time`` too, null where it equals ``time``.
    """
    schema = meds.DataSchema.schema()
    table = events.select(schema.names).to_arrow().cast(schema)
    if not available:
        return table
    later = pl.when(pl.col(AVAILABLE).ne_missing(pl.col("time"))).then(pl.col(AVAILABLE))
    column = events.select(later.alias(AVAILABLE)).to_arrow().column(0)
    return table.append_column(AVAILABLE, column.cast(pa.timestamp("us")))


def _value_name(present: list[str], where: str, value_column: str | None) -> str | None:
    if value_column is None:
        return next((name for name in VALUE_COLUMNS if name in present), None)
    if value_column not in present:
        raise SchemaError(
            f"column '{value_column}' of {where}",
            got="no such column",
            wanted="the column that value_column names",
            todo=nearest_column(value_column, present),
        )
    return value_column


def _first_row(mask: pl.Series) -> int:
    return int(mask.arg_max() or 0) + 1


def _refuse(column: pl.Series, bad: pl.Series, where: str, got: str, wanted: str) -> None:
    count = int(bad.sum())
    if count:
        raise SchemaError(
            f"column '{column.name}' of {where}",
            got=f"{got} in {count} row(s), the first is row {_first_row(bad)}",
            wanted=wanted,
            todo="Correct or remove these rows.",
        )


def _parsed_text(
    column: pl.Series, kind: pl.DataType, where: str, got: str, wanted: str
) -> pl.Series:
    """Text read strictly as numbers or times; an empty cell is missing."""
    text = column.cast(pl.String()).str.strip_chars()
    text = text.to_frame().select(pl.when(pl.first() != "").then(pl.first())).to_series()
    is_time = kind == pl.Datetime("us")
    parsed = as_times(text) if is_time else text.cast(kind, strict=False)
    _refuse(column, parsed.is_null() & text.is_not_null(), where, got, wanted)
    return parsed


def _is_text(column: pl.Series) -> bool:
    return column.dtype in (pl.String, pl.Categorical, pl.Enum)


def _type_error(column: pl.Series, where: str, wanted: str) -> SchemaError:
    return SchemaError(
        f"column '{column.name}' of {where}", got=f"the type {column.dtype}", wanted=wanted
    )


def _subjects(column: pl.Series, where: str) -> pl.Series:
    wanted = "a whole number for each subject"
    if _is_text(column):
        result = _parsed_text(column, pl.Int64(), where, "text", wanted)
    elif column.dtype.is_integer() or column.dtype == pl.Null:
        result = column.cast(pl.Int64(), strict=False)
        _refuse(column, result.is_null() & column.is_not_null(), where, "too large", "63 bits")
    elif column.dtype.is_float():
        # Beyond 2**53 a float no longer tells neighbouring ids apart.
        whole = (column.round() == column) & (column.abs() <= 2**53)
        _refuse(column, ~whole & column.is_not_null(), where, "fractions", wanted)
        result = column.cast(pl.Int64(), strict=False)
    else:
        raise _type_error(column, where, wanted)
    _refuse(column, result.is_null(), where, "nothing", wanted)
    return result


def _times(column: pl.Series, where: str) -> pl.Series:
    wanted = "a date and time"
    kind = column.dtype
    refuse_far_times(column, column.name, where)
    if _is_text(column):
        result = _parsed_text(column, pl.Datetime("us"), where, "text that is no time", wanted)
        refuse_far_times(result, column.name, where)
        return result
    if isinstance(kind, pl.Datetime):
        if kind.time_zone is not None:
            column = column.dt.convert_time_zone("UTC").dt.replace_time_zone(None)
        return column.dt.cast_time_unit("us")
    if kind in (pl.Date, pl.Null):
        return column.cast(pl.Datetime("us"))
    raise _type_error(column, where, wanted)


def _available(available: pl.Series, time: pl.Series, where: str) -> pl.Series:
    # A static fact, without a time, may still have become known at some moment.
    wanted = "a moment at or after the event's time"
    early = (available < time).fill_null(False)
    _refuse(available.alias(AVAILABLE), early, where, "an earlier moment", wanted)
    frame = pl.DataFrame({"time": time, "available": available})
    return frame.select(pl.coalesce("available", "time")).to_series()


def _codes(column: pl.Series, where: str) -> pl.Series:
    wanted = "a code for each event"
    if not (_is_text(column) or column.dtype.is_integer() or column.dtype == pl.Null):
        raise _type_error(column, where, wanted)
    result = column.cast(pl.String())
    _refuse(column, result.is_null() | (result == ""), where, "nothing", wanted)
    return result


def _numbers(column: pl.Series, where: str) -> pl.Series:
    wanted = "a number or nothing"
    if _is_text(column):
        column = _parsed_text(column, pl.Float64(), where, "text", wanted).alias(column.name)
    elif not (column.dtype.is_numeric() or column.dtype in (pl.Boolean, pl.Null)):
        raise _type_error(column, where, wanted)
    result = column.cast(pl.Float32())
    infinite = result.is_infinite().fill_null(False)
    if infinite.any():
        raise DataError(
            f"column '{column.name}' of {where}",
            got=f"{int(infinite.sum())} infinite value(s), the first in row {_first_row(infinite)}",
            wanted="finite numbers of float32 range, or nothing",
            todo="Leave the value empty where it is not known.",
        )
    return result.fill_nan(None)


def _texts(column: pl.Series, where: str) -> pl.Series:
    try:
        return column.cast(pl.String())
    except pl.exceptions.PolarsError:
        raise _type_error(column, where, "text or nothing") from None
