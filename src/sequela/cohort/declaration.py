"""What a task of onset declares: outcome, index date, windows, and who is eligible."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator

from sequela.cohort.bounds import Bound, Window
from sequela.cohort.codes import CodeSet
from sequela.cohort.conditions import Condition, Episodes, Index, Matching, Numbers
from sequela.cohort.durations import Duration
from sequela.cohort.grammar import CohortDeclaration
from sequela.cohort.predicates import Codes, Repeated
from sequela.cohort.targets import Binary
from sequela.settings import checked

__all__ = ["IndexRule", "OnsetDeclaration", "Qualifying"]

#: A century: longer windows are mistakes in the unit.
_LONGEST = 36_525


class IndexRule(BaseModel):
    """When the prediction is made.

    Args:
        rule: ``landmark``, exactly ``days`` after the first event; ``visit``, at the first visit
            that is at least ``days`` after the first event; or ``visits``, at each such visit.
        days: days after the subject's first dated event that is neither birth nor death.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    rule: Literal["landmark", "visit", "visits"]
    days: int = Field(ge=0, le=_LONGEST)


class Qualifying(BaseModel):
    """How often an outcome must be coded.

    Args:
        times: how many codes.
        within: from the first to the last of them, included; null for any time.
        distinct: what counts as another code: one on another ``day``, at another ``time``, or any.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    times: int = Field(ge=2, le=10_000)
    within: Duration | None = None
    distinct: Literal["day", "time", "event"] = "day"


class OnsetDeclaration(BaseModel):
    """The first occurrence of a condition within a window after an index date.

    With ``t`` the index date, the observation window is ``(t - observation_days, t]``, the gap
    ``(t, t + gap_days]`` and the prediction window the ``prediction_days`` after the gap, its end
    included. A visit is all that happened to a subject on one calendar day.

    Args:
        kind: tells this declaration from those of other tasks.
        name: of the task.
        title: in words, for reports.
        description: for reports.
        unit: what must not be split over parts.
        outcome: the codes that are the outcome; one of them suffices.
        index: when the prediction is made.
        observation_days: how far back features reach; null for the whole record.
        gap_days: time between prediction and the first day that counts, so that a diagnosis already
            suspected at the index date is not "predicted". Who has the outcome in the gap is left
            out.
        prediction_days: length of the window in which the outcome makes a case.
        min_age: years at the index date; who has no date of birth is left out unless it is 0.
        min_visits: visits wanted in the observation window; 0 admits empty histories.
        censoring: ``exclude`` leaves out whoever has no event at or after the end of the prediction
            window, unless a case or dead: what happened to them is not known. ``negative`` counts
            them as without outcome, which is right only where the data see every diagnosis.
        qualifying: how often the outcome must be coded to count; null for once. It began with the
            first code of the first such group.
        prevalent: who is left out as having had it by the index date: whoever has ``any`` code of
            it, or a ``qualified`` group of them.
        matching: of controls to cases; null for none.
        death: ``negative`` counts who dies before the end of the prediction window without outcome
            as without outcome: the label is then the absolute risk with death as competing event,
            and no one is selected by the future. ``exclude`` leaves them out.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    kind: Literal["onset"] = "onset"
    name: str = "onset"
    title: str = ""
    description: str = ""
    unit: Literal["subject"] = "subject"
    outcome: CodeSet
    index: IndexRule
    observation_days: int | None = Field(default=None, ge=1, le=_LONGEST)
    gap_days: int = Field(default=0, ge=0, le=_LONGEST)
    prediction_days: int = Field(ge=1, le=_LONGEST)
    min_age: float = Field(default=0.0, ge=0, le=130, allow_inf_nan=False)
    min_visits: int = Field(default=1, ge=0, le=100_000)
    censoring: Literal["exclude", "negative"] = "exclude"
    death: Literal["negative", "exclude"] = "negative"
    qualifying: Qualifying | None = None
    prevalent: Literal["any", "qualified"] = "any"
    matching: Matching | None = None

    @field_validator("outcome", mode="before")
    @classmethod
    def _resolved(cls, value: Any) -> Any:
        if isinstance(value, str):
            raise ValueError("a table with the codes (sequela.tasks.declaration puts it in)")
        return value

    @classmethod
    def parse(cls, values: Mapping[str, Any]) -> OnsetDeclaration:
        """Reads what ``sequela.tasks.declaration`` gives.

        Raises:
            ConfigError: an unknown key, a missing one, a wrong type or a value out of range.
        """
        return checked(cls, values, f"task {values.get('name', 'onset')}")

    def describe(self) -> str:
        """The cohort in a few sentences, for reports."""
        rules = {
            "landmark": f"{self.index.days} days after the first event",
            "visit": f"at the first visit at least {self.index.days} days after the first event",
            "visits": f"at each visit at least {self.index.days} days after the first event",
        }
        seen = (
            "the whole record" if self.observation_days is None else f"{self.observation_days} days"
        )
        censored = {"exclude": "are left out", "negative": "count as without outcome"}
        return (
            f"First {self.outcome.words}. The prediction is made {rules[self.index.rule]}, from "
            f"{seen} before it; a case has the outcome within {self.prediction_days} days after a "
            f"gap of {self.gap_days} days. Whoever had it before the end of the gap is left out; "
            f"without follow-up to the end of the window, subjects {censored[self.censoring]}; "
            f"those who die first {censored[self.death]}."
        )

    def general(self) -> CohortDeclaration:
        """The same in the general grammar."""
        earliest = dt.timedelta(days=self.index.days)
        episodes, index = Episodes(), Index(at=Bound("start", shift=earliest))
        if self.index.rule != "landmark":
            not_before = Bound("record_start", shift=earliest)
            select = "first" if self.index.rule == "visit" else "each"
            episodes = Episodes(kind="day")
            index = Index(at=Bound("start"), not_before=not_before, select=select)
        gap = dt.timedelta(days=self.gap_days)
        end = gap + dt.timedelta(days=self.prediction_days)
        return CohortDeclaration(
            name=self.name,
            title=self.title,
            description=self.description,
            predicates=self._predicates(),
            episodes=episodes,
            index=index,
            observation=Window(start=self._observed_from(), end=Bound("index")),
            gap=gap,
            prediction=Window(start=Bound("index", shift=gap), end=Bound("index", shift=end)),
            include=self._include(),
            exclude=(
                Condition(
                    name=f"no {self.outcome.words} by the index date",
                    count="code" if self.qualifying and self.prevalent == "any" else "outcome",
                    window=Window(end=Bound("index")),
                ),
            ),
            follow_up=self._not_in_the_gap() if self.gap_days else (),
            censoring="keep" if self.censoring == "negative" else "exclude",
            death="keep" if self.death == "negative" else "exclude",
            label=Binary(predicate="outcome"),
            matching=self.matching,
        )

    def _predicates(self) -> dict[str, Codes | Repeated]:
        codes = Codes(**{**self.outcome.model_dump(), "title": self.outcome.words})
        if self.qualifying is None:
            return {"outcome": codes}
        wanted = self.qualifying.model_dump()
        return {
            "code": codes,
            "outcome": Repeated(repeat="code", title=self.outcome.words, **wanted),
        }

    def _observed_from(self) -> Bound | None:
        if self.observation_days is None:
            return None
        return Bound("index", shift=-dt.timedelta(days=self.observation_days))

    def _include(self) -> tuple[Condition, ...]:
        age, visits = self.min_age, self.min_visits
        found = []
        if age > 0:
            found.append(Condition(name=f"aged {age:g} or more", age=Numbers(min=age)))
        if visits > 0:
            name = f"{visits} or more visits in the observation window"
            found.append(Condition(name=name, count="any_event", by="day", min=visits))
        return tuple(found)

    def _not_in_the_gap(self) -> tuple[Condition, ...]:
        name = f"no {self.outcome.words} in the gap"
        return (Condition(name=name, count="outcome", window="gap", max=0),)
