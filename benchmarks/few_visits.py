"""What a short observation window leaves to be known, and who of it is told wrongly.

    python benchmarks/few_visits.py

On the tuning part of the experiment `heart_failure_windows` (20,000 simulated patients, 365 days
ahead). `law`: the AUROC to be expected, by the true risks, of the law of the simulation applied to
what each window shows, with and without the order of codes: what order is worth there, whatever
reads it. `visits`: with 180 days seen, by the number of visits in the window, what two GRUs and the
logistic regression say on average, the true mean risk, and the expected AUROC; of the GRUs one
begins at even odds and knows zeros of who has no visit, the other is the grid's. Writes
benchmarks/results/few_visits.json.
"""

from __future__ import annotations

import json
import tempfile
from datetime import datetime, timezone
from pathlib import Path
from typing import Any
from unittest import mock

import numpy as np

from sequela import evaluate, experiments, simulate
from sequela.batches import VisitSamples
from sequela.files import atomic_write
from sequela.simulate import disease
from sequela.train import fit, predict
from sequela.train.experiment import build_model, check_settings, prepare
from sequela.train.prepared import Prepared
from sequela.train.provenance import commit, machine, versions

OUT = Path(__file__).resolve().parent / "results" / "few_visits.json"
WINDOWS = (180, 365, 730)
GROUPS = ((0, 0), (1, 2), (3, 5), (6, 1000))
STARTS = {
    "GRU, even odds and zeros": ["model.without_visits=zeros", "training.start=built"],
    "GRU": ["model.without_visits=learnt", "training.start=shares"],
}


def expected_auroc(risk: np.ndarray, scores: np.ndarray) -> float:
    """Of patients drawn by their true risks: who gets ill against who does not."""
    values, place = np.unique(scores, return_inverse=True)
    ill = np.bincount(place, weights=risk, minlength=len(values))
    well = np.bincount(place, weights=1 - risk, minlength=len(values))
    below = np.cumsum(well) - 0.5 * well
    return float((ill * below).sum() / (ill.sum() * well.sum()))


def law(samples: VisitSamples, scale: dict[str, float], order: bool) -> np.ndarray:
    """``eta`` of the disease, from the steps that the samples hold alone."""
    steps, sample, _ = samples.listed()
    codes = [
        samples.codes[a:b]
        for a, b in zip(samples.code_offsets[steps], samples.code_offsets[steps + 1], strict=True)
    ]
    counts = [len(one) for one in codes]
    days = -np.expm1(samples.times[:, 1].astype(np.float64))
    numbers = {name: place for place, name in enumerate(samples.code_names)}
    names = list(samples.static_names)
    age = scale["age_mean"] + scale["age_spread"] * samples.static[:, names.index("age")]
    male = samples.static[:, names.index("sex male")] > 0
    known = disease.RISK_ORDERS if order else ()
    with mock.patch.object(disease, "RISK_ORDERS", known):
        return disease.linear_predictor(
            np.repeat(sample, counts),
            np.repeat(days, counts),
            np.concatenate(codes),
            age,
            male,
            numbers,
        )


def prepared(data: Path, seen: int, words: list[str]) -> tuple[Any, Prepared]:
    """The experiment of a window and its parts."""
    windows = [f"task.observation_days={seen}", "task.prediction_days=365", "task.min_visits=0"]
    given = [f"data={data}", *windows, "training.progress=false", *words]
    experiment = experiments.load("heart_failure", given)
    return experiment, prepare(experiment)


def by_visits(data: Path) -> list[dict[str, Any]]:
    """A row for each group of patients, with 180 days seen."""
    said: dict[str, np.ndarray] = {}
    for name, words in STARTS.items():
        experiment, parts = prepared(data, 180, words)
        train, tuning = parts.parts["train"], parts.parts["tuning"]
        model = build_model(experiment, parts.sizes)
        fit(model, train.samples, tuning.samples, check_settings(experiment))
        said[name] = predict(model, tuning.samples)
    given = (train.features, train.target, tuning.features, tuning.target)
    said["logistic regression"] = evaluate.logistic_regression(*given, 2).predict(tuning.features)
    risk, lengths = tuning.best_possible, tuning.samples.lengths
    rows = []
    for low, high in (*GROUPS, (0, 1000)):
        chosen = (lengths >= low) & (lengths <= high)
        rows.append(
            {
                "visits": [low, high],
                "n": int(chosen.sum()),
                "true_risk": float(risk[chosen].mean()),
                "said": {
                    name: {
                        "mean": float(scores[chosen].mean()),
                        "auroc": expected_auroc(risk[chosen], scores[chosen]),
                    }
                    for name, scores in said.items()
                },
            }
        )
    return rows


def main() -> None:
    """Simulates, asks and stores."""
    with tempfile.TemporaryDirectory() as place:
        data = Path(place) / "records"
        simulate.cohort(data, subjects=20_000, seed=0)
        of_windows = []
        for seen in WINDOWS:
            parts = prepared(data, seen, [])[1]
            part, scale = parts.parts["tuning"], parts.preparation["encoder"]["static"]
            risk, told = (
                part.best_possible,
                [law(part.samples, scale, order) for order in (True, False)],
            )
            worth = [expected_auroc(risk, one) for one in told]
            of_windows.append({"days": seen, "with_order": worth[0], "without_order": worth[1]})
        visits = by_visits(data)
    found = {
        "command": "python benchmarks/few_visits.py",
        "data": "tuning part of 20,000 simulated patients, seed 0, 365 days ahead",
        "law": of_windows,
        "visits": visits,
        "measured": datetime.now(timezone.utc).isoformat(timespec="seconds"),
        "commit": commit(),
        "machine": machine(),
        "versions": versions(),
    }
    atomic_write(OUT, json.dumps(found, indent=1) + "\n")


if __name__ == "__main__":
    main()
