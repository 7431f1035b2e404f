"""Hourly scores from raw files to figures, and what is refused for them."""

from __future__ import annotations

import json

import numpy as np
import polars as pl
import pytest
from tests.train.test_from_events import _experiment, stays  # noqa: F401

from sequela.errors import ConfigError
from sequela.report.tables import breakdown
from sequela.train.apply import apply
from sequela.train.experiment import run

HOURLY = ["task.every=6h", "task.within=200h", "split.source=assign"]


def test_a_stay_is_scored_again_and_again(stays, tmp_path):  # noqa: F811
    words = [*HOURLY, "training.epochs=2"]
    folder = run(_experiment("deterioration", stays, tmp_path / "run", *words), say=lambda _: None)
    table = breakdown(json.loads((folder / "evaluation.json").read_text()))
    assert table is not None
    assert table["heads"][0] == "Predictions"
    assert len(table["rows"]) > 2
    applied = apply(folder / "model", stays)
    # From hour 4 to hour 46, for each of 80 stays.
    assert len(applied.scores) == 80 * 8
    hours = applied.keys["prediction_time"].dt.hour() + 24 * (
        applied.keys["prediction_time"].dt.day() - 1
    )
    assert sorted(set(hours.to_list())) == list(range(4, 48, 6))
    steps = pl.DataFrame({"stay": applied.keys["subject_id"], "score": applied.scores})
    spread = steps.group_by("stay").agg(pl.col("score").n_unique())["score"]
    assert spread.min() > 3
    assert np.isfinite(applied.scores).all()


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["model.recipe=dipole"], "'dipole' on online.*bidirectional.*hours after.*values_gru"),
        (["model.bidirectional=true"], "'values_gru' on online.*Leave model.bidirectional out"),
        (["model.recipe=retain"], "reads from the end, by which.*gru_d or onset_gru"),
        (["model.recipe=lstm_deep_supervision"], "cannot be asked on the way.*values_gru"),
        (["model.pooling=last+max"], r"model.pooling.*got last\+max"),
        (["training.balance=sampler"], "one by one"),
        (["encoding.online=3"], "true or false"),
    ],
)
def test_what_looks_ahead_is_refused(stays, tmp_path, words, said):  # noqa: F811
    with pytest.raises(ConfigError, match=said):
        run(
            _experiment("deterioration", stays, tmp_path / "run", *HOURLY, *words),
            say=lambda _: None,
        )
    assert not (tmp_path / "run").exists()
