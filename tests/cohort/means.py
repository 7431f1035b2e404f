"""Means of what is known, for the plain reading of series."""

from __future__ import annotations

__all__ = ["mean"]


def mean(values: list[float | None], last: bool = False) -> float | None:
    """The mean of the values that are known, or the last of them; None for none."""
    known = [value for value in values if value is not None][-1 if last else 0 :]
    return sum(known) / len(known) if known else None
