"""Samples of a shard: episodes, index dates, and the moments that windows are bound to."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass, replace

import numpy as np

from sequela.cohort.bounds import LATER, Bound, Window
from sequela.cohort.conditions import Episodes, Index
from sequela.cohort.durations import microseconds
from sequela.cohort.grammar import CohortDeclaration
from sequela.cohort.occurrences import DAY, FOREVER, MISSING, UNDATED, Occurrences, Shard

__all__ = ["Samples", "episodes_of", "first_per", "index_dates"]

_EPOCH = dt.datetime(1970, 1, 1)

#: The last moment that a date can have.
_LATEST = (dt.datetime.max - _EPOCH) // dt.timedelta(microseconds=1)


@dataclass(frozen=True, eq=False)
class Samples:
    """Samples, or the episodes that they come from.

    Args:
        shard: where they lie.
        declaration: whose windows they have.
        subject: int64 [n], the number of the subject in the shard.
        moments: int64 [n] each, microseconds, :data:`MISSING` where a sample has none.
    """

    shard: Shard
    declaration: CohortDeclaration
    subject: np.ndarray
    moments: dict[str, np.ndarray]

    def __len__(self) -> int:
        return len(self.subject)

    def only(self, kept: np.ndarray) -> Samples:
        """Those that a mask, or an order, keeps."""
        moments = {name: times[kept] for name, times in self.moments.items()}
        return replace(self, subject=self.subject[kept], moments=moments)

    def with_moment(self, name: str, times: np.ndarray) -> Samples:
        """The same with one more moment."""
        return replace(self, moments={**self.moments, name: times})

    def moment(self, bound: Bound, known: bool = False) -> np.ndarray:
        """A bound of each sample, int64 [n]; :data:`MISSING` where it has none.

        Args:
            bound: as declared.
            known: see only what was known at the index date: an end that lies beyond it is none.
        """
        times = self._named(bound.moment, known)
        if bound.arrow and bound.predicate:
            times = self._step(bound, times, known)
        shifted = times + microseconds(bound.shift)
        return np.where(
            (times == MISSING) | (times == FOREVER) | (times == UNDATED), times, shifted
        )

    def _named(self, name: str, known: bool) -> np.ndarray:
        if name in self.moments:
            times = self.moments[name]
            later = known and name in LATER
            return np.where(times > self.moments["index"], MISSING, times) if later else times
        window, _, side = name.rpartition(".")
        bound = getattr(self.window(window), side)
        if bound is None:
            return np.full(len(self), UNDATED if side == "start" else FOREVER)
        return self.moment(bound, known)

    def _step(self, bound: Bound, times: np.ndarray, known: bool) -> np.ndarray:
        found = self.shard.occurrences(bound.predicate or "", known).dated
        if not len(found.rows):
            return np.full(len(self), MISSING)
        at_once = (bound.arrow or "").endswith("=")
        if (bound.arrow or "").startswith("->"):
            end = self.moments["index"] if known else None
            low, high = found.stretch(self.subject, times, end, start_inclusive=at_once)
            place = low
        else:
            low, high = found.stretch(self.subject, None, times, end_inclusive=at_once)
            place = high - 1
        place = np.clip(place, 0, len(found.rows) - 1)
        return np.where((high > low) & (times != MISSING), found.time[place], MISSING)

    def window(self, name: str | Window) -> Window:
        """A window by its name, or as it is."""
        if isinstance(name, Window):
            return name
        if name == "gap":
            return Window(start=Bound("index"), end=Bound("index", shift=self.declaration.gap))
        if name in ("observation", "prediction"):
            return getattr(self.declaration, name)
        return self.declaration.windows[name]

    def stretch(
        self, found: Occurrences, name: str | Window, known: bool = False
    ) -> tuple[np.ndarray, np.ndarray]:
        """Where the window of each sample lies among the occurrences of a predicate.

        Args:
            found: the occurrences.
            name: of the window, or a window.
            known: the window sees only what was known at the index date, whatever its end.
        """
        window = self.window(name)
        start = None if window.start is None else self.moment(window.start, known)
        end = None if window.end is None else self.moment(window.end, known)
        closed = window.end_inclusive
        low, high = found.stretch(self.subject, start, end, window.start_inclusive, closed)
        if known:
            _, seen = found.stretch(self.subject, None, self.moments["index"])
            high = np.maximum(np.minimum(high, seen), low)
        return low, high


def first_per(subjects: int, found: Occurrences, last: bool = False) -> np.ndarray:
    """The first (last) dated occurrence of each subject, int64 [subjects]."""
    found = found.dated
    place = found.offsets[1:] - 1 if last else found.offsets[:-1]
    there = found.offsets[1:] > found.offsets[:-1]
    times = np.append(found.time, MISSING)
    return np.where(there, times[np.where(there, place, len(found.time))], MISSING)


def episodes_of(shard: Shard, declaration: CohortDeclaration) -> Samples:
    """The episodes of each subject of a shard, sorted by subject and time.

    Returns:
        Samples with ``start``, ``stop``, ``next_start``, ``next_stop``, ``record_start`` and
        ``record_end``.
    """
    count = len(shard.ids)
    first = first_per(count, shard.occurrences("any_event"))
    # The record of a subject ends with whatever is dated last, a death among it.
    names = ("any_event", "death", "birth")
    ends = np.stack([first_per(count, shard.occurrences(name), last=True) for name in names])
    last, end = ends[0], np.where(ends == MISSING, UNDATED, ends).max(axis=0, initial=UNDATED)
    subject, start, stop = _pieces(shard, declaration.episodes, first, last)
    same = np.append(subject[1:] == subject[:-1], [False] * min(1, len(subject)))
    return Samples(
        shard,
        declaration,
        subject,
        {
            "start": start,
            "stop": stop,
            "next_start": np.where(same, np.roll(start, -1), MISSING),
            "next_stop": np.where(same, np.roll(stop, -1), MISSING),
            "record_start": first[subject],
            "record_end": np.where(end == UNDATED, MISSING, end)[subject],
        },
    )


def _pieces(
    shard: Shard, declared: Episodes, first: np.ndarray, last: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    every = shard.occurrences("any_event")
    if declared.kind == "record":
        subject = np.flatnonzero(first != MISSING)
        return subject, first[subject], last[subject]
    if declared.kind == "day":
        begins = every.distinct("day")
        low, _ = every.stretch(begins.subject, begins.time // DAY * DAY + DAY, None, True)
        return begins.subject, begins.time, every.time[low - 1]
    if declared.kind == "each":
        found = shard.occurrences(declared.each or "", known=True).dated.distinct("time")
        return found.subject, found.time, found.time
    if declared.kind == "calendar":
        return _calendar(declared, first)
    return _stays(shard, declared)


def _calendar(declared: Episodes, first: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    dates = np.array(
        [(date - _EPOCH) // dt.timedelta(microseconds=1) for date in declared.calendar()], np.int64
    )
    # Whether a record goes on after a date is not known on that date, so it is not asked.
    low = np.searchsorted(dates, first, side="left")
    counts = np.where(first != MISSING, len(dates) - low, 0)
    subject = np.repeat(np.arange(len(first)), counts)
    place = low[subject] + _within(counts)
    return subject, dates[place], np.append(dates[1:], MISSING)[place]


def _within(counts: np.ndarray) -> np.ndarray:
    # 0, 1, 2 ... within each group of these sizes.
    total = int(counts.sum())
    return np.arange(total) - np.repeat(np.cumsum(counts) - counts, counts)


def _stays(shard: Shard, declared: Episodes) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    starts = shard.occurrences(declared.start or "", known=True).dated.distinct("time")
    stops = shard.occurrences(declared.stop or "", known=True).dated.distinct("time")
    _, place = stops.stretch(starts.subject, None, starts.time)
    # Starts with the same stops before them lie in one stay: the first of them began it.
    begins = np.ones(len(place), bool)
    begins[1:] = (starts.subject[1:] != starts.subject[:-1]) | (place[1:] != place[:-1])
    place, subject = place[begins], starts.subject[begins]
    ended = place < stops.offsets[subject + 1]
    times = np.append(stops.time, MISSING)
    return subject, starts.time[begins], np.where(ended, times[place], MISSING)


def index_dates(episodes: Samples, rule: Index) -> Samples:
    """The samples that an index rule makes of episodes, sorted by subject and time.

    A subject has one sample a moment: where two episodes bring the same, the earlier is kept.
    """
    samples = _grid(episodes, rule)
    index, start, stop = (samples.moments[name] for name in ("index", "start", "stop"))
    kept = index < np.minimum(_LATEST, FOREVER)
    kept &= index > UNDATED
    if rule.not_before:
        earliest = samples.moment(rule.not_before)
        kept &= (index >= earliest) & (earliest != MISSING)
    if rule.during:
        # A stay whose end is not known goes on, as it does for whoever is scored during it.
        kept &= (index >= start) & (index < stop)
    samples = samples.only(kept)
    order = np.lexsort((samples.moments["start"], samples.moments["index"], samples.subject))
    samples = samples.only(order)
    index = samples.moments["index"]
    return samples.only(_firsts(samples.subject, index))


def _firsts(*columns: np.ndarray) -> np.ndarray:
    kept = np.zeros(len(columns[0]), bool)
    kept[:1] = True
    for column in columns:
        kept[1:] |= column[1:] != column[:-1]
    return kept


def _grid(episodes: Samples, rule: Index) -> Samples:
    first = episodes.moment(rule.at)
    if rule.every is None:
        return episodes.with_moment("index", first)
    step = microseconds(rule.every)
    until = episodes.moment(rule.until) if rule.until else episodes.moments["stop"]
    # Whether a stay without end goes on is not known to whoever is asked at its latest event, so
    # that moment belongs to the grid.
    end = episodes.moments["record_end"]
    until = np.where(until == MISSING, np.where(end == MISSING, end, end + 1), until)
    known = (first != MISSING) & (until != MISSING) & (until > first)
    # The number of steps that lie before the end, which is not included.
    length = np.where(known, until, 0) - np.where(known, first, 0)
    counts = np.minimum(-(-length // step), rule.most)
    repeated = episodes.only(np.repeat(np.arange(len(episodes)), counts))
    return repeated.with_moment("index", np.repeat(first, counts) + _within(counts) * step)
