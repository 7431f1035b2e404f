"""Patients per second for a GRU on visit codes: ours, the same model in torch's layers, PyHealth's.

    python benchmarks/visits.py --pyhealth PYTHON [--only CASE] [--scale S]

The samples of an experiment are made once, and the players take turns on them, three times each, in
processes of their own with one thread; the median counts. Seconds are those of the processor, from
samples in memory to trained weights (train: epochs of forward, backward and update, batches
included) or to scores (score); those of the clock are stored beside them. Sizes are PyHealth's
defaults: embedding and state of 128. Ours and torch's model run in the same loop on the same
batches. PyHealth's runs in its own loop; it reads no times and no sex or age, as ours do. As it
comes it reads the last ten visits of a patient alone ("pyhealth_ten"; "ours_ten" is our model on
these); for what is asked of the whole its tokenizer is told to keep all of them, as ours does.

PYTHON is the interpreter of PyHealth's environment, see benchmarks/pipeline_parts/rivals.md.
Real data must lie under SEQUELA_DATA. Writes benchmarks/results/visits.json.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import numpy as np

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE / "pipeline_parts"))

from gru_visits import lists_of  # noqa: E402
from measure import alternating  # noqa: E402

from sequela import experiments, simulate  # noqa: E402
from sequela.files import atomic_write  # noqa: E402
from sequela.train.experiment import prepare  # noqa: E402
from sequela.train.provenance import commit, machine, versions  # noqa: E402

OUT = HERE / "results" / "visits.json"
ROUNDS = 3
EMBEDDING = HIDDEN = 128
BATCH = 64
#: What is asked of the whole (times ours beside the rival), as the issue of the project has it.
TARGETS = {"pyhealth": 5.0, "torch": 2.0}
#: Epochs of a measurement, so that each takes seconds.
EPOCHS = {"ours": 4, "torch": 2, "pyhealth": 1, "ours_ten": 4, "pyhealth_ten": 1}
#: Who is compared with whom; both read the same visits.
BESIDE = {"pyhealth": "ours", "torch": "ours", "pyhealth_ten": "ours_ten"}
CASES = {
    "simulated": ("heart_failure", "two years of 5,000 simulated patients", []),
    "synthea": (
        "onset",
        "whole records of 1,000 synthetic patients, asked at each visit",
        ["source=synthea", "task.outcome=hypertension"],
    ),
}


def _data(case: str, folder: Path, scale: float) -> str:
    if case == "simulated":
        simulate.cohort(folder / "records", subjects=max(int(5000 * scale), 600), seed=0)
        return str(folder / "records")
    root = os.environ.get("SEQUELA_DATA")
    if not root:
        raise SystemExit("SEQUELA_DATA has to name the folder of data sets")
    return str(Path(root) / "synthea_1000")


def write_samples(case: str, folder: Path, scale: float) -> np.ndarray:
    """The samples of a case as a file of flat arrays, those with a visit alone; their lengths."""
    experiment, _, words = CASES[case]
    loaded = experiments.load(experiment, [*words, f"data={_data(case, folder, scale)}"])
    samples = prepare(loaded).parts["train"].samples
    samples = samples.subset(np.flatnonzero(samples.lengths > 0))
    samples = samples.subset(np.arange(min(len(samples), max(int(20_000 * scale), 200))))
    steps, _, _ = samples.listed()
    counts = samples.code_offsets[steps + 1] - samples.code_offsets[steps]
    begin = np.cumsum(counts) - counts
    index = np.arange(int(counts.sum())) + np.repeat(samples.code_offsets[steps] - begin, counts)
    np.savez(
        folder / "samples.npz",
        steps=samples.times,
        offsets=np.append(0, np.cumsum(samples.lengths)),
        target=samples.target,
        groups=samples.groups,
        static=samples.static,
        codes=samples.codes[index],
        code_offsets=np.append(0, np.cumsum(counts)),
        vocabulary_size=np.array(samples.vocabulary_size),
    )
    return samples.lengths


def measured(case: str, pyhealth: str | None, scale: float, rounds: int) -> dict[str, Any]:
    """One case: what was read, the players' figures, and how many times faster ours is."""
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        lengths = write_samples(case, folder, scale)
        path = str(folder / "samples.npz")
        lists_of(path, folder / "samples.json")
        sizes = {"embedding": EMBEDDING, "hidden": HIDDEN, "batch": BATCH}
        found: dict[str, Any] = {}
        for part in ("train", "score"):
            players: dict[str, Any] = {
                kind: (None, "gru_visits", part, {"path": path, "kind": kind, **sizes})
                for kind in ("ours", "torch")
            }
            if pyhealth is not None:
                given, most = {"path": str(folder / "samples.json"), **sizes}, int(lengths.max())
                ten = {"path": path, "kind": "ours", "visits": 10, **sizes}
                players["pyhealth"] = (pyhealth, "rival_pyhealth", part, {**given, "visits": most})
                players["ours_ten"] = (None, "gru_visits", part, ten)
                players["pyhealth_ten"] = (pyhealth, "rival_pyhealth", part, given)
            for name, player in players.items():
                player[-1]["epochs"] = EPOCHS[name] * (1 if part == "train" else 3)
            found[part] = alternating(players, rounds)
    rates = {
        part: {
            name: round(row["patients"] / row["processor_seconds"]) for name, row in rows.items()
        }
        for part, rows in found.items()
    }
    return {
        "data": CASES[case][1],
        "patients": len(lengths),
        "visits": {
            "mean": round(float(lengths.mean()), 1),
            **{f"p{share}": int(np.percentile(lengths, share)) for share in (10, 50, 90, 100)},
        },
        "patients_per_second": rates,
        "times": {
            part: {
                name: round(rate[ours] / rate[name], 2)
                for name, ours in BESIDE.items()
                if name in rate
            }
            for part, rate in rates.items()
        },
        "players": found,
    }


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--pyhealth", help="the interpreter of its environment; without it: not")
    parser.add_argument("--only", choices=CASES)
    parser.add_argument("--scale", type=float, default=1.0, help="of the data, for a trial")
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    parser.add_argument("--out", type=Path, default=OUT)
    chosen = parser.parse_args()
    load = os.getloadavg()[0]
    cases = {}
    for case in [chosen.only] if chosen.only else CASES:
        cases[case] = measured(case, chosen.pyhealth, chosen.scale, chosen.rounds)
        print(case, json.dumps({key: cases[case][key] for key in ("visits", "times")}), flush=True)
        print(case, json.dumps(cases[case]["patients_per_second"]), flush=True)
    result = {
        "command": "python benchmarks/visits.py --pyhealth PYTHON",
        "sizes": {"embedding": EMBEDDING, "hidden": HIDDEN, "batch": BATCH, "threads": 1},
        "targets": TARGETS,
        "rounds": chosen.rounds,
        "cases": cases,
        "load": round(load, 2),
        "measured": datetime.now(timezone.utc).isoformat(timespec="seconds"),
        "commit": commit(),
        "machine": machine(),
        "versions": versions(),
    }
    atomic_write(chosen.out, json.dumps(result, indent=1) + "\n")


if __name__ == "__main__":
    main()
