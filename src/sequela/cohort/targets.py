"""What is predicted, as it is declared: one table for each kind of label."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from sequela.cohort.bounds import BoundText, WindowOrName
from sequela.cohort.durations import Duration

__all__ = [
    "UNITS",
    "Binary",
    "Count",
    "Label",
    "Length",
    "Multiclass",
    "Multilabel",
    "Sequence",
    "Series",
    "TimeToEvent",
    "Value",
    "label_predicates",
]

#: Microseconds of a unit that numbers are given in.
UNITS = {"hours": 3_600_000_000, "days": 86_400_000_000}


class _Label(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    window: WindowOrName = "prediction"


class Binary(_Label):
    """Whether ``predicate`` occurs ``min`` times or more: ``boolean_value``."""

    kind: Literal["binary"] = "binary"
    predicate: str
    min: int = Field(default=1, ge=1, le=1_000_000_000)
    by: Literal["time", "day", "event"] = "time"


class Count(_Label):
    """How often ``predicate`` occurs: ``integer_value``."""

    kind: Literal["count"]
    predicate: str
    by: Literal["time", "day", "event"] = "time"


class Multiclass(_Label):
    """Which of ``classes`` comes first, of equal time the one named first: ``categorical_value``.

    Args:
        classes: predicates.
        otherwise: the class where none occurs.
    """

    kind: Literal["multiclass"]
    classes: tuple[str, ...] = Field(min_length=1)
    otherwise: str = "none"


class Multilabel(_Label):
    """Which of ``classes`` occur: a column of yes or no for each; ``integer_value`` their number.

    Args:
        classes: predicates; the columns have their names.
    """

    kind: Literal["multilabel"]
    classes: tuple[str, ...] = Field(min_length=1)


class Value(_Label):
    """The value of the first or last event of ``predicate`` that has one: ``float_value``.

    Samples without one are left out.
    """

    kind: Literal["value"]
    predicate: str
    which: Literal["first", "last"] = "first"


class Length(BaseModel):
    """The time from the index date to a moment such as ``stop``: ``float_value``.

    Samples without that moment, or with one before the index date, are left out.

    Args:
        to: the moment.
        unit: of the number.
        bins: edges, rising; with them ``integer_value`` is the number of edges that the length
            reaches, from 0, and the length itself is the column ``length``.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    kind: Literal["length"]
    to: BoundText
    unit: Literal["hours", "days"] = "days"
    bins: tuple[float, ...] = ()

    @model_validator(mode="after")
    def _rising(self) -> Length:
        if list(self.bins) != sorted(set(self.bins)):
            raise ValueError("'bins' in rising order")
        return self


class TimeToEvent(_Label):
    """The time from the index date to the first event, or as long as nothing was seen to happen.

    ``float_value`` is the time; the column ``event`` is 0 for censored, 1 for ``predicate``, 2 for
    ``competing``, which ends the follow-up. Without an event it ends with the window or the record,
    whichever comes first. Of equal time, ``predicate`` counts.

    Args:
        predicate: the event.
        competing: another predicate, such as ``death``.
        unit: of the number.
    """

    kind: Literal["time_to_event"]
    predicate: str
    competing: str | None = None
    unit: Literal["hours", "days"] = "days"


class Sequence(_Label):
    """The codes of the events of ``predicate`` in order of time: a list in the column ``codes``.

    ``integer_value`` is how many there are. With the window up to ``next_stop``, it is the next
    visit.

    Args:
        predicate: whose codes.
        distinct: each code once, sorted: a set.
        length_to: a moment, such as ``next_start``; the time to it is the column ``length``, null
            where the sample lacks it.
        unit: of that column.
    """

    kind: Literal["sequence"]
    predicate: str
    distinct: bool = False
    length_to: BoundText | None = None
    unit: Literal["hours", "days"] = "days"


class Series(_Label):
    """The values of ``predicate`` in equal parts of the window, such as the next hours or days.

    The columns ``ahead_1``, ``ahead_2`` ... are the means of the values in each part, null where
    there is none; ``float_value`` is the mean of those. Samples without any are left out. Beside
    them stands what a forecast has to beat: ``last``, the last value by the index date, and with a
    season ``season_1`` ..., the means in the same parts as many whole seasons earlier as it takes
    to lie before the index date.

    Args:
        predicate: whose values.
        parts: how many.
        season: a length such as ``1d`` or ``1y``, or null.
    """

    kind: Literal["series"]
    predicate: str
    parts: int = Field(default=1, ge=1, le=1000)
    season: Duration | None = None

    @property
    def columns(self) -> tuple[str, ...]:
        """The names of the columns of values."""
        return tuple(f"ahead_{part}" for part in range(1, self.parts + 1))

    @model_validator(mode="after")
    def _a_season_of_some_length(self) -> Series:
        if self.season is not None and not self.season:
            raise ValueError("a 'season' longer than nothing, or null")
        return self


#: The table ``label`` of a declaration; its ``kind`` says which one it is.
Label = Annotated[
    Binary | Count | Multiclass | Multilabel | Value | Length | TimeToEvent | Sequence | Series,
    Field(discriminator="kind"),
]


def label_predicates(label: Any) -> tuple[str, ...]:
    """The names of the predicates that a label rests on."""
    if isinstance(label, (Multiclass, Multilabel)):
        return label.classes
    if isinstance(label, Length):
        return ()
    competing = (label.competing,) if isinstance(label, TimeToEvent) and label.competing else ()
    return (label.predicate, *competing)
