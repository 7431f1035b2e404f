"""The risk of heart failure at each visit of patients the model has never met.

    python benchmarks/visit_risk.py [--scale S]

Trains the built-in experiment `heart_failure` on 20,000 simulated patients, and asks the model at
every visit of 5,000 others (another seed), from what was known by then. Stores what the guide
shows: the mean risk along the two years before the prediction for those who get heart failure
within the window and for the others, how well both are told apart by then, and the visits of a few
patients. Writes benchmarks/results/visit_risk.json.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from sequela import cohort, evaluate, experiments, simulate, tasks
from sequela.events import EventData
from sequela.files import atomic_write
from sequela.train.apply import apply
from sequela.train.experiment import run
from sequela.train.provenance import commit, machine, versions

OUT = Path(__file__).resolve().parent / "results" / "visit_risk.json"
#: The task's words that ask at each visit.
AT_VISITS = ("task.index.rule=visits", "task.index.days=0", "task.min_visits=0")
DAYS = (60, 120, 180, 240, 300, 365, 425, 485, 545, 605, 665, 730)
SHOWN = 6


def risks(model: Path, data: Path) -> pl.DataFrame:
    """``subject_id``, ``day`` since the first event, ``risk`` and ``case``, a row for each visit.

    Of subjects with a label in the task as it is, visits up to its prediction alone.
    """
    found = apply(model, data, known_outcome=False, changes=AT_VISITS)
    declared = tasks.declaration("onset", outcome="heart_failure")
    labels = cohort.build_cohort(EventData.open(data), declared).labels
    labels = labels.select("subject_id", end="prediction_time", case="boolean_value")
    return (
        found.keys.with_columns(risk=pl.Series(found.scores))
        .join(labels, on="subject_id")
        .filter(pl.col("prediction_time") <= pl.col("end"))
        .with_columns(left=(pl.col("end") - pl.col("prediction_time")).dt.total_hours() / 24)
        .with_columns(day=730 - pl.col("left"))
        .sort("subject_id", "day")
        .select("subject_id", "day", "risk", "case")
    )


def along(found: pl.DataFrame) -> list[dict[str, Any]]:
    """At each of the days, from the last visit by then: means, and the AUROC with its interval."""
    rows = []
    for day in DAYS:
        last = found.filter(pl.col("day") <= day).group_by("subject_id").last()
        last = last.sort("subject_id")
        case, risk = last["case"].to_numpy(), last["risk"].to_numpy()
        whole = evaluate.evaluate_fixed(
            evaluate.Part(case.astype(np.int64), last["subject_id"].to_numpy()),
            risk,
            ("no", "yes"),
        )
        means = {name: float(risk[case == held].mean()) for name, held in _SIDES}
        rows.append(
            {"day": day, "patients": len(risk), **means, "auroc": whole["table"][0]["auroc"]}
        )
    return rows


_SIDES = (("cases", True), ("others", False))


def some(found: pl.DataFrame) -> list[dict[str, Any]]:
    """The visits of a few simulated patients of each side who have many of them."""
    rows = []
    for name, held in _SIDES:
        mine = found.filter(pl.col("case") == held)
        many = mine.group_by("subject_id").len().filter(pl.col("len") >= 12).sort("subject_id")
        for subject in many["subject_id"].head(SHOWN // 2):
            visits = mine.filter(pl.col("subject_id") == subject)
            risk = [round(one, 4) for one in visits["risk"]]
            rows.append({"side": name, "day": visits["day"].round(1).to_list(), "risk": risk})
    return rows


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description="The risk of heart failure at each visit.")
    parser.add_argument("--scale", type=float, default=1.0, help="of the cohorts, for a trial")
    parser.add_argument("--out", type=Path, default=OUT)
    chosen = parser.parse_args()
    start = time.perf_counter()
    sizes = [max(int(size * chosen.scale), 900) for size in (20_000, 5_000)]
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        for name, seed, size in zip(("train", "new"), (0, 1), sizes, strict=True):
            simulate.cohort(folder / name, subjects=size, seed=seed)
        words = [f"data={folder / 'train'}", f"out={folder / 'run'}", "evaluation.baselines=false"]
        run(experiments.load("heart_failure", words))
        found = risks(folder / "run" / "model", folder / "new")
    result = {
        "command": "python benchmarks/visit_risk.py",
        "what": "heart_failure on 20,000 simulated patients (seed 0), asked at each visit of 5,000 "
        "others (seed 1)",
        "along": along(found),
        "some": some(found),
        "visits": found.height,
        "seconds": round(time.perf_counter() - start, 1),
        "measured": datetime.now(timezone.utc).isoformat(timespec="seconds"),
        "commit": commit(),
        "machine": machine(),
        "versions": versions(),
    }
    atomic_write(chosen.out, json.dumps(result, indent=1) + "\n")
    for row in result["along"]:
        print({key: row[key] for key in ("day", "cases", "others")}, row["auroc"]["value"])


if __name__ == "__main__":
    main()
