"""Dealing groups (patients, recordings) to training, tuning and held-out parts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import combinations

import meds
import numpy as np

from sequela.errors import ConfigError, DataError, LeakageError
from sequela.seeds import generator

__all__ = ["PARTS", "assign_splits", "check_disjoint"]

PARTS: tuple[str, str, str] = (meds.train_split, meds.tuning_split, meds.held_out_split)


def assign_splits(
    groups: np.ndarray,
    labels: np.ndarray | None = None,
    fractions: Sequence[float] = (0.7, 0.15, 0.15),
    seed: int = 0,
) -> np.ndarray:
    """The part of each row; all rows of a group are in one part.

    Stratified: each label has its share in each part. A group with several labels counts under the
    rarest of them, so that the few positives are the ones spread evenly. A label with three or more
    groups is in every part; with fewer, in the training part first. The answer depends on which
    rows a group has, not on their order.

    Args:
        groups: [n] subject or recording ids, integers or text.
        labels: [n] the label of each row, or None for no strata.
        fractions: shares of the groups in training, tuning and held-out part; .7/.15/.15 leaves
            both small parts enough for an interval at usual cohort sizes.
        seed: the run's seed.

    Returns:
        [n] of "train", "tuning" or "held_out".

    Raises:
        ConfigError: fractions that are not three shares summing to 1.
        DataError: labels of another length, or no rows.
    """
    shares = np.asarray(fractions, dtype=np.float64)
    if shares.shape != (3,) or (shares < 0).any() or not np.isclose(shares.sum(), 1):
        raise ConfigError("fractions", got=fractions, wanted="three shares that sum to 1")
    groups = np.asarray(groups)
    if groups.ndim != 1 or not len(groups):
        raise DataError("groups", got=f"shape {groups.shape}", wanted="[n] with n > 0")
    names, row_group = np.unique(groups, return_inverse=True)
    strata = _strata(row_group, labels, len(names))
    part = np.empty(len(names), dtype=np.int64)
    carried = np.zeros(3)
    for stratum in range(int(strata.max()) + 1):
        members = np.flatnonzero(strata == stratum)
        members = generator(seed, "splits", stratum).permutation(members)
        quota = shares * len(members) + carried
        counts = _counts(quota, len(members), shares)
        carried = quota - counts
        part[members] = np.repeat(np.arange(3), counts)
    return np.array(PARTS)[part[row_group]]


def _strata(row_group: np.ndarray, labels: np.ndarray | None, group_count: int) -> np.ndarray:
    """The stratum of each group: the rank (by rarity) of the rarest of its labels."""
    if labels is None:
        return np.zeros(group_count, dtype=np.int64)
    labels = np.asarray(labels)
    if labels.shape != row_group.shape:
        raise DataError("labels", got=f"shape {labels.shape}", wanted=f"{row_group.shape}")
    distinct, row_label = np.unique(labels, return_inverse=True)
    rarity = np.argsort(np.argsort(np.bincount(row_label), kind="stable"), kind="stable")
    strata = np.full(group_count, len(distinct), dtype=np.int64)
    np.minimum.at(strata, row_group, rarity[row_label])
    return strata


def _counts(quota: np.ndarray, total: int, shares: np.ndarray) -> np.ndarray:
    """Whole numbers near ``quota`` that sum to ``total``: largest remainders, training first."""
    counts = np.maximum(np.floor(quota), 0).astype(np.int64)
    while counts.sum() > total:
        # A part that got too many before has a negative quota; it cannot give what it has not.
        counts[np.argmax(np.where(counts > 0, counts - quota, -np.inf))] -= 1
    while counts.sum() < total:
        counts[np.argmax(np.where(shares > 0, quota - counts, -np.inf))] += 1
    wanted = np.flatnonzero(shares > 0)
    for needy in wanted if total >= len(wanted) else wanted[:1]:
        if counts[needy] == 0:
            counts[np.argmax(counts)] -= 1
            counts[needy] += 1
    return counts


def check_disjoint(parts: Mapping[str, np.ndarray | Sequence[int] | Sequence[str]]) -> None:
    """Passes when no group is in two parts.

    Args:
        parts: group ids by the name of the part.

    Raises:
        LeakageError: names the two parts and how many groups they share.
    """
    for (first, left), (second, right) in combinations(parts.items(), 2):
        shared = len(np.intersect1d(np.asarray(left), np.asarray(right)))
        if shared:
            raise LeakageError(
                f"parts {first} and {second}",
                got=f"{shared} group(s) in both",
                wanted="each patient or recording in one part",
                todo="Split by patient or recording, not by row.",
            )
