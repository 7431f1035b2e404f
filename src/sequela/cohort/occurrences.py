"""Events of a shard as arrays: each predicate a set of rows, each window a stretch of them.

Rows are sorted by subject and by the time at which they became known, so that whatever lies in a
window of a subject is one stretch, found by bisection for all samples at once: n samples and m
events cost n log m, whatever the windows.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import polars as pl

from sequela.cohort.codes import CodeSet
from sequela.cohort.durations import microseconds
from sequela.cohort.history import known_at
from sequela.cohort.predicates import AllOf, AnyOf, Codes, Predicate, Repeated, Then
from sequela.events import BIRTH_CODE, DEATH_CODE

__all__ = ["DAY", "FOREVER", "MISSING", "UNDATED", "Occurrences", "Shard", "search"]

#: Microseconds of a day.
DAY = 86_400_000_000

#: The time of an event without a date: before all others.
UNDATED = np.iinfo(np.int64).min

#: A moment that a sample does not have.
MISSING = np.iinfo(np.int64).max

#: After all others.
FOREVER = MISSING - 1


def search(
    times: np.ndarray, low: np.ndarray, high: np.ndarray, moments: np.ndarray, after: bool
) -> np.ndarray:
    """For each moment, its place among ``times[low:high]``, which are sorted.

    Args:
        times: int64 [m].
        low: int64 [n], where each stretch begins.
        high: int64 [n], where it ends.
        moments: int64 [n].
        after: behind the times that equal the moment, not before them.

    Returns:
        int64 [n], from ``low`` to ``high``.
    """
    low, high = low.copy(), high.copy()
    while (undecided := np.flatnonzero(low < high)).size:
        middle = (low[undecided] + high[undecided]) >> 1
        value, moment = times[middle], moments[undecided]
        beyond = value <= moment if after else value < moment
        low[undecided[beyond]] = middle[beyond] + 1
        high[undecided[~beyond]] = middle[~beyond]
    return low


def _changes(*columns: np.ndarray) -> np.ndarray:
    # True where a row differs from the one before it; the first row does.
    changed = np.zeros(len(columns[0]), bool)
    changed[:1] = True
    for column in columns:
        changed[1:] |= column[1:] != column[:-1]
    return changed


@dataclass(frozen=True, eq=False)
class Occurrences:
    """Where a predicate occurs: rows of a shard, in their order.

    Args:
        rows: int64 [m], of the shard.
        subject: int64 [m], the number of the subject in the shard.
        time: int64 [m], microseconds; :data:`UNDATED` where there is none.
        subjects: how many subjects the shard has.
    """

    rows: np.ndarray
    subject: np.ndarray
    time: np.ndarray
    subjects: int

    @cached_property
    def offsets(self) -> np.ndarray:
        """int64 [subjects + 1], where each subject begins."""
        return np.searchsorted(self.subject, np.arange(self.subjects + 1))

    @cached_property
    def dated(self) -> Occurrences:
        """Those that have a date."""
        return self.only(self.time != UNDATED)

    def only(self, kept: np.ndarray) -> Occurrences:
        """Those that a mask keeps."""
        return Occurrences(self.rows[kept], self.subject[kept], self.time[kept], self.subjects)

    def distinct(self, by: str) -> Occurrences:
        """The first of each moment (``time``) or calendar day (``day``), or all (``event``)."""
        return self if by == "event" else self.only(self._begins(by))

    def _begins(self, by: str) -> np.ndarray:
        return _changes(self.subject, self.time if by == "time" else self.time // DAY)

    @cached_property
    def _begun(self) -> dict[str, np.ndarray]:
        # How many moments (days) have begun before each row, from which any stretch is counted.
        return {by: np.concatenate([[0], np.cumsum(self._begins(by))]) for by in ("time", "day")}

    def stretch(
        self,
        subject: np.ndarray,
        start: np.ndarray | None,
        end: np.ndarray | None,
        start_inclusive: bool = False,
        end_inclusive: bool = True,
    ) -> tuple[np.ndarray, np.ndarray]:
        """Where the window of each sample begins and ends among the occurrences.

        Args:
            subject: int64 [n], of each sample.
            start: int64 [n], or None for the beginning, events without a date included.
            end: int64 [n], or None for the end.
            start_inclusive: what lies exactly at the start is in.
            end_inclusive: what lies exactly at the end is in.

        Returns:
            Two int64 [n]; equal for an empty window, as that of a :data:`MISSING` bound is.
        """
        first, last = self.offsets[subject], self.offsets[subject + 1]
        low, high = first, last
        if start is not None:
            low = search(self.time, first, last, start, after=not start_inclusive)
            low = np.where(start == UNDATED, first, low)
        if end is not None:
            high = search(self.time, first, last, end, after=end_inclusive)
        empty = high < low
        for bound in (start, end):
            empty |= False if bound is None else bound == MISSING
        return low, np.where(empty, low, high)

    def count(self, low: np.ndarray, high: np.ndarray, by: str) -> np.ndarray:
        """How many moments, days or events lie in each stretch.

        Args:
            low: of :meth:`stretch`.
            high: of :meth:`stretch`.
            by: ``time``, ``day`` or ``event``.
        """
        if by == "event":
            return high - low
        begun = self._begun[by]
        # The first row of a stretch may go on with a moment or day that began before it.
        inner = begun[high] - begun[np.minimum(low + 1, len(begun) - 1)]
        return np.where(high > low, inner + 1, 0)


class Shard:
    """The events of some subjects, ready for the predicates of a declaration.

    Args:
        events: aligned events.
        predicates: of the declaration, by name.
        children: codes below each code, for descendants.
    """

    def __init__(
        self,
        events: pl.DataFrame,
        predicates: Mapping[str, Predicate],
        children: Mapping[str, Iterable[str]] | None = None,
    ):
        known = events.select(known_at(events)).to_series()
        self.events = events.with_columns(known.alias("time"))
        if not known.equals(events["time"]):
            # Events come sorted by when they happened; these are known in another order.
            self.events = self.events.sort(
                "subject_id", "time", nulls_last=False, maintain_order=True
            )
        self._predicates, self._children = predicates, children or {}
        ids = self.events["subject_id"].to_numpy()
        begins = _changes(ids)
        #: The ids of the subjects, int64, sorted; their place is their number.
        self.ids = ids[begins]
        self._subject = np.cumsum(begins) - 1
        physical = self.events["time"].cast(pl.Datetime("us")).to_physical()
        self._time = physical.fill_null(UNDATED).to_numpy()
        self._cache: dict[tuple[str, bool], Occurrences] = {}

    def at(self, rows: np.ndarray) -> Occurrences:
        """The occurrences in these rows, which are sorted."""
        return Occurrences(rows, self._subject[rows], self._time[rows], len(self.ids))

    def occurrences(self, name: str, known: bool = False) -> Occurrences:
        """Where a predicate occurs.

        Args:
            name: of the declaration, or one of those that are built in.
            known: date each occurrence by when it became known, not by when it began; they differ
                for groups of repeated codes.
        """
        key = (name, known)
        if key not in self._cache:
            self._cache[key] = self.at(self._rows(name, known))
        return self._cache[key]

    @cached_property
    def _codes(self) -> tuple[pl.Series, np.ndarray]:
        # The distinct codes, and the number of each event's code among them.
        distinct = self.events["code"].unique().sort()
        numbers = pl.DataFrame({"code": distinct}).with_row_index("number")
        column = self.events.select("code").join(
            numbers, on="code", how="left", maintain_order="left"
        )["number"]
        return distinct, column.to_numpy()

    def _coded(self, matching: Callable[[pl.Series], pl.Series]) -> np.ndarray:
        distinct, numbers = self._codes
        return distinct.is_in(matching(distinct).to_list()).to_numpy()[numbers]

    def _rows(self, name: str, known: bool) -> np.ndarray:
        if name not in self._predicates:
            return np.flatnonzero(self._built_in(name))
        declared: Any = self._predicates[name]
        if isinstance(declared, AnyOf):
            parts = [self.occurrences(one, known).rows for one in declared.any_of]
            return np.unique(np.concatenate(parts))
        if isinstance(declared, AllOf):
            return self._together([self.occurrences(one, known).rows for one in declared.all_of])
        if isinstance(declared, Then):
            return self._following(declared, known)
        if isinstance(declared, Repeated):
            return self._groups(declared, known)
        return np.flatnonzero(self._valued(declared))

    def _built_in(self, name: str) -> np.ndarray:
        birth = self._coded(
            CodeSet(name="b", exact=(BIRTH_CODE,), prefix=(f"{BIRTH_CODE}//",)).among
        )
        death = self._coded(
            CodeSet(name="d", exact=(DEATH_CODE,), prefix=(f"{DEATH_CODE}//",)).among
        )
        if name == "any_event":
            return (self._time != UNDATED) & ~birth & ~death
        return birth if name == "birth" else death

    def _valued(self, declared: Codes) -> np.ndarray:
        found = self._coded(lambda codes: declared.among(codes, self._children))
        if declared.dated is not None:
            found = found & ((self._time != UNDATED) == declared.dated)
        if declared.min is None and declared.max is None:
            return found
        value = self.events["numeric_value"].cast(pl.Float64).fill_null(np.nan).to_numpy()
        # Values are float32: a limit such as 0.1 must be the 0.1 of the data.
        if declared.min is not None:
            least = float(np.float32(declared.min))
            found = found & (value >= least if declared.min_inclusive else value > least)
        if declared.max is not None:
            most = float(np.float32(declared.max))
            found = found & (value <= most if declared.max_inclusive else value < most)
        return found

    def _together(self, parts: list[np.ndarray]) -> np.ndarray:
        moment = np.cumsum(_changes(self._subject, self._time))
        common = moment[parts[0]]
        for part in parts[1:]:
            common = np.intersect1d(common, moment[part])
        rows = np.unique(np.concatenate(parts))
        return rows[np.isin(moment[rows], common)]

    def _following(self, declared: Then, known: bool) -> np.ndarray:
        first = self.occurrences(declared.first, known).dated
        then = self.occurrences(declared.then, known).dated
        start = None
        if declared.within is not None:
            start = then.time - microseconds(declared.within)
        low, high = first.stretch(
            then.subject, start, then.time, start_inclusive=True, end_inclusive=declared.same_time
        )
        return then.rows[high > low]

    def _groups(self, declared: Repeated, known: bool) -> np.ndarray:
        each = self.occurrences(declared.repeat, known).dated.distinct(declared.distinct)
        first = np.arange(max(len(each.rows) - declared.times + 1, 0))
        last = first + declared.times - 1
        whole = each.subject[first] == each.subject[last]
        if declared.within is not None:
            length = each.time[last] - each.time[first]
            whole &= length <= microseconds(declared.within)
        dated = last if known or declared.date == "last" else first
        return each.rows[dated[whole]]
