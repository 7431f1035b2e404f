"""How fast tables of events become batches: events per second of one core, and peak memory.

    python benchmarks/features.py [million events]

Events are made up: samples of 250 events in 60 steps of 200 codes. Timed is the processor time of
this process with one thread: fitting, encoding, and all batches of 64. Writes
benchmarks/results/features.json.
"""

from __future__ import annotations

import json
import os
import resource
import sys
import time
from pathlib import Path
from typing import Any

os.environ["POLARS_MAX_THREADS"] = "1"  # before polars is imported

import numpy as np
import polars as pl

from sequela.batches import ValueEncoder, VisitEncoder
from sequela.files import atomic_write
from sequela.train.provenance import commit, machine, versions

RESULTS = Path(__file__).parent / "results"
EVENTS, STEPS, CODES, BATCH = 250, 60, 200, 64
HOURS = 24 * 90


def made_up(samples: int) -> tuple[pl.DataFrame, pl.DataFrame, pl.DataFrame]:
    """Events, labels and subgroups."""
    random = np.random.default_rng(0)
    moments = np.sort(random.integers(0, HOURS * 60, (samples, STEPS)), axis=1)
    place = np.sort(random.integers(0, STEPS, (samples, EVENTS)), axis=1)
    minutes = np.take_along_axis(moments, place, axis=1).ravel()
    names = pl.Series([f"LAB//{number}" for number in range(CODES)])
    events = pl.DataFrame(
        {
            "sample": np.repeat(np.arange(samples, dtype=np.uint32), EVENTS),
            "time": minutes * 60_000_000,
            "code": names[random.integers(0, CODES, samples * EVENTS)],
            "numeric_value": random.normal(size=samples * EVENTS).astype(np.float32),
        }
    ).with_columns(pl.col("time").cast(pl.Datetime("us")))
    labels = pl.DataFrame(
        {
            "subject_id": np.arange(samples),
            "prediction_time": np.full(samples, HOURS * 3_600_000_000),
            "boolean_value": random.random(samples) < 0.1,
        }
    ).with_columns(pl.col("prediction_time").cast(pl.Datetime("us")))
    return (
        events,
        labels,
        pl.DataFrame({"age": random.normal(60, 10, samples), "sex": ["F"] * samples}),
    )


def timed(tables: tuple[Any, ...], encoder: Any) -> dict[str, float]:
    """Events per second of each part and of the whole."""
    count = tables[0].height
    marks = [time.process_time()]
    fitted = encoder.fit(*tables)
    marks.append(time.process_time())
    samples = fitted.encode(*tables)
    marks.append(time.process_time())
    order = np.random.default_rng(1).permutation(len(samples))
    for first in range(0, len(order), BATCH):
        samples.batch(order[first : first + BATCH])
    marks.append(time.process_time())
    spent = np.diff(marks)
    names = ("fit", "encode", "batches")
    return {
        **{name: round(count / one) for name, one in zip(names, spent, strict=True)},
        "whole": round(count / spent.sum()),
    }


def main(millions: float) -> None:
    """Measures both encoders and stores the result."""
    tables = made_up(int(millions * 1_000_000 / EVENTS))
    result = {
        "events": tables[0].height,
        "samples": tables[1].height,
        "events_per_second": {
            "codes": timed(tables, VisitEncoder),
            "values": timed(tables, ValueEncoder),
        },
        "peak_mb": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024),
        "commit": commit(),
        "machine": machine(),
        "versions": versions(),
    }
    atomic_write(RESULTS / "features.json", json.dumps(result, indent=1) + "\n")
    print(json.dumps(result["events_per_second"], indent=1), result["peak_mb"], "MB")


if __name__ == "__main__":
    main(float(sys.argv[1]) if len(sys.argv) > 1 else 5)
