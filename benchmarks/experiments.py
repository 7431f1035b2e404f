"""The built-in experiments, run from raw data to figures, and what they reached.

    python benchmarks/experiments.py [heart_failure] [seizure] [seizure_five]

Writes one file for each to benchmarks/results; `make docs` makes the README's table from them. The
seizure data must lie under SEQUELA_DATA (see `sequela fetch`).
"""

from __future__ import annotations

import json
import os
import sys
import tempfile
import time
from pathlib import Path

from sequela import experiments, simulate
from sequela.cli.demo import SUBJECTS
from sequela.errors import ConfigError
from sequela.files import atomic_write
from sequela.train.experiment import run
from sequela.train.provenance import commit, machine, versions

RESULTS = Path(__file__).parent / "results"


def _seizure_data() -> Path:
    root = os.environ.get("SEQUELA_DATA")
    if not root:
        raise ConfigError("SEQUELA_DATA", got="nothing", todo="Set it to the folder of data sets.")
    return Path(root) / "epileptic_seizure"


def _heart_failure(folder: Path) -> list[str]:
    simulate.cohort(folder / "records", subjects=SUBJECTS, seed=0)
    return [f"data={folder / 'records'}"]


CASES = {
    "heart_failure": ("heart_failure", f"simulated, {SUBJECTS:,} patients", _heart_failure),
    "seizure": ("seizure", "UCI, recording-disjoint", lambda _: [f"data={_seizure_data()}"]),
    "seizure_five": (
        "seizure",
        "UCI, five classes, recording-disjoint",
        lambda _: [f"data={_seizure_data()}", "task.classes=5"],
    ),
}


def measure(name: str) -> None:
    """Runs one case in a temporary folder and stores its tables."""
    experiment, data, words = CASES[name]
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        start = time.perf_counter()
        given = words(folder)
        loaded = experiments.load(experiment, [*given, f"out={folder / 'run'}"])
        run(loaded)
        seconds = time.perf_counter() - start
        found = json.loads((folder / "run" / "evaluation.json").read_text())
        spent = json.loads((folder / "run" / "seconds.json").read_text())
    kept = ("kind", "n", "groups", "group_name", "table", "differences")
    result = {
        "title": loaded.title,
        "data": data,
        "seed": loaded.seed,
        "seconds": {"whole": round(seconds, 1), **spent},
        **{key: found[key] for key in kept},
        "commit": commit(),
        "machine": machine(),
        "versions": versions(),
    }
    atomic_write(RESULTS / f"{name}.json", json.dumps(result, indent=1) + "\n")


if __name__ == "__main__":
    for chosen in sys.argv[1:] or CASES:
        measure(chosen)
