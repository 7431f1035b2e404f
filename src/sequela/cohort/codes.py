"""Code sets: which codes count as a condition."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import polars as pl
from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

__all__ = ["CodeSet", "below"]


def below(roots: Iterable[str], children: Mapping[str, Iterable[str]]) -> set[str]:
    """These codes and all below them; a circle of parents ends nowhere and is walked once.

    Args:
        roots: where to begin.
        children: the codes directly below each code.
    """
    found, waiting = set(roots), list(roots)
    while waiting:
        new = set(children.get(waiting.pop(), ())) - found
        found |= new
        waiting += new
    return found


class CodeSet(BaseModel):
    """Codes by name, beginning, pattern or parent; a code that any of them matches is in the set.

    Args:
        name: what the set means, as an identifier ("heart_failure").
        title: the same in words; the name without underscores by default.
        description: where the set comes from, and what was left out.
        exact: whole codes.
        prefix: beginnings of codes.
        regex: patterns in Rust's syntax, found anywhere in a code; anchor with ``^`` and ``$``.
        descendants: codes below these in the ``parent_codes`` of the data's table of codes, at any
            depth, and these themselves.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str = Field(min_length=1)
    title: str = ""
    description: str = ""
    exact: tuple[str, ...] = ()
    prefix: tuple[str, ...] = ()
    regex: tuple[str, ...] = ()
    descendants: tuple[str, ...] = ()

    @field_validator("exact", "prefix", "regex", "descendants")
    @classmethod
    def _not_empty(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        # An empty beginning or pattern would match every code there is.
        if not all(value):
            raise ValueError("codes that are not empty")
        return value

    @field_validator("regex")
    @classmethod
    def _readable(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        try:
            for pattern in value:
                pl.Series([""]).str.contains(pattern)
        except pl.exceptions.PolarsError as error:
            raise ValueError("a regular expression in Rust's syntax") from error
        return value

    @model_validator(mode="after")
    def _some(self) -> CodeSet:
        if not (self.exact or self.prefix or self.regex or self.descendants):
            raise ValueError("codes under 'exact', 'prefix', 'regex' or 'descendants'")
        return self

    @property
    def words(self) -> str:
        """The set in words."""
        return self.title or self.name.replace("_", " ")

    def among(
        self, codes: pl.Series, children: Mapping[str, Iterable[str]] | None = None
    ) -> pl.Series:
        """The distinct codes that are in the set.

        A data set has few distinct codes beside its events, so patterns are tried on these alone.

        Args:
            codes: any codes, repeated or not.
            children: the codes directly below each code, for ``descendants``.
        """
        distinct = codes.unique().drop_nulls().rename("code")
        found = distinct.is_in([*self.exact, *below(self.descendants, children or {})])
        for beginning in self.prefix:
            found = found | distinct.str.starts_with(beginning)
        for pattern in self.regex:
            found = found | distinct.str.contains(pattern)
        return distinct.filter(found)
