"""What was known of a subject at the prediction time: nothing later ever leaves this file.

A subject who is asked about every hour has a sample every hour, and each sees nearly what the one
before it saw. So events are held once, and a sample is a stretch of them.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

import numpy as np
import polars as pl

from sequela.cohort.history import known_at
from sequela.cohort.occurrences import UNDATED, search
from sequela.errors import DataError, SchemaError
from sequela.events import BIRTH_CODE, EventData
from sequela.events.coded import CodedEvents, numbered

__all__ = ["Observations", "observation_events", "observations"]

_KINDS = {
    "sample": pl.UInt32(),
    "time": pl.Datetime("us"),
    "code": pl.String(),
    "numeric_value": pl.Float32(),
}
_KEYS = ("subject_id", "prediction_time")


@dataclass(frozen=True, eq=False)
class Observations:
    """Events, each held once, and which of them each sample sees.

    Rows are sorted by record and by the time at which they became known; those without a time come
    first. A record is what any sample of one subject sees.

    Args:
        record: int32 [m], the record of each row; those of one record stand together.
        time: int64 [m], microseconds; :data:`~sequela.cohort.occurrences.UNDATED` for static facts.
        code: int32 [m], the place of its code in ``names``.
        value: float32 [m], NaN where there is none.
        names: distinct codes.
        owner: int64 [n], the record of each sample.
        facts: int64 [2, n], where the static facts of each sample begin and end.
        seen: int64 [2, n], where what it sees with a time begins and ends.
    """

    record: np.ndarray
    time: np.ndarray
    code: np.ndarray
    value: np.ndarray
    names: pl.Series
    owner: np.ndarray
    facts: np.ndarray
    seen: np.ndarray

    @classmethod
    def of_table(cls, events: pl.DataFrame, samples: int) -> Observations:
        """Each sample a record of its own.

        Args:
            events: ``sample`` (from 0 to ``samples``), ``time``, ``code`` and, where there,
                ``numeric_value``; any order; those of one time keep theirs. Rows without a code
                are passed over.
            samples: how many there are.
        """
        if "numeric_value" not in events.columns:
            events = events.with_columns(numeric_value=pl.lit(None, pl.Float32))
        events = events.filter(pl.col("code").is_not_null()).select(
            [pl.col(name).cast(kind) for name, kind in _KINDS.items()]
        )
        coded = numbered(events.rename({"sample": "subject_id"}))
        record = coded.frame["subject_id"].to_numpy().astype(np.int32)
        columns = _Columns(record, _microseconds(coded.frame["time"]), *_contents(coded.frame))
        columns = columns.sorted()
        begin = np.searchsorted(columns.record, np.arange(samples + 1))
        dated = search(columns.time, begin[:-1], begin[1:], np.full(samples, UNDATED), after=True)
        return cls(
            columns.record,
            columns.time,
            columns.code,
            columns.value,
            coded.names,
            np.arange(samples),
            np.stack([begin[:-1], dated]),
            np.stack([dated, begin[1:]]),
        )

    def __len__(self) -> int:
        """The number of samples ``n``."""
        return len(self.owner)

    def counts(self, chosen: np.ndarray | None = None) -> np.ndarray:
        """Int64 [m], how many samples see each row.

        Args:
            chosen: int64, the samples that count; all by default.
        """
        low, high = np.concatenate([self.facts, self.seen], axis=1)
        if chosen is not None:
            both = np.concatenate([chosen, chosen + len(self)])
            low, high = low[both], high[both]
        size = len(self.time) + 1
        change = np.bincount(low, minlength=size) - np.bincount(high, minlength=size)
        return np.cumsum(change[:-1])

    def only(self, kept: np.ndarray) -> Observations:
        """The same without some of the events; ``kept`` is bool [m]."""
        if kept.all():
            return self
        place = np.concatenate([[0], np.cumsum(kept)])
        return replace(
            self,
            record=self.record[kept],
            time=self.time[kept],
            code=self.code[kept],
            value=self.value[kept],
            facts=place[self.facts],
            seen=place[self.seen],
        )

    def dated(self) -> Observations:
        """The same without static facts."""
        return self.only(self.time != UNDATED)

    def recoded(self, names: pl.Series, which: np.ndarray, counts: np.ndarray) -> Observations:
        """The same with other codes in the place of each.

        Args:
            names: distinct codes.
            which: int64, places in ``names``: those of the first code of before, then those of the
                second, and so on.
            counts: int64, how many each code of before has, at least 1. Its events are repeated.
        """
        first = np.cumsum(counts) - counts
        if (counts == 1).all():
            return replace(self, names=names, code=which[self.code].astype(np.int32))
        times = counts[self.code]
        rows = np.repeat(np.arange(len(times)), times)
        place = np.concatenate([[0], np.cumsum(times)])
        within = np.arange(len(rows)) - place[rows]
        return replace(
            self,
            names=names,
            record=self.record[rows],
            time=self.time[rows],
            code=which[first[self.code[rows]] + within].astype(np.int32),
            value=self.value[rows],
            facts=place[self.facts],
            seen=place[self.seen],
        )

    def apart(self) -> Observations:
        """The same with a record for each sample; what several see is there several times."""
        return self.of_table(self.table(), len(self))

    def codes(self) -> pl.Series:
        """The distinct codes that any sample sees, sorted."""
        there = np.bincount(self.code[self.counts() > 0], minlength=len(self.names)) > 0
        return self.names.filter(pl.Series(there)).sort()

    def table(
        self, samples: np.ndarray | None = None, codes: Iterable[str] | None = None
    ) -> pl.DataFrame:
        """A row for each event that a sample sees.

        Args:
            samples: int64, those that are wanted, numbered anew in this order; all by default.
            codes: only these; all by default.

        Returns:
            ``sample`` (uint32), ``time`` (null for static facts), ``code``, ``numeric_value``,
            sorted by sample and time, static facts first.
        """
        if codes is not None:
            wanted = self.names.is_in(list(codes)).to_numpy()
            return self.only(wanted[self.code]).table(samples)
        chosen = np.arange(len(self)) if samples is None else np.asarray(samples, np.int64)
        low = np.stack([self.facts[0][chosen], self.seen[0][chosen]], axis=1).ravel()
        high = np.stack([self.facts[1][chosen], self.seen[1][chosen]], axis=1).ravel()
        counts = np.maximum(high - low, 0)
        begin = np.cumsum(counts) - counts
        rows = np.arange(int(counts.sum())) + np.repeat(low - begin, counts)
        sample = np.repeat(np.arange(len(counts)) // 2, counts)
        return self._frame(sample, rows)

    def static(self) -> pl.DataFrame:
        """As :meth:`table`, of static facts alone."""
        nothing = np.zeros_like(self.seen)
        return replace(self, seen=nothing).table()

    def _frame(self, sample: np.ndarray, rows: np.ndarray) -> pl.DataFrame:
        time = self.time[rows]
        frame = pl.DataFrame(
            {
                "sample": sample.astype(np.uint32),
                "time": pl.Series(time, dtype=pl.Int64),
                "code": self.names.gather(self.code[rows]),
                "numeric_value": pl.Series(self.value[rows], dtype=pl.Float32).fill_nan(None),
            }
        )
        dated = pl.when(pl.col("time") != UNDATED).then(pl.col("time"))
        return frame.with_columns(dated.cast(pl.Datetime("us")).alias("time"))


def observation_events(
    data: EventData,
    labels: pl.DataFrame,
    observation_days: int | None = None,
    *,
    windows: pl.DataFrame | None = None,
) -> pl.DataFrame:
    """The events of each sample's observation window as a table.

    It is :meth:`Observations.table` of :func:`observations`: an event stands in it as often as
    samples see it, so that its size grows with the number of predictions of a subject.
    """
    return observations(data, labels, observation_days, windows=windows).table()


def observations(
    data: EventData,
    labels: pl.DataFrame,
    observation_days: int | None = None,
    *,
    windows: pl.DataFrame | None = None,
) -> Observations:
    """The events of each sample's observation window, ``(t - observation_days, t]``.

    An event counts from the time it became known, and has that time here. Births are left out:
    decades before the first visit, they would only distort time gaps; age is among the subgroups.
    Static facts are kept and have no time.

    Args:
        data: the data set, streamed; only shards with a labelled subject are read.
        labels: ``subject_id``, ``prediction_time``; a row is a sample; a subject may stand in it
            several times, or be unknown to the data (its sample then has no events).
        observation_days: length of the window; None for the whole record before the prediction.
        windows: of a cohort, a row for each label, in place of ``observation_days``: what begins at
            an admission, or ends before the prediction. Their end is never after it.

    Raises:
        SchemaError: the labels lack a column.
        DataError: the windows are not those of the labels.
    """
    for name in _KEYS:
        if name not in labels.columns:
            raise SchemaError(f"column '{name}' of the labels", got="no such column")
    keys = labels.select(
        pl.col("subject_id").cast(pl.Int64), pl.col("prediction_time").cast(pl.Datetime("us"))
    )
    bounds = _bounded(keys, observation_days, windows)
    subjects, owner = np.unique(keys["subject_id"].to_numpy(), return_inverse=True)
    owner = owner.astype(np.int64)
    start = _microseconds(bounds["observation_start"])
    end = _microseconds(bounds["observation_end"])
    facts, seen = np.zeros((2, len(owner)), np.int64), np.zeros((2, len(owner)), np.int64)
    parts: list[_Columns] = []
    names: dict[str, int] = {}
    begin = 0
    for shard in data.coded(subjects):
        part = _Columns.of(shard, subjects, names).sorted()
        there = np.zeros(len(subjects), bool)
        there[part.record] = True
        mine = np.flatnonzero(there[owner])
        low = np.searchsorted(part.record, owner[mine], side="left")
        high = np.searchsorted(part.record, owner[mine], side="right")
        dated = search(part.time, low, high, np.full(len(mine), UNDATED), after=True)
        first = search(part.time, dated, high, start[mine], after=True)
        last = search(part.time, dated, high, end[mine], after=True)
        facts[:, mine] = begin + np.stack([low, dated])
        seen[:, mine] = begin + np.stack([first, np.maximum(first, last)])
        parts.append(part)
        begin += len(part.time)
    whole = _Columns.joined(parts)
    codes = pl.Series("code", list(names), dtype=pl.String())
    found = Observations(
        whole.record, whole.time, whole.code, whole.value, codes, owner, facts, seen
    )
    return found.only(found.counts() > 0)


@dataclass(frozen=True)
class _Columns:
    record: np.ndarray
    time: np.ndarray
    code: np.ndarray
    value: np.ndarray

    @classmethod
    def of(cls, shard: CodedEvents, subjects: np.ndarray, names: dict[str, int]) -> _Columns:
        """The events of a shard but for births; new codes are added to ``names``."""
        birth = (shard.names == BIRTH_CODE) | shard.names.str.starts_with(f"{BIRTH_CODE}//")
        frame = shard.frame
        if birth.any():
            frame = frame.filter(pl.Series(~birth.to_numpy()[frame["code"].to_numpy()]))
        known = frame.select(known_at(frame)).to_series()
        record = np.searchsorted(subjects, frame["subject_id"].to_numpy()).astype(np.int32)
        code, value = _contents(frame)
        number = np.array([names.setdefault(name, len(names)) for name in shard.names], np.int32)
        return cls(record, _microseconds(known), number[code], value)

    def sorted(self) -> _Columns:
        """By record and time; those of one time keep their order."""
        risen = self.record[1:] > self.record[:-1]
        same = self.record[1:] == self.record[:-1]
        if (risen | (same & (self.time[1:] >= self.time[:-1]))).all():
            return self
        order = np.lexsort((self.time, self.record))
        return _Columns(self.record[order], self.time[order], self.code[order], self.value[order])

    @classmethod
    def joined(cls, parts: list[_Columns]) -> _Columns:
        """One behind the other."""
        if len(parts) == 1:
            return parts[0]
        kinds = {"record": np.int32, "time": np.int64, "code": np.int32, "value": np.float32}
        return cls(
            *(
                np.concatenate([np.empty(0, kind), *(getattr(part, name) for part in parts)])
                for name, kind in kinds.items()
            )
        )


def _contents(frame: pl.DataFrame) -> tuple[np.ndarray, np.ndarray]:
    value = frame["numeric_value"].cast(pl.Float32).fill_null(float("nan"))
    return frame["code"].to_numpy(), value.to_numpy()


def _microseconds(times: pl.Series) -> np.ndarray:
    return times.cast(pl.Datetime("us")).to_physical().fill_null(UNDATED).to_numpy()


def _bounded(keys: pl.DataFrame, days: int | None, windows: pl.DataFrame | None) -> pl.DataFrame:
    index = pl.col("prediction_time")
    if windows is None:
        start = pl.lit(None, pl.Datetime("us")) if days is None else index - pl.duration(days=days)
        return keys.with_columns(observation_start=start, observation_end=index)
    if not windows.select(_KEYS).equals(keys):
        raise DataError("the observation windows", got="other samples than those of the labels")
    end = pl.min_horizontal("observation_end", "prediction_time")
    return windows.select(*_KEYS, "observation_start", observation_end=end)
