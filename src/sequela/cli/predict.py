"""`sequela predict`: a model's scores for a data set, as a table."""

from __future__ import annotations

import io
from collections.abc import Sequence
from pathlib import Path

from sequela.cli.words import paths
from sequela.errors import ConfigError, OutputError

__all__ = ["run"]


def run(model: Path, words: Sequence[str]) -> None:
    """Writes the scores.

    Labels that hold the outcome make it a table of MEDS predictions, which must have it; otherwise
    the table has the subjects, the prediction times and the scores alone.
    """
    given = paths(words, ("data", "labels", "out"), ("data", "out"))
    out = given["out"]
    if out.suffix != ".parquet":
        raise ConfigError(f"out {out}", wanted="a file that ends in .parquet")
    if out.exists():
        raise OutputError(f"file {out}", got="it exists already", todo="Choose another name.")
    from sequela.train.apply import apply

    applied = apply(model, given["data"], given.get("labels"), known_outcome=False)
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


def _write_table(out: Path, applied) -> None:
    import polars as pl

    from sequela.files import atomic_write

    scores = applied.scores
    if scores.ndim == 1:
        columns = {"score": scores}
        if applied.threshold is not None:
            columns["flagged"] = scores >= applied.threshold
    else:
        columns = {f"score {name}": scores[:, k] for k, name in enumerate(applied.classes)}
    frame = applied.keys.with_columns(
        **{name: pl.Series(values) for name, values in columns.items()}
    )
    buffer = io.BytesIO()
    frame.write_parquet(buffer)
    atomic_write(out, buffer.getvalue())
