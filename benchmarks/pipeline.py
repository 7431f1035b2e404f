"""Events per second and peak memory on the way from tables to batches, beside the rivals.

    python benchmarks/pipeline.py --minutes 15 --rivals pyhealth=PYTHON,meds-torch-data=PYTHON
    python benchmarks/pipeline.py --only "scaling 100000000"

Each piece of work runs in a process of its own; those that are compared run in turn, three times
each, and the median counts. Imports are done before the clock starts. The peak is the largest sum
of resident memory over the process and its children, sampled from /proc.

A run saves after each job. Started again at the same commit it goes on with the jobs that are
missing; a job is not begun when it would not fit into what is left of the minutes.

    tables  MIMIC demo tables parsed: Sequela to MEDS on disk, PyHealth to its objects
    meds    MEDS to batches of whole histories: Sequela, meds-torch-data (its files on disk first)
    csv     one CSV file to MEDS, with one process and with two
    scaling frames to MEDS, a cohort with labels, batches: 1 to 100 million events

A rival's environment: PYTHON is its interpreter; benchmarks/pipeline_parts/rivals.md says how it is
made.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import sys
import tempfile
import time
from collections.abc import Callable
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE / "pipeline_parts"))

from data import mimic_tables, split_meds, write_csv  # noqa: E402
from measure import alternating, measure  # noqa: E402

from sequela.files import atomic_write  # noqa: E402
from sequela.train.provenance import commit, machine, versions  # noqa: E402

OUT = HERE / "results" / "pipeline.json"
ROUNDS = 3
MEDS_EVENTS = 1_000_000
CSV_EVENTS = 4_000_000
SCALES = (1_000_000, 3_000_000, 10_000_000, 30_000_000, 100_000_000)
#: Seconds for a million events that scaling may take, to decide whether a job is begun.
USUAL = 6.0

Job = Callable[[Path], dict[str, Any]]


def tables(name: str, rivals: dict[str, str]) -> Job:
    """Parsing the tables of a MIMIC demo."""

    def job(folder: Path) -> dict[str, Any]:
        root = os.environ.get("SEQUELA_DATA")
        if not root:
            raise SystemExit("SEQUELA_DATA has to name the folder of data sets")
        expected = mimic_tables(name, Path(root) / name, folder / "tables")
        source = name.removesuffix("_demo")
        own = {"source": source, "data": str(folder / "tables"), "out": str(folder / "made")}
        players = {"sequela": (None, "ours", "tables", own)}
        if "pyhealth" in rivals:
            options = {"source": source, "data": str(folder / "tables")}
            players["pyhealth"] = (rivals["pyhealth"], "rival_pyhealth", "tables", options)
        found = alternating(players, ROUNDS)
        for player, row in found.items():
            parsed = {table: row["tables"].get(table, 0) for table in expected}
            if parsed != expected:
                raise SystemExit(f"{player} parsed {parsed} of {name}, expected {expected}")
        return {"events": sum(expected.values()), "tables": expected, "players": found}

    return job


def meds(events: int, rivals: dict[str, str]) -> Job:
    """MEDS to batches of the training part's whole histories."""

    def job(folder: Path) -> dict[str, Any]:
        data = str(split_meds(folder / "meds", events))
        players = {"sequela": (None, "ours", "meds_batches", {"data": data, "part": "train"})}
        if "meds-torch-data" in rivals:
            python = rivals["meds-torch-data"]
            options = {"data": data, "out": str(folder / "tensors")}
            players["meds-torch-data: files"] = (python, "rival_meds", "preprocess", options)
            tensors = {"data": options["out"], "part": "train"}
            players["meds-torch-data: batches"] = (python, "rival_meds", "batches", tensors)
        found = alternating(players, ROUNDS)
        counts = {(row["subjects"], row["codes"]) for row in found.values() if "codes" in row}
        if len(counts) > 1:
            raise SystemExit(f"subjects and codes in batches differ: {sorted(counts)}")
        return {"events": found["sequela"]["events"], "players": found}

    return job


