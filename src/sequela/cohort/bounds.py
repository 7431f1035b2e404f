"""Windows of time around a prediction, and the moments that bound them, as they are declared.

A bound is a text: a moment of the sample, a step to the next or last occurrence of a predicate, and
a shift, the last two where wanted::

    index              the prediction time
    index - 30d        30 days before it
    start + 24h        24 hours after the episode began
    stop -> admission  the first admission after the episode ended
    index <- visit     the last visit before the prediction
    input.end          where the window ``input`` ends

The moments are ``index``; ``start`` and ``stop`` of the episode; ``next_start`` and ``next_stop``
of the subject's next episode; ``record_start``, the first dated event that is neither birth nor
death; ``record_end``, the last dated event, a death among them.
"""

from __future__ import annotations

import datetime as dt
import re
from dataclasses import dataclass
from typing import Annotated, Any, Literal, cast

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Discriminator,
    Tag,
    model_validator,
)

from sequela.cohort.durations import parse_duration, words

__all__ = [
    "LATER",
    "MOMENTS",
    "Arrow",
    "Bound",
    "BoundText",
    "Window",
    "WindowOrName",
    "parse_bound",
]

#: The moments of a sample that a bound can start from.
MOMENTS = ("index", "start", "stop", "next_start", "next_stop", "record_start", "record_end")

#: Those that may lie after the index date.
LATER = ("stop", "next_start", "next_stop", "record_end")

_BOUND = re.compile(
    r"^(?P<moment>[a-z]\w*(?:\.(?:start|end))?)"
    r"(?:\s*(?P<arrow>->=?|<-=?)\s*(?P<predicate>[a-z_]\w*))?"
    r"(?:\s*(?P<sign>[+-])\s*(?P<length>\d.*))?$"
)
_WANTED = "a moment such as 'index - 30d', 'start + 24h' or 'stop -> admission'"


Arrow = Literal["->", "<-", "->=", "<-="]


@dataclass(frozen=True)
class Bound:
    """A moment of a sample.

    Args:
        moment: one of :data:`MOMENTS`, or ``NAME.start`` and ``NAME.end`` of a named window.
        arrow: ``->`` goes on to the first occurrence of ``predicate`` after the moment, ``<-`` to
            the last one before it. An occurrence at the moment itself is passed over; ``->=`` and
            ``<-=`` take it.
        predicate: its name.
        shift: added last; negative for earlier.
    """

    moment: str
    arrow: Arrow | None = None
    predicate: str | None = None
    shift: dt.timedelta = dt.timedelta()

    @property
    def words(self) -> str:
        """The bound in words."""
        text = self.moment.replace("_", " ").replace(".", "'s ")
        if self.arrow:
            name = (self.predicate or "").replace("_", " ")
            text = f"the {'next' if self.arrow.startswith('->') else 'last'} {name} from {text}"
        if self.shift:
            side = "after" if self.shift > dt.timedelta() else "before"
            text = f"{words(abs(self.shift))} {side} {text}"
        return text


def parse_bound(value: Any) -> Bound:
    """A bound from its text.

    Raises:
        ValueError: the text is none.
    """
    if isinstance(value, Bound):
        return value
    found = _BOUND.match(value.strip()) if isinstance(value, str) else None
    if not found:
        raise ValueError(_WANTED)
    shift = parse_duration(found["length"]) if found["sign"] else dt.timedelta()
    arrow: Arrow | None = cast("Arrow | None", found["arrow"])
    shift = -shift if found["sign"] == "-" else shift
    return Bound(found["moment"], arrow, found["predicate"], shift)


#: A field of a declaration that holds a bound.
BoundText = Annotated[Bound, BeforeValidator(parse_bound)]


class Window(BaseModel):
    """A stretch of time, by default open at its start and closed at its end.

    A bound whose moment a sample does not have (no next visit, no discharge) makes its window
    empty. An event without a date lies in the windows without a start, before all else.

    Args:
        start: null for the beginning of the record.
        end: null for the end of the record.
        start_inclusive: an event exactly at the start counts.
        end_inclusive: an event exactly at the end counts.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    start: BoundText | None = None
    end: BoundText | None = None
    start_inclusive: bool = False
    end_inclusive: bool = True

    @model_validator(mode="after")
    def _ordered(self) -> Window:
        start, end = self.start, self.end
        same = start and end and (start.moment, start.predicate) == (end.moment, end.predicate)
        if same and start and end and start.shift > end.shift:
            raise ValueError("a window whose start is not after its end")
        return self


def _named(value: Any) -> str:
    return "name" if isinstance(value, str) else "window"


#: A field of a declaration that holds a window: its name, or the window itself.
WindowOrName = Annotated[
    Annotated[str, Tag("name")] | Annotated[Window, Tag("window")], Discriminator(_named)
]
