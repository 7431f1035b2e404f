"""Sequela's side of every measurement: each function prepares, and returns the work to be timed."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

from data import DAYS, OUTCOME, frames

__all__ = ["batches", "csv", "ingest", "label", "meds_batches", "read", "tables"]

BATCH = 256
Work = Callable[[], "dict[str, Any] | None"]

#: One prediction for each subject in the middle of the time, one code within a year after it.
TASK = {
    "kind": "cohort",
    "name": "scaling",
    "unit": "subject",
    "predicates": {"outcome": {"exact": [OUTCOME]}},
    "episodes": "record",
    "index": {"at": f"start + {DAYS // 2}d"},
    "observation": None,
    "prediction": "365d",
    "censoring": "keep",
    "label": {"kind": "binary", "predicate": "outcome"},
}


def tables(source: str, data: str, out: str) -> Work:
    """The tables of a source to MEDS."""
    from sequela import sources
    from sequela.ingest import ingest as write

    # What was made before would not be made again.
    shutil.rmtree(out, ignore_errors=True)

    def work() -> dict[str, Any]:
        summary = write(sources.read(source, data), out)
        assert not summary.unchanged
        return {"tables": dict(summary.tables), "events": summary.events}

    return work


def csv(mapping: str, out: str, processes: int) -> Work:
    """One CSV file to MEDS, as ``sequela ingest csv_events`` does it."""
    from sequela import sources
    from sequela.ingest import ingest as write

    def work() -> dict[str, Any]:
        extract = sources.read("csv_events", mapping)
        origin = ("csv_events", Path(mapping), {})
        summary = write(extract, out, processes=processes, origin=origin)
        assert not summary.unchanged
        return {"events": summary.events}

    return work


def ingest(events: int, out: str, processes: int) -> Work:
    """Frames in memory to MEDS: dealing, sorting, writing."""
    from sequela.events import Extract, Table
    from sequela.ingest import ingest as write

    def work() -> dict[str, Any]:
        extract = Extract((Table("made", lambda: frames(events)),))
        return {"events": write(extract, out, processes=processes).events}

    return work


def read(data: str) -> Work:
    """MEDS to aligned frames."""
    from sequela.events import EventData

    def work() -> dict[str, Any]:
        return {"events": sum(shard.height for shard in EventData.open(data).shards())}

    return work


def label(data: str, out: str) -> Work:
    """MEDS to a cohort with labels and windows."""
    from sequela.cohort import build_cohort
    from sequela.events import EventData

    def work() -> dict[str, Any]:
        cohort = build_cohort(EventData.open(data), TASK)
        cohort.windows.hstack(cohort.labels.select("boolean_value")).hstack(
            cohort.subgroups.select("age", "sex")
        ).write_parquet(out)
        return {"labels": cohort.labels.height, "cases": int(cohort.labels["boolean_value"].sum())}

    return work


def batches(data: str, labels: str) -> Work:
    """MEDS and labels to ragged batches, shard by shard; the vocabulary is that of the first."""
    import polars as pl

    from sequela.batches import VisitEncoder
    from sequela.cohort import observations
    from sequela.events import EventData

    def work() -> dict[str, Any]:
        table = pl.read_parquet(labels)
        whole = EventData.open(data)
        encoder, steps, codes, events = None, 0, 0, 0
        for file in whole.files:
            shard = EventData(file, (file,))
            mine = pl.DataFrame({"subject_id": shard.subject_ids()})
            rows = table.join(mine, on="subject_id", how="semi", maintain_order="left")
            keys = rows.select("subject_id", "prediction_time", "boolean_value")
            people = rows.select("age", "sex")
            seen = observations(shard, keys, windows=rows.drop("boolean_value", "age", "sex"))
            if encoder is None:
                encoder = VisitEncoder.fit(seen, keys, people)
            samples = encoder.encode(seen, keys, people)
            events += len(seen.time)
            for batch in _batches(samples):
                steps += batch.steps.data.shape[0]
                codes += len(batch.codes)
        return {"events_seen": events, "steps": steps, "codes": codes}

    return work


def _batches(samples: Any):
    import numpy as np

    order = np.random.default_rng(0).permutation(len(samples))
    for first in range(0, len(samples), BATCH):
        yield samples.batch(order[first : first + BATCH])


def meds_batches(data: str, part: str) -> Work:
    """MEDS to ragged batches of the whole histories of one part, the way of a training run."""
    import polars as pl

    from sequela.batches import VisitEncoder
    from sequela.cohort import observations
    from sequela.events import EventData

    def work() -> dict[str, Any]:
        whole = EventData.open(data)
        splits = whole.splits()
        subjects = splits.filter(pl.col("split") == part)["subject_id"]
        end = pl.datetime(2300, 1, 1, time_unit="us")
        keys = pl.DataFrame({"subject_id": subjects}).with_columns(prediction_time=end)
        people = pl.DataFrame(
            {"age": [None] * keys.height, "sex": [None] * keys.height},
            schema={"age": pl.Float64, "sex": pl.String},
        )
        seen = observations(whole, keys)
        # The rival keeps every code.
        encoder = VisitEncoder.fit(seen, keys, people, min_subjects=1)
        samples = encoder.encode(seen, keys, people)
        subjects, steps, codes = 0, 0, 0
        for batch in _batches(samples):
            subjects += len(batch)
            steps += batch.steps.data.shape[0]
            codes += len(batch.codes)
        return {"subjects": subjects, "steps": steps, "codes": codes, "events": len(seen.time)}

    return work
