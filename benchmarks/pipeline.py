"""Events per second and peak memory on the way from tables to batches.

    python benchmarks/pipeline.py --events 2000000 --out benchmarks/results/pipeline.json
    python benchmarks/pipeline.py --events 100000000 --parts ingest,read

Each part runs in a process of its own, so that its peak memory is its own; the peak is the largest
sum over the part's processes, sampled from /proc. Rows are made by a formula, not drawn, so that
making them costs little; they are like laboratory results: a subject, a minute, one of 2,000 codes,
a value.

    csv     a CSV file to MEDS (two processes at most; what csv_events does)
    ingest  frames in memory to MEDS: dealing, sorting, writing
    read    MEDS to aligned frames, shard by shard
    batches MEDS to encoded samples in ragged batches
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import platform
import resource
import shutil
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from datetime import datetime, timezone
from pathlib import Path

import numpy as np
import polars as pl

PARTS = ("csv", "ingest", "read", "batches")
CHUNK = 500_000
PER_SUBJECT = 200
START = 1_577_836_800_000_000  # 2020-01-01 in microseconds
MINUTE = 60_000_000
END = pl.datetime(2300, 1, 1, time_unit="us")
BATCH = 256


def frames(events: int) -> Iterator[pl.DataFrame]:
    """Events in the order of time, so that every subject is spread over all of them."""
    subjects = max(events // PER_SUBJECT, 1)
    for first in range(0, events, CHUNK):
        row = np.arange(first, min(first + CHUNK, events), dtype=np.uint64)
        mixed = (row * np.uint64(0x9E3779B97F4A7C15)) >> np.uint64(20)
        time_ = START + (row // np.uint64(50)).astype(np.int64) * MINUTE
        code = (mixed % np.uint64(2000)).astype(np.int32)
        yield pl.DataFrame(
            {
                "subject_id": (mixed // np.uint64(7919) % np.uint64(subjects)).astype(np.int64),
                "time": pl.Series(time_).cast(pl.Datetime("us")),
                "code": pl.select(pl.format("LAB//{}//mg/dL", pl.lit(pl.Series(code)))).to_series(),
                "numeric_value": (code / 7).astype(np.float32),
            }
        )


def _resident(process: int) -> int:
    try:
        with open(f"/proc/{process}/statm") as file:
            return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except (OSError, ValueError, IndexError):
        return 0


def _family(process: int) -> list[int]:
    try:
        children = Path(f"/proc/{process}/task/{process}/children").read_text().split()
    except OSError:
        children = []
    return [process, *(one for child in children for one in _family(int(child)))]


class Peak:
    """The largest resident memory of this process and its children, sampled."""

    def __enter__(self) -> Peak:
        self.bytes, self._on = 0, True
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self._thread.start()
        return self

    def _watch(self) -> None:
        while self._on:
            self.bytes = max(self.bytes, sum(map(_resident, _family(os.getpid()))))
            time.sleep(0.05)

    def __exit__(self, *_: object) -> None:
        self._on = False
        self._thread.join()


def part_csv(folder: Path, events: int, processes: int) -> None:
    """A CSV file to MEDS."""
    from sequela import sources
    from sequela.ingest import ingest

    origin = ("csv_events", folder / "events.yaml", {})
    extract = sources.read(origin[0], origin[1])
    ingest(extract, folder / "from_csv", processes=processes, origin=origin)


def part_ingest(folder: Path, events: int, processes: int) -> None:
    """Frames in memory to MEDS."""
    from sequela.events import Extract, Table
    from sequela.ingest import ingest

    extract = Extract((Table("made", lambda: frames(events)),))
    ingest(extract, folder / "meds", processes=processes)


def part_read(folder: Path, events: int, processes: int) -> None:
    """MEDS to aligned frames."""
    from sequela.events import EventData

    found = sum(shard.height for shard in EventData.open(folder / "meds").shards())
    assert found == events


class OneShard:
    """A shard in memory in the place of the whole data set."""

    def __init__(self, frame: pl.DataFrame):
        self.frame = frame

    def shards(self, subjects: object = None) -> Iterator[pl.DataFrame]:
        """The shard; its subjects are those that are asked for."""
        yield self.frame


def part_batches(folder: Path, events: int, processes: int) -> None:
    """MEDS to ragged batches of encoded samples, one for each subject."""
    from sequela.batches import VisitEncoder
    from sequela.cohort import observation_events
    from sequela.events import EventData

    encoder = None
    for shard in EventData.open(folder / "meds").shards():
        labels = shard.select("subject_id").unique(maintain_order=True)
        labels = labels.with_columns(prediction_time=END, boolean_value=pl.lit(False))
        unknown = pl.lit(None, pl.Float64)
        groups = labels.select("subject_id", age=unknown, sex=pl.lit("F"))
        seen = observation_events(OneShard(shard), labels, None)
        if encoder is None:
            encoder = VisitEncoder.fit(seen, labels, groups, rows=np.arange(labels.height))
        samples = encoder.encode(seen, labels, groups)
        for first in range(0, len(samples), BATCH):
            samples.batch(np.arange(first, min(first + BATCH, len(samples))))


def _prepare(part: str, folder: Path, events: int) -> None:
    if part == "csv":
        with open(folder / "labs.csv", "wb") as file:
            for number, frame in enumerate(frames(events)):
                frame.write_csv(file, include_header=number == 0)
        (folder / "events.yaml").write_text(
            "tables:\n  - file: labs.csv\n    subject: subject_id\n    events:\n"
            '      - {code: "{code}", time: time, number: numeric_value}\n'
        )
    elif part in ("read", "batches") and not (folder / "meds").exists():
        part_ingest(folder, events, 1)


def _child(part: str, folder: str, events: int, processes: int, answer) -> None:
    work: Callable[[Path, int, int], None] = globals()[f"part_{part}"]
    began = time.perf_counter()
    with Peak() as peak:
        work(Path(folder), events, processes)
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    processor = sum(one.ru_utime + one.ru_stime for one in used)
    answer.put((time.perf_counter() - began, processor, peak.bytes))


def measure(part: str, folder: Path, events: int, processes: int) -> dict[str, object]:
    """Runs one part in a new process."""
    _prepare(part, folder, events)
    context = multiprocessing.get_context("spawn")
    answer = context.SimpleQueue()
    child = context.Process(target=_child, args=(part, str(folder), events, processes, answer))
    child.start()
    seconds, processor, peak = answer.get()
    child.join()
    return {
        "part": part,
        "events": events,
        "processes": processes if part in ("csv", "ingest") else 1,
        "seconds": round(seconds, 3),
        "events_per_second": round(events / seconds),
        # On a busy machine this is the figure to look at; it counts all cores, imports too.
        "processor_seconds": round(processor, 3),
        "peak_megabytes": round(peak / 1e6),
    }


def _machine() -> dict[str, object]:
    commit = subprocess.run(
        ["git", "rev-parse", "--short", "HEAD"], capture_output=True, text=True, check=False
    )
    return {
        "processor": platform.processor() or platform.machine(),
        "cores": os.cpu_count(),
        "python": platform.python_version(),
        "polars": pl.__version__,
        "commit": commit.stdout.strip(),
        "measured": datetime.now(timezone.utc).isoformat(timespec="seconds"),
        "load": os.getloadavg(),
    }


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--events", type=int, default=2_000_000)
    parser.add_argument("--parts", default=",".join(PARTS))
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--out", type=Path)
    parser.add_argument("--folder", type=Path, help="for the data; a temporary one by default")
    chosen = parser.parse_args()
    folder = Path(tempfile.mkdtemp(dir=chosen.folder, prefix="pipeline-"))
    rows = []
    machine = _machine()  # of the start: the tree may move on while a long run lasts
    try:
        for part in chosen.parts.split(","):
            row = measure(part, folder, chosen.events, chosen.processes)
            rows.append(row)
            print(json.dumps(row), flush=True)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    if chosen.out:
        chosen.out.write_text(json.dumps({"machine": machine, "rows": rows}, indent=2) + "\n")


if __name__ == "__main__":
    main()
