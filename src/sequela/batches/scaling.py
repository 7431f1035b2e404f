"""The scale of measured values: clipped and standardised by what the training part says."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl

from sequela.errors import BundleError

__all__ = ["Scales"]

# The outermost hundredth on either side holds most typing errors (a pH of 735, a temperature in
# the wrong unit) and little that a clipped value does not tell.
_TAIL = 0.01


@dataclass(frozen=True)
class Scales:
    """How the values of ``K`` variables become numbers around 0.

    A value ``v`` becomes ``(min(max(v, low), high) - mean) / spread``. ``low`` and ``high`` are the
    1st and 99th percentile of the training values, moved outwards to a multiple of a tenth of
    their distance, so that a bound is no single patient's value; ``mean`` and ``spread`` (standard
    deviation) are those of the clipped training values.

    Args:
        names: the codes, those of the most training subjects first.
        subjects: how many training subjects have each.
        low: ``K`` lower bounds.
        high: ``K`` upper bounds.
        mean: ``K`` means.
        spread: ``K`` standard deviations; 1 where all values are equal.
    """

    names: tuple[str, ...] = ()
    subjects: tuple[int, ...] = ()
    low: tuple[float, ...] = ()
    high: tuple[float, ...] = ()
    mean: tuple[float, ...] = ()
    spread: tuple[float, ...] = ()

    @classmethod
    def fit(
        cls,
        values: pl.DataFrame,
        min_subjects: int,
        most: int,
        names: pl.Series | None = None,
    ) -> Scales:
        """Learns the scales.

        Args:
            values: of the TRAINING part: ``code``, ``numeric_value`` and ``subject``; rows without
                a finite value do not count. Where ``times`` is there, a row counts so many times.
            min_subjects: a variable of fewer subjects is none.
            most: variables at most; those of the most subjects are kept.
            names: where ``code`` is a number, the codes that the numbers stand for.
        """
        values = values.with_columns(value=pl.col("numeric_value").cast(pl.Float64))
        known = values.filter(pl.col("value").is_finite() & pl.col("code").is_not_null())
        counts = known.group_by("code").agg(pl.col("subject").n_unique().alias("subjects"))
        counts = counts.filter(pl.col("subjects") >= min_subjects)
        code = counts["code"] if names is None else names.gather(counts["code"])
        found = counts.with_columns(code.alias("name"))
        found = found.sort("subjects", "name", descending=[True, False]).head(most)
        numbers = found.select("code", number=pl.int_range(pl.len()))
        pieces = _values_of_each(known.join(numbers, on="code"), found.height)
        low, high = _bounds(pieces)
        mean, spread = _moments(pieces, low, high)
        return cls(
            names=tuple(found["name"].to_list()),
            subjects=tuple(found["subjects"].to_list()),
            low=tuple(low.tolist()),
            high=tuple(high.tolist()),
            mean=tuple(mean.tolist()),
            spread=tuple(spread.tolist()),
        )

    def __len__(self) -> int:
        """The number ``K`` of variables."""
        return len(self.names)

    def number(self, events: pl.DataFrame) -> np.ndarray:
        """Int64 ``[M]``, the variable of each event; -1 for none, and where it has no value."""
        numbers = self.number_of(events["code"])
        value = events["numeric_value"].cast(pl.Float64).fill_null(np.nan).to_numpy()
        return np.where(np.isfinite(value), numbers, -1)

    def number_of(self, codes: pl.Series) -> np.ndarray:
        """Int64, the variable of each code; -1 for none."""
        known = pl.DataFrame(
            {
                "code": pl.Series(self.names, dtype=pl.String),
                "number": np.arange(len(self), dtype=np.int64),
            }
        )
        found = (
            codes.alias("code").to_frame().join(known, on="code", how="left", maintain_order="left")
        )
        return found["number"].fill_null(-1).to_numpy()

    def apply(self, number: np.ndarray, value: np.ndarray) -> np.ndarray:
        """Float32 ``[M]``, the standardised values.

        Args:
            number: int64 ``[M]``, the variable of each value, from 0.
            value: ``[M]``.
        """
        low, high, mean, spread = (
            np.asarray(column, np.float64)
            for column in (self.low, self.high, self.mean, self.spread)
        )
        inside = np.clip(np.asarray(value, np.float64), low[number], high[number])
        return ((inside - mean[number]) / spread[number]).astype(np.float32)

    def to_dict(self) -> dict[str, Any]:
        """What JSON can hold; :meth:`from_dict` reads it."""
        return {name: list(getattr(self, name)) for name in self.__dataclass_fields__}

    @classmethod
    def from_dict(cls, content: Any) -> Scales:
        """The scales of :meth:`to_dict`.

        Raises:
            BundleError: a key is missing, unknown or of the wrong type, or the lists do not fit.
        """
        if not isinstance(content, Mapping) or not _sound(content, list(cls.__dataclass_fields__)):
            raise BundleError(
                "the bundle's scales of values",
                got="keys or values that do not fit each other",
                wanted="what Scales.to_dict wrote",
            )
        return cls(**{name: tuple(column) for name, column in content.items()})


def _values_of_each(numbered: pl.DataFrame, count: int) -> list[tuple[np.ndarray, np.ndarray]]:
    """The sorted values of each variable, and how many times each counts."""
    number = numbered["number"].to_numpy()
    value = numbered["value"].to_numpy()
    times = numbered["times"].to_numpy() if "times" in numbered.columns else None
    order = np.argsort(number.astype(np.int16), kind="stable")
    ends = np.cumsum(np.bincount(number, minlength=count))
    pieces = []
    for place in range(count):
        rows = order[ends[place - 1] if place else 0 : ends[place]]
        if times is None:
            pieces.append((np.sort(value[rows]), np.array(1)))
            continue
        # Sorted, so that nothing depends on the order of the rows.
        rows = rows[np.argsort(value[rows], kind="stable")]
        pieces.append((value[rows], times[rows]))
    return pieces


def _bounds(pieces: list[tuple[np.ndarray, np.ndarray]]) -> tuple[np.ndarray, np.ndarray]:
    """The rounded percentiles of each variable, float64 [K] each."""
    ends = [
        [each.quantile(share, "linear") for share in (_TAIL, 1 - _TAIL)]
        for each in (pl.Series(np.repeat(value, times)) for value, times in pieces)
    ]
    found = pl.DataFrame(ends, schema={"low": pl.Float64, "high": pl.Float64}, orient="row")
    bounds = found.with_columns(unit=(pl.col("high") - pl.col("low")) / 10).select(
        low=_rounded(pl.col("low"), "floor"), high=_rounded(pl.col("high"), "ceil")
    )
    return bounds["low"].to_numpy(), bounds["high"].to_numpy()


def _rounded(bound: pl.Expr, direction: str) -> pl.Expr:
    # Where all values are equal there is no unit, and the bound is that value.
    unit = pl.col("unit")
    return pl.when(unit > 0).then(getattr(bound / unit, direction)() * unit).otherwise(bound)


def _moments(
    pieces: list[tuple[np.ndarray, np.ndarray]], low: np.ndarray, high: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Mean and standard deviation of each variable's clipped values, float64 [K] each."""
    mean, square = np.zeros(len(low)), np.zeros(len(low))
    for place, (value, times) in enumerate(pieces):
        # Repeated one variable at a time: the sum of many weighted values has other last bits.
        inside = np.clip(np.repeat(value, times), low[place], high[place]) - low[place]
        # About a value of the variable, so that equal values have exactly their own as the mean.
        mean[place] = low[place] + inside.mean()
        square[place] = ((inside - inside.mean()) ** 2).mean()
    return mean, np.where(square > 0, np.sqrt(square), 1.0)


def _sound(content: Mapping[str, Any], fields: list[str]) -> bool:
    if set(content) != set(fields) or not all(isinstance(content[name], list) for name in fields):
        return False
    names, subjects = content["names"], content["subjects"]
    numbers = [content[name] for name in ("low", "high", "mean", "spread")]
    return (
        all(isinstance(name, str) for name in names)
        and len(set(names)) == len(names)
        and all(type(count) is int and count > 0 for count in subjects)
        and all(type(value) is float and math.isfinite(value) for row in numbers for value in row)
        and len({len(row) for row in (names, subjects, *numbers)}) == 1
        and all(low <= high for low, high in zip(numbers[0], numbers[1], strict=True))
        and all(spread > 0 for spread in numbers[3])
    )
