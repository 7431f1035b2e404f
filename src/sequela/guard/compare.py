"""Which samples differ between two observations of them."""

from __future__ import annotations

import numpy as np
import polars as pl

from sequela.errors import DataError

__all__ = ["Observation", "differing"]

#: A table with the column ``sample``, the row of the label; or an array with a row for each label.
Observation = pl.DataFrame | np.ndarray


def differing(first: Observation, second: Observation, samples: int) -> np.ndarray:
    """Which samples the two do not see alike.

    Args:
        first: what was observed.
        second: the same of other data.
        samples: how many samples there are.

    Returns:
        bool [samples].

    Raises:
        DataError: not a table with the column ``sample`` and no array of ``samples`` rows.
    """
    if isinstance(first, pl.DataFrame) and isinstance(second, pl.DataFrame):
        if first.equals(second):
            return np.zeros(samples, bool)
        if first.schema != second.schema:
            return np.ones(samples, bool)
        return (_digest(first, samples) != _digest(second, samples)).any(axis=1)
    one, two = np.asarray(first), np.asarray(second)
    if len(one) != samples or len(two) != samples:
        raise DataError("an observation", got=f"{len(one)} rows", wanted=f"{samples}, one a label")
    if one.shape != two.shape:
        return np.ones(samples, bool)
    same = (one == two) | ((one != one) & (two != two))
    return ~same.reshape(samples, -1).all(axis=1)


def _digest(table: pl.DataFrame, samples: int) -> np.ndarray:
    """[samples, 2]: how many rows, and a sum of hashes of each row at its place."""
    if "sample" not in table.columns:
        raise DataError("an observation", got="no column 'sample'", wanted="the row of the label")
    sample = table["sample"].to_numpy().astype(np.int64)
    placed = table.with_columns(place=pl.int_range(pl.len()).over("sample"))
    found = np.zeros((samples, 2), np.uint64)
    np.add.at(found[:, 0], sample, np.uint64(1))
    np.add.at(found[:, 1], sample, placed.hash_rows(seed=0).to_numpy())
    return found
