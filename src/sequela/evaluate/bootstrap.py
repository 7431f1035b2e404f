"""Percentile intervals by resampling whole patients (or recordings), the same resamples for all.

A resample draws as many groups as there are, with replacement, and weights each row by how often
its group was drawn. Rows of one patient therefore stay together, which widens the interval as it
should. All models are measured on the same resamples, so that the interval of a difference is
paired (Efron & Tibshirani 1993).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

import numpy as np

from sequela.errors import ConfigError
from sequela.seeds import generator

__all__ = ["LEVEL", "REPLICATES", "estimate", "interval", "replicate", "resample"]

# 1,000 place the 2.5 % point with a standard error of about a fifth of its distance to the 5 % one.
REPLICATES = 1000
LEVEL = 0.95

# Weights of one chunk: small enough to stay in the processor's second-level cache.
_CHUNK = 1 << 16

_Statistic = Callable[[np.ndarray], Mapping[str, np.ndarray]]


def resample(
    groups: np.ndarray, replicates: int = REPLICATES, seed: int = 0
) -> Iterator[np.ndarray]:
    """Weights of the resamples, chunk by chunk.

    A pure function of the groups and the seed: row order does not matter, since groups are drawn in
    the order of their sorted names.

    Args:
        groups: the patient or recording of each row, [n].
        replicates: how many resamples.
        seed: any integer.

    Yields:
        float64 [r, n] with r rows of counts, ``replicates`` rows in total.
    """
    if replicates < 1:
        raise ConfigError("bootstrap replicates", got=replicates, wanted="at least 1")
    member = np.unique(np.asarray(groups), return_inverse=True)[1]
    count = int(member.max()) + 1
    random = generator(seed, "bootstrap")
    step = max(1, _CHUNK // len(member))
    single = count == len(member)
    for start in range(0, replicates, step):
        size = min(step, replicates - start)
        drawn = random.integers(0, count, size=(size, count))
        drawn += np.arange(size)[:, None] * count
        counts = np.bincount(drawn.ravel(), minlength=size * count).reshape(size, count)
        if single and np.array_equal(member, np.arange(count)):
            yield counts.astype(np.float64)
        else:
            yield np.take(counts.astype(np.float64), member, axis=1)


def replicate(
    statistics: Mapping[str, _Statistic],
    groups: np.ndarray,
    replicates: int = REPLICATES,
    seed: int = 0,
) -> dict[str, dict[str, np.ndarray]]:
    """Every statistic on the same resamples.

    Args:
        statistics: by name, functions of weights [r, n] that give measures by name, each [r].
        groups: the patient or recording of each row, [n].
        replicates: how many resamples; 0 gives empty arrays.
        seed: any integer.

    Returns:
        ``result[name][measure]``: float64 [replicates]; NaN where a resample leaves it undefined.
    """
    parts: dict[str, dict[str, list[np.ndarray]]] = {name: {} for name in statistics}
    for weights in resample(groups, replicates, seed):
        for name, statistic in statistics.items():
            for measure, values in statistic(weights).items():
                parts[name].setdefault(measure, []).append(values)
    return {
        name: {measure: np.concatenate(values) for measure, values in measures.items()}
        for name, measures in parts.items()
    }


def interval(values: np.ndarray, level: float = LEVEL) -> tuple[float, float]:
    """The percentile interval of replicates; resamples that leave the measure undefined are left
    out.

    Args:
        values: [R], may hold NaN.
        level: the coverage wanted, .95 by default.

    Returns:
        ``(low, high)``; NaN both when fewer than half of the resamples define the measure, since
        what is left over would be a biased choice of them.
    """
    defined = values[np.isfinite(values)]
    if len(defined) == 0 or 2 * len(defined) < len(values):
        return float("nan"), float("nan")
    low, high = np.quantile(defined, [(1 - level) / 2, (1 + level) / 2])
    return float(low), float(high)


def estimate(value: float, values: np.ndarray, level: float = LEVEL, *, centred: bool = False):
    """A measure with its interval, ready for JSON.

    Args:
        value: the measure on the whole sample.
        values: its replicates, [R].
        level: the coverage wanted.
        centred: for a calibration error, which resampling itself inflates (noise in a bin can only
            add to an absolute value): the replicates are shifted back by the bootstrap's estimate
            of that bias, and cut off at 0.

    Returns:
        ``{"value", "low", "high"}``, None where undefined.
    """
    if centred and np.isfinite(values).any():
        values = np.maximum(values - (np.nanmean(values) - value), 0.0)
    low, high = interval(values, level)
    named = {"value": float(value), "low": low, "high": high}
    return {name: number if np.isfinite(number) else None for name, number in named.items()}
