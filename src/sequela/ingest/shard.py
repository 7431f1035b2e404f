"""One shard: its buckets read, sorted and written, with what is counted in it."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import polars as pl
import pyarrow.parquet as pq

from sequela.events.schema import in_order, to_arrow
from sequela.files import atomic_write
from sequela.ingest.deal import read_bucket

__all__ = ["shard_facts", "shard_name", "write_shard"]


def shard_name(number: int) -> str:
    """The file of a shard, as :func:`sequela.events.write_events` names it."""
    return f"{number:04d}.parquet"


def shard_facts(folder: Path, number: int) -> dict[str, Any] | None:
    """What :func:`write_shard` counted; None where the shard was not written to its end."""
    try:
        return json.loads((folder / f"{number:04d}.json").read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None


def write_shard(
    folder: Path,
    number: int,
    buckets: Sequence[tuple[Sequence[Path], int]],
    available: bool,
) -> None:
    """Writes a shard and, when it is whole, its facts.

    Args:
        folder: for ``NNNN.parquet`` and ``NNNN.json``.
        number: of the shard.
        buckets: for each bucket the folders of its pieces and its number.
        available: whether ``available_time`` is written.
    """
    frames = [frame for folders, bucket in buckets for frame in read_bucket(folders, bucket)]
    events = in_order(pl.concat(frames, rechunk=False))
    del frames
    path = folder / shard_name(number)
    pq.write_table(to_arrow(events, available), path, compression="zstd")
    atomic_write(folder / f"{number:04d}.json", json.dumps(_facts(events)))


def _facts(events: pl.DataFrame) -> Mapping[str, Any]:
    years = (
        events.lazy()
        .select("subject_id", pl.col("time").dt.year().alias("year"))
        .drop_nulls()
        .unique()
        .group_by("year")
        .len("subjects")
        .sort("year")
        .collect()
    )
    return {
        "events": events.height,
        "subjects": events["subject_id"].n_unique(),
        "codes": events["code"].unique().sort().to_list(),
        "years": {str(year): subjects for year, subjects in years.iter_rows()},
    }
