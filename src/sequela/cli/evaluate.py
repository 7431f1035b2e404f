"""`sequela evaluate`: a finished model on another data set that has labels."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

from sequela.cli.words import parted, paths

__all__ = ["run"]

#: What is resampled, by what rows are named by.
_GROUPS = {
    "subject_id": "patients",
    "recording": "recordings",
    "text": "texts",
    "block": "blocks of text",
}


def run(model: Path, words: Sequence[str], *, as_json: bool) -> None:
    """Prints the figures, with intervals, at the threshold chosen in training."""
    changes, words = parted(words, "task")
    given = paths(words, ("data", "labels"), ("data",))
    from sequela import evaluate
    from sequela.cli.tables import show_evaluation, wide_console
    from sequela.train.apply import apply

    applied = apply(model, given["data"], given.get("labels"), changes=changes)
    group_name = _GROUPS[applied.keys.columns[0]]
    if applied.kind in ("binary", "multiclass"):
        found = evaluate.evaluate_fixed(
            applied.part,
            applied.scores,
            applied.classes,
            threshold=applied.threshold,
            group_name=group_name,
        )
    else:
        found = evaluate.evaluate_outcome(
            applied.outcome.about,
            [evaluate.Scores("model", applied.scores, applied.scores)],
            None,
            applied.part,
            thresholds=applied.label_thresholds,
            group_name=group_name,
        )
    found["notes"] += [f"WARNING: {warning}" for warning in applied.warnings]
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
