"""Prescriptions of a stay: LEAP, with and without a list of interactions, beside its rivals.

    python benchmarks/prescription.py [prescription] [prescription_list] [prescription_gru] ...

Simulated stays (`simulate.prescriptions`), whose law is known, so that the best possible stands in
the table; the list is counted in all and forbidden in one. The tables are of the first of three
seeds, of training and of who is held out. The demo of MIMIC-III has 100 patients and shows that it
runs on real tables, and little else; it must lie under SEQUELA_DATA. Each case writes a file to
benchmarks/results, keys as those of `experiments.py`, with the leading figures `by_seed`.
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

RESULTS = Path(__file__).parent / "results"
SUBJECTS, SEEDS = 8000, 3
LEAP = ["model.recipe=leap", "model.title=LEAP", "model.dropout=0.1"]
FORBIDDEN = ["model.title=LEAP, list forbidden", "interactions.cost=1e6"]
COUNTED = ["interactions.cost=0"]
# Words beside those of the data, by case; the demo's names say so.
CASES = {
    "prescription": [*LEAP, *COUNTED],
    "prescription_list": [*LEAP, *FORBIDDEN],
    "prescription_gru": COUNTED,
    "prescription_mimic3": LEAP,
    "prescription_mimic3_gru": [],
}
FIGURES = ("jaccard", "f1", "recall_at_10", "auprc", "codes")
KEPT = ("kind", "n", "groups", "group_name", "table", "differences", "interactions")


def _data(name: str, root: Path) -> tuple[str, list[str], int]:
    """What the data are called, the words that name them, and how many seeds they are worth."""
    if "mimic3" in name:
        place = os.environ.get("SEQUELA_DATA")
        if not place:
            todo = "Set it to the folder of data sets."
            raise ConfigError("SEQUELA_DATA", got="nothing", todo=todo)
        return "MIMIC-III demo 1.4, 100 patients", [f"data={Path(place) / 'mimic3_demo'}"], 1
    stays = simulate.prescriptions(root / "stays", SUBJECTS, seed=1).root
    words = [f"data={stays}", "source=meds", "training.batch_size=128"]
    words.append(f"interactions.pairs={stays / simulate.INTERACTIONS_FILE}")
    return f"simulated, {SUBJECTS:,} patients", words, SEEDS


def measure(name: str) -> None:
    """Runs one case in a temporary folder and stores its tables."""
    result: dict[str, Any] = {"title": "Prescriptions of a stay"}
    with tempfile.TemporaryDirectory() as place:
        result["data"], words, seeds = _data(name, Path(place))
        result |= {"settings": CASES[name], "seed": 0, "by_seed": []}
        for seed in range(seeds):
            out, start = Path(place) / str(seed), time.perf_counter()
            given = [*words, *CASES[name], f"seed={seed}", f"out={out}", "training.progress=false"]
            # The rivals' figures are told of the first seed alone.
            given += ["evaluation.baselines=false"] * (seed > 0)
            run(experiments.load("prescription", given))
            whole = round(time.perf_counter() - start, 1)
            found = json.loads((out / "evaluation.json").read_text())
            spent = json.loads((out / "seconds.json").read_text())
            row = found["table"][0]
            told = {key: row[key]["value"] for key in FIGURES}
            result["by_seed"].append({"seed": seed, **told, "seconds": whole})
            if seed == 0:
                result["seconds"] = {"whole": whole, **spent}
                result |= {key: found[key] for key in KEPT if key in found}
    result |= {"commit": commit(), "machine": machine(), "versions": versions()}
    atomic_write(RESULTS / f"{name}.json", json.dumps(result, indent=1) + "\n")


if __name__ == "__main__":
    for chosen in sys.argv[1:] or CASES:
        measure(chosen)
