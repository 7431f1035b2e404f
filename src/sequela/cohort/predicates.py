"""Predicates: what can happen to a subject, said by codes, values, and the order of events.

Each is a set of events of the data, so that all can be counted, dated and combined alike.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Discriminator, Field, Tag

from sequela.cohort.codes import CodeSet
from sequela.cohort.durations import Duration

__all__ = [
    "BUILT_IN",
    "AllOf",
    "AnyOf",
    "Codes",
    "Predicate",
    "Repeated",
    "Then",
    "references",
    "words_of",
]

#: Predicates that every declaration has: any dated event but birth and death; birth; death.
BUILT_IN = ("any_event", "birth", "death")


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    title: str = ""
    description: str = ""


class Codes(CodeSet):
    """Events by code, and by value where a range is given; a value that is missing is in none.

    Args:
        min: the smallest value; null for no limit.
        max: the largest value.
        min_inclusive: ``min`` itself is in the range.
        max_inclusive: ``max`` itself is in the range.
        dated: only events with a date, or (false) only those without; null for all.
    """

    name: str = "codes"
    min: float | None = Field(default=None, allow_inf_nan=False)
    max: float | None = Field(default=None, allow_inf_nan=False)
    min_inclusive: bool = True
    max_inclusive: bool = True
    dated: bool | None = None


class AnyOf(_Strict):
    """The events of any of these predicates.

    Args:
        any_of: their names.
    """

    any_of: tuple[str, ...] = Field(min_length=1)


class AllOf(_Strict):
    """The events of these predicates at moments at which all of them occur.

    Args:
        all_of: their names.
    """

    all_of: tuple[str, ...] = Field(min_length=1)


class Then(_Strict):
    """Events of ``then`` that follow one of ``first``; dated by ``then``.

    Args:
        first: a predicate.
        then: a predicate.
        within: the longest time between the two, included; null for any.
        same_time: ``first`` may also occur at the same moment.
    """

    first: str
    then: str
    within: Duration | None = None
    same_time: bool = False


class Repeated(_Strict):
    """``times`` occurrences of a predicate within a period, as for a confirmed diagnosis.

    What happened is known with the last of them. So conditions at the prediction time ask for
    groups that were complete by then, whatever ``date`` says; labels and follow-up use ``date``.

    Args:
        repeat: a predicate.
        times: how many.
        within: from the first to the last of them, included; null for any.
        distinct: what counts as another occurrence: another calendar ``day``, another ``time``, or
            another ``event``.
        date: the group is dated by its ``first`` or its ``last`` occurrence.
    """

    repeat: str
    times: int = Field(ge=2, le=10_000)
    within: Duration | None = None
    distinct: Literal["day", "time", "event"] = "day"
    date: Literal["first", "last"] = "first"


_KEYS = {"any_of": "any_of", "all_of": "all_of", "then": "then", "repeat": "repeat"}
_KINDS = {AnyOf: "any_of", AllOf: "all_of", Then: "then", Repeated: "repeat"}


def _kind(value: Any) -> str:
    if isinstance(value, Mapping):
        return next((kind for key, kind in _KEYS.items() if key in value), "codes")
    return next((kind for cls, kind in _KINDS.items() if isinstance(value, cls)), "codes")


#: One entry of ``predicates``; its keys say which kind it is.
Predicate = Annotated[
    Annotated[Codes, Tag("codes")]
    | Annotated[AnyOf, Tag("any_of")]
    | Annotated[AllOf, Tag("all_of")]
    | Annotated[Then, Tag("then")]
    | Annotated[Repeated, Tag("repeat")],
    Discriminator(_kind),
]


def references(predicate: Any) -> tuple[str, ...]:
    """The names of the predicates that one is made of."""
    if isinstance(predicate, AnyOf):
        return predicate.any_of
    if isinstance(predicate, AllOf):
        return predicate.all_of
    if isinstance(predicate, Then):
        return predicate.first, predicate.then
    return (predicate.repeat,) if isinstance(predicate, Repeated) else ()


def words_of(name: str, predicates: Mapping[str, Any]) -> str:
    """A predicate in words: its title, or its name without underscores."""
    title = predicates[name].title if name in predicates else ""
    return title or name.replace("_", " ")
