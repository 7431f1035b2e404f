"""Writing a MEDS 0.4 data set that appears whole or not at all."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from pathlib import Path

import meds
import numpy as np
import polars as pl
import pyarrow.parquet as pq

from sequela.errors import DataError, LeakageError, SchemaError
from sequela.events.schema import AVAILABLE, align, to_arrow
from sequela.events.splits import PARTS
from sequela.files import publish_directory

__all__ = ["write_events", "write_metadata"]


def write_events(
    root: Path | str,
    shards: Iterable[pl.DataFrame],
    codes: pl.DataFrame | None = None,
    splits: pl.DataFrame | None = None,
    dataset: Mapping[str, object] | None = None,
    *,
    replace: bool = False,
) -> Path:
    """Writes events as MEDS 0.4: ``data/*.parquet`` and ``metadata/``; same input, same bytes.

    Args:
        root: the new folder.
        shards: near-MEDS frames, written and forgotten one after the other; the events of a subject
            lie in one of them. Empty frames are passed over. The column ``available_time`` is
            written if the frames have it; all of them have it or none.
        codes: columns ``code``, and ``description`` and ``parent_codes`` (a list) where known;
            codes of the events that are not in it are added.
        splits: columns ``subject_id`` and ``split`` (train, tuning, held_out).
        dataset: keys of MEDS ``dataset.json`` such as ``dataset_name``, ``license``.
        replace: take the place of an existing folder.

    Returns:
        The root.

    Raises:
        OutputError: the folder exists, or cannot be written.
        LeakageError: a subject in two shards or in two parts.
        SchemaError: a frame with ``available_time`` beside one without.
        DataError: a frame that cannot be aligned, or no event at all.
    """
    root = Path(root)
    with publish_directory(root, replace=replace) as folder:
        (folder / meds.data_subdirectory).mkdir()
        (folder / "metadata").mkdir()
        seen = _write_shards(folder / meds.data_subdirectory, shards)
        write_metadata(folder, seen, codes, splits, dataset)
    return root


def write_metadata(
    folder: Path,
    seen: pl.Series,
    codes: pl.DataFrame | None = None,
    splits: pl.DataFrame | None = None,
    dataset: Mapping[str, object] | None = None,
) -> None:
    """Writes ``metadata/`` of a data set into a folder that holds ``data/`` already.

    Args:
        folder: the root; its folder ``metadata`` exists.
        seen: the distinct codes of the events.
        codes, splits, dataset: as for :func:`write_events`.
    """
    pq.write_table(_code_table(codes, seen), folder / meds.code_metadata_filepath)
    if splits is not None:
        pq.write_table(_split_table(splits), folder / meds.subject_splits_filepath)
    facts = {"meds_version": meds.__version__, "etl_name": "sequela", **(dataset or {})}
    meds.DatasetMetadataSchema.validate(facts)
    text = json.dumps(facts, indent=2, sort_keys=True, ensure_ascii=False)
    (folder / meds.dataset_metadata_filepath).write_text(text + "\n", encoding="utf-8")


def _write_shards(folder: Path, shards: Iterable[pl.DataFrame]) -> pl.Series:
    """Writes the events; returns their distinct codes, sorted."""
    subjects = np.empty(0, np.int64)
    codes = pl.Series("code", [], pl.String())
    number, available = 0, None
    for frame in shards:
        if not frame.height:
            continue
        has = AVAILABLE in frame.columns
        if available not in (None, has):
            got = "some shards with it and some without"
            raise SchemaError(f"column '{AVAILABLE}'", got=got, wanted="all or none")
        available = has
        events = align(frame, f"shard {number}")
        present = events["subject_id"].unique().to_numpy()
        shared = np.isin(present, subjects).sum()
        if shared:
            raise LeakageError(
                f"shard {number}",
                got=f"{shared} subject(s) of an earlier shard",
                wanted="each subject in one shard",
            )
        subjects = np.concatenate([subjects, present])
        codes = pl.concat([codes, events["code"].unique()]).unique()
        table = to_arrow(events, available)
        pq.write_table(table, folder / f"{number:04d}.parquet", compression="zstd")
        number += 1
    if not number:
        raise DataError("the events to write", got="none", wanted="at least one event")
    return codes.sort()


def _code_table(codes: pl.DataFrame | None, seen: pl.Series):
    """MEDS promises each code of the data an entry, described or not."""
    kinds = {"code": pl.String(), "description": pl.String(), "parent_codes": pl.List(pl.String())}
    given = pl.DataFrame(schema=kinds) if codes is None else codes
    given = given.with_columns(
        [
            pl.lit(None, kind).alias(name)
            for name, kind in kinds.items()
            if name not in given.columns
        ]
    ).select(pl.col(name).cast(kind) for name, kind in kinds.items())
    if given["code"].null_count() or given["code"].n_unique() < given.height:
        raise SchemaError("the table of codes", got="a code twice or none", wanted="each code once")
    rest = seen.to_frame().join(given, on="code", how="anti")
    whole = pl.concat([given, rest], how="diagonal").sort("code")
    return whole.to_arrow().cast(meds.CodeMetadataSchema.schema())


def _split_table(splits: pl.DataFrame):
    frame = splits.select(
        pl.col("subject_id").cast(pl.Int64), pl.col("split").cast(pl.String)
    ).sort("subject_id")
    if frame["split"].null_count() or not frame["split"].is_in(list(PARTS)).all():
        raise DataError("column 'split'", got="another name", wanted=", ".join(PARTS))
    if frame["subject_id"].n_unique() < frame.height:
        raise LeakageError(
            "column 'split'", got="a subject twice", wanted="each subject in one part"
        )
    return frame.to_arrow().cast(meds.SubjectSplitSchema.schema())
