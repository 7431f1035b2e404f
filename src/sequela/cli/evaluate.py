"""`sequela evaluate`: a finished model on another data set that has labels."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

from sequela.cli.words import paths

__all__ = ["run"]


def run(model: Path, words: Sequence[str], *, as_json: bool) -> None:
    """Prints the figures, with intervals, at the threshold chosen in training."""
    given = paths(words, ("data", "labels"), ("data",))
    from sequela import evaluate
    from sequela.cli.tables import show_evaluation, wide_console
    from sequela.train.apply import apply

    applied = apply(model, given["data"], given.get("labels"))
    found = evaluate.evaluate_fixed(
        applied.part,
        applied.scores,
        applied.classes,
        threshold=applied.threshold,
        group_name="patients" if "subject_id" in applied.keys.columns else "recordings",
    )
    if applied.same_data:
        found["notes"].insert(
            0,
            "WARNING: the model was made from these very subjects; most were in its training part. "
            "The figures are no judgement; those of its run are.",
        )
    if as_json:
        print(json.dumps(found, indent=1))
        return
    show_evaluation(found, wide_console(), f"{found['n']:,} rows of new data")
    for note in found["notes"]:
        print(note)
