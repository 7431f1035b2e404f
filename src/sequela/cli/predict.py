"""`sequela predict`: a model's scores for a data set, as a table."""

from __future__ import annotations

import io
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from sequela.cli.words import parted, paths
from sequela.errors import ConfigError, OutputError
from sequela.files import atomic_write, translated

__all__ = ["columns_of", "run"]


def run(model: Path, words: Sequence[str]) -> None:
    """Writes the scores; ``task.KEY=VALUE`` asks at other times or of others than in training.

    Labels that hold the outcome make it a table of MEDS predictions, which must have it; otherwise
    the table has the subjects, the prediction times and the scores alone.
    """
    changes, words = parted(words, "task")
    given = paths(words, ("data", "labels", "out"), ("data", "out"))
    out = given["out"]
    if out.suffix != ".parquet":
        raise ConfigError(f"out {out}", wanted="a file that ends in .parquet")
    with translated(out):
        there = out.exists()
    if there:
        raise OutputError(f"file {out}", got="one that exists already", todo="Choose another name.")
    from sequela.train.apply import apply

    applied = apply(model, given["data"], given.get("labels"), known_outcome=False, changes=changes)
    binary = applied.kind == "binary" and "subject_id" in applied.keys.columns
    if binary and applied.target is not None:
        _write_meds(out, applied)
    else:
        _write_table(out, applied)
    for warning in applied.warnings:
        print(f"WARNING: {warning}")
    print(f"{len(applied.scores):,} scores in {out}")


def _write_meds(out: Path, applied) -> None:
    import polars as pl

    from sequela.events import write_predictions

    threshold = 0.5 if applied.threshold is None else applied.threshold
    frame = applied.keys.with_columns(
        boolean_value=pl.Series(applied.target.astype(bool)),
        predicted_boolean_value=pl.Series(applied.scores >= threshold),
        predicted_boolean_probability=pl.Series(applied.scores),
    )
    write_predictions(out, frame)


def columns_of(classes: Sequence[str], what: str = "score") -> list[str]:
    """Names that need no quotes in any tool; numbers where two classes would share one."""
    names = [f"{what}_{re.sub(r'[^a-z0-9]+', '_', name.lower()).strip('_')}" for name in classes]
    distinct = len(set(names)) == len(names) and f"{what}_" not in names
    return names if distinct else [f"{what}_{k}" for k in range(len(classes))]


def _write_table(out: Path, applied) -> None:
    import polars as pl

    columns = _columns(applied)
    frame = applied.keys.with_columns(
        **{name: pl.Series(values) for name, values in columns.items()}
    )
    buffer = io.BytesIO()
    frame.write_parquet(buffer)
    atomic_write(out, buffer.getvalue())


def _columns(applied) -> dict[str, Any]:
    """What is said of each row, by the name of the column."""
    scores, names = applied.scores, applied.classes
    if applied.kind == "written":
        return {"written": scores.tolist()}
    if applied.kind == "likelihood":
        return {"nats_per_symbol": scores}
    if applied.kind == "count":
        return {"expected_count": scores}
    if applied.kind == "time_to_event":
        return {name: scores[:, k] for k, name in enumerate(columns_of(names, "survival_to"))}
    if applied.kind == "quantile":
        return {
            f"{name}_{round(100 * level):02d}": scores[:, k, q]
            for k, name in enumerate(columns_of(names, "quantile"))
            for q, level in enumerate(applied.outcome.levels)
        }
    if scores.ndim > 1:
        return {name: scores[:, k] for k, name in enumerate(columns_of(names))}
    columns = {"score": scores}
    if applied.threshold is not None:
        columns["flagged"] = scores >= applied.threshold
    return columns
