"""What a warm start is worth at a second institution: simulated, and from eICU to MIMIC.

    python benchmarks/transfer.py [simulated] [yaib]

simulated: a GRU is trained on 8,000 simulated patients of the first institution, then transferred
to the second (sicker patients, 22 codes in another system), with and without a map of codes.
Learning curves at 100, 300 and 1,000 patients beside the same model from scratch, five draws each.
yaib: mortality in intensive care from the first 24 hours, trained on `eicu_demo` and transferred to
`mimic_demo`, which has 99 stays, so in three splits; the data must lie under SEQUELA_DATA.
Each writes a file to benchmarks/results; `make docs` writes the guide's tables from them.
"""

from __future__ import annotations

import json
import os
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from sequela import experiments, simulate
from sequela.errors import ConfigError
from sequela.files import atomic_write
from sequela.train.experiment import run
from sequela.train.provenance import commit, machine, versions
from sequela.transfer import load_settings, transfer

RESULTS = Path(__file__).parent / "results"
PATIENTS = {"first": 8000, "second": 6000}
TRAINING = ["evaluation.baselines=false", "training.progress=false"]
CURVE = ["split.fractions=[0.3, 0.1, 0.6]", "curve.sizes=[100, 300, 1000]", "curve.draws=5"]
SPLITS = 3
# Half of the 21 deaths to learn from, half to judge by.
STAYS = ["split.fractions=[0.4, 0.1, 0.5]", "curve.sizes=[20, 40]", "curve.draws=3"]


def simulated(root: Path) -> dict[str, Any]:
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
    return {
        "title": "Transfer to a second institution (simulated)",
        "patients": PATIENTS,
        "settings": CURVE,
        "map": found,
    }


def yaib(root: Path) -> dict[str, Any]:
    """The model of the one, judged at home, and its transfer to the other in several splits."""
    data = os.environ.get("SEQUELA_DATA")
    if not data:
        raise ConfigError("SEQUELA_DATA", got="nothing", todo="Set it to the folder of data sets.")
    place, out = Path(data) / "yaib_mortality24", root / "run"
    words = ["source=yaib", "task.after=24h", "training.progress=false"]
    words += [f"data={place / 'eicu_demo'}", f"out={out}"]
    run(experiments.load("mortality", words))
    home = json.loads((out / "evaluation.json").read_text())
    splits = []
    for seed in range(SPLITS):
        folder = root / f"split-{seed}"
        given = [f"data={place / 'mimic_demo'}", f"out={folder}", f"seed={seed}", *STAYS]
        transfer(out / "model", load_settings([*given, "training.progress=false"]))
        content = json.loads((folder / "transfer.json").read_text())
        table = json.loads((folder / "evaluation.json").read_text())["table"]
        splits.append({"seed": seed, **content, "table": table})
    return {
        "title": "Transfer from eICU to MIMIC (YAIB demos): mortality in intensive care at 24 h",
        "settings": STAYS,
        "home": {key: home[key] for key in ("n", "groups", "table")},
        "splits": splits,
    }


CASES = {"simulated": ("transfer", simulated), "yaib": ("transfer_yaib", yaib)}


def main() -> None:
    """Measures and stores."""
    for name in sys.argv[1:] or CASES:
        file, measure = CASES[name]
        start = time.perf_counter()
        with tempfile.TemporaryDirectory() as place:
            found = measure(Path(place))
        result = {
            **found,
            "seconds": round(time.perf_counter() - start, 1),
            "commit": commit(),
            "machine": machine(),
            "versions": versions(),
        }
        atomic_write(RESULTS / f"{file}.json", json.dumps(result, indent=1) + "\n")


if __name__ == "__main__":
    main()
