"""What an ingestion did, in counts: nothing in it belongs to one subject."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

__all__ = ["Summary"]


@dataclass(frozen=True)
class Summary:
    """What was written and what was not.

    Args:
        subjects, events, codes: how many; codes are distinct ones.
        shards: files of events.
        years: first and last year in which enough subjects have events, or None. An exact date, or
            a year of one subject, would be a fact about a patient.
        tables: events by input table.
        dropped: rows left out, by table and reason.
        missing: tables that were not there and are not needed.
        notes: of the source, in sentences.
        unchanged: the data set was there already, made from the same input.
    """

    subjects: int
    events: int
    codes: int
    shards: int
    years: tuple[int, int] | None
    tables: Mapping[str, int]
    dropped: Mapping[tuple[str, str], int]
    missing: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    unchanged: bool = False

    def to_dict(self) -> dict[str, Any]:
        """What JSON can hold; :meth:`from_dict` reads it."""
        values = asdict(self)
        del values["unchanged"]
        values["dropped"] = [[*key, rows] for key, rows in self.dropped.items()]
        return values

    @classmethod
    def from_dict(cls, values: Mapping[str, Any], *, unchanged: bool = False) -> Summary:
        """The summary of :meth:`to_dict`."""
        years = values["years"]
        return cls(
            subjects=values["subjects"],
            events=values["events"],
            codes=values["codes"],
            shards=values["shards"],
            years=None if years is None else (years[0], years[1]),
            tables=values["tables"],
            dropped={(table, reason): rows for table, reason, rows in values["dropped"]},
            missing=tuple(values["missing"]),
            notes=tuple(values["notes"]),
            unchanged=unchanged,
        )
