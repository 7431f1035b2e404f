"""`sequela demo`: the whole pipeline on simulated patients, whose best possible score is known."""

from __future__ import annotations

import json
import shutil
import time
from pathlib import Path

from sequela.errors import ConfigError, OutputError
from sequela.files import atomic_write, replace_directory, translated
from sequela.lock import locked

__all__ = ["SUBJECTS", "run"]

# Enough for a GRU to come within .02 of the best possible AUROC; with 40,000 the gap was .016 to
# .031, depending on the seed and the effects.
SUBJECTS = 80_000
_COMMAND = "sequela demo"
_MARK = "DEMO"


def _is_of_a_demo(folder: Path) -> bool:
    try:
        return json.loads((folder / "experiment.json").read_text())["command"] == _COMMAND
    except (OSError, ValueError, KeyError, TypeError):
        return (folder / _MARK).is_file()


def _refuse_others(*folders: Path) -> None:
    """Only what an earlier demo made is ever replaced, never a run or a data set of the user's."""
    for folder in folders:
        with translated(folder):
            there = folder.exists()
        if there and not _is_of_a_demo(folder):
            raise OutputError(
                f"folder {folder}", got="something that is no demo", todo="Choose another --out."
            )


def _remove(*folders: Path) -> None:
    for folder in folders:
        if folder.exists():
            with locked(folder):  # another demo may be at work in it
                shutil.rmtree(folder)


def run(out: Path, *, subjects: int | None, seed: int) -> None:
    """Simulates, trains, judges, reports; prints what to type for one's own data.

    An earlier demo stays until the new one is whole.
    """
    from sequela import experiments, simulate
    from sequela.cli.tables import print_evaluation
    from sequela.cli.train import report_of
    from sequela.train import experiment as training

    start = time.perf_counter()
    if not out.name:
        raise ConfigError(f"--out '{out}'", wanted="the name of a new folder")
    records, new, new_records = (
        out.with_name(f"{out.name}-{part}") for part in ("records", "new", "new-records")
    )
    _refuse_others(out, records, new, new_records)
    _remove(new, new_records)
    count = SUBJECTS if subjects is None else subjects
    print(f"simulating {count:,} patients whose true risk of heart failure is known", flush=True)
    simulate.cohort(new_records, subjects=count, seed=seed)
    mark = "Made by sequela demo; the next demo replaces this folder.\n"
    atomic_write(new_records / _MARK, mark)
    words = [f"data={new_records}", f"out={new}", f"seed={seed}"]
    experiment = experiments.load("heart_failure", words)
    training.run(experiment, command=_COMMAND)
    print_evaluation(new)
    _print_best(new)
    report = report_of(new)
    for made, place in ((new_records, records), (new, out)):
        with translated(place):
            replace_directory(made, place)
    print(f"\n{time.perf_counter() - start:.0f} s in all")
    if report is not None:
        print(f"report:  {out / report.name}")
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
