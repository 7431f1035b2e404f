"""`sequela train`: an experiment from raw data to report."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from pathlib import Path

from sequela.errors import MissingDependencyError

__all__ = ["report_of", "run"]


def report_of(folder: Path) -> Path | None:
    """The report of a run, or None (with a line that says so) where the extra is missing."""
    from sequela.report import render

    try:
        return render(folder)
    except MissingDependencyError as error:
        print(f"no report: {error}")
        return None


def run(name: str, words: Sequence[str], *, resume: bool) -> None:
    """Trains, judges, prints the table and the paths."""
    from sequela import experiments
    from sequela.cli.tables import print_evaluation

    experiment = experiments.load(name, words)
    command = shlex.join(["sequela", "train", name, *words])
    from sequela.train import experiment as training

    folder = training.run(experiment, resume=resume, command=command)
    print_evaluation(folder)
    report = report_of(folder)
    print(f"model:  {folder / 'model'}")
    if report is not None:
        print(f"report: {report}")
