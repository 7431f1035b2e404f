"""What is said of a sample as a whole: age, sex, and facts without a time."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import polars as pl

from sequela.batches.scaling import Scales
from sequela.batches.tables import common
from sequela.cohort.subgroups import SEX_PATTERN
from sequela.errors import BundleError
from sequela.events import BIRTH_CODE

__all__ = ["StaticEncoder"]

_KEYS = {"age_mean", "age_spread", "sexes", "codes", "values"}


@dataclass(frozen=True)
class StaticEncoder:
    """From age, sex and undated facts to one row of numbers; fitted on the training part alone.

    Args:
        age_mean: years, over the training samples.
        age_spread: their standard deviation in years, 1 where all are equal.
        sexes: the values of ``sex`` of enough training subjects, sorted; a sample has a 1 for its
            own, and only zeros for a rarer one.
        codes: undated codes of enough training subjects, sorted; 1 where a sample has it.
        values: scales of undated codes with a number (height): the value, 0 where there is none,
            and a 1 where there is one. Of several values the last counts.
    """

    age_mean: float = 0.0
    age_spread: float = 1.0
    sexes: tuple[str, ...] = ()
    codes: tuple[str, ...] = ()
    values: Scales = field(default_factory=Scales)

    @classmethod
    def fit(
        cls,
        events: pl.DataFrame | None,
        labels: pl.DataFrame,
        subgroups: pl.DataFrame,
        *,
        rows: np.ndarray | None = None,
        min_subjects: int = 11,
        most: int = 256,
    ) -> StaticEncoder:
        """Learns the scale of age and the usual facts.

        Args:
            events: ``sample``, ``time``, ``code``, ``numeric_value``; only rows without a time are
                looked at. None where undated facts are not wanted.
            labels: with ``subject_id``.
            subgroups: ``age`` and ``sex``, a row for each label.
            rows: int64, the rows of the TRAINING part; None where all are.
            min_subjects: what fewer training subjects have is not learnt.
            most: undated codes and values at most, each.
        """
        if rows is not None:
            subgroups, people = subgroups[rows], labels["subject_id"][rows]
        else:
            people = labels["subject_id"]
        age = subgroups["age"].cast(pl.Float64).drop_nulls().drop_nans().to_numpy()
        spread = float(age.std()) if len(age) else 0.0
        codes, values = (), Scales()
        if events is not None:
            facts = _of_rows(_undated(events), labels, rows)
            values = Scales.fit(facts, min_subjects, most)
            plain = facts.filter(~pl.col("code").is_in(list(values.names)))
            codes = common(plain["code"], plain["subject"], min_subjects)[:most]
        return cls(
            age_mean=float(age.mean()) if len(age) else 0.0,
            age_spread=spread if spread > 0 else 1.0,
            sexes=common(subgroups["sex"], people, min_subjects),
            codes=codes,
            values=values,
        )

    @property
    def names(self) -> tuple[str, ...]:
        """The names of the ``S`` features."""
        return (
            "age",
            *(f"sex {sex}" for sex in self.sexes),
            *(f"has {code}" for code in self.codes),
            *self.values.names,
            *(f"known {name}" for name in self.values.names),
        )

    def encode(self, events: pl.DataFrame, subgroups: pl.DataFrame) -> np.ndarray:
        """Float32 ``[n, S]``; an unknown age counts as the mean of the training part."""
        age = subgroups["age"].cast(pl.Float64).fill_null(self.age_mean).fill_nan(self.age_mean)
        sex = subgroups["sex"].cast(pl.String)
        columns = [(age.to_numpy() - self.age_mean) / self.age_spread]
        columns += [(sex == value).fill_null(False).to_numpy() for value in self.sexes]
        result = np.zeros((subgroups.height, len(self.names)), np.float32)
        result[:, : len(columns)] = np.stack(columns, axis=1)
        if self.codes or len(self.values):
            self._facts(result[:, len(columns) :], _undated(events))
        return result

    def _facts(self, result: np.ndarray, facts: pl.DataFrame) -> None:
        sample = facts["sample"].to_numpy().astype(np.int64)
        known = pl.DataFrame(
            {"code": pl.Series(self.codes, dtype=pl.String), "number": np.arange(len(self.codes))}
        )
        place = facts.select("code").join(known, on="code", how="left", maintain_order="left")
        place = place["number"].fill_null(-1).to_numpy()
        result[sample[place >= 0], place[place >= 0]] = 1.0
        number = self.values.number(facts)
        sample, number = sample[number >= 0], number[number >= 0]
        value = facts["numeric_value"].filter(pl.Series(self.values.number(facts) >= 0)).to_numpy()
        begin = len(self.codes)
        result[sample, begin + number] = self.values.apply(number, value)
        result[sample, begin + len(self.values) + number] = 1.0

    def to_dict(self) -> dict[str, Any]:
        """What JSON can hold; :meth:`from_dict` reads it."""
        return {
            "age_mean": self.age_mean,
            "age_spread": self.age_spread,
            "sexes": list(self.sexes),
            "codes": list(self.codes),
            "values": self.values.to_dict(),
        }

    @classmethod
    def from_dict(cls, content: Any) -> StaticEncoder:
        """The encoder of :meth:`to_dict`.

        Raises:
            BundleError: a key is missing, unknown or of the wrong type.
        """
        if not isinstance(content, Mapping) or not _sound(content):
            raise BundleError(
                "the bundle's static features",
                got="keys or values that do not fit each other",
                wanted="what StaticEncoder.to_dict wrote",
            )
        return cls(
            content["age_mean"],
            content["age_spread"],
            tuple(content["sexes"]),
            tuple(content["codes"]),
            Scales.from_dict(content["values"]),
        )


def _undated(events: pl.DataFrame) -> pl.DataFrame:
    # Sex is among the subgroups already, birth is told by the age.
    plain = pl.col("time").is_null() & (pl.col("code") != BIRTH_CODE)
    found = events.filter(plain & ~pl.col("code").str.contains(SEX_PATTERN))
    if "numeric_value" not in found.columns:
        found = found.with_columns(numeric_value=pl.lit(None, pl.Float32))
    return found


def _of_rows(events: pl.DataFrame, labels: pl.DataFrame, rows: np.ndarray | None) -> pl.DataFrame:
    """The events of the training samples, with their ``subject``."""
    if rows is not None:
        learnt = np.zeros(labels.height, dtype=bool)
        learnt[rows] = True
        events = events.filter(pl.Series(learnt[events["sample"].to_numpy()]))
    subject = labels["subject_id"].to_numpy()[events["sample"].to_numpy()]
    return events.with_columns(subject=pl.Series(subject))


def _sound(content: Mapping[str, Any]) -> bool:
    def texts(value: Any) -> bool:
        distinct = isinstance(value, list) and all(isinstance(text, str) for text in value)
        return distinct and len(set(value)) == len(value)

    mean, spread = content.get("age_mean"), content.get("age_spread")
    return (
        set(content) == _KEYS
        and texts(content["sexes"])
        and texts(content["codes"])
        and isinstance(mean, float)
        and isinstance(spread, float)
        and math.isfinite(mean)
        and 0 < spread < math.inf
    )
