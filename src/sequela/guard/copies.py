"""Copies of records as they stood at a moment, or with another future, as data sets in memory.

Each pair of subject and prediction time gets a record of its own, so that a subject with several
predictions is tried at each of them at once. The record's subject is the number of the pair.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import numpy as np
import polars as pl

from sequela.cohort.history import known_at
from sequela.events import AVAILABLE, BIRTH_CODE, COLUMNS, DEATH_CODE, EventData

__all__ = ["CLOCK", "Records", "another_future", "copies", "ticking", "truncated"]

#: A code that no vocabulary holds: somebody is still there.
CLOCK = "SEQUELA//CLOCK"

_HOUR = 3_600_000_000
_DAY = 24 * _HOUR


class Records(EventData):
    """Events in memory that take the place of a data set, whose table of codes they share.

    Args:
        events: aligned events, sorted by subject and time.
        like: the data set.
    """

    def __init__(self, events: pl.DataFrame, like: EventData):
        super().__init__(like.root, ())
        self.events, self._like = events, like

    def shards(self, subjects: Iterable[int] | np.ndarray | None = None) -> Iterator[pl.DataFrame]:
        """The events, or those of some subjects, as one shard."""
        events = self.events
        if subjects is not None:
            chosen = pl.DataFrame({"subject_id": np.unique(np.asarray(list(subjects), np.int64))})
            events = events.join(chosen, on="subject_id", how="semi", maintain_order="left")
        if events.height:
            yield events

    def subject_ids(self) -> np.ndarray:
        """The ids of all subjects, int64, sorted."""
        return self.events["subject_id"].unique().sort().to_numpy()

    def splits(self) -> None:
        """Copies are in no part."""
        return

    def code_descriptions(self) -> dict[str, str]:
        """Those of the data set."""
        return self._like.code_descriptions()

    def code_children(self) -> dict[str, list[str]]:
        """Those of the data set."""
        return self._like.code_children()


def copies(data: EventData, pairs: pl.DataFrame) -> pl.DataFrame:
    """The whole record of each pair.

    Args:
        data: the data set, streamed.
        pairs: ``subject_id``, ``prediction_time``.

    Returns:
        Aligned events whose ``subject_id`` is the row of the pair, sorted by it and time, with the
        columns ``moment``, the pair's prediction time, and ``known``, when the event became known.
    """
    rows = pairs.select(
        pl.col("subject_id").cast(pl.Int64),
        moment=pl.col("prediction_time").cast(pl.Datetime("us")),
    ).with_row_index("pair")
    kinds = {**COLUMNS, "moment": pl.Datetime("us"), "known": pl.Datetime("us")}
    parts = []
    for shard in data.shards(rows["subject_id"].unique().to_numpy()):
        known = shard.with_columns(known=known_at(shard))
        found = known.join(rows, on="subject_id", maintain_order="left_right")
        found = found.with_columns(subject_id=pl.col("pair").cast(pl.Int64))
        if AVAILABLE not in found.columns:
            found = found.with_columns(pl.col("time").alias(AVAILABLE))
        parts.append(found.select(pl.col(name).cast(kind) for name, kind in kinds.items()))
    whole = pl.concat(parts) if parts else pl.DataFrame(schema=kinds)
    return _sorted(whole)


def _sorted(events: pl.DataFrame) -> pl.DataFrame:
    return events.sort("subject_id", "time", nulls_last=False, maintain_order=True)


def truncated(whole: pl.DataFrame) -> pl.DataFrame:
    """Of :func:`copies`, what was known at the moment of each, as aligned events."""
    seen = pl.col("known").is_null() | (pl.col("known") <= pl.col("moment"))
    return whole.filter(seen).select(list(COLUMNS))


def ticking(events: pl.DataFrame, pairs: pl.DataFrame, after: pl.Series) -> pl.DataFrame:
    """Records that go on: each gets one event of :data:`CLOCK` just after ``after``.

    Args:
        events: aligned events of copies.
        pairs: as for :func:`copies`.
        after: a time for each pair.
    """
    clock = _events(
        np.arange(pairs.height),
        _microseconds(after) + 1,
        np.full(pairs.height, CLOCK, object),
        np.full(pairs.height, np.nan),
    )
    return _sorted(pl.concat([events, clock]))


def another_future(
    whole: pl.DataFrame,
    pairs: pl.DataFrame,
    lot: np.random.Generator,
    *,
    after: pl.Series | None = None,
) -> pl.DataFrame:
    """Of :func:`copies`, records whose events after the moment are others.

    Of those events a third is deleted; the rest get other codes, values of others and other times;
    and events are added, from one microsecond to years after the moment. Births, deaths
    and sexes are among the codes, and some events are dated before the moment, to be known after
    it only.

    Args:
        whole: the copies.
        pairs: as for :func:`copies`.
        lot: draws the changes.
        after: leave alone what became known up to this time of each pair; the moment by default.
    """
    moment = pairs["prediction_time"].cast(pl.Datetime("us"))
    begins = moment if after is None else after
    future = (pl.col("known") > pl.col("begins")).fill_null(False)
    placed = whole.with_columns(begins=begins.gather(whole["subject_id"].to_numpy()))
    past = placed.filter(~future).select(list(COLUMNS))
    gone = placed.filter(future)
    gone = gone.filter(pl.Series(lot.random(gone.height) < 2 / 3, dtype=pl.Boolean))
    pool = {*whole["code"].unique().to_list(), DEATH_CODE, BIRTH_CODE, "GENDER//F", "GENDER//M"}
    names = np.array(sorted(pool), object)
    added = np.repeat(np.arange(pairs.height), lot.integers(0, 9, pairs.height))
    subject = np.concatenate([gone["subject_id"].to_numpy(), added])
    values = np.concatenate(
        [gone["numeric_value"].fill_null(np.nan).to_numpy(), lot.normal(0, 100, len(added))]
    )
    start = _microseconds(begins)[subject]
    known = start + _delays(lot, len(subject))
    # What happened before may become known after: it must not be seen either.
    before = lot.random(len(subject)) < 0.3
    time = np.where(before, start - lot.integers(0, 4000 * _DAY, len(subject)), known)
    new = _events(
        subject, known, names[lot.integers(0, len(names), len(subject))], lot.permutation(values)
    ).with_columns(time=pl.Series(time).cast(pl.Datetime("us")))
    return _sorted(pl.concat([past, new.select(list(COLUMNS))]))


def _delays(lot: np.random.Generator, count: int) -> np.ndarray:
    kind = lot.integers(0, 4, count)
    scale = np.array([1, _HOUR, 30 * _DAY, 3000 * _DAY])[kind]
    return np.where(kind == 0, 1, 1 + (lot.random(count) * scale).astype(np.int64))


def _microseconds(times: pl.Series) -> np.ndarray:
    return times.cast(pl.Datetime("us")).to_physical().to_numpy()


def _events(
    subject: np.ndarray, time: np.ndarray, code: np.ndarray, value: np.ndarray
) -> pl.DataFrame:
    times = pl.Series(time, dtype=pl.Int64).cast(pl.Datetime("us"))
    frame = {
        "subject_id": pl.Series(subject, dtype=pl.Int64),
        "time": times,
        "code": pl.Series(code.tolist(), dtype=pl.String),
        "numeric_value": pl.Series(value, dtype=pl.Float64).fill_nan(None).cast(pl.Float32),
        "text_value": pl.repeat(None, len(subject), dtype=pl.String, eager=True),
        "available_time": times,
    }
    return pl.DataFrame(frame).select(list(COLUMNS))
