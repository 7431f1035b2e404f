"""Lists in a column, in rows of their own: alike under every polars."""

from __future__ import annotations

import numpy as np
import polars as pl

__all__ = ["unfolded"]


def unfolded(frame: pl.DataFrame, column: str) -> pl.DataFrame:
    """A row for each item of each list, in order; rows without an item are left out.

    ``explode`` keeps an empty list as a null in polars 1 and drops it in polars 2; the option that
    tells them what to do is missing in the older ones, and the newer of polars 1 warn without it.

    Args:
        frame: a table.
        column: its column of lists.
    """
    counts = frame[column].list.len().fill_null(0)
    rows = np.repeat(np.arange(frame.height), counts.to_numpy())
    items = pl.Series(column, frame[column].to_arrow().flatten())
    return frame[rows].with_columns(items)
