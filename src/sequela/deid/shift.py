"""Dates moved or cut to the year, ages pooled, ZIP codes cut to three digits.

Each function answers None where it cannot do its work; the caller then writes a tag.
"""

from __future__ import annotations

import re
from datetime import date, timedelta

from sequela.deid.dates import MONTHS, WrittenDate, written_date
from sequela.deid.found import lowered
from sequela.deid.people import AGE_WORDS

__all__ = ["RESTRICTED_ZIP3", "pooled_age", "shifted", "year_alone", "zip3"]

# A leap year, so that 29 February can be moved; it is never written.
_NO_YEAR = 2000


def shifted(
    words: str,
    days: int,
    *,
    day_first: bool | None = False,
    year: int | None = None,
    year_stays: bool = True,
) -> str | None:
    """A date so many days later, written as it was.

    Args:
        words: the date alone.
        days: may be negative.
        day_first: what 3/4 means where both orders can be; of None, nobody knows.
        year: of a date that is written without one; where unknown, 29 February may come out.
        year_stays: a date with a year is moved, too, though it may keep that year.

    Returns:
        The date, or None for what has no month, is a range, may be read in two ways, or leaves the
        years 1 to 9999.
    """
    read = written_date(words, day_first=bool(day_first))
    if day_first is None and read != written_date(words, day_first=True):
        return None
    if read is None or read.month is None or (read.year is not None and not year_stays):
        return None
    try:
        there = date(read.year or _known(year, read), read.month, read.day or 15)
        moved = there + timedelta(days)
    except (ValueError, OverflowError):
        return None
    parts = sorted((place, name) for name, place in read.groups.items())
    written, last = "", 0
    for (start, end), name in parts:
        written += words[last:start] + _part(name, words[start:end], moved, read, words)
        last = end
    return written + words[last:]


def _known(year: int | None, read: WrittenDate) -> int:
    leap_day = (read.month, read.day) == (2, 29)
    return _NO_YEAR if year is None or leap_day else year


def _part(name: str, old: str, moved: date, read: WrittenDate, words: str) -> str:
    if name in ("y", "y2"):
        digits = old.removeprefix("'")
        return old[: len(old) - len(digits)] + f"{moved.year:04d}"[-len(digits) :]
    if name == "n":
        return _month(old, moved.month)
    if name == "s":
        suffix = _ordinal(moved.day)
        return suffix.upper() if old.isupper() else suffix
    is_day = name == "d" or (name == ("a" if read.day_first else "b"))
    number = moved.day if is_day else moved.month
    return f"{number:02d}" if _padded(read, words) else str(number)


def _padded(read: WrittenDate, words: str) -> bool:
    numbers = [words[slice(*read.groups[name])] for name in "mdab" if name in read.groups]
    return any(one[0] == "0" for one in numbers) or all(len(one) == 2 for one in numbers)


def _month(old: str, month: int) -> str:
    name = MONTHS[month - 1]
    name = name if lowered(old) in MONTHS else name[:3]
    return name.upper() if old.isupper() else name if old.islower() else name.capitalize()


def _ordinal(day: int) -> str:
    return "th" if 10 < day < 20 else {1: "st", 2: "nd", 3: "rd"}.get(day % 10, "th")


def year_alone(words: str, *, latest: int | None = None, today: int | None = None) -> str | None:
    """The year of a date, as Safe Harbor allows it.

    Args:
        words: the date alone.
        latest: the year of the note; a year of two digits is the last such one up to it. Where it
            is not known nobody can tell 1915 from 2015, and two digits give no year.
        today: this year. One that lies 90 or more before the later of the two would tell an age
            over 89, and one behind it is misread; neither is given.
    """
    read = written_date(words, latest=latest)
    if read is None or read.year is None:
        return None
    start, end = read.groups.get("y") or read.groups["y2"]
    if latest is None and end - start < 4:
        return None
    last = max((one for one in (latest, today) if one is not None), default=None)
    if last is not None and not 0 <= last - read.year < 90:
        return None
    return str(read.year)


_AGE_WORDS = frozenset(
    (
        *("year", "years", "yr", "yrs", "y", "o", "yo", "old", "of", "age", "aged"),
        *("month", "months", "mo", "week", "weeks", "wk", "day", "days", "d", "s", "f"),
        "m",
    )
)


def pooled_age(words: str) -> str | None:
    """An age as it is up to 89, and ``90+`` beyond."""
    low = lowered(words)
    if re.sub(r"[\s-]+(?:and[\s-]+)?", " ", low) in AGE_WORDS or low == "nineties":
        return "90+"
    numbers = re.findall(r"[0-9]+", low)
    known = set(re.findall(r"[^\W\d_]+", low)) <= _AGE_WORDS
    if len(numbers) != 1 or len(numbers[0]) > 3 or not known:
        return None
    if int(numbers[0]) < 90:
        return words
    return words.replace(numbers[0], "90+") if words.isascii() else None


RESTRICTED_ZIP3 = frozenset(
    (
        *("036", "059", "063", "102", "203", "556", "692", "790", "821", "823", "830"),
        *("831", "878", "879", "884", "890", "893"),
    )
)
"""Areas of 20,000 people or fewer by the census of 2000, as the guidance of the US Department of
Health and Human Services on 45 CFR 164.514 lists them; who knows of a later list has to use it."""


def zip3(words: str) -> str | None:
    """The first three digits of a ZIP code; ``000`` where few people live."""
    if not re.fullmatch(r"[0-9]{5}(?:-?[0-9]{4})?", words.strip()):
        return None
    area = words.strip()[:3]
    return "000" if area in RESTRICTED_ZIP3 else area
