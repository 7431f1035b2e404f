"""Every kind of label from events to figures, predictions and report; what cannot be is refused."""

from __future__ import annotations

import datetime as dt
import json
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
import yaml
from tests.cli.command import call

from sequela import experiments
from sequela.errors import BundleError, CohortError, ConfigError
from sequela.events import write_events
from sequela.train.apply import apply
from sequela.train.experiment import prepare, run
from sequela.train.losses import objective
from sequela.train.outcomes import Outcome

START = dt.datetime(2020, 1, 1)
DAY = dt.timedelta(days=1)
QUICK = ["training.epochs=2", "evaluation.replicates=100", "training.progress=false"]
BASE: dict[str, Any] = {
    "kind": "cohort",
    "title": "Made up",
    "predicates": {
        "a": {"exact": ["A"]},
        "b": {"exact": ["B"]},
        "measure": {"exact": ["M"]},
        "stay": {"exact": ["IN"]},
    },
    "episodes": {"each": "stay"},
    "index": {"at": "start"},
    "observation": None,
    "prediction": "10d",
    "censoring": "keep",
}
LABELS: dict[str, dict[str, Any]] = {
    "multilabel": {"kind": "multilabel", "classes": ["a", "b"]},
    "sets": {"kind": "sequence", "predicate": "either", "distinct": True},
    "count": {"kind": "count", "predicate": "a"},
    "time_to_event": {"kind": "time_to_event", "predicate": "a"},
    "quantile": {"kind": "series", "predicate": "measure", "parts": 2, "season": "10d"},
}


@pytest.fixture(scope="module")
def data(tmp_path_factory) -> Path:
    """120 patients with two stays; those with X before get A soon and often, the others B late."""
    random, rows = np.random.default_rng(0), []
    for subject in range(120):
        sick = subject % 2 == 0
        for stay in range(2):
            begin = START + (60 * stay + subject % 7) * DAY
            rows.append((subject, begin - DAY, "X" if sick else "Y", None))
            rows.append((subject, begin, "IN", None))
            for number in range(1 + random.poisson(3.0 if sick else 0.5)):
                time = begin + (0.5 + number + random.random()) * DAY
                rows.append((subject, time, "A" if sick or number > 1 else "B", None))
            for day in range(-12, 12, 2):
                value = 10 + 5 * sick + random.normal()
                rows.append((subject, begin + (day + 0.25) * DAY, "M", value))
    schema = {"subject_id": pl.Int64, "time": pl.Datetime("us"), "code": pl.String}
    frame = pl.DataFrame(rows, {**schema, "numeric_value": pl.Float32}, orient="row")
    root = tmp_path_factory.mktemp("made-up") / "meds"
    write_events(root, [frame.sort("subject_id", "time", maintain_order=True)])
    return root


def experiment(data: Path, folder: Path, kind: str, *words: str):
    predicates = {**BASE["predicates"], "either": {"any_of": ["a", "b"]}}
    task = {**BASE, "name": kind, "predicates": predicates, "label": LABELS[kind]}
    (folder / f"{kind}.yaml").write_text(yaml.safe_dump(task))
    (folder / "mine.yaml").write_text(
        yaml.safe_dump(
            {
                "title": kind,
                "source": "meds",
                "task": {"name": str(folder / f"{kind}.yaml")},
                "encoding": {"kind": "values", "min_subjects": 2},
                "model": {"recipe": "values_gru", "hidden_size": 8},
                "training": {"learning_rate": 0.02, "batch_size": 32, "threads": 1},
            }
        )
    )
    out = f"out={folder / 'run'}"
    return experiments.load(str(folder / "mine.yaml"), [f"data={data}", out, *QUICK, *words])


def check_run(data: Path, tmp_path: Path, kind: str, *words: str) -> dict[str, Any]:
    """A run whose bundle says of the same data what the run said, and whose report is whole."""
    folder = run(experiment(data, tmp_path, kind, *words), say=lambda line: None)
    found = json.loads((folder / "evaluation.json").read_text())
    assert (found["kind"], found["table"][0]["role"]) == (kind, "model")
    scores = pl.read_parquet(folder / "scores.parquet").filter(pl.col("part") == "held_out")
    assert scores.height == found["n"]
    applied = apply(folder / "model", data)
    assert applied.target is not None
    assert len(applied.target) == len(applied.scores) == 240
    said = scores.select(name for name in scores.columns if name.startswith("score")).to_numpy()
    again = applied.scores.reshape(240, -1)
    assert {row.tobytes() for row in said} <= {row.tobytes() for row in again}
    later = tmp_path / "scores.parquet"
    assert call("predict", folder / "model", f"data={data}", f"out={later}") == 0
    assert pl.read_parquet(later).width == 2 + again.shape[1]
    assert call("evaluate", folder / "model", f"data={data}") == 0
    assert call("report", folder) == 0
    page = (folder / "report.html").read_text()
    assert found["breakdown"]["title"] in page
    return found


def test_a_time_to_event(data: Path, tmp_path: Path, capsys):
    found = check_run(data, tmp_path, "time_to_event", "evaluation.baselines=false")
    assert found["table"][0]["harrell"]["value"] > 0.6
    assert "Harrell" in capsys.readouterr().out


