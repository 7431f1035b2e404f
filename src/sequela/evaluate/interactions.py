"""How often codes that are named together do not go together, beside the truth.

The rate of a row is the share of the pairs of its set that are in the list; a row of fewer than two
codes has none. The figure is the mean over rows.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from sequela.evaluate.bootstrap import estimate, replicate
from sequela.evaluate.means import MeanMetrics

__all__ = ["interaction_rates", "interaction_rows"]

_TRUTH = "truth"


def interaction_rows(named: np.ndarray, pairs: np.ndarray) -> np.ndarray:
    """The rate of each row ``[n]``, NaN where a set has fewer than two codes.

    Args:
        named: bool ``[n, C]``, which codes are in each set.
        pairs: bool ``[C, C]``, symmetric, which interact.
    """
    held = named.astype(np.float64)
    count = held.sum(axis=1)
    both = ((held @ pairs.astype(np.float64)) * held).sum(axis=1) / 2
    every = count * (count - 1) / 2
    return np.divide(both, every, out=np.full(len(count), np.nan), where=every > 0)


def interaction_rates(
    answers: Mapping[str, np.ndarray],
    thresholds: Mapping[str, float],
    truth: np.ndarray,
    groups: np.ndarray,
    pairs: np.ndarray,
    options: tuple[int, int, float],
) -> dict[str, Any]:
    """The rates of each model and of the truth, and how the first model's differs from the latter.

    Args:
        answers: scores ``[n, C]`` by name, the judged model first.
        thresholds: from which on a code is named, by name.
        truth: ``[n, C + 1]``, as :func:`sequela.evaluate.means.set_rows` has it.
        groups: the patient of each row.
        pairs: bool ``[C, C]``, symmetric.
        options: replicates, seed and level of the bootstrap.

    Returns:
        ``pairs`` (how many of the list), ``rates`` (``name`` and an estimate; the truth is the
        last) and ``difference``, the model less the truth, paired.
    """
    replicates, seed, level = options
    sets = {name: scores >= thresholds[name] for name, scores in answers.items()}
    sets[_TRUTH] = truth[:, :-1] > 0
    statistics = {
        name: MeanMetrics({"rate": interaction_rows(named, pairs)}) for name, named in sets.items()
    }
    ones = np.ones((1, len(groups)))
    points = {name: float(one(ones)["rate"][0]) for name, one in statistics.items()}
    drawn = replicate(statistics, groups, replicates, seed)
    model = next(iter(answers))
    paired = drawn[model]["rate"] - drawn[_TRUTH]["rate"]
    return {
        "pairs": int(pairs.sum() // 2),
        "rates": [
            {"name": name, **estimate(value, drawn[name]["rate"], level)}
            for name, value in points.items()
        ],
        "difference": estimate(points[model] - points[_TRUTH], paired, level),
    }
