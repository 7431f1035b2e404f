"""The programs behind docs/results.md and docs/comparison.md run at small sizes."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

pytestmark = pytest.mark.long


def test_a_plan_runs_and_is_stored(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    import stored

    import experiments

    (tmp_path / "small.yaml").write_text(
        "experiment: heart_failure\ntitle: Small\nseeds: 2\ncases:\n"
        "  - data: simulated, 1,500 patients\n"
        "    simulated: {subjects: 1500, seed: 0}\n"
        "    words: [training.epochs=1, evaluation.replicates=100]\n"
    )
    monkeypatch.setattr(experiments, "PLANS", tmp_path)
    kept = stored.write
    monkeypatch.setattr(stored, "write", lambda *a, **k: kept(*a, **k, folder=tmp_path))
    path = experiments.run("small")
    found = stored.load(tmp_path)["small"]
    assert found["command"] == "python benchmarks/experiments.py small"
    assert path == tmp_path / "small.json"
    case = found["cases"][0]
    assert case["seeds"] == [0, 1]
    assert case["measures"] == ["auroc", "auprc"]
    assert [row["name"] for row in case["table"]][:2] == ["GRU", "majority"]
    assert case["table"][-1]["role"] == "best possible"
    assert case["peak_megabytes"] > 100
    assert case["seconds"]["whole"] > case["seconds"]["training"] > 0
    assert len({run["figures"]["GRU"]["auroc"] for run in case["runs"]}) == 2


def test_what_is_stored_says_how_many_seeds_were_run(monkeypatch: pytest.MonkeyPatch):
    import stored

    import experiments

    told = {}
    monkeypatch.setattr(stored, "write", lambda *_, **given: told.update(given))
    monkeypatch.setattr(stored, "case_of", lambda *_: {})
    monkeypatch.setattr(experiments, "one", lambda *_: {})
    monkeypatch.setattr(experiments, "_said", lambda _: "")
    experiments.run("seizure", minutes=0)
    assert told["command"].endswith("experiments.py seizure --seeds 1")
    experiments.run("seizure")
    assert told["command"].endswith("experiments.py seizure")


def test_a_small_comparison(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    import comparison

    task = comparison.Task(
        "Small",
        "1,500 simulated patients",
        ("training.epochs=1",),
        {"embedding_size": 4, "hidden_size": 4},
        subjects=1500,
    )
    monkeypatch.setattr(comparison, "TASKS", {"heart_failure": task})
    monkeypatch.setattr(comparison, "REPLICATES", 100)
    out = tmp_path / "comparison.json"
    comparison.run("heart_failure", 1, float("inf"), out)
    found = json.loads(out.read_text())["heart_failure"]
    names = [row["name"] for row in found["models"]]
    assert [*comparison.RECURRENT] == names[:6]
    assert {comparison.FLAT, comparison.POOLED, comparison.VECTOR, "best possible"} <= set(names)
    assert len(found["pairs"]) == 1 + len(comparison.PAIRS)
    rows = {row["name"]: row for row in found["models"]}
    assert rows["bidirectional LSTM"]["parameters"] > rows["LSTM"]["parameters"]
    assert rows["GRU, reset after"]["parameters"] == rows["GRU, reset before"]["parameters"]
    for pair in found["pairs"]:
        gap = rows[pair["model"]]["auroc"]["value"] - rows[pair["other"]]["auroc"]["value"]
        assert pair["value"] == pytest.approx(gap)
