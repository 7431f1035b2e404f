"""The grammar of cohorts as a plain reading: one subject after the other, in loops.

This is the specification. It is slow, and says in each line what the guide says in words. The
engine is compared to it on random records and random declarations.
"""

from __future__ import annotations

import datetime as dt
import itertools
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from tests.cohort.means import mean

from sequela.cohort import CohortDeclaration, Window
from sequela.cohort.bounds import Bound
from sequela.cohort.predicates import AllOf, AnyOf, Repeated, Then

Time = dt.datetime
BEFORE_ALL, AFTER_ALL = dt.datetime.min, dt.datetime.max
ZERO, DAY, TICK = dt.timedelta(), dt.timedelta(days=1), dt.timedelta(microseconds=1)


@dataclass(frozen=True)
class Event:
    time: Time | None
    code: str
    value: float | None = None
    available: Time | None = None

    @property
    def known(self) -> Time | None:
        return max((time for time in (self.time, self.available) if time), default=None)


@dataclass
class Sample:
    """One sample; a moment that it lacks is absent from ``moments``."""

    subject: int
    moments: dict[str, Time] = field(default_factory=dict)


class Reader:
    """One subject under one declaration."""

    def __init__(
        self,
        number: int,
        events: Iterable[Event],
        declared: CohortDeclaration,
        children: Mapping[str, list[str]],
    ):
        self.number, self.declared, self.children = number, declared, children
        # Undated first; events of one moment in the order of the source.
        events = sorted(events, key=lambda event: (event.time is not None, event.time or Time.min))
        self.events = sorted(events, key=lambda e: (e.known is not None, e.known or Time.min))

    def when(self, place: int) -> Time | None:
        return self.events[place].known

    # -- predicates -----------------------------------------------------------------------------

    def below(self, code: str, root: str, seen: tuple[str, ...] = ()) -> bool:
        if code == root:
            return True
        return any(
            self.below(code, child, (*seen, root))
            for child in self.children.get(root, [])
            if child not in seen
        )

    def has_code(self, event: Event, one: Any) -> bool:
        listed = event.code in one.exact or event.code.startswith(tuple(one.prefix))
        if one.dated is not None and one.dated != (event.known is not None):
            return False
        listed |= any(re.search(pattern, event.code) for pattern in one.regex)
        return listed or any(self.below(event.code, root) for root in one.descendants)

    def in_range(self, event: Event, one: Any) -> bool:
        if one.min is None and one.max is None:
            return True
        if event.value is None:
            return False
        # Values are float32 in MEDS, so limits are read as such.
        value, low, high = (
            None if number is None else float(np.float32(number))
            for number in (event.value, one.min, one.max)
        )
        assert value is not None
        above = low is None or value > low or (one.min_inclusive and value == low)
        return above and (high is None or value < high or (one.max_inclusive and value == high))

    def places(self, name: str, known: bool = False) -> list[int]:
        """Which events are occurrences of a predicate."""
        everything = range(len(self.events))
        if name == "birth":
            return [p for p in everything if self.events[p].code.startswith("MEDS_BIRTH")]
        if name == "death":
            return [p for p in everything if self.events[p].code.startswith("MEDS_DEATH")]
        if name == "any_event":
            return [p for p in everything if self.when(p) and self.events[p].code[:5] != "MEDS_"]
        one = self.declared.predicates[name]
        if isinstance(one, AnyOf):
            parts = [self.places(other, known) for other in one.any_of]
            return [p for p in everything if any(p in part for part in parts)]
        if isinstance(one, AllOf):
            parts = [self.places(other, known) for other in one.all_of]
            times = [{self.when(p) for p in part} for part in parts]
            return [
                p
                for p in everything
                if any(p in part for part in parts) and all(self.when(p) in own for own in times)
            ]
        if isinstance(one, Then):
            return [p for p in self.dated(one.then, known) if self.follows(p, one, known)]
        if isinstance(one, Repeated):
            return self.groups(one, known)
        return [p for p in everything if self.has_code(self.events[p], one)
                and self.in_range(self.events[p], one)]  # fmt: skip

    def dated(self, name: str, known: bool = False) -> list[int]:
        return [p for p in self.places(name, known) if self.when(p)]

    def time_of(self, place: int) -> Time:
        time = self.when(place)
        assert time
        return time

    def follows(self, place: int, one: Then, known: bool) -> bool:
        for other in self.dated(one.first, known):
            apart = self.time_of(place) - self.time_of(other)
            near = one.within is None or apart <= one.within
            if near and (apart > ZERO or (apart == ZERO and one.same_time)):
                return True
        return False

    def units(self, places: list[int], by: str) -> list[int]:
        """The first place of each distinct moment or day; all of them for events."""
        kept: dict[Any, int] = {}
        for place in places:
            time = self.when(place)
            key = {"event": place, "time": time, "day": time and time.date()}[by]
            kept.setdefault(key, place)
        return list(kept.values())

    def groups(self, one: Repeated, known: bool) -> list[int]:
        units = self.units(self.dated(one.repeat, known), one.distinct)
        found = []
        for begin in range(len(units) - one.times + 1):
            first, last = units[begin], units[begin + one.times - 1]
            if one.within is None or self.time_of(last) - self.time_of(first) <= one.within:
                found.append(last if known or one.date == "last" else first)
        return sorted(found)

    # -- moments and windows --------------------------------------------------------------------

    def bound(self, sample: Sample, bound: Bound, known: bool = False) -> Time | None:
        time = self.named(sample, bound.moment, known)
        if time is None:
            return None
        if bound.predicate:
            times = [self.time_of(p) for p in self.dated(bound.predicate, known)]
            arrow = bound.arrow or ""
            if arrow.startswith("->"):
                index = sample.moments["index"] if known else AFTER_ALL
                times = [t for t in times if time < t <= index or (arrow == "->=" and t == time)]
            else:
                times = [t for t in times if t < time or (arrow == "<-=" and t == time)]
            if not times:
                return None
            time = min(times) if arrow.startswith("->") else max(times)
        return time if time in (BEFORE_ALL, AFTER_ALL) else time + bound.shift

    def named(self, sample: Sample, name: str, known: bool) -> Time | None:
        if "." not in name:
            time = sample.moments.get(name)
            later = name in ("stop", "next_start", "next_stop", "record_end")
            unknown = known and later and time and time > sample.moments["index"]
            return None if unknown else time
        window_name, side = name.split(".")
        bound = getattr(self.window(window_name), side)
        if bound is None:
            return BEFORE_ALL if side == "start" else AFTER_ALL
        return self.bound(sample, bound, known)

    def window(self, window: str | Window) -> Window:
        if isinstance(window, Window):
            return window
        if window == "gap":
            return Window(start=Bound("index"), end=Bound("index", shift=self.declared.gap))
        if window in ("observation", "prediction"):
            return getattr(self.declared, window)
        return self.declared.windows[window]

    def inside(
        self, sample: Sample, name: str, window: str | Window, known: bool = False
    ) -> list[int]:
        """The occurrences of a predicate in a window of a sample."""
        window = self.window(window)
        low = BEFORE_ALL if window.start is None else self.bound(sample, window.start, known)
        high = AFTER_ALL if window.end is None else self.bound(sample, window.end, known)
        if low is None or high is None:
            return []
        found = []
        for place in self.places(name, known):
            time = self.when(place)
            if time is None:
                # Without a date: before all else, so in windows without a start alone.
                after, before = low == BEFORE_ALL, True
            else:
                after = low == BEFORE_ALL or time > low
                after |= window.start is not None and window.start_inclusive and time == low
                before = window.end is None or time < high
                before |= window.end is not None and window.end_inclusive and time == high
                before &= not known or time <= sample.moments["index"]
            if after and before:
                found.append(place)
        return found

    def count(self, places: list[int], by: str) -> int:
        return len(self.units(places, by))

    # -- episodes and index dates ---------------------------------------------------------------

    def pieces(self) -> list[tuple[Time, Time | None]]:
        declared = self.declared.episodes
        contacts = [self.time_of(p) for p in self.places("any_event")]
        if declared.kind == "record":
            return [(contacts[0], contacts[-1])] if contacts else []
        if declared.kind == "day":
            days = sorted({time.date() for time in contacts})
            of_day = [[time for time in contacts if time.date() == day] for day in days]
            return [(times[0], times[-1]) for times in of_day]
        if declared.kind == "each":
            moments = sorted({self.time_of(p) for p in self.dated(declared.each or "", True)})
            return [(time, time) for time in moments]
        if declared.kind == "calendar":
            dates = declared.calendar()
            following: list[Time | None] = [*dates[1:], None]
            return [
                (date, after)
                for date, after in zip(dates, following, strict=True)
                if contacts and contacts[0] <= date
            ]
        return self.stays()

    def stays(self) -> list[tuple[Time, Time | None]]:
        declared = self.declared.episodes
        starts = sorted({self.time_of(p) for p in self.dated(declared.start or "", True)})
        stops = sorted({self.time_of(p) for p in self.dated(declared.stop or "", True)})
        found: list[tuple[Time, Time | None]] = []
        for start in starts:
            if found and (found[-1][1] is None or start < found[-1][1]):
                continue  # a stay is open
            found.append((start, min((stop for stop in stops if stop > start), default=None)))
        return found

    def samples(self) -> list[Sample]:
        contacts = [self.time_of(p) for p in self.places("any_event")]
        everything = [time for time in map(self.when, range(len(self.events))) if time]
        other = self.other_dated()
        shared = {}
        if contacts:
            shared["record_start"] = contacts[0]
        if contacts or other:
            shared["record_end"] = max([*contacts, *other])
        assert not contacts or shared["record_end"] <= max(everything)
        pieces = self.pieces()
        found = []
        for (start, stop), following in itertools.zip_longest(pieces, pieces[1:]):
            moments = {**shared, "start": start}
            moments |= {"stop": stop} if stop else {}
            if following:
                moments["next_start"] = following[0]
                moments |= {"next_stop": following[1]} if following[1] else {}
            found += self.grid(Sample(self.number, moments))
        kept: dict[Time, Sample] = {}
        for sample in found:
            if self.has_index(sample):
                kept.setdefault(sample.moments["index"], sample)
        return [kept[index] for index in sorted(kept)]

    def other_dated(self) -> list[Time]:
        return [self.time_of(p) for name in ("birth", "death") for p in self.dated(name)]

    def grid(self, sample: Sample) -> list[Sample]:
        rule = self.declared.index
        first = self.bound(sample, rule.at)
        if first is None:
            return []
        if rule.every is None:
            return [Sample(self.number, {**sample.moments, "index": first})]
        until = self.bound(sample, rule.until) if rule.until else sample.moments.get("stop")
        last = None if until else sample.moments.get("record_end")
        found = []
        while len(found) < rule.most and ((until and first < until) or (last and first <= last)):
            found.append(Sample(self.number, {**sample.moments, "index": first}))
            first += rule.every
        return found

    def has_index(self, sample: Sample) -> bool:
        rule, index = self.declared.index, sample.moments["index"]
        if rule.not_before:
            earliest = self.bound(sample, rule.not_before)
            if earliest is None or index < earliest:
                return False
        stop = sample.moments.get("stop")
        return not rule.during or (sample.moments["start"] <= index and (not stop or index < stop))

    # -- conditions -----------------------------------------------------------------------------

    def holds(self, sample: Sample, condition: Any, known: bool) -> bool:
        index = sample.moments["index"]
        if condition.count:
            places = self.inside(sample, condition.count, condition.window, known)
            number = self.count(places, condition.by)
            least = condition.min if condition.min is not None else int(condition.max is None)
            return least <= number and (condition.max is None or number <= condition.max)
        if condition.moment:
            return self.bound(sample, condition.moment, known) not in (None, BEFORE_ALL, AFTER_ALL)
        if condition.age:
            births = [self.time_of(p) for p in self.dated("birth")]
            if not births or min(births) > index:
                return False
            return between((index - min(births)) / DAY / 365.25, condition.age)
        if condition.stay:
            start, end = sample.moments["start"], sample.moments.get("stop")
            if known:
                end = min(index, end or index)
        else:
            start, end = sample.moments.get("record_start"), index
            condition = condition.model_copy(update={"stay": condition.history})
        return bool(start and end and end >= start and between(end - start, condition.stay))

    def death(self) -> Time | None:
        return min((self.time_of(p) for p in self.dated("death")), default=None)

    def eligible(self, sample: Sample) -> bool:
        death = self.death()
        if death and death <= sample.moments["index"]:
            return False
        return all(self.holds(sample, one, True) for one in self.declared.include) and not any(
            self.holds(sample, one, True) for one in self.declared.exclude
        )

    def selected(self, newest: Time | None = None) -> list[Sample]:
        """The samples that stay in; an index after the newest moment of the data is none yet."""
        select = self.declared.index.select
        samples = self.samples()
        if select in ("first", "last"):
            samples = samples[:1] if select == "first" else samples[-1:]
        samples = [sample for sample in samples if self.eligible(sample)]
        if newest is not None:
            samples = [sample for sample in samples if sample.moments["index"] <= newest]
        if select.endswith("_eligible"):
            samples = samples[:1] if select.startswith("first") else samples[-1:]
        return samples

    def labelled(self) -> list[tuple[Sample, Any]]:
        """The samples that stay in when the outcome is known, with label and columns beside it."""
        found = []
        for sample in self.selected():
            if not all(self.holds(sample, one, False) for one in self.declared.follow_up):
                continue
            label, settled, there = self.label(sample)
            asked = self.declared.prediction
            end = AFTER_ALL if asked.end is None else self.bound(sample, asked.end)
            death, last = self.death(), sample.moments.get("record_end")
            dies = bool(death and end and death <= end)
            followed = end == AFTER_ALL or bool(end and last and last >= end)
            if self.declared.death == "exclude" and dies and not settled:
                continue
            censored = not (followed or settled or dies)
            by_itself = self.declared.label.kind == "time_to_event"
            if self.declared.censoring == "exclude" and censored and not by_itself:
                continue
            if there:
                found.append((sample, label))
        return found

    # -- labels ---------------------------------------------------------------------------------

    def label(self, sample: Sample) -> tuple[Any, bool, bool]:
        """The label as (value, columns beside it), whether it is settled, whether there is one."""
        one: Any = self.declared.label
        made = getattr(self, f"_{one.kind}")
        return made(sample, one)

    def _binary(self, sample: Sample, one: Any) -> Any:
        happens = self.count(self.inside(sample, one.predicate, one.window), one.by) >= one.min
        return (happens, {}), happens, True

    def _count(self, sample: Sample, one: Any) -> Any:
        count = self.count(self.inside(sample, one.predicate, one.window), one.by)
        return (count, {}), False, True

    def first(self, sample: Sample, name: str, window: Any) -> Time | None:
        places = [p for p in self.inside(sample, name, window) if self.when(p)]
        return self.when(places[0]) if places else None

    def _multiclass(self, sample: Sample, one: Any) -> Any:
        times = {name: self.first(sample, name, one.window) for name in one.classes}
        there = {name: time for name, time in times.items() if time}
        chosen = min(there, key=lambda name: there[name]) if there else one.otherwise
        return (chosen, {}), bool(there), True

    def _multilabel(self, sample: Sample, one: Any) -> Any:
        happens = {name: bool(self.inside(sample, name, one.window)) for name in one.classes}
        return (sum(happens.values()), happens), False, True

    def _value(self, sample: Sample, one: Any) -> Any:
        places = self.inside(sample, one.predicate, one.window)
        values = [self.events[p].value for p in places if self.when(p)]
        numbers = [value for value in values if value is not None]
        if not numbers:
            return (None, {}), False, False
        return (numbers[0] if one.which == "first" else numbers[-1], {}), False, True

    def span(self, sample: Sample, bound: Bound, unit: str) -> float | None:
        time = self.bound(sample, bound)
        if time in (None, BEFORE_ALL, AFTER_ALL):
            return None
        return (time - sample.moments["index"]) / {"hours": DAY / 24, "days": DAY}[unit]

    def _length(self, sample: Sample, one: Any) -> Any:
        length = self.span(sample, one.to, one.unit)
        there = length is not None and length >= 0
        if not there or not one.bins:
            return (length, {}), there, there
        number = sum(length >= edge for edge in one.bins)
        return (number, {"length": length}), there, there

    def _time_to_event(self, sample: Sample, one: Any) -> Any:
        index, window = sample.moments["index"], self.window(one.window)
        event = self.first(sample, one.predicate, window)
        other = self.first(sample, one.competing, window) if one.competing else None
        end = AFTER_ALL if window.end is None else self.bound(sample, window.end)
        ends = [time for time in (end, sample.moments.get("record_end")) if time]
        until = min([time for time in (event, other) if time] + [min(ends, default=index)])
        kind = 1 if event == until else 2 if other == until else 0
        length = max(until - index, ZERO) / {"hours": DAY / 24, "days": DAY}[one.unit]
        return (length, {"event": kind}), False, True

    def _sequence(self, sample: Sample, one: Any) -> Any:
        places = [p for p in self.inside(sample, one.predicate, one.window) if self.when(p)]
        codes = [self.events[p].code for p in places]
        codes = sorted(set(codes)) if one.distinct else codes
        beside: dict[str, Any] = {"codes": codes}
        if one.length_to:
            beside["length"] = self.span(sample, one.length_to, one.unit)
        return (len(codes), beside), False, True

    def _series(self, sample: Sample, one: Any) -> Any:
        index, window = sample.moments["index"], self.window(one.window)
        start, end = self.bound(sample, window.start), self.bound(sample, window.end)
        step = (end - start) / one.parts
        means = [self._mean_value(one, start + part * step, step) for part in range(one.parts)]
        beside = {f"ahead_{part + 1}": one for part, one in enumerate(means)}
        for part in range(one.parts if one.season else 0):
            back = -((index - start - (part + 1) * step) // one.season) * one.season
            beside[f"season_{part + 1}"] = self._mean_value(one, start + part * step - back, step)
        places = [p for p in self.dated(one.predicate, True) if self.time_of(p) <= index]
        beside["last"] = mean([self.events[p].value for p in places], last=True)
        return (mean(means), beside), False, mean(means) is not None

    def _mean_value(self, one: Any, start: Time, step: dt.timedelta) -> float | None:
        places = [p for p in self.dated(one.predicate, False) if start < self.time_of(p)]
        return mean([self.events[p].value for p in places if self.time_of(p) <= start + step])

    # -- what features may see ------------------------------------------------------------------

    def observed(self, sample: Sample) -> list[tuple[Time | None, str]]:
        """Dated events of the observation window and static facts, births left out."""
        window, index = self.declared.observation, sample.moments["index"]
        low = BEFORE_ALL if window.start is None else self.bound(sample, window.start, True)
        high = AFTER_ALL if window.end is None else self.bound(sample, window.end, True)
        found: list[tuple[Time | None, str]] = []
        for event in self.events:
            time = event.known
            if event.code.startswith("MEDS_BIRTH"):
                continue
            if time is None:
                found.append((time, event.code))
            elif low is not None and high is not None and time <= index:
                after = low < time or (window.start_inclusive and time == low)
                before = time < high or (window.end_inclusive and time == high)
                found += [(time, event.code)] if after and before else []
        return found


def between(value: Any, limits: Any) -> bool:
    """Both ends are in the range."""
    low = limits.min is None or value >= limits.min
    return low and (limits.max is None or value <= limits.max)
