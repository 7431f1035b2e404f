"""The honest rival of a model of what comes next: counts of n symbols, smoothed.

Witten and Bell, IEEE Transactions on Information Theory 37 (1991) 1085 (their method C),
interpolated: where a context was seen n times, followed by d different symbols,

    P(c | context) = (count(context c) + d P(c | shorter context)) / (n + d)

down to the uniform distribution. How long the context is, is chosen on the tuning part.
"""

from __future__ import annotations

import numpy as np

from sequela.evaluate.baselines import Baseline

__all__ = ["symbol_counts"]

_LONGEST = 8


def symbol_counts(train: np.ndarray, tuning: np.ndarray, symbols: int) -> Baseline:
    """Nats per symbol of rows, from counts of the training rows.

    Args:
        train: rows, each int64 [T, 2]: the symbol read, and the one asked for after it or
            ``symbols`` where nothing is asked.
        tuning: the same.
        symbols: V.
    """
    tables = []
    best = (np.inf, 0)
    most = min(_LONGEST, int(62 // np.log2(symbols + 1)) - 1)
    for length in range(most + 1):
        tables.append(_counted(train, length, symbols))
        loss = float(np.mean(_nats(tuning, tables, symbols)))
        if loss >= best[0]:
            break  # longer contexts are seen ever more rarely
        best = (loss, length)
    tables = tables[: best[1] + 1]

    def predict(rows: np.ndarray) -> np.ndarray:
        return _nats(rows, tables, symbols)

    name = f"counts of {best[1] + 1} symbols"
    return Baseline(name, predict, {"context": best[1], "tuning_nats": best[0]})


def _contexts(row: np.ndarray, length: int, symbols: int) -> np.ndarray:
    """One number for the last ``length`` symbols read at each step; -1 where there are fewer."""
    read = row[:, 0].astype(np.int64)
    found = np.zeros(len(read), np.int64)
    for back in range(length):
        found[back:] += read[: len(read) - back] * np.int64(symbols + 1) ** back
    found[: max(length - 1, 0)] = -1
    return found


def _counted(rows: np.ndarray, length: int, symbols: int) -> tuple[np.ndarray, ...]:
    """Pairs of context and symbol with their counts; contexts with counts and kinds."""
    contexts = np.concatenate([_contexts(row, length, symbols) for row in rows])
    asked = np.concatenate([row[:, 1] for row in rows])
    used = (contexts >= 0) & (asked < symbols)
    pairs, times = np.unique(contexts[used] * (symbols + 1) + asked[used], return_counts=True)
    of_pairs = pairs // (symbols + 1)
    names, first, kinds = np.unique(of_pairs, return_index=True, return_counts=True)
    totals = np.add.reduceat(times, first) if len(first) else times
    return pairs, times, names, totals, kinds


def _looked_up(keys: np.ndarray, names: np.ndarray, values: np.ndarray) -> np.ndarray:
    if not len(names):
        return np.zeros(len(keys))
    place = np.minimum(np.searchsorted(names, keys), len(names) - 1)
    return np.where(names[place] == keys, values[place], 0).astype(np.float64)


def _nats(rows: np.ndarray, tables: list[tuple[np.ndarray, ...]], symbols: int) -> np.ndarray:
    """float64 [n], the mean over the asked symbols of each row."""
    found = np.zeros(len(rows))
    for number, row in enumerate(rows):
        asked = row[:, 1].astype(np.int64)
        chance = np.full(len(row), 1 / symbols)
        for length, (pairs, times, names, totals, kinds) in enumerate(tables):
            contexts = _contexts(row, length, symbols)
            pair = _looked_up(contexts * (symbols + 1) + asked, pairs, times)
            total, kind = (_looked_up(contexts, names, values) for values in (totals, kinds))
            known = (contexts >= 0) & (total > 0)
            chance = np.where(known, (pair + kind * chance) / np.maximum(total + kind, 1), chance)
        counted = asked < symbols
        found[number] = -np.log(chance[counted]).mean() if counted.any() else 0.0
    return found
