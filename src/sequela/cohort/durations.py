"""Lengths of time as people write them: ``24h``, ``30 days``, ``1y``, ``1d 12h``."""

from __future__ import annotations

import datetime as dt
import re
from typing import Annotated, Any

from pydantic import BeforeValidator

__all__ = ["Duration", "microseconds", "parse_duration", "words"]

_HOUR = dt.timedelta(hours=1)
_DAY = dt.timedelta(days=1)

# A year is 365.25 days, as in ages. Months are not offered: their length depends on the calendar.
_UNITS = {
    "s": dt.timedelta(seconds=1),
    "min": dt.timedelta(minutes=1),
    "h": _HOUR,
    "d": _DAY,
    "w": 7 * _DAY,
    "y": 365.25 * _DAY,
}
_NAMES = {"second": "s", "sec": "s", "minute": "min", "hour": "h", "day": "d", "week": "w"}
_NAMES |= {"year": "y", "hr": "h"}
_PART = re.compile(r"\s*(\d{1,12}(?:\.\d{1,6})?)\s*([a-zA-Z]+)\s*(?:,|and)?")

#: Two centuries: longer ones are mistakes in the unit, and would leave the calendar.
_LONGEST = 200 * _UNITS["y"]

_WANTED = "a length of time such as 24h, 30d, 2w or 1y"


def parse_duration(value: Any) -> dt.timedelta:
    """A length of time from text, ``0``, or one that is parsed already.

    Args:
        value: numbers with units s, min, h, d, w or y (or the words for them), added up.

    Raises:
        ValueError: a text that is no length of time, or one of more than two centuries.
    """
    if isinstance(value, dt.timedelta):
        length = value
    elif (type(value) is int and value == 0) or (isinstance(value, str) and value.strip() == "0"):
        length = dt.timedelta()
    elif isinstance(value, str) and value.strip():
        length = _parsed(value.strip())
    else:
        raise ValueError(_WANTED)
    if not dt.timedelta() <= length <= _LONGEST:
        raise ValueError("a length of time of at most 200 years")
    return length


def _parsed(text: str) -> dt.timedelta:
    total, position = dt.timedelta(), 0
    while position < len(text):
        part = _PART.match(text, position)
        unit = part and _unit(part[2])
        if not part or not unit:
            raise ValueError(_WANTED)
        try:
            total += float(part[1]) * _UNITS[unit]
        except OverflowError as error:
            raise ValueError(_WANTED) from error
        position = part.end()
    return total


def _unit(name: str) -> str | None:
    if name in _UNITS:
        return name
    name = name.lower()
    return _NAMES.get(name) or _NAMES.get(name.removesuffix("s"))


def microseconds(length: dt.timedelta) -> int:
    """The length in microseconds, exactly."""
    return length // dt.timedelta(microseconds=1)


def words(length: dt.timedelta) -> str:
    """The length in the largest unit that gives a whole number: ``2 days``, ``36 hours``."""
    for name, unit in (("day", _DAY), ("hour", _HOUR), ("minute", _UNITS["min"])):
        if length % unit == dt.timedelta():
            count = length // unit
            return f"{count} {name}{'' if count == 1 else 's'}"
    return f"{length.total_seconds():g} seconds"


#: A field of a declaration that holds a length of time.
Duration = Annotated[dt.timedelta, BeforeValidator(parse_duration)]
