"""What a warm start is worth at a second institution, with and without a map of codes.

    python benchmarks/transfer.py

A GRU is trained on 8,000 simulated patients of the first institution, then transferred to the
second (sicker patients, 22 codes in another system). Learning curves at 100, 300 and 1,000
patients beside the same model from scratch, five draws each. One thread, below three minutes.
Writes benchmarks/results/transfer.json; `make docs` writes the guide's table from it.
"""

from __future__ import annotations

import json
import tempfile
import time
from pathlib import Path
from typing import Any

from sequela import experiments, simulate
from sequela.files import atomic_write
from sequela.train.experiment import run
from sequela.train.provenance import commit, machine, versions
from sequela.transfer import load_settings, transfer

RESULTS = Path(__file__).parent / "results"
PATIENTS = {"first": 8000, "second": 6000}
TRAINING = ["evaluation.baselines=false", "training.progress=false"]
CURVE = ["split.fractions=[0.3, 0.1, 0.6]", "curve.sizes=[100, 300, 1000]", "curve.draws=5"]


def kinds(root: Path) -> dict[str, dict[str, Any]]:
    """Overlap and curve of a transfer, by whether a map was given."""
    first, second = (root / name for name in PATIENTS)
    for seed, (name, count) in enumerate(PATIENTS.items(), start=1):
        simulate.cohort(root / name, count, seed=seed, institution=name)
    run(experiments.load("heart_failure", [f"data={first}", f"out={root / 'run'}", *TRAINING]))
    found = {}
    for name, words in (("with a map", [f"map={second / simulate.MAP_FILE}"]), ("without", [])):
        out = root / f"transfer-{len(words)}"
        given = [f"data={second}", f"out={out}", *CURVE, *TRAINING, *words]
        start = time.perf_counter()
        transfer(root / "run" / "model", load_settings(given))
        content = json.loads((out / "transfer.json").read_text())
        seconds = round(time.perf_counter() - start, 1)
        found[name] = {key: content[key] for key in ("overlap", "curve")} | {"seconds": seconds}
    return found


def main() -> None:
    """Measures and stores."""
    start = time.perf_counter()
    with tempfile.TemporaryDirectory() as place:
        found = kinds(Path(place))
    result = {
        "title": "Transfer to a second institution (simulated)",
        "patients": PATIENTS,
        "settings": CURVE,
        "map": found,
        "seconds": round(time.perf_counter() - start, 1),
        "commit": commit(),
        "machine": machine(),
        "versions": versions(),
    }
    atomic_write(RESULTS / "transfer.json", json.dumps(result, indent=1) + "\n")


if __name__ == "__main__":
    main()
