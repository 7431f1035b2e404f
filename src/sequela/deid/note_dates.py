"""What the dates of a patient's notes say of each other: the year, and which of 3/4 is the day."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from sequela.deid.dates import WrittenDate, dates, written_date
from sequela.deid.found import Found, lowered
from sequela.deid.plain import plain
from sequela.notes import Document

__all__ = ["NoteDates", "orders_in", "read_dates"]

# A birth says nothing of when the note was written.
_BIRTH = re.compile(
    r"(?<![a-z])(?:born|birth(?:day|date)?|dob|d\.o\.b\.?|b\.)[^\w\n]{0,4}(?:on|in)?\W{0,4}$"
)
_BEFORE_BIRTH = 24


@dataclass(frozen=True)
class NoteDates:
    """How the dates of a note are read.

    Args:
        year: of the note: that of its time, else the last one that its dates speak of, births and
            years to come left out; None where none does.
        day_first: 3/4/2012 is 3 April; None where its dates contradict each other.
        against: its dates are not in the order that was asked for, or in both.
    """

    year: int | None = None
    day_first: bool | None = False
    against: bool = False


def read_dates(
    document: Document,
    found: Sequence[Found],
    *,
    this_year: int,
    day_first: bool = False,
    whole_years: bool = False,
    orders: frozenset[bool] = frozenset(),
) -> NoteDates:
    """Reads the dates of a note together.

    Args:
        document: the note.
        found: in it.
        this_year: a later one is no year of a note.
        day_first: the order where the note does not tell it by a date such as 13/4/2012.
        whole_years: two digits tell the year of a note only where no date has four: else a birth
            that is not called one could make itself the year of the note.
        orders: of :func:`orders_in` all notes of the patient, for a note that tells none itself.
    """
    read = list(_read(document, found, this_year))
    told = _orders(read)
    against = bool(told - {day_first})
    known = told or orders
    own = day_first if not known else None if len(known) > 1 else next(iter(known))
    if document.time is not None:
        return NoteDates(document.time.year, own, against)
    years: dict[bool, list[int]] = {True: [], False: []}
    for birth, date, _ in read:
        if not birth and date.year is not None and date.year <= this_year:
            start, end = date.groups.get("y") or date.groups["y2"]
            years[end - start >= 4].append(date.year)
    sure = years[True] if years[True] and whole_years else years[True] + years[False]
    return NoteDates(max(sure, default=None), own, against)


def orders_in(document: Document, *, this_year: int) -> frozenset[bool]:
    """What the dates of a note tell of their order: True where 13/4/2012 has the day first."""
    text = plain(document.text).text
    found = list(dates(text, lowered(text)))
    return _orders(_read(Document(document.id, text), found, this_year))


def _orders(read: Iterable[tuple[bool, WrittenDate, str]]) -> frozenset[bool]:
    told = (_order(date, words) for _, date, words in read)
    return frozenset(each for each in told if each is not None)


def _read(
    document: Document, found: Sequence[Found], this_year: int
) -> Iterator[tuple[bool, WrittenDate, str]]:
    """Whether it is a birth, the date, and its words."""
    for span in found:
        if span.label != "DATE":
            continue
        words = plain(document.text[span.start : span.end]).text
        date = written_date(words, latest=this_year)
        if date is not None:
            before = lowered(document.text[max(0, span.start - _BEFORE_BIRTH) : span.start])
            yield _BIRTH.search(before) is not None, date, words


def _order(date: WrittenDate, words: str) -> bool | None:
    """Whether the day stands first; None where both can be, or no year says that it is a date."""
    if "a" not in date.groups or date.year is None:
        return None
    a, b = (int(words[slice(*date.groups[name])]) for name in "ab")
    return None if max(a, b) <= 12 else a > 12
