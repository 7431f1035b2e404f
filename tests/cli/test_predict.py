"""`sequela predict`: whoever else is in the data, a patient's score has the same bits."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl
import pytest
from tests.cli.command import call

from sequela import cohort, seeds, simulate, tasks
from sequela.events import EventData, write_events
from sequela.ops.native import library

pytestmark = pytest.mark.skipif(library() is None, reason="the native library is not built here")

QUICK = ["training.epochs=1", "evaluation.replicates=100", "evaluation.baselines=false"]
COLUMNS = ["Unnamed", *(f"X{k}" for k in range(1, 179)), "y"]


def scores(model: Path, out: Path, *words: str) -> pl.DataFrame:
    assert call("predict", model, *words, f"out={out}") == 0
    return pl.read_parquet(out)


def test_some_patients_of_a_cohort_alone(tmp_path):
    records = tmp_path / "records"
    simulate.cohort(records, subjects=900, seed=3)
    words = [f"data={records}", f"out={tmp_path / 'run'}", *QUICK]
    assert call("train", "heart_failure", *words, "model.pooling=last+attention") == 0
    declared = tasks.declaration("onset", outcome="heart_failure")
    data = EventData.open(records)
    labels = cohort.build_cohort(data, declared).labels
    labels.write_parquet(tmp_path / "labels.parquet")
    model = tmp_path / "run" / "model"
    given = (f"data={records}", f"labels={tmp_path / 'labels.parquet'}")
    everyone = scores(model, tmp_path / "all.parquet", *given)
    # More than one batch, so that the company of a patient changes with the subset.
    assert everyone.height > 256
    # The same model asked at each visit; what it answers stays what it has learnt.
    words = ("task.index.rule=visits", "task.index.days=0", "task.min_visits=0")
    asked = scores(model, tmp_path / "visits.parquet", f"data={records}", *words)
    assert asked.height > 5 * asked["subject_id"].n_unique()
    out = f"out={tmp_path / 'no.parquet'}"
    assert call("predict", model, f"data={records}", "task.label.kind=count", out) == 2
    keys, name = ["subject_id", "prediction_time"], "predicted_boolean_probability"
    for count in (1, 5, 100, everyone.height - 1):
        some = labels.sample(count, seed=count, shuffle=True)
        some.write_parquet(tmp_path / f"labels{count}.parquet")
        # Neither the labels nor the data of the others are there.
        left = data.read().filter(pl.col("subject_id").is_in(some["subject_id"].to_list()))
        write_events(tmp_path / f"data{count}", [left])
        given = (
            f"data={tmp_path / f'data{count}'}",
            f"labels={tmp_path / f'labels{count}.parquet'}",
        )
        found = scores(model, tmp_path / f"some{count}.parquet", *given)
        joined = found.join(everyone, on=keys, suffix="_whole")
        assert joined.height == count
        assert np.array_equal(joined[name].to_numpy(), joined[f"{name}_whole"].to_numpy())


def test_some_records_of_an_eeg_set_alone(tmp_path):
    random = seeds.generator(0, "rows")
    rows = []
    for label in (1, 2, 3, 4, 5):
        for number in range(12):
            values = random.normal(0, 500 if label == 1 else 50, 178).astype(int)
            rows.append([f"X{number}.V1.{100 * label + number}", *map(str, values), str(label)])

    def write(name: str, rows: list[list[str]]) -> Path:
        path = tmp_path / name
        path.write_text("\n".join(",".join(row) for row in [COLUMNS, *rows]) + "\n")
        return path

    whole = write("all.csv", rows)
    assert call("train", "seizure", f"data={whole}", f"out={tmp_path / 'run'}", *QUICK) == 0
    model = tmp_path / "run" / "model"
    everyone = scores(model, tmp_path / "all.parquet", f"data={whole}")["score"].to_numpy()
    assert len(np.unique(everyone)) > 30
    for count in (1, 7, 59):
        chosen = random.permutation(len(rows))[:count]
        some = write(f"some{count}.csv", [rows[k] for k in chosen])
        found = scores(model, tmp_path / f"some{count}.parquet", f"data={some}")
        assert np.array_equal(found["score"].to_numpy(), everyone[chosen])
