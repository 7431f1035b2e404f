"""The codes a model knows, fitted on training subjects, and their numbers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import polars as pl

from sequela.errors import BundleError, ConfigError, SchemaError

__all__ = ["UNKNOWN", "Vocabulary"]

#: The number of every code that is not in the vocabulary.
UNKNOWN = 0


class Vocabulary:
    """Numbers for codes: 0 is the unknown code, 1..V-1 the known ones, the most frequent first.

    Only codes of at least ``min_subjects`` subjects enter, so that no rare code can point to a
    person, and no code is kept that training cannot learn anything about.

    Args:
        codes: the known codes; their numbers are 1, 2, ...
        subjects: how many training subjects have each.
        min_subjects: the smallest of these that was allowed.
    """

    def __init__(self, codes: Sequence[str], subjects: Sequence[int], min_subjects: int = 11):
        self.codes = tuple(codes)
        self.subjects = tuple(subjects)
        self.min_subjects = min_subjects

    @classmethod
    def fit(
        cls, events: pl.DataFrame, min_subjects: int = 11, subject_column: str = "subject_id"
    ) -> Vocabulary:
        """The codes of enough subjects; of equal frequency, in alphabetical order.

        Args:
            events: events of TRAINING subjects only; columns ``code`` and ``subject_column``.
            min_subjects: a code of fewer subjects stays unknown; 11 is the usual smallest cell that
                may be published about patients. Use less only for open demonstration data.
            subject_column: the column that tells subjects apart.

        Raises:
            ConfigError: ``min_subjects`` below 1.
            SchemaError: a column is missing.
        """
        _check_least(min_subjects)
        for name in ("code", subject_column):
            if name not in events.columns:
                raise SchemaError(f"column '{name}' of the training events", got="no such column")
        counts = (
            events.lazy()
            .select(pl.col("code").cast(pl.String), pl.col(subject_column).alias("subject"))
            .drop_nulls()
            .group_by("code")
            .agg(pl.col("subject").n_unique().alias("subjects"))
            .collect()
        )
        return cls.of_counts(counts["code"], counts["subjects"], min_subjects)

    @classmethod
    def of_counts(
        cls, codes: pl.Series, subjects: pl.Series | np.ndarray, min_subjects: int = 11
    ) -> Vocabulary:
        """As :meth:`fit`, from the number of training subjects of each code.

        Args:
            codes: distinct.
            subjects: of each.
            min_subjects: see :meth:`fit`.

        Raises:
            ConfigError: ``min_subjects`` below 1.
        """
        _check_least(min_subjects)
        counts = (
            pl.DataFrame({"code": codes, "subjects": subjects})
            .filter(pl.col("subjects") >= min_subjects)
            .sort("subjects", "code", descending=[True, False])
        )
        return cls(counts["code"].to_list(), counts["subjects"].to_list(), min_subjects)

    def __len__(self) -> int:
        """V, the unknown code included."""
        return len(self.codes) + 1

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Vocabulary) and self.to_dict() == other.to_dict()

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        return f"Vocabulary({len(self.codes)} codes of at least {self.min_subjects} subjects)"

    def encode(self, codes: pl.Series | np.ndarray | Sequence[str | None]) -> np.ndarray:
        """The numbers of codes; 0 for an unknown or missing one.

        Args:
            codes: [n] codes.

        Returns:
            [n] int32 in [0, V).
        """
        if isinstance(codes, np.ndarray):
            codes = codes.tolist()
        series = codes if isinstance(codes, pl.Series) else pl.Series(codes, dtype=pl.String)
        if not self.codes:
            return np.zeros(len(series), dtype=np.int32)
        known = pl.DataFrame(
            {
                "code": pl.Series(self.codes, dtype=pl.String),
                "number": np.arange(1, len(self), dtype=np.int32),
            }
        )
        found = series.cast(pl.String).rename("code").to_frame()
        found = found.join(known, on="code", how="left", maintain_order="left")
        return found["number"].fill_null(UNKNOWN).to_numpy().astype(np.int32)

    def decode(self, numbers: np.ndarray | Sequence[int]) -> list[str | None]:
        """The codes of numbers; None for the unknown code."""
        return [self.codes[number - 1] if number else None for number in np.asarray(numbers)]

    def to_dict(self) -> dict[str, Any]:
        """What JSON can hold; :meth:`from_dict` reads it."""
        return {
            "codes": list(self.codes),
            "subjects": list(self.subjects),
            "min_subjects": self.min_subjects,
        }

    @classmethod
    def from_dict(cls, content: Mapping[str, Any]) -> Vocabulary:
        """The vocabulary of :meth:`to_dict`.

        Raises:
            BundleError: a key is missing, of the wrong type, or the parts do not fit each other.
        """
        codes, subjects = content.get("codes"), content.get("subjects")
        least = content.get("min_subjects")
        problem = None
        if not isinstance(codes, list) or not all(isinstance(code, str) for code in codes):
            problem = "no list of codes"
        elif not isinstance(subjects, list) or not all(type(count) is int for count in subjects):
            problem = "no list of frequencies"
        elif type(least) is not int or least < 1:
            problem = "no 'min_subjects'"
        elif len(codes) != len(subjects):
            problem = f"{len(codes)} codes and {len(subjects)} frequencies"
        elif len(set(codes)) < len(codes):
            problem = "a code twice"
        elif subjects and min(subjects) < least:
            problem = "a code of fewer subjects than 'min_subjects'"
        if problem or codes is None or subjects is None or least is None:
            raise BundleError("the vocabulary", got=problem, todo="Train or save the model again.")
        return cls(codes, subjects, least)


def _check_least(min_subjects: int) -> None:
    if min_subjects < 1:
        raise ConfigError("min_subjects", got=min_subjects, wanted="1 or more")
