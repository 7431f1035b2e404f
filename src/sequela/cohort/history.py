"""When an event became known: what windows, order and labels go by."""

from __future__ import annotations

import polars as pl

__all__ = ["known_at"]


def known_at(events: pl.DataFrame) -> pl.Expr:
    """When each event became known: ``available_time`` where it is later than ``time``.

    Args:
        events: whose columns say whether it is there.
    """
    later = "available_time" if "available_time" in events.columns else "time"
    return pl.max_horizontal(pl.col("time"), pl.col(later))
