"""The windows around an index date, each defined once: open at their start, closed at their end."""

from __future__ import annotations

import polars as pl

__all__ = ["follow_up_end", "in_gap", "in_observation", "in_prediction"]


def in_observation(time: pl.Expr, index: pl.Expr, days: int | None) -> pl.Expr:
    """``index - days < time <= index``; ``time <= index`` for the whole record (None)."""
    known = time <= index
    return known if days is None else known & (time > index - pl.duration(days=days))


def in_gap(time: pl.Expr, index: pl.Expr, gap_days: int) -> pl.Expr:
    """``index < time <= index + gap``; never true for a gap of 0."""
    return (time > index) & (time <= index + pl.duration(days=gap_days))


def in_prediction(time: pl.Expr, index: pl.Expr, gap_days: int, prediction_days: int) -> pl.Expr:
    """``index + gap < time <= index + gap + prediction``."""
    start = index + pl.duration(days=gap_days)
    return (time > start) & (time <= follow_up_end(index, gap_days, prediction_days))


def follow_up_end(index: pl.Expr, gap_days: int, prediction_days: int) -> pl.Expr:
    """The last moment that counts for the label."""
    return index + pl.duration(days=gap_days + prediction_days)