def csv(events: int) -> Job:
    """One CSV file to MEDS, with one process and with two."""

    def job(folder: Path) -> dict[str, Any]:
        mapping = str(write_csv(folder, events))
        players = {
            f"{count} process(es)": (
                None,
                "ours",
                "csv",
                {"mapping": mapping, "out": str(folder / f"out{count}"), "processes": count},
            )
            for count in (1, 2)
        }
        # What was made before would not be made again.
        found = {}
        for name, (python, module, part, options) in players.items():
            runs = []
            for _ in range(2):
                shutil.rmtree(options["out"], ignore_errors=True)
                runs.append(measure(python, module, part, **options))
            found[name] = min(runs, key=lambda run: run["seconds"])
        return {"events": events, "players": found}

    return job


def scaling(events: int) -> Job:
    """From frames to MEDS, labels and batches."""

    def job(folder: Path) -> dict[str, Any]:
        data, labels = str(folder / "meds"), str(folder / "labels.parquet")
        options = {"events": events, "out": data, "processes": min(os.cpu_count() or 1, 2)}
        found = {"ingest": measure(None, "ours", "ingest", **options)}
        found["read"] = measure(None, "ours", "read", data=data)
        found["label"] = measure(None, "ours", "label", data=data, out=labels)
        found["batches"] = measure(None, "ours", "batches", data=data, labels=labels)
        return {"events": events, "parts": found}

    return job


def plan(rivals: dict[str, str], scale: float) -> dict[str, tuple[Job, float]]:
    """The jobs in order of importance, with about how many seconds each takes."""
    jobs: dict[str, tuple[Job, float]] = {}
    for name in ("mimic3_demo", "mimic4_demo"):
        jobs[f"tables {name}"] = (tables(name, rivals), 60.0)
    events = max(int(MEDS_EVENTS * scale), 2_000)
    jobs["meds"] = (meds(events, rivals), 60.0)
    jobs["csv"] = (csv(max(int(CSV_EVENTS * scale), 2_000)), 60 * scale)
    for size in SCALES:
        size = max(int(size * scale), 2_000)
        jobs.setdefault(f"scaling {size}", (scaling(size), USUAL * size / 1e6))
    return jobs


def _kept(out: Path, stamp: str | None, fresh: bool) -> dict[str, Any]:
    if not fresh and out.is_file():
        before = json.loads(out.read_text())
        # The results themselves are a change of the tree.
        if str(before.get("commit")).rstrip("+") == str(stamp).rstrip("+"):
            return before
    return {"commit": stamp, "machine": machine(), "versions": versions(), "jobs": {}}


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--minutes", type=float, default=15.0)
    parser.add_argument("--rivals", default="", help="NAME=PYTHON, separated by commas")
    parser.add_argument("--only", help="this job, or those with this first word")
    parser.add_argument("--fresh", action="store_true", help="do all jobs again")
    parser.add_argument("--scale", type=float, default=1.0, help="of all sizes, for a trial")
    parser.add_argument("--out", type=Path, default=OUT)
    parser.add_argument("--folder", type=Path, help="for the data; a temporary one by default")
    chosen = parser.parse_args()
    began = time.monotonic()
    rivals = dict(pair.split("=", 1) for pair in chosen.rivals.split(",") if pair)
    result = _kept(chosen.out, commit(), chosen.fresh)
    for name, (job, usual) in plan(rivals, chosen.scale).items():
        again = chosen.only in (name, name.split()[0])
        if (chosen.only and not again) or (name in result["jobs"] and not again):
            continue
        left = chosen.minutes * 60 - (time.monotonic() - began)
        if usual > left:
            print(f"{name}: not begun, {left:.0f} s are left", flush=True)
            continue
        folder = Path(tempfile.mkdtemp(dir=chosen.folder, prefix="pipeline-"))
        load, start = os.getloadavg()[0], time.monotonic()
        try:
            found = job(folder)
        finally:
            shutil.rmtree(folder, ignore_errors=True)
        found |= {"measured": datetime.now(timezone.utc).isoformat(timespec="seconds")}
        found |= {"load": round(load, 2), "wall": round(time.monotonic() - start, 1)}
        result["jobs"][name] = found
        atomic_write(chosen.out, json.dumps(result, indent=2) + "\n")
        print(name, json.dumps(found), flush=True)


if __name__ == "__main__":
    main()
