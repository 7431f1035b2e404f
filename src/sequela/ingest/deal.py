"""Dealing events to buckets by subject: after it, a bucket is all there is to know of its subjects.

Events come in the order of the source; a subject's lie anywhere in it. They are collected, sorted
by bucket and written in pieces. A piece is an Arrow file with one batch for each bucket, so that a
bucket is read by its place, without touching the others.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import groupby
from operator import itemgetter
from pathlib import Path

import numpy as np
import polars as pl
import pyarrow as pa

from sequela.events import COLUMNS

__all__ = ["BUCKETS", "bucket_of", "deal", "deal_runs", "read_bucket"]

#: Enough that a bucket of a hundred million events is small, few enough to be batches of one file.
BUCKETS = 256

# Rows of a piece: below, batches get too small; above, memory is held for nothing.
_PIECE_ROWS = 1_000_000
_SCHEMA = pa.schema(
    [
        ("subject_id", pa.int64()),
        ("time", pa.timestamp("us")),
        ("code", pa.large_string()),
        ("numeric_value", pa.float32()),
        ("text_value", pa.large_string()),
        ("available_time", pa.timestamp("us")),
    ]
)


def bucket_of(subjects: np.ndarray, level: int = 0) -> np.ndarray:
    """The bucket of each subject: eight bits of a mixed number, so that any ids spread evenly.

    The mixing is the finaliser of SplitMix64 (Steele, Lea, Flood, OOPSLA 2014), written here so
    that no version of a library changes where a subject lies.

    Args:
        subjects: [n] int64.
        level: 0 takes the first eight bits, 1 the next, up to 7.

    Returns:
        [n] uint8.
    """
    mixed = subjects.astype(np.uint64)
    with np.errstate(over="ignore"):
        mixed = (mixed ^ (mixed >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        mixed = (mixed ^ (mixed >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    mixed ^= mixed >> np.uint64(31)
    return (mixed >> np.uint64(56 - 8 * level)).astype(np.uint8)


def deal(frames: Iterable[pl.DataFrame], folder: Path, level: int = 0) -> np.ndarray:
    """Writes events into pieces below ``folder``, in the order of the frames.

    Args:
        frames: with the columns of :data:`sequela.events.COLUMNS`.
        folder: exists and is empty.
        level: see :func:`bucket_of`.

    Returns:
        [BUCKETS] int64, the events of each bucket.
    """
    counts = np.zeros(BUCKETS, np.int64)
    held: list[pl.DataFrame] = []
    rows = number = 0
    for frame in frames:
        held.append(frame)
        rows += frame.height
        if rows >= _PIECE_ROWS:
            counts += _write_piece(pl.concat(held), folder / f"{number:06d}.arrow", level)
            held, rows, number = [], 0, number + 1
    if rows:
        counts += _write_piece(pl.concat(held), folder / f"{number:06d}.arrow", level)
    return counts


def deal_runs(runs: Iterable[tuple[int, pl.DataFrame]], folder: Path) -> np.ndarray:
    """Writes events into a piece for each run, for processes that deal one table together.

    Args:
        runs: the number of its run with each frame; those of a run follow one another.
        folder: exists. Pieces of other runs are left alone.

    Returns:
        As :func:`deal`.
    """
    counts = np.zeros(BUCKETS, np.int64)
    for number, frames in groupby(runs, key=itemgetter(0)):
        frame = pl.concat(frame for _, frame in frames)
        counts += _write_piece(frame, folder / f"{number:06d}.arrow", 0)
    return counts


def _write_piece(frame: pl.DataFrame, path: Path, level: int) -> np.ndarray:
    bucket = bucket_of(frame["subject_id"].to_numpy(), level)
    # Stable: within a bucket the order of the source is kept.
    order = np.argsort(bucket, kind="stable")
    counts = np.bincount(bucket, minlength=BUCKETS)
    table = frame[order].select(list(COLUMNS)).to_arrow().cast(_SCHEMA).combine_chunks()
    ends = np.cumsum(counts)
    options = pa.ipc.IpcWriteOptions(compression="lz4")
    unfinished = path.with_suffix(".part")
    with pa.ipc.new_file(str(unfinished), _SCHEMA, options=options) as writer:
        for start, end in zip(ends - counts, ends, strict=True):
            rows = table.slice(start, end - start)
            batches = rows.to_batches() or [pa.RecordBatch.from_pylist([], schema=_SCHEMA)]
            writer.write_batch(batches[0])
    # A piece may take the place of the same one, written by another number of processes.
    unfinished.rename(path)
    return counts


def read_bucket(folders: Iterable[Path], bucket: int) -> Iterator[pl.DataFrame]:
    """The events of one bucket, piece by piece: folder by folder, each in the order it was dealt.

    Yields:
        Frames with the columns of :data:`sequela.events.COLUMNS`; never an empty one.
    """
    for folder in folders:
        for path in sorted(folder.glob("*.arrow")):
            with pa.memory_map(str(path)) as source, pa.ipc.open_file(source) as reader:
                batch = reader.get_batch(bucket)
                if batch.num_rows:
                    yield pl.DataFrame(pa.Table.from_batches([batch]))
