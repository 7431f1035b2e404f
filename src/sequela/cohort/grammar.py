"""The declaration of a task on events: who, when, from what, and what is asked. Plain data.

One declaration holds the whole definition of a cohort, so that it can be read, compared and
published. :mod:`sequela.cohort.engine` carries it out.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Iterator, Mapping
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, field_validator, model_validator

from sequela.cohort.bounds import MOMENTS, Bound, Window, parse_bound
from sequela.cohort.conditions import Condition, Episodes, Index, Matching
from sequela.cohort.durations import Duration, parse_duration, words
from sequela.cohort.predicates import BUILT_IN, Predicate, references, words_of
from sequela.cohort.targets import Label, Length, Sequence, Series, label_predicates
from sequela.errors import nearest
from sequela.settings import checked

__all__ = ["CohortDeclaration"]

_NAME = re.compile(r"^[a-z_]\w*$")

#: Windows that every declaration has.
_OWN_WINDOWS = ("observation", "gap", "prediction")


class CohortDeclaration(BaseModel):
    """A task in full.

    Args:
        kind: tells this declaration from others.
        name: of the task.
        title: in words, for reports.
        description: for reports.
        unit: what must not be split over parts.
        predicates: what can happen, by name; ``any_event``, ``birth`` and ``death`` are there.
        episodes: what the record is cut into.
        index: when predictions are made.
        observation: what features may see: null for the whole record; a length such as ``730d``; a
            moment such as ``start``, that moment included; or a window. It ends with the index
            date, that moment included, unless it says another end. Nothing later is ever seen.
        gap: time between the prediction and the first moment that counts.
        prediction: what the label asks about: a length after the gap; a moment such as ``stop``;
            null for the rest of the record; or a window. It begins where the gap ends.
        windows: further windows by name, each made of those before it.
        include: conditions that must hold. They see only what was known at the index date.
        exclude: conditions that must not hold; see only that, too.
        follow_up: conditions on what happens later that must hold. Whoever they leave out is left
            out by the future: a model is not asked about them, and nobody can tell beforehand who
            they will be.
        censoring: ``exclude`` leaves out whose record ends before the prediction window, unless the
            label is settled: the outcome was seen, or death; ``keep`` takes them as they are.
        death: ``keep``, or ``exclude`` who dies before the end of the window without the outcome.
        label: what is predicted.
        matching: of controls to cases; null for none. For yes-or-no labels.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    kind: Literal["cohort"] = "cohort"
    name: str = "task"
    title: str = ""
    description: str = ""
    unit: Literal["subject"] = "subject"
    predicates: dict[str, Predicate] = {}
    episodes: Episodes = Episodes()
    index: Index
    observation: Window = Window(end=Bound("index"))
    gap: Duration = dt.timedelta()
    prediction: Window
    windows: dict[str, Window] = {}
    include: tuple[Condition, ...] = ()
    exclude: tuple[Condition, ...] = ()
    follow_up: tuple[Condition, ...] = ()
    censoring: Literal["exclude", "keep"] = "exclude"
    death: Literal["keep", "exclude"] = "keep"
    label: Label
    matching: Matching | None = None

    @classmethod
    def parse(cls, values: Mapping[str, Any]) -> CohortDeclaration:
        """Reads what ``sequela.tasks.declaration`` gives, or an experiment file.

        Raises:
            ConfigError: an unknown key, a missing one, a wrong type or a value out of range.
        """
        return checked(cls, values, f"task {values.get('name', 'of a cohort')}")

    @model_validator(mode="before")
    @classmethod
    def _prediction_after_the_gap(cls, values: Any) -> Any:
        if not isinstance(values, Mapping) or "prediction" not in values:
            return values
        gap = parse_duration(values.get("gap", 0))
        given = values["prediction"]
        if isinstance(given, str):
            given = {"end": _end(given, gap)}
        if given is None or (isinstance(given, Mapping) and "start" not in given):
            given = {"start": Bound("index", shift=gap), **(given or {})}
        return {**values, "prediction": given}

    @field_validator("observation", mode="before")
    @classmethod
    def _observation_up_to_the_index(cls, given: Any) -> Any:
        if isinstance(given, str):
            length = _length(given)
            if length is None:
                given = {"start": given, "start_inclusive": True}
            else:
                given = {"start": Bound("index", shift=-length)}
        if given is None or (isinstance(given, Mapping) and "end" not in given):
            given = {"end": Bound("index"), **(given or {})}
        return given

    @model_validator(mode="after")
    def _names(self) -> CohortDeclaration:
        for name in (*self.predicates, *self.windows):
            if not _NAME.match(name):
                raise ValueError(f"names of small letters, digits and _ (not '{name[:40]}')")
        for name in (*_OWN_WINDOWS, *MOMENTS):
            if name in self.windows:
                raise ValueError(f"another name for the window '{name}'")
        for name in BUILT_IN:
            if name in self.predicates:
                raise ValueError(f"another name for the predicate '{name}'")
        known = [*BUILT_IN, *self.predicates]
        for name in self._predicates_used():
            if name not in known:
                raise ValueError(f"a predicate that is declared ('{name}'). {nearest(name, known)}")
        self._refuse_circles()
        self._check_windows()
        self._refuse_the_future()
        if isinstance(self.label, Series):
            asked = self.label.window
            window = asked if isinstance(asked, Window) else self._windows()[asked]
            if window.start is None or window.end is None:
                raise ValueError("a window with a start and an end for a label of kind 'series'")
        if self.matching and self.label.kind != "binary":
            raise ValueError("a yes-or-no label where there is matching")
        return self

    def _predicates_used(self) -> Iterator[str]:
        for predicate in self.predicates.values():
            yield from references(predicate)
        episodes = self.episodes
        yield from filter(None, (episodes.each, episodes.start, episodes.stop))
        for bound in self._bounds():
            yield from filter(None, (bound.predicate,))
        for condition in self._conditions():
            yield from filter(None, (condition.count,))
        yield from label_predicates(self.label)

    def _conditions(self) -> tuple[Condition, ...]:
        return (*self.include, *self.exclude, *self.follow_up)

    def _refuse_circles(self) -> None:
        done = set(BUILT_IN)
        waiting = dict(self.predicates)
        while waiting:
            ready = [name for name, one in waiting.items() if set(references(one)) <= done]
            if not ready:
                raise ValueError(f"predicates that do not rest on themselves ('{min(waiting)}')")
            done.update(ready)
            waiting = {name: one for name, one in waiting.items() if name not in done}

    def _bounds(self) -> Iterator[Bound]:
        yield from self._index_bounds()
        windows = [
            one.window for one in (*self._conditions(), self.label) if hasattr(one, "window")
        ]
        for window in (*self._windows().values(), *windows):
            if isinstance(window, Window):
                yield from filter(None, (window.start, window.end))
        yield from filter(None, (condition.moment for condition in self._conditions()))
        if isinstance(self.label, Length):
            yield self.label.to
        if isinstance(self.label, Sequence) and self.label.length_to:
            yield self.label.length_to

    def _index_bounds(self) -> Iterator[Bound]:
        yield from filter(None, (self.index.at, self.index.until, self.index.not_before))

    def _windows(self) -> dict[str, Window]:
        # In the order in which one may rest on another.
        gap = Window(start=Bound("index"), end=Bound("index", shift=self.gap))
        return {
            "observation": self.observation,
            "gap": gap,
            **self.windows,
            "prediction": self.prediction,
        }

    def _check_windows(self) -> None:
        known: list[str] = []
        windows = self._windows()
        for name, window in windows.items():
            for side, own, other in (("start", "end", window.end), ("end", "start", window.start)):
                bound = getattr(window, side)
                if bound and bound.moment == f"{name}.{own}":
                    # One side may rest on the other, which then rests on something else.
                    if other is None or other.moment == f"{name}.{side}":
                        raise ValueError(f"a window that does not rest on itself ('{name}')")
                elif bound:
                    self._check_moment(bound, known)
            known.append(name)
        for bound in self._bounds():
            self._check_moment(bound, known)
        for holder in (*self._conditions(), self.label):
            name = getattr(holder, "window", None)
            if isinstance(name, str) and name not in windows:
                raise ValueError(f"a window that is declared ('{name}'). {nearest(name, windows)}")

    def _check_moment(self, bound: Bound, known: list[str]) -> None:
        moments = (*MOMENTS, *(f"{name}.{side}" for name in known for side in ("start", "end")))
        if bound.moment not in moments:
            todo = nearest(bound.moment, moments)
            raise ValueError(f"a moment there is ('{bound.moment}'). {todo}")

    def _refuse_the_future(self) -> None:
        if self.episodes.kind != "stay":
            stays = any(condition.stay for condition in self._conditions())
            if self.index.during or stays:
                raise ValueError("episodes of kind 'stay' where 'during' or 'stay' asks for them")
        if any("index" in self._roots(bound) for bound in self._index_bounds()):
            raise ValueError("an index rule that does not rest on the index date")
        at_index = [*self.include, *self.exclude]
        if any(one.window in ("gap", "prediction") for one in at_index):
            raise ValueError("conditions on what comes after the prediction under 'follow_up'")
        windows = [self.observation, *(one.window for one in at_index if one.count)]
        found = [self._windows()[one] if isinstance(one, str) else one for one in windows]
        bounds = [bound for window in found for bound in (window.start, window.end)]
        for bound in filter(None, (*bounds, *(one.moment for one in at_index))):
            for moment in self._roots(bound):
                stops = moment in ("stop", "next_stop") and self.episodes.kind in ("record", "day")
                if moment == "record_end" or stops:
                    raise ValueError(
                        f"what is known at the index date without '{moment}', which later events "
                        "would move"
                    )

    def _roots(self, bound: Bound) -> Iterator[str]:
        name, _, side = bound.moment.rpartition(".")
        if not name:
            yield bound.moment
            return
        inner = getattr(self._windows()[name], side)
        if inner:
            yield from self._roots(inner)

    def words(self, predicate: str) -> str:
        """A predicate in words."""
        return words_of(predicate, self.predicates)

    def describe(self) -> str:
        """The cohort in a few sentences, for reports."""
        index, seen, asked = self.index, self.observation, self.prediction
        grid = f" and every {words(index.every)} after it" if index.every else ""
        chosen = {"each": ""}.get(
            index.select, f", the {index.select.replace('_', ' ')} of a subject"
        )
        start = seen.start.words if seen.start else "the beginning of the record"
        until = asked.end.words if asked.end else "the end of the record"
        begin = asked.start.words if asked.start else "the beginning of the record"
        censored = {"exclude": "are left out", "keep": "are kept"}
        return (
            f"{self.title or self.name.replace('_', ' ')}. Predictions are made at "
            f"{index.at.words}{grid}{chosen}, from what was known since {start}; the label asks "
            f"about the time from {begin} to {until}. Subjects whose record ends before that "
            f"{censored[self.censoring]}; those who die first {censored[self.death]}."
        )


def _length(text: str) -> dt.timedelta | None:
    try:
        return parse_duration(text)
    except ValueError:
        return None


def _end(text: str, gap: dt.timedelta) -> Bound:
    length = _length(text)
    return parse_bound(text) if length is None else Bound("index", shift=gap + length)
