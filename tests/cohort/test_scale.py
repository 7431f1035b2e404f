"""A large data set is labelled and read in little time and memory."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from sequela.events import write_events

MICROSECONDS_PER_DAY = 86_400_000_000

MEASURE = """
import re, sys, time
from sequela import tasks
from sequela.cohort import build_cohort, observation_events
from sequela.events import EventData
start = time.perf_counter()
data = EventData.open(sys.argv[1])
cohort = build_cohort(data, tasks.declaration("onset"))
events = observation_events(data, cohort.labels, 730)
# Of this program alone: ru_maxrss begins with what the process held that started it.
peak = int(re.search(r"VmHWM:\\s+(\\d+)", open("/proc/self/status").read())[1]) / 2**20
print(time.perf_counter() - start, peak, cohort.labels.height, events.height)
"""


def shard(number: int, subjects: int) -> pl.DataFrame:
    rng = np.random.default_rng(number)
    ids = np.arange(number * subjects, (number + 1) * subjects)
    codes = pl.Series(
        [*(f"ICD10CM//{a}{n:02d}.1" for a in "ABCDEFGH" for n in range(100)), "ICD10CM//I50.9"]
    )
    rows = 39 * subjects
    born = pl.DataFrame({"subject_id": ids, "time": np.int64(0), "code": "MEDS_BIRTH"})
    seen = pl.DataFrame(
        {
            "subject_id": np.repeat(ids, 39),
            "time": rng.integers(15_000, 16_600, rows) * MICROSECONDS_PER_DAY,
            "code": codes[rng.integers(0, len(codes), rows)],
        }
    )
    return pl.concat([born, seen]).with_columns(pl.col("time").cast(pl.Datetime("us")))


@pytest.mark.long
@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="Linux says the peak there")
def test_four_million_events(tmp_path: Path):
    root = write_events(tmp_path / "meds", (shard(number, 10_000) for number in range(10)))
    answer = subprocess.run(
        [sys.executable, "-c", MEASURE, str(root)], capture_output=True, text=True, check=True
    )
    seconds, gigabytes, subjects, events = map(float, answer.stdout.split())
    print(f"{seconds:.1f} s, {gigabytes:.2f} GB, {subjects:.0f} subjects, {events:.0f} events")
    assert seconds < 20
    assert gigabytes < 2
    assert subjects > 50_000
    assert events > 1_000_000
