"""Text cells as times and numbers, strictly: what cannot be read becomes null, never a guess."""

from __future__ import annotations

import re
from collections.abc import Sequence

import polars as pl

from sequela.errors import SchemaError

__all__ = [
    "ISO_FORMATS",
    "as_integers",
    "as_numbers",
    "as_times",
    "refuse_unreadable",
    "unreadable",
]

#: The forms of ISO 8601 that tables of events use; a final Z or +00:00 is passed over.
ISO_FORMATS = (
    "%Y-%m-%d %H:%M:%S%.f",
    "%Y-%m-%dT%H:%M:%S%.f",
    "%Y-%m-%d",
    "%Y-%m-%dT%H:%M",
    "%Y-%m-%d %H:%M",
)


def _filled(column: pl.Series) -> pl.Series:
    # The text without blanks around it, null where nothing is left.
    text = column.cast(pl.String()).str.strip_chars().alias("text").to_frame()
    return text.select(pl.when(pl.col("text") != "").then(pl.col("text"))).to_series()


def as_times(column: pl.Series, formats: Sequence[str] = ISO_FORMATS) -> pl.Series:
    """Text as datetime[us], as written, without a zone.

    Args:
        column: text; empty or null is missing.
        formats: tried one after the other on what is not read yet; chrono's letters.

    Returns:
        Null where the cell is missing or has none of the forms, or lies outside the years 1 to
        9999.
    """
    text = _filled(column).str.strip_suffix("Z").str.strip_suffix("+00:00")
    first = text.drop_nulls().head(1)
    # Nearly all cells of a column have one form, so the first one's is tried first.
    ordered = sorted(formats, key=lambda form: _parsed(first, form).null_count())
    result = pl.Series("time", [None], pl.Datetime("us")).new_from_index(0, len(text))
    for form in ordered:
        if result.null_count() == text.null_count():
            break
        read = _parsed(text, form)
        result = pl.DataFrame({"a": result, "b": read}).select(pl.coalesce("a", "b")).to_series()
    inside = result.dt.year().is_between(1, 9999)
    frame = pl.DataFrame({"time": result, "inside": inside})
    return frame.select(pl.when("inside").then("time").alias(column.name)).to_series()


# What each letter of a form may stand for. Polars alone takes a year of two digits for one of the
# first century, and 1.20 takes 2020-1x-01 for the first of January.
_LETTERS = {
    "Y": "[0-9]{4}",
    **dict.fromkeys("mdHIMS", "[0-9]{1,2}"),
    "y": "[0-9]{2}",
    "j": "[0-9]{1,3}",
    **dict.fromkeys("bBp", "[A-Za-z]+"),
    ".f": r"(?:\.[0-9]+)?",
}


def _pattern(form: str) -> str | None:
    """The texts that a form may stand for, as a regular expression; None if it is not known."""
    pieces = []
    end = 0
    for found in re.finditer(r"%(\.?.)", form):
        if found[1] not in _LETTERS:
            return None
        pieces += [re.escape(form[end : found.start()]), _LETTERS[found[1]]]
        end = found.end()
    return f"^{''.join(pieces)}{re.escape(form[end:])}$"


def _parsed(text: pl.Series, form: str) -> pl.Series:
    pattern = _pattern(form)
    read = text.str.to_datetime(form, time_unit="us", strict=False)
    if pattern is None or read.null_count() == len(read):
        return read
    frame = pl.DataFrame({"read": read, "fits": text.str.contains(pattern)})
    return frame.select(pl.when("fits").then("read")).to_series()


def as_numbers(column: pl.Series) -> pl.Series:
    """Text as float64; null where the cell is missing, no number, or not finite."""
    numbers = _filled(column).cast(pl.Float64(), strict=False).alias(column.name)
    frame = numbers.to_frame()
    return frame.select(pl.when(pl.first().is_finite()).then(pl.first())).to_series()


def as_integers(column: pl.Series) -> pl.Series:
    """Text as int64; null where the cell is missing, no whole number, or beyond 63 bits."""
    return _filled(column).cast(pl.Int64(), strict=False).alias(column.name)


def unreadable(column: pl.Series, read: pl.Series) -> pl.Series:
    """True where a cell holds something and ``read`` has nothing."""
    return _filled(column).is_not_null() & read.is_null()


def refuse_unreadable(
    column: pl.Series, read: pl.Series, where: str, wanted: str, first_row: int = 1
) -> None:
    """Refuses a column with a cell that could not be read.

    Args:
        column: the text.
        read: what was made of it.
        where: the name of the file.
        wanted: "a number", "a date and time".
        first_row: number of the column's first row in the file.

    Raises:
        SchemaError: names file, column and the first such row.
    """
    bad = unreadable(column, read)
    count = int(bad.sum())
    if count:
        raise SchemaError(
            f"column '{column.name}' of {where}",
            got=f"something else in {count} row(s), the first is row "
            f"{first_row + int(bad.arg_max() or 0)}",
            wanted=wanted,
            todo="Correct or remove these rows.",
        )
