"""Measures of survival curves where some are seen for a part of the time only.

    Harrell  of the pairs of which it is known who had the event first, the share in which the risk
             of that one was the higher (ties count one half); Harrell et al., JAMA 247 (1982) 2543
    Uno      the same with pairs weighted by 1 / G(t)^2, where G is the probability of being still
             under observation: it does not depend on how long people were followed; Uno et al.,
             Statistics in Medicine 30 (2011) 1105
    Brier    the mean squared difference of survival and curve at a time, those lost to follow-up
             left out and those like them weighted up by 1 / G (Graf et al., Statistics in Medicine
             18 (1999) 2529); integrated over time by trapezes and divided by its length

A competing event ends the follow-up like censoring: the curve is that of a world without it.
"""

from __future__ import annotations

from typing import Literal

import numpy as np

__all__ = [
    "SurvivalMetrics",
    "at_times",
    "brier_rows",
    "concordance_rows",
    "kaplan_meier",
    "lost_time",
]

# Rows x events of one pass over pairs; with more events than this allows, every k-th is compared.
_MOST_PAIRS = 10_000_000
# Survival is a step function of the data; 100 times read its integral to about a hundredth.
_TIMES = 100


def kaplan_meier(time: np.ndarray, event: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The times at which somebody had the event, and the survival from each on.

    Args:
        time: [n], seen so long.
        event: [n], whether it ended with the event.

    Returns:
        Times, rising, and ``S(t) = prod over times u <= t of (1 - d_u / n_u)``.
    """
    times = np.unique(time[event])
    ordered = np.sort(time)
    risk = len(time) - np.searchsorted(ordered, times, side="left")
    happened = np.searchsorted(np.sort(time[event]), times, side="right")
    happened = np.diff(happened, prepend=0)
    return times, np.cumprod(1 - happened / risk)


def _steps(
    times: np.ndarray, survival: np.ndarray, at: np.ndarray, side: Literal["left", "right"]
) -> np.ndarray:
    """A step function read at some times; "left" is just before each."""
    place = np.searchsorted(times, at, side=side)
    return np.append(1.0, survival)[place]


def at_times(curves: np.ndarray, edges: np.ndarray, times: np.ndarray) -> np.ndarray:
    """Survival curves read at some times, straight between the ends of the intervals.

    Args:
        curves: [n, K], the survival at the end of each interval.
        edges: [K], the ends, rising, above 0.
        times: [T]; beyond the last end the curve stays as it is.

    Returns:
        [n, T].
    """
    ends = np.append(0.0, edges)
    whole = np.concatenate([np.ones((len(curves), 1)), curves], axis=1)
    upper = np.clip(np.searchsorted(ends, times, side="left"), 1, len(edges))
    share = np.clip((times - ends[upper - 1]) / (ends[upper] - ends[upper - 1]), 0, 1)
    return whole[:, upper - 1] * (1 - share) + whole[:, upper] * share


def lost_time(curves: np.ndarray, edges: np.ndarray) -> np.ndarray:
    """The expected time without survival up to the last end, [n]: one number for the risk.

    Args:
        curves: [n, K].
        edges: [K].
    """
    ends = np.append(0.0, edges)
    whole = np.concatenate([np.ones((len(curves), 1)), curves], axis=1)
    return ((1 - (whole[:, 1:] + whole[:, :-1]) / 2) * np.diff(ends)).sum(axis=1)


def concordance_rows(
    time: np.ndarray, event: np.ndarray, risk: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Who is compared: the rows with an event, and how each other row stands to them.

    Returns:
        Numbers of rows with an event, [E], every k-th of them where all would be too many; and
        float32 [E, n]: 1 where the event's risk is the higher, .5 where equal, 0 where lower, NaN
        where the pair cannot be compared. Whoever was seen up to the very time of the event and had
        none counts as having it later.
    """
    anchors = np.flatnonzero(event)
    anchors = anchors[np.argsort(time[anchors], kind="stable")]
    most = max(_MOST_PAIRS // max(len(time), 1), 1)
    anchors = anchors[:: -(-len(anchors) // most)] if len(anchors) else anchors
    found = np.full((len(anchors), len(time)), np.nan, np.float32)
    for place, one in enumerate(anchors):
        later = (time > time[one]) | ((time == time[one]) & ~event)
        found[place, later] = (risk[one] > risk[later]) + 0.5 * (risk[one] == risk[later])
    return anchors, found


class SurvivalMetrics:
    """Harrell's and Uno's concordance and the integrated Brier score, for many weightings.

    The censoring curve G is that of all rows and stays the same for every weighting.

    Args:
        time: [n].
        event: [n], 1 for the event; others are censored.
        curves: [n, K], the survival at the end of each interval.
        edges: [K].
    """

    def __init__(
        self, time: np.ndarray, event: np.ndarray, curves: np.ndarray, edges: np.ndarray
    ) -> None:
        event = np.asarray(event) == 1
        self._brier, self._grid = brier_rows(time, event, curves, edges)
        self._anchors, found = concordance_rows(time, event, lost_time(curves, edges))
        self._valid = (~np.isnan(found)).astype(np.float32).T
        self._right = np.nan_to_num(found).T
        there = kaplan_meier(time, ~event)
        weight = _steps(*there, time[self._anchors], "left")
        usable = (weight > 0) & (time[self._anchors] < edges[-1])
        self._uno = np.where(usable, 1 / np.where(usable, weight, 1.0) ** 2, 0.0)

    def __call__(self, weights: np.ndarray) -> dict[str, np.ndarray]:
        """Each measure [R] for weights [R, n]."""
        light = weights.astype(np.float32)
        mine = weights[:, self._anchors]
        right = mine * (light @ self._right)
        pairs = mine * (light @ self._valid)
        return {
            "harrell": _share(right.sum(axis=1), pairs.sum(axis=1)),
            "uno": _share(right @ self._uno, pairs @ self._uno),
            "integrated_brier": self._integrated(weights),
        }

    def _integrated(self, weights: np.ndarray) -> np.ndarray:
        total = weights @ self._brier
        score = _share(total, weights.sum(axis=1)[:, None] * np.ones(total.shape[1]))
        if len(self._grid) < 2:
            return score[:, 0]
        widths = np.diff(self._grid)
        return ((score[:, 1:] + score[:, :-1]) / 2) @ widths / widths.sum()


def brier_rows(
    time: np.ndarray, event: np.ndarray, curves: np.ndarray, edges: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """The weighted squared difference of each row at each time of a grid.

    Args:
        time: [n].
        event: bool [n].
        curves: [n, K].
        edges: [K].

    Returns:
        [n, T], and the times, from 0 up to the last end, as long as somebody is under observation.
    """
    there = kaplan_meier(time, ~event)
    grid = np.linspace(0, edges[-1], _TIMES + 1)[1:]
    grid = grid[(grid < time.max()) & (_steps(*there, grid, "right") > 0)]
    grid = grid if len(grid) else edges[:1]
    survival = at_times(curves, edges, grid)
    happened = (time[:, None] <= grid) & event[:, None]
    seen = time[:, None] > grid
    before = np.maximum(_steps(*there, time, "left"), 1e-9)
    now = np.maximum(_steps(*there, grid, "right"), 1e-9)
    rows = happened * survival**2 / before[:, None] + seen * (1 - survival) ** 2 / now
    return rows, grid


def _share(above: np.ndarray, below: np.ndarray) -> np.ndarray:
    return np.divide(above, below, out=np.full(above.shape, np.nan), where=below > 0)
