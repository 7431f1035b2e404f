"""Writing 100,000 simulated patients: seconds and peak memory, in a process of its own.

    python benchmarks/simulate.py [--subjects 100000]

Writes benchmarks/results/simulate.json.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from pathlib import Path

from sequela.files import atomic_write
from sequela.train.provenance import commit, machine, versions

CHILD = """
import json, resource, sys, tempfile, time
from sequela import simulate
with tempfile.TemporaryDirectory() as folder:
    start = time.perf_counter()
    data = simulate.cohort(folder + "/records", subjects=int(sys.argv[1]), seed=0)
    seconds = time.perf_counter() - start
    events = sum(shard.height for shard in data.shards())
peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
print(json.dumps({"seconds": round(seconds, 1), "events": events, "peak_gib": round(peak, 2)}))
"""


def main() -> None:
    """Runs the child and stores what it said, with the machine and the commit."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--subjects", type=int, default=100_000)
    subjects = parser.parse_args().subjects
    command = [sys.executable, "-c", CHILD, str(subjects)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    result = {"subjects": subjects, **json.loads(done.stdout)}
    stamp = {"commit": commit(), "machine": machine(), "versions": versions()}
    place = Path(__file__).parent / "results" / "simulate.json"
    atomic_write(place, json.dumps({**result, **stamp}, indent=2) + "\n")
    print(json.dumps(result))


if __name__ == "__main__":
    main()
