"""`sequela transfer` from two data sets to a run folder, and what it refuses."""

from __future__ import annotations

import json
from pathlib import Path

import polars as pl
import pytest
from tests.cli.command import call

from sequela import bundle, simulate
from sequela.batches.running import RunningSamples
from sequela.train import encoding
from sequela.transfer import curve

QUICK = ["training.epochs=1", "evaluation.replicates=100", "evaluation.baselines=false"]
SMALL = ["model.embedding_size=8", "model.hidden_size=8"]


@pytest.fixture(scope="module")
def place(tmp_path_factory) -> Path:
    root = tmp_path_factory.mktemp("transfer")
    simulate.cohort(root / "first", 700, seed=1)
    simulate.cohort(root / "second", 600, seed=2, institution="second")
    words = [f"data={root / 'first'}", f"out={root / 'run'}", *QUICK, *SMALL]
    assert call("train", "heart_failure", *words) == 0
    return root


def test_from_model_to_report_and_prediction(place, capsys):
    model, out = place / "run" / "model", place / "transferred"
    words = [f"data={place / 'second'}", f"map={place / 'second' / simulate.MAP_FILE}"]
    words += [f"out={out}", "curve.sizes=[100, 100000]", "curve.draws=2", "curve.rates=[0.005]"]
    assert call("transfer", model, *words, "freeze=[recurrent]", *QUICK) == 0
    said = capsys.readouterr().out
    assert "22 known by the map" in said
    assert "100 patients: auroc" in said
    assert "100,000 patients: left out" in said
    found = json.loads((out / "transfer.json").read_text())
    assert found["settings"]["map"] == 22
    assert found["curve"]["left_out"] == [100000]
    (row,) = found["curve"]["sizes"]
    assert row["n"] == 100
    assert len(row["each"]) == 2
    assert row["difference"]["low"] <= row["difference"]["value"] <= row["difference"]["high"]
    assert 0.4 < found["curve"]["as_it_is"]["value"] < 1
    page = (out / "report.html").read_text()
    assert 'id="transfer"' in page
    assert "Frozen parts: recurrent." in page
    assert str(place) not in json.dumps(found)

    before, after = bundle.load(model), bundle.load(out / "model")
    old, new = (encoding.encoder_from(one.preparation)[0] for one in (before, after))
    count = len(old.vocabulary)
    assert new.vocabulary.codes[: count - 1] == old.vocabulary.codes
    frozen = [name for name, _ in before.model.named_parameters() if name.startswith("recurrent")]
    states = before.model.state_dict(), after.model.state_dict()
    assert frozen
    assert all((states[0][name] == states[1][name]).all() for name in frozen)
    assert not (states[0]["embedding.weight"] == states[1]["embedding.weight"][:count]).all()
    assert call("predict", out / "model", words[0], f"out={place / 'scores.parquet'}") == 0
    assert pl.read_parquet(place / "scores.parquet").height > 100


@pytest.mark.parametrize(
    ("words", "status", "said"),
    [
        ((), 2, "data=PATH"),
        (("data=second", "rows=zero"), 2, "rows"),
        (("data=second", "curve.sizes=[300, 100]"), 2, "rising"),
        (("data=second", "training.epoch=1"), 2, "epochs"),
        (("data=second", "freeze=[recurent]", "curve.sizes=[]"), 2, "recurrent"),
        (("data=second", "map=nothing.csv"), 1, "nothing.csv"),
        (("data=second", "out=run"), 1, "exists already"),
        (("data=nowhere",), 1, "nowhere"),
    ],
)
def test_what_is_wrong_is_one_line(place, monkeypatch, capsys, words, status, said):
    monkeypatch.chdir(place)
    assert call("transfer", "run/model", *words) == status
    error = capsys.readouterr().err
    assert said in error
    assert error.count("\n") == 1
    assert not (place / "runs").exists()


@pytest.mark.long
def test_a_model_that_is_asked_on_the_way(tmp_path, monkeypatch):
    """Its records are read once in the curve too, by both starts."""
    simulate.visits(tmp_path / "first", 300, seed=1)
    simulate.visits(tmp_path / "second", 300, seed=2)
    small = [*QUICK, *SMALL, "source=meds", f"data={tmp_path / 'first'}"]
    assert call("train", "next_visit", *small, f"out={tmp_path / 'run'}") == 0
    read = []
    kept = curve.fit
    monkeypatch.setattr(curve, "fit", lambda *a: (read.append(a[1]), kept(*a))[1])
    words = [f"data={tmp_path / 'second'}", "curve.sizes=[60]", "curve.draws=1", *QUICK]
    out = tmp_path / "transferred"
    model = tmp_path / "run" / "model"
    assert call("transfer", model, *words, "curve.rates=[0.005]", f"out={out}") == 0
    assert all(isinstance(one, RunningSamples) for one in read)
    assert [len(one) for one in read] == [48, 48]
    (row,) = json.loads((out / "transfer.json").read_text())["curve"]["sizes"]
    assert row["n"] == 60


@pytest.mark.long
def test_a_warm_start_wins_where_patients_are_few(tmp_path):
    simulate.cohort(tmp_path / "first", 6000, seed=1)
    simulate.cohort(tmp_path / "second", 3000, seed=2, institution="second")
    quick = ["evaluation.baselines=false", "evaluation.replicates=500"]
    words = [f"data={tmp_path / 'first'}", f"out={tmp_path / 'run'}", *quick]
    assert call("train", "heart_failure", *words) == 0
    words = [f"data={tmp_path / 'second'}", f"out={tmp_path / 'transferred'}", *quick]
    words += ["curve.sizes=[100, 300]", "curve.draws=3", "split.fractions=[0.25, 0.05, 0.7]"]
    assert call("transfer", tmp_path / "run" / "model", *words) == 0
    found = json.loads((tmp_path / "transferred" / "transfer.json").read_text())
    for row in found["curve"]["sizes"]:
        assert row["difference"]["low"] > 0
