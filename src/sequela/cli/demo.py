"""`sequela demo`: the whole pipeline on simulated patients, whose best possible score is known."""

from __future__ import annotations

import json
import shutil
import time
from pathlib import Path

from sequela.errors import OutputError

__all__ = ["SUBJECTS", "run"]

# Enough for a GRU to come within .02 of the best possible AUROC; with 40,000 the gap was .016 to
# .031, depending on the seed and the effects.
SUBJECTS = 80_000


def _clear(folder: Path, mark: Path | str) -> None:
    # Only what an earlier demo left is removed, never a folder of the user's.
    if not folder.exists():
        return
    if not (folder / mark).is_file():
        raise OutputError(
            f"folder {folder}", got="something that is no demo", todo="Choose another --out."
        )
    shutil.rmtree(folder)


def run(out: Path, *, subjects: int | None, seed: int) -> None:
    """Simulates, trains, judges, reports; prints what to type for one's own data."""
    from sequela import experiments, simulate
    from sequela.cli.tables import print_evaluation
    from sequela.cli.train import report_of
    from sequela.train import experiment as training

    start = time.perf_counter()
    records = out.with_name(f"{out.name}-records")
    _clear(out, "experiment.json")
    _clear(records, simulate.TRUTH_FILE)
    count = SUBJECTS if subjects is None else subjects
    print(f"simulating {count:,} patients whose true risk of heart failure is known", flush=True)
    simulate.cohort(records, subjects=count, seed=seed)
    words = [f"data={records}", f"out={out}", f"seed={seed}"]
    experiment = experiments.load("heart_failure", words)
    training.run(experiment, command="sequela demo")
    print_evaluation(out)
    _print_best(out)
    report = report_of(out)
    print(f"\n{time.perf_counter() - start:.0f} s in all")
    if report is not None:
        print(f"report:  {report}")
    print(f"model:   {out / 'model'}")
    print("your own data (MEDS):")
    print("  sequela inspect PATH")
    print("  sequela train heart_failure data=PATH out=runs/mine")


def _print_best(out: Path) -> None:
    evaluation = json.loads((out / "evaluation.json").read_text())
    rows = {row["role"]: row["auroc"]["value"] for row in evaluation["table"]}
    gap = rows["best possible"] - rows["model"]
    print(
        f"the best possible AUROC is {rows['best possible']:.3f}; the model is {gap:.3f} below it"
    )
