"""One patient under two ids: records that are the same, or nearly, found by hashes of histories.

A history is the set of its (code, time, value), the time counted in minutes from the first dated
event, and once more from the last one, so that a record that lost its first or its last events is
found too. Equal sets are found by a sum of hashes. Sets with a large Jaccard index are found by
minima of hashes (MinHash, Broder 1997) in bands (Leskovec, Rajaraman, Ullman 2014, chapter 3): of
pairs at an index of .9, three in a million are missed; what is found is then counted exactly.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import polars as pl

from sequela.cohort.history import known_at
from sequela.events import BIRTH_CODE, EventData, has_code
from sequela.guard.finding import Finding, failed, passed, suspected
from sequela.seeds import generator

__all__ = ["Histories", "same_histories"]

_ROWS, _BANDS = 4, 12
_ANCHORS = ("first", "last")
# Of a bucket with more members than this, neighbours alone are compared: all pairs would be many.
_CROWD = 50
_MOST_PAIRS = 200_000


class Histories:
    """Fingerprints of the histories of subjects, taken shard by shard.

    Args:
        least: histories of fewer elements are not compared: short ones are alike by chance.
    """

    def __init__(self, least: int = 10):
        self.least = least
        lot = generator(0, "guard", "minhash")
        size = _ROWS * _BANDS
        self._factors = lot.integers(1, 2**63, size, dtype=np.uint64) | np.uint64(1)
        self._terms = lot.integers(0, 2**63, size, dtype=np.uint64)
        self._subjects: list[np.ndarray] = []
        self._whole: list[np.ndarray] = []
        self._minima: dict[str, list[np.ndarray]] = {anchor: [] for anchor in _ANCHORS}

    def add(self, shard: pl.DataFrame) -> None:
        """Takes in the subjects of a shard of aligned events."""
        for anchor in _ANCHORS:
            subject, element = _elements(shard, anchor, self.least)
            begins = np.flatnonzero(np.diff(subject, prepend=subject[:1] - 1))
            if anchor == "first":
                self._subjects.append(subject[begins])
                mixed = (element ^ (element >> np.uint64(29))) * np.uint64(0x9E3779B97F4A7C15)
                sums = np.add.reduceat(mixed, begins) if len(begins) else mixed
                self._whole.append(sums)
            self._minima[anchor].append(self._minhash(element, begins))

    def _minhash(self, element: np.ndarray, begins: np.ndarray) -> np.ndarray:
        found = np.empty((len(begins), len(self._factors)), np.uint32)
        if not len(begins):
            return found
        for place, (factor, term) in enumerate(zip(self._factors, self._terms, strict=True)):
            hashed = ((element * factor + term) >> np.uint64(32)).astype(np.uint32)
            found[:, place] = np.minimum.reduceat(hashed, begins)
        return found

    def equal(self) -> list[np.ndarray]:
        """Groups of two or more subjects whose histories are the same."""
        subjects, whole = self._joined()
        return [np.sort(subjects[group]) for group in _alike(whole)]

    def _joined(self) -> tuple[np.ndarray, np.ndarray]:
        empty = np.empty(0, np.int64)
        return (
            np.concatenate([empty, *self._subjects]),
            np.concatenate([empty.astype(np.uint64), *self._whole]),
        )

    def candidates(self) -> np.ndarray:
        """Pairs of subjects [p, 2] whose histories may be nearly the same, each once."""
        subjects, whole = self._joined()
        found = [np.empty((0, 2), np.int64)]
        for anchor in _ANCHORS:
            minima = np.concatenate(
                [np.empty((0, _ROWS * _BANDS), np.uint32), *self._minima[anchor]]
            )
            bands = (minima[:, start : start + _ROWS] for start in range(0, minima.shape[1], _ROWS))
            found += [_pairs(_mixed(band)) for band in bands]
        pairs = np.unique(np.concatenate(found), axis=0)
        pairs = pairs[whole[pairs[:, 0]] != whole[pairs[:, 1]]]
        return np.sort(subjects[pairs[:_MOST_PAIRS]], axis=1)


def _elements(shard: pl.DataFrame, anchor: str, least: int) -> tuple[np.ndarray, np.ndarray]:
    """Subjects and hashes of the elements of their histories, distinct and sorted."""
    known = shard.select("subject_id", "code", "numeric_value", known=known_at(shard)).filter(
        ~has_code(BIRTH_CODE) & pl.col("known").is_not_null()
    )
    start = pl.col("known").min() if anchor == "first" else pl.col("known").max()
    minutes = (pl.col("known") - start.over("subject_id")).dt.total_minutes()
    found = (
        known.with_columns(minutes=minutes)
        .select("subject_id", "code", "minutes", "numeric_value")
        .unique()
    )
    # Many codes of one moment are a form, not a history.
    found = found.filter(
        (pl.len().over("subject_id") >= least)
        & (pl.col("minutes").n_unique().over("subject_id") >= 2)
    )
    element = found.select("code", "minutes", "numeric_value").hash_rows(seed=0)
    order = np.lexsort((element.to_numpy(), found["subject_id"].to_numpy()))
    return found["subject_id"].to_numpy()[order], element.to_numpy()[order]


def _mixed(rows: np.ndarray) -> np.ndarray:
    """One number for each row [n, r], the same for equal rows; else hardly ever."""
    key = np.zeros(len(rows), np.uint64)
    for column in rows.T:
        key = (key ^ column.astype(np.uint64)) * np.uint64(0x9E3779B97F4A7C15)
        key ^= key >> np.uint64(32)
    return key


def _alike(keys: np.ndarray) -> Iterator[np.ndarray]:
    """Rows with the same key, two or more at a time."""
    order = np.argsort(keys, kind="stable")
    ordered = keys[order]
    begins = np.flatnonzero(np.append(True, ordered[1:] != ordered[:-1]))[: len(keys)]
    ends = np.append(begins[1:], len(keys))
    several = np.flatnonzero(ends - begins > 1)
    return (order[begins[place] : ends[place]] for place in several.tolist())


def _pairs(keys: np.ndarray) -> np.ndarray:
    """Pairs [p, 2] of rows with the same key, the smaller first."""
    found = [np.empty((0, 2), np.int64)]
    for group in _alike(keys):
        if len(group) <= _CROWD:
            left, right = np.triu_indices(len(group), 1)
            found.append(np.stack([group[left], group[right]], axis=1))
        else:
            found.append(np.stack([group[:-1], group[1:]], axis=1))
    return np.sort(np.concatenate(found), axis=1)


def _jaccard(data: EventData, pairs: np.ndarray, least: int) -> np.ndarray:
    """The larger of the two Jaccard indices (from the first event, from the last) of each pair."""
    best = np.zeros(len(pairs))
    for anchor in _ANCHORS:
        sets: dict[int, np.ndarray] = {}
        for shard in data.shards(np.unique(pairs)):
            subject, element = _elements(shard, anchor, least)
            cuts = np.flatnonzero(np.diff(subject)) + 1
            parts = np.split(element, cuts) if len(element) else []
            sets |= dict(zip(np.unique(subject).tolist(), parts, strict=True))
        for row, (left, right) in enumerate(pairs.tolist()):
            common = len(np.intersect1d(sets[left], sets[right]))
            union = len(np.unique(sets[left])) + len(np.unique(sets[right])) - common
            best[row] = max(best[row], common / union)
    return best


def same_histories(
    data: EventData,
    histories: Histories,
    parts: pl.DataFrame | None = None,
    *,
    bound: float = 0.9,
) -> Iterator[Finding]:
    """Whether a patient stands in the data under two ids, and on both sides of a split.

    Args:
        data: the data set, streamed once more for those who look alike.
        histories: which have taken in all its shards.
        parts: ``subject_id`` and ``split`` of those that are in one; None where it is not known.
        bound: the Jaccard index from which histories are nearly the same.

    Yields:
        ``equal_histories`` and ``near_equal_histories``.
    """
    part_of = {} if parts is None else dict(parts.select("subject_id", "split").iter_rows())
    groups = histories.equal()
    members = int(sum(len(group) for group in groups))
    across = sum(_apart([part_of.get(one) for one in group.tolist()]) for group in groups)
    yield _equal(members, len(groups), across, parts is not None)
    pairs = histories.candidates()
    pairs = pairs[_jaccard(data, pairs, histories.least) >= bound]
    apart = sum(_apart([part_of.get(left), part_of.get(right)]) for left, right in pairs.tolist())
    yield _near(len(pairs), apart, parts is not None, bound)


def _apart(parts: list[str | None]) -> bool:
    return len({part for part in parts if part is not None}) > 1


_ONE_ID = "Give each patient one id, and write the data set anew."


def _equal(members: int, groups: int, across: int, split: bool) -> Finding:
    check = "equal_histories"
    details = [{"subjects": members, "groups": groups, "across_parts": across}]
    if across:
        found = f"{across} group(s) of subjects with the same history stand in several parts"
        return failed(check, found, _ONE_ID, details)
    if members:
        where = "all of each in one part" if split else "they may come to stand in different parts"
        found = f"{members} subjects share their history with another one ({where})"
        return suspected(check, found, _ONE_ID, details)
    return passed(check, "no two subjects have the same history")


def _near(pairs: int, across: int, split: bool, bound: float) -> Finding:
    check = "near_equal_histories"
    details = [{"pairs": pairs, "across_parts": across, "jaccard": bound}]
    if not pairs:
        return passed(check, f"no two subjects have nearly the same history (Jaccard {bound:g})")
    where = f"{across} of them in different parts" if split else "they may be dealt to two parts"
    found = f"{pairs} pair(s) of subjects with nearly the same history (Jaccard {bound:g}), {where}"
    return suspected(check, found, _ONE_ID, details)
