"""`sequela transfer`: a trained model goes on learning at another institution."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from pathlib import Path

__all__ = ["run"]


def run(model: Path, words: Sequence[str]) -> None:
    """Transfers, prints the overlap, the curve, the table and the paths."""
    from sequela.cli.tables import print_evaluation
    from sequela.cli.train import report_of
    from sequela.transfer import load_settings, transfer

    settings = load_settings(words)
    command = shlex.join(["sequela", "transfer", str(model), *words])
    folder = transfer(model, settings, command=command)
    print_evaluation(folder)
    report = report_of(folder)
    print(f"model:  {folder / 'model'}")
    if report is not None:
        print(f"report: {report}")
