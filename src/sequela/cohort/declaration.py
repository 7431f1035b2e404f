"""What a task of onset declares: outcome, index date, windows, and who is eligible."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator

from sequela.cohort.codes import CodeSet
from sequela.settings import checked

__all__ = ["IndexRule", "OnsetDeclaration"]

#: A century: longer windows are mistakes in the unit.
_LONGEST = 36_525


class IndexRule(BaseModel):
    """When the prediction is made.

    Args:
        rule: ``landmark``, exactly ``days`` after the first event; or ``visit``, at the first visit
            that is at least ``days`` after the first event.
        days: days after the subject's first dated event that is neither birth nor death.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    rule: Literal["landmark", "visit"]
    days: int = Field(ge=0, le=_LONGEST)


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
