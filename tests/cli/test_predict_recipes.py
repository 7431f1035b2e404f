"""Every recipe from data to a bundle and back: trained by a command, served with the same bits."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl
import pytest
import yaml
from tests.cli.command import call

from sequela import bundle, cohort, experiments, recipes, seeds, simulate, tasks
from sequela.events import EventData, write_events
from sequela.ops.native import library

pytestmark = [
    pytest.mark.long,
    pytest.mark.skipif(library() is None, reason="the native library is not built here"),
]

QUICK = ["training.epochs=1", "evaluation.replicates=100", "evaluation.baselines=false"]
#: Recipes of one class per patient, and what their experiment says beside the recipe.
EVENTS = {
    "dipole": {"attention": "general"},
    "doctor_ai": {"answer": "classes"},
    "gru_d": {},
    "lstm_deep_supervision": {},
    "mlp": {"steps": 4},
    "retain": {},
    "t_lstm": {},
}
VALUES = ("gru_d", "lstm_deep_supervision")


@pytest.fixture(scope="module")
def records(tmp_path_factory) -> Path:
    """A simulated cohort whose patients also have a measurement at most visits."""
    folder = tmp_path_factory.mktemp("records")
    simulate.cohort(folder / "plain", subjects=900, seed=3)
    data = EventData.open(folder / "plain").read()
    visits = data.filter(pl.col("time").is_not_null()).unique(["subject_id", "time"])
    visits = visits.sort("subject_id", "time")
    random = seeds.generator(0, "values")
    kept = random.random(visits.height) < 0.8
    measured = visits.filter(pl.Series(kept)).with_columns(
        code=pl.lit("LAB//one"),
        numeric_value=pl.Series(random.normal(size=int(kept.sum())), dtype=pl.Float32),
    )
    both = pl.concat([data, measured]).sort("subject_id", "time", nulls_last=False)
    write_events(folder / "measured", [both])
    return folder / "measured"


def write_experiment(folder: Path, recipe: str, name: str, **model) -> Path:
    """A built-in experiment with another recipe."""
    plain = experiments.load(name).model_dump(
        mode="json", exclude={"name", "data", "labels", "out", "split"}
    )
    plain["model"] = {"recipe": recipe, **model}
    if recipe in VALUES:
        plain["encoding"] = {"kind": "values", "min_subjects": 11}
    path = folder / "mine.yaml"
    path.write_text(yaml.safe_dump(plain))
    return path


@pytest.mark.parametrize("recipe", EVENTS)
def test_a_patient_alone_has_the_score_he_has_among_all(recipe, records, tmp_path):
    path = write_experiment(tmp_path, recipe, "heart_failure", **EVENTS[recipe])
    given = (f"data={records}", f"out={tmp_path / 'run'}", *QUICK)
    assert call("train", path, *given) == 0
    model = tmp_path / "run" / "model"
    assert bundle.load(model).name == recipe
    data = EventData.open(records)
    declared = tasks.declaration("onset", outcome="heart_failure")
    labels = cohort.build_cohort(data, declared).labels
    found = []
    for count in (labels.height, 1, 30):
        some = labels.sample(count, seed=count, shuffle=True)
        some.write_parquet(tmp_path / f"labels{count}.parquet")
        left = data.read().filter(pl.col("subject_id").is_in(some["subject_id"].to_list()))
        write_events(tmp_path / f"data{count}", [left])
        out = tmp_path / f"scores{count}.parquet"
        words = (
            f"data={tmp_path / f'data{count}'}",
            f"labels={tmp_path / f'labels{count}.parquet'}",
            f"out={out}",
        )
        assert call("predict", model, *words) == 0
        found.append(pl.read_parquet(out))
    name = "predicted_boolean_probability"
    assert found[0][name].n_unique() > 20
    for few in found[1:]:
        both = few.join(found[0], on=["subject_id", "prediction_time"], suffix="_whole")
        assert both.height == few.height
        assert np.array_equal(both[name].to_numpy(), both[f"{name}_whole"].to_numpy())


def test_the_others_are_named():
    elsewhere = {"conv_rnn", "leap", "neuroner", "onset_gru", "seizure_bilstm", "values_gru"}
    elsewhere |= {"char_lm", "forecaster", "seq2seq_attention", "text_classifier"}
    elsewhere |= {"captioner", "frames", "speech_ctc"}
    assert set(EVENTS) | elsewhere == set(recipes.names())
