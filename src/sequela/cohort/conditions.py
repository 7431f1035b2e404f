"""Who is in and when the prediction is made: episodes, index rule and conditions, as declared."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from sequela.cohort.bounds import BoundText, WindowOrName
from sequela.cohort.durations import Duration

__all__ = ["Condition", "Episodes", "Index", "Lengths", "Matching", "Numbers"]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Episodes(_Strict):
    """What a subject's record is cut into; each piece may bring index dates.

    Args:
        kind: ``record``, all of it, from the first to the last event; ``day``, a calendar day with
            events; ``each``, a moment at which a predicate occurs; ``stay``, from one predicate to
            another, such as admission to discharge; ``calendar``, dates that are the same for all.
            The keys below say it for the last three.
        each: the predicate of ``each``.
        start: the predicate that begins a stay. While a stay is open, further ones begin nothing,
            and one at the moment of a ``stop`` begins the next stay.
        stop: the predicate that ends it.
        dates: of ``calendar``; a subject has those from its first event on.
        first: the first date of a regular calendar,
        every: the time between its dates,
        last: and the last date that it may have.
    """

    kind: Literal["record", "day", "each", "stay", "calendar"] = "record"
    each: str | None = None
    start: str | None = None
    stop: str | None = None
    dates: tuple[dt.datetime, ...] = ()
    first: dt.datetime | None = None
    every: Duration | None = None
    last: dt.datetime | None = None

    @model_validator(mode="before")
    @classmethod
    def _kind(cls, value: Any) -> Any:
        if isinstance(value, str):
            return {"kind": value}
        if isinstance(value, Mapping) and "kind" not in value:
            kinds = {"each": "each", "start": "stay", "dates": "calendar", "first": "calendar"}
            return {**value, "kind": next((kinds[key] for key in kinds if key in value), "record")}
        return value

    @model_validator(mode="after")
    def _whole(self) -> Episodes:
        regular = (self.first, self.every, self.last)
        given = {
            "each": self.each is not None,
            "stay": self.start is not None or self.stop is not None,
            "calendar": bool(self.dates) or any(item is not None for item in regular),
        }
        if any(there and kind != self.kind for kind, there in given.items()):
            raise ValueError(f"no keys of another kind than '{self.kind}'")
        if self.kind == "each" and not self.each:
            raise ValueError("the predicate under 'each'")
        if self.kind == "stay" and not (self.start and self.stop):
            raise ValueError("predicates under 'start' and 'stop'")
        if self.kind == "calendar" and bool(self.dates) == all(regular):
            raise ValueError("'dates', or 'first', 'every' and 'last'")
        if self.every is not None and self.every <= dt.timedelta():
            raise ValueError("'every' longer than nothing")
        zoned = (*self.dates, *(date for date in (self.first, self.last) if date))
        if any(date.tzinfo is not None for date in zoned):
            raise ValueError("dates without a time zone")
        return self

    def calendar(self) -> list[dt.datetime]:
        """The dates of a calendar, sorted; none for other kinds."""
        if self.first is None or self.every is None or self.last is None:
            return sorted(set(self.dates))
        count = max((self.last - self.first) // self.every + 1, 0)
        return [self.first + number * self.every for number in range(min(count, 100_000))]


class Index(_Strict):
    """When predictions are made.

    Args:
        at: the first of an episode.
        every: the time between further ones, as long as they lie before ``until``; null for one.
        until: the end of the grid, not included. Where the sample lacks it, the grid goes on to the
            latest event of the record, included: at that moment the stay may well go on.
        most: how many an episode may have, so that a stay without end is no flood.
        not_before: no index date before this moment.
        during: of stays: only while they go on, ``start <= index < stop``, or without a known stop.
        select: of a subject's index dates ``each``, the ``first`` or the ``last``; or the first or
            last that meets the conditions at the index date (``first_eligible``,
            ``last_eligible``).
    """

    at: BoundText
    every: Duration | None = None
    until: BoundText | None = None
    most: int = Field(default=2_000, ge=1, le=1_000_000)
    not_before: BoundText | None = None
    during: bool = False
    select: Literal["each", "first", "last", "first_eligible", "last_eligible"] = "each"

    @model_validator(mode="after")
    def _steps(self) -> Index:
        if self.every is not None and self.every <= dt.timedelta():
            raise ValueError("'every' longer than nothing")
        return self


class Numbers(_Strict):
    """A range of numbers, both ends in it; null for no limit."""

    min: float | None = Field(default=None, allow_inf_nan=False)
    max: float | None = Field(default=None, allow_inf_nan=False)


class Lengths(_Strict):
    """A range of lengths of time, both ends in it; null for no limit."""

    min: Duration | None = None
    max: Duration | None = None


class Condition(_Strict):
    """One thing that holds for a sample or not: exactly one of ``count`` and ``age`` to ``moment``.

    Args:
        name: the step in words, for the attrition table; made of the keys by default.
        count: how often this predicate occurs in ``window``: ``min`` to ``max`` times.
        window: a name (``observation``, ``gap``, ``prediction``, or of ``windows``), or a window.
        by: what is counted: distinct moments (``time``), calendar days (``day``) or ``event``s.
        min: of ``count``; 1 by default, 0 where ``max`` is given.
        max: of ``count``; null for no limit.
        age: years at the index date; who has no date of birth is in no range.
        sex: ``female``, ``male`` or ``other``, as the record says it by the index date.
        history: from the first event of the record to the index date.
        stay: of stays: how long they last; under ``include`` and ``exclude`` up to the index date.
        moment: the sample has this moment (``next_start``, ``start -> discharge``).
    """

    name: str = ""
    count: str | None = None
    window: WindowOrName = "observation"
    by: Literal["time", "day", "event"] = "time"
    min: int | None = Field(default=None, ge=0, le=1_000_000_000)
    max: int | None = Field(default=None, ge=0, le=1_000_000_000)
    age: Numbers | None = None
    sex: tuple[Literal["female", "male", "other"], ...] = ()
    history: Lengths | None = None
    stay: Lengths | None = None
    moment: BoundText | None = None

    @model_validator(mode="after")
    def _one(self) -> Condition:
        given = (self.count, self.age, self.sex or None, self.history, self.stay, self.moment)
        if sum(item is not None for item in given) != 1:
            raise ValueError("exactly one of 'count', 'age', 'sex', 'history', 'stay', 'moment'")
        if self.count is None and (self.min is not None or self.max is not None):
            raise ValueError("'min' and 'max' beside 'count' alone")
        return self

    @property
    def least(self) -> int:
        """The smallest count that is in range."""
        if self.min is not None:
            return self.min
        return 0 if self.max is not None else 1


class Matching(_Strict):
    """Controls for each case, alike in what is named here and else drawn by lot.

    Matching distorts how frequent the outcome is: a model learnt on matched samples must be
    recalibrated before its probabilities mean anything.

    Args:
        ratio: controls wanted for each case.
        age: how many years the two may differ; null to leave age out.
        calendar: how far apart their prediction times may be; null to leave it out.
        sex: both have the same; two without a record of it are alike.
        site: the beginning of the codes that tell the site (``SITE//``); the last of them that is
            known at the prediction time must be the same. Null to leave it out.
        replacement: a control may serve several cases; its weight says how many.
        unmatched: cases without a control are left out (``exclude``) or stay (``keep``).
        seed: of the lot.
    """

    ratio: int = Field(default=1, ge=1, le=1_000)
    age: float | None = Field(default=None, ge=0, le=130, allow_inf_nan=False)
    calendar: Duration | None = None
    sex: bool = True
    site: str | None = Field(default=None, min_length=1)
    replacement: bool = False
    unmatched: Literal["exclude", "keep"] = "exclude"
    seed: int = Field(default=0, ge=0, lt=2**63)
