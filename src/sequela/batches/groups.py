"""Codes in groups: many detailed codes become one that enough patients share."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from sequela.cohort import Observations
from sequela.errors import BundleError
from sequela.events.pairs import read_pairs

__all__ = ["CodeGroups"]


@dataclass(frozen=True)
class CodeGroups:
    """Which group or groups stand for a code; a code in none stands for itself.

    Args:
        pairs: ``code`` and ``group``, distinct and sorted.
    """

    pairs: pl.DataFrame

    @classmethod
    def of(cls, pairs: Iterable[tuple[str, str]] = ()) -> CodeGroups:
        """Groups of (code, group) pairs; none by default."""
        rows = sorted(set(pairs))
        columns = {"code": [row[0] for row in rows], "group": [row[1] for row in rows]}
        return cls(pl.DataFrame(columns, schema={"code": pl.String, "group": pl.String}))

    @classmethod
    def from_csv(cls, path: Path | str) -> CodeGroups:
        """A user's map: a CSV file with the columns ``code`` and ``group``.

        A code may stand in several rows and then belongs to several groups. Other columns are
        ignored.

        Raises:
            DataError: no such file, one that is too large or no CSV, or an empty cell.
            SchemaError: a column is missing.
        """
        return cls(_distinct(read_pairs(path, "map of codes", ("code", "group"))))

    @classmethod
    def from_parents(cls, parents: Mapping[str, Iterable[str]]) -> CodeGroups:
        """One level up the ``parent_codes`` of a data set's ``codes.parquet``."""
        return cls.of((code, parent) for code, above in parents.items() for parent in above)

    @classmethod
    def joined(cls, *maps: CodeGroups | None) -> CodeGroups:
        """All maps as one; where several know a code, the first of them counts."""
        result = cls.of()
        for each in maps:
            result = result | each if each is not None else result
        return result

    @classmethod
    def kept(
        cls,
        groups: CodeGroups | None,
        parents: CodeGroups | None,
        frequent: Callable[[], Iterable[str]],
    ) -> CodeGroups:
        """What may travel with a model: a user's map whole, a data set's for its frequent codes.

        Args:
            groups: the user's map; it says nothing about patients.
            parents: the data set's own; a rare code in it would tell that a patient has it.
            frequent: the codes of enough training subjects; the others are left out of the second
                map.
        """
        if parents is None or not len(parents):
            return cls.joined(groups)
        return cls.joined(groups, parents.only(frequent()))

    def __len__(self) -> int:
        """The number of pairs."""
        return self.pairs.height

    def __eq__(self, other: object) -> bool:
        return isinstance(other, CodeGroups) and self.pairs.equals(other.pairs)

    __hash__ = None  # type: ignore[assignment]

    def __or__(self, other: CodeGroups) -> CodeGroups:
        """Both maps; where both know a code, this one counts."""
        rest = other.pairs.join(self.pairs, on="code", how="anti")
        return CodeGroups(_distinct(pl.concat([self.pairs, rest])))

    def only(self, codes: Iterable[str]) -> CodeGroups:
        """The part of the map about these codes."""
        wanted = pl.DataFrame({"code": pl.Series(list(codes), dtype=pl.String)})
        return CodeGroups(_distinct(self.pairs.join(wanted, on="code", how="semi")))

    def apply(self, events: pl.DataFrame) -> pl.DataFrame:
        """The events with groups for codes; an event of a code in two groups becomes two events.

        Args:
            events: with ``code``; their order stays.
        """
        if not len(self):
            return events
        grouped = events.join(self.pairs, on="code", how="left", maintain_order="left_right")
        return grouped.with_columns(code=pl.coalesce("group", "code")).drop("group")

    def stand_for(self, observed: Observations) -> Observations:
        """As :meth:`apply`, for what is observed."""
        if not len(self):
            return observed
        codes = pl.DataFrame({"code": observed.names}).with_row_index("before")
        grouped = self.apply(codes)
        names = grouped["code"].unique(maintain_order=True)
        number = pl.DataFrame({"code": names}).with_row_index("number")
        which = grouped.join(number, on="code", how="left", maintain_order="left")["number"]
        counts = np.bincount(grouped["before"].to_numpy(), minlength=codes.height)
        return observed.recoded(names, which.to_numpy().astype(np.int64), counts)

    def to_dict(self) -> dict[str, Any]:
        """What JSON can hold; :meth:`from_dict` reads it."""
        return {name: self.pairs[name].to_list() for name in ("code", "group")}

    @classmethod
    def from_dict(cls, content: Any) -> CodeGroups:
        """The groups of :meth:`to_dict`.

        Raises:
            BundleError: a key is missing, unknown or of the wrong type, or a pair is there twice.
        """
        problem = not isinstance(content, Mapping) or set(content) != {"code", "group"}
        if not problem:
            columns = list(content.values())
            problem = not all(
                isinstance(column, list) and all(isinstance(text, str) for text in column)
                for column in columns
            ) or len(columns[0]) != len(columns[1])
        if not problem:
            pairs = list(zip(content["code"], content["group"], strict=True))
            problem = len(set(pairs)) < len(pairs)
        if problem:
            raise BundleError(
                "the bundle's groups of codes",
                got="keys or values that do not fit each other",
                wanted="what CodeGroups.to_dict wrote",
            )
        return cls.of(zip(content["code"], content["group"], strict=True))


def _distinct(pairs: pl.DataFrame) -> pl.DataFrame:
    return pairs.select("code", "group").unique().sort("code", "group")
