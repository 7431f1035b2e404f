"""The hidden folder beside the data set in which an ingestion does its work, and goes on with it.

It holds the events of each table, dealt to buckets, and the shards so far. Each part is marked when
it is whole; what is not marked is done again. The folder belongs to one input: another one starts
with an empty folder.
"""

from __future__ import annotations

import json
import shutil
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from sequela.events import AVAILABLE, Drops, Table
from sequela.events.schema import conform
from sequela.files import atomic_write
from sequela.ingest.deal import BUCKETS, deal, deal_runs, read_bucket

__all__ = ["Bucket", "Work", "deal_part", "deal_table", "plan_shards"]


class Work:
    """The folder and its parts.

    Args:
        folder: exists; only one process at a time is at work in it.
        identity: of the input; the folder of another input is emptied. None empties it always.
    """

    def __init__(self, folder: Path, identity: str | None):
        self.folder = folder
        mark = folder / "identity"
        known = mark.read_text(encoding="utf-8") if mark.is_file() else None
        if identity is None or known != identity:
            for path in folder.iterdir():
                if path.is_dir():
                    shutil.rmtree(path)
                else:
                    path.unlink()
            atomic_write(mark, identity or "")
        self.shards = folder / "shards"
        self.shards.mkdir(exist_ok=True)

    def table(self, place: int) -> Path:
        """The folder of the table at ``place``."""
        return self.folder / f"table{place:03d}"

    def facts(self, place: int) -> dict[str, Any] | None:
        """What was counted of a table; None where it was not read to its end."""
        whole = self._read(self._mark(place))
        if whole is not None:
            return whole
        for of in sorted({int(mark.stem.partition("of")[2]) for mark in self._parts(place)}):
            parts = [self._read(self._mark(place, (part, of))) for part in range(of)]
            there = [part for part in parts if part is not None]
            if len(there) == of:
                return _together(there)
        return None

    def keep_facts(
        self, place: int, facts: Mapping[str, Any], share: tuple[int, int] | None = None
    ) -> None:
        """Says that a table, or a part of it, was read to its end."""
        atomic_write(self._mark(place, share), json.dumps(facts))

    def has_part(self, place: int, share: tuple[int, int]) -> bool:
        """Whether this part of a table was read to its end."""
        return self._mark(place, share).is_file()

    def forget_parts(self, place: int) -> None:
        """Before what they dealt is removed."""
        for mark in self._parts(place):
            mark.unlink()

    def _parts(self, place: int) -> list[Path]:
        return list(self.folder.glob(f"table{place:03d}.*of*.json"))

    def _mark(self, place: int, share: tuple[int, int] | None = None) -> Path:
        end = "" if share is None else f".{share[0]}of{share[1]}"
        return self.folder / f"table{place:03d}{end}.json"

    def _read(self, path: Path) -> dict[str, Any] | None:
        return json.loads(path.read_text(encoding="utf-8")) if path.is_file() else None


def deal_table(
    work: Work,
    place: int,
    table: Table,
    drops: Drops,
    told: Callable[[int], None] | None = None,
) -> None:
    """Reads a table to its end and deals it; nothing of an earlier attempt stays.

    Args:
        work: the folder.
        place: of the table among those of the source.
        table: to be read.
        drops: the source's counts.
        told: is called with the number of events so far.
    """
    folder = work.table(place)
    work.forget_parts(place)
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    work.keep_facts(place, _dealt(folder, table, drops, None, told))


def deal_part(work: Work, place: int, table: Table, drops: Drops, share: tuple[int, int]) -> None:
    """Reads one part of a table that several processes share.

    Args:
        work, place, table, drops: as for :func:`deal_table`.
        share: which of how many parts.
    """
    folder = work.table(place)
    # What another number of processes left is the same, or is written anew.
    folder.mkdir(exist_ok=True)
    work.keep_facts(place, _dealt(folder, table, drops, share), share)


def _dealt(
    folder: Path,
    table: Table,
    drops: Drops,
    share: tuple[int, int] | None,
    told: Callable[[int], None] | None = None,
) -> dict[str, Any]:
    before = drops.counts()
    later, events_so_far = False, 0

    def conformed(frames: Iterable[tuple[int, pl.DataFrame]]) -> Iterator[tuple[int, pl.DataFrame]]:
        nonlocal later, events_so_far
        for run, frame in frames:
            if frame.height:
                events = conform(frame, f"table {table.name}")
                if AVAILABLE in frame.columns:
                    later |= bool((events[AVAILABLE].ne_missing(events["time"])).any())
                yield run, events
                events_so_far += events.height
                if told:
                    told(events_so_far)

    if table.share is None:
        counts = deal((frame for _, frame in conformed((0, f) for f in table.frames())), folder)
    else:
        counts = deal_runs(conformed(table.share(*(share or (0, 1)))), folder)
    lost = {key: rows - before.get(key, 0) for key, rows in drops.counts().items()}
    return {
        "counts": counts.tolist(),
        "available": later,
        "dropped": [[*key, rows] for key, rows in lost.items() if rows],
    }


def _together(parts: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """The facts of a table from those of its parts."""
    dropped: Counter[tuple[str, str]] = Counter()
    for part in parts:
        dropped.update({(table, reason): rows for table, reason, rows in part["dropped"]})
    return {
        "counts": np.sum([part["counts"] for part in parts], axis=0).tolist(),
        "available": any(part["available"] for part in parts),
        "dropped": [[*key, rows] for key, rows in sorted(dropped.items())],
    }


#: The folders of its pieces, and its number in them.
Bucket = tuple[tuple[Path, ...], int]


def plan_shards(
    work: Work, facts: Sequence[Mapping[str, Any]], shard_events: int
) -> list[list[Bucket]]:
    """Which buckets make up each shard; it depends on the events alone.

    Buckets that follow one another share a shard as long as it stays within ``shard_events``. A
    bucket that is larger is dealt anew by the next bits of the subject's number.
    """
    folders = tuple(work.table(place) for place in range(len(facts)))
    tables = np.zeros((len(facts), BUCKETS), np.int64)
    for place, each in enumerate(facts):
        tables[place] = each["counts"]
    parts: list[tuple[int, Bucket]] = []
    for bucket, events in enumerate(tables.sum(0).tolist()):
        if not events:
            continue
        if events <= shard_events:
            parts.append((events, (folders, bucket)))
            continue
        finer = work.folder / f"bucket{bucket:03d}"
        for inner, count in enumerate(_deal_again(finer, folders, bucket)):
            if count:
                parts.append((count, ((finer,), inner)))
    shards: list[list[Bucket]] = []
    room = 0
    for count, part in parts:
        if count > room or not shards:
            shards.append([])
            room = shard_events
        shards[-1].append(part)
        room -= count
    return shards


def _deal_again(folder: Path, folders: Sequence[Path], bucket: int) -> list[int]:
    mark = folder.with_suffix(".json")
    if mark.is_file():
        return json.loads(mark.read_text(encoding="utf-8"))
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    counts = deal(read_bucket(folders, bucket), folder, level=1).tolist()
    atomic_write(mark, json.dumps(counts))
    return counts