@pytest.mark.long
@pytest.mark.parametrize("kind", list(LABELS))
def test_each_kind_beside_its_rivals(kind: str, data: Path, tmp_path: Path):
    found = check_run(data, tmp_path, kind, "training.epochs=12")
    names = [row["name"] for row in found["table"]]
    leading = {
        "multilabel": ("macro_auroc", "label rates", 1),
        "sets": ("recall_at_5", None, 0),
        "count": ("deviance", "mean", -1),
        "time_to_event": ("integrated_brier", "Kaplan-Meier", -1),
        "quantile": ("pinball", "constant quantiles", -1),
    }
    measure, rival, sign = leading[kind]
    assert len(names) >= 3
    if rival:
        rows = {row["name"]: row[measure]["value"] for row in found["table"]}
        assert sign * (rows[names[0]] - rows[rival]) > 0, rows
    if kind == "quantile":
        assert {"last value", "seasonal naive"} <= set(names)


def test_parts_that_follow_the_origins_of_forecasts(data: Path, tmp_path: Path):
    words = ["split.by=origin", "task.prediction=2d", "task.label.parts=1"]
    prepared = prepare(experiment(data, tmp_path, "quantile", *words))
    times = {
        name: part.keys["prediction_time"]
        for name, part in prepared.parts.items()
        if part.keys is not None
    }
    assert times["train"].max() + 2 * DAY <= times["tuning"].min()
    assert times["tuning"].max() + 2 * DAY <= times["held_out"].min()
    assert prepared.group_name == "blocks of time"
    groups = {name: set(part.samples.groups) for name, part in prepared.parts.items()}
    assert not groups["train"] & groups["tuning"]
    assert not groups["tuning"] & groups["held_out"]
    assert not groups["train"] & groups["held_out"]
    with pytest.raises(ConfigError, match="no forecast"):
        prepare(experiment(data, tmp_path, "count", "split.by=origin"))


def test_too_few_events_bring_the_attrition(data: Path, tmp_path: Path):
    few = experiment(data, tmp_path, "time_to_event", "task.predicates.a.exact=[NOTHING]")
    with pytest.raises(CohortError, match="too few cases") as caught:
        prepare(few)
    assert caught.value.attrition


def test_intervals_by_hand():
    truth = np.array([[1.0, 1], [2.0, 1], [3.0, 2], [9.0, 1], [2.6, 0], [0.4, 0], [2.4, 0]])
    outcome = Outcome("time_to_event", unit="days", edges=(1.0, 2.0, 3.0))
    # An event at the end of an interval is in it; one that competes, or comes late, is none.
    wanted = [[0, 1], [1, 1], [3, 0], [3, 0], [3, 0], [0, 0], [2, 0]]
    assert outcome.target(truth).tolist() == wanted
    fitted = Outcome("time_to_event", unit="days").fitted(
        np.stack([np.arange(1.0, 101), np.ones(100)], axis=1), np.arange(100), 1, ()
    )
    assert fitted.edges == tuple(np.arange(5.0, 101, 5))


def test_sets_by_hand():
    lists = pl.Series([["B", "A"], ["A", "C", "Z"], [], ["A"]])
    outcome = Outcome("sets").fitted(lists, np.array([1, 2, 3, 2]), 1, ())
    assert outcome.names == ("A", "B", "C", "Z"), "the most frequent first"
    twice = Outcome("sets").fitted(lists, np.array([1, 2, 3, 2]), 2, ())
    assert twice.names == ("A",)
    assert twice.labels(lists).tolist() == [[1, 1], [1, 2], [0, 0], [1, 0]]
    assert twice.target(lists).tolist() == [[True], [True], [False], [True]]


def test_numbers_are_learnt_on_their_own_scale():
    truth = np.array([[10.0, 30.0], [20.0, np.nan]])
    outcome = Outcome("quantile", ("x", "y")).fitted(truth, np.arange(2), 1, (0.1, 0.5, 0.9))
    assert (outcome.centre, outcome.spread) == (20.0, 20 / 3)
    again = outcome.restored(outcome.target(truth)[:, :, None])[:, :, 0]
    np.testing.assert_allclose(again, truth, rtol=1e-6)
    assert Outcome.from_dict(json.loads(json.dumps(outcome.to_dict()))) == outcome
    for wrong in (None, {}, {**outcome.to_dict(), "edges": ["1"]}, {"kind": "count"}):
        with pytest.raises(BundleError, match="outcome"):
            Outcome.from_dict(wrong)


def test_offsets_are_what_the_training_part_shows():
    truth = np.array([[0.0, 1], [1, 1], [2, 0], [2, 0]])
    aim = objective(truth, truth, kind="time_to_event")
    # Interval 1: one of four; interval 2: one of three; half a case more on either side.
    np.testing.assert_allclose(aim.offset, np.log([1.5 / 3.5, 1.5 / 2.5]))
    counts = np.array([1, 3])
    assert objective(counts, counts, kind="count").offset == (np.log(2.0),)
    with pytest.raises(ConfigError, match="balance"):
        objective(counts, counts, kind="count", balance="weights")


def test_what_is_new_to_a_record_does_not_hang_on_what_the_encoder_keeps(data, tmp_path: Path):
    """Who was given A after the first stay has it in the record of the second, by any encoding."""
    merged = tmp_path / "map.csv"
    merged.write_text("code,group\nA,AB\nB,AB\n")
    usual, mapped = (
        prepare(experiment(data, tmp_path, "sets", *words)).parts["train"]
        for words in ((), (f"encoding.map={merged}",))
    )
    assert usual.seen is not None
    assert mapped.seen is not None
    np.testing.assert_array_equal(usual.seen, mapped.seen)
    assert usual.seen.any(axis=0).all()
    assert not usual.seen.all()
    np.testing.assert_array_equal(usual.naive["seen last"], mapped.naive["seen last"])
