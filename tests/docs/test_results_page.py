"""The page of results says what the stored runs say, and leaves no defeat unexplained."""

from __future__ import annotations

import importlib.util
import json
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def results_page() -> ModuleType:
    path = ROOT / "scripts" / "results_page.py"
    spec = importlib.util.spec_from_file_location("results_page", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["results_page"] = module
    spec.loader.exec_module(module)
    return module


def estimate(value: float) -> dict[str, float]:
    return {"value": value, "low": value - 0.02, "high": value + 0.04}


def a_run(seed: int, model: float, rival: float, measure: str = "auroc") -> dict[str, Any]:
    """What one seed of an experiment of two scores and a best possible one came to."""
    scores = [("GRU", "model", model), ("majority", "baseline", 0.9)]
    scores += [("trees", "baseline", rival), ("best possible", "best possible", 0.99)]
    told = {"model": "GRU", "other": "trees", "metric": measure}
    return {
        "seed": seed,
        "kind": "binary",
        "n": 100 + seed,
        "groups": 90,
        "group_name": "patients",
        "table": [
            {"name": name, "role": role, measure: estimate(value), "threshold": 0.3}
            for name, role, value in scores
        ],
        "differences": [{"name": "GRU - trees", **told, **estimate(model - rival)}],
        "seconds": {"whole": 10.0 + seed, "processor": 9.0},
        "peak_megabytes": 500 + seed,
    }


def stored_in(folder: Path, stored: ModuleType, *runs: dict[str, Any], measure: str = "auroc"):
    case = stored.case_of("made up", runs, [measure])
    told = {"experiment": "onset", "title": "Onset", "command": "python nothing"}
    path = stored.write("onset", cases=[case], published=["others: .5"], folder=folder, **told)
    return json.loads(path.read_text())


def test_figures_of_seeds_are_means_and_the_peak_is_the_largest(
    results_page: ModuleType, tmp_path: Path
):
    stored = results_page.stored
    found = stored_in(tmp_path, stored, a_run(0, 0.8, 0.7), a_run(1, 0.9, 0.7))
    case = found["cases"][0]
    assert case["seeds"] == [0, 1]
    assert case["table"][0]["auroc"] == pytest.approx({"value": 0.85, "low": 0.83, "high": 0.89})
    assert case["differences"][0]["value"] == pytest.approx(0.15)
    assert case["seconds"] == {"whole": 10.5, "processor": 9.0}
    assert case["peak_megabytes"] == 501
    assert [run["figures"]["trees"] for run in case["runs"]] == [{"auroc": 0.7}] * 2
    page = results_page.page(tmp_path)
    assert (
        "| **Onset**, made up; 100 samples of 90 patients, 2 seeds | **GRU** "
        "| AUROC .850 (.830 to .890) | – |  | 9, 501 |"
    ) in page
    assert "|  | trees | AUROC .700 (.680 to .740) | – | .150 (.130 to .190) |  |" in page
    assert "best possible" in page
    assert "majority" not in page
    assert "- Onset: others: .5" in page
    assert results_page._WHY not in page


def test_a_defeat_must_be_explained_and_nothing_else(results_page: ModuleType, tmp_path: Path):
    stored = results_page.stored
    stored_in(tmp_path, stored, a_run(0, 0.799, 0.8))
    with pytest.raises(ValueError, match=r"trees|above the model in made up"):
        results_page.page(tmp_path)
    (tmp_path / "onset.md").write_text("Trees need fewer patients.\n")
    page = results_page.page(tmp_path)
    assert "- made up: trees (AUROC, model less this −.001 (−.021 to .039), not told apart)" in page
    assert "Trees need fewer patients." in page
    stored_in(tmp_path, stored, a_run(0, 0.81, 0.8))
    with pytest.raises(ValueError, match="no baseline is above"):
        results_page.page(tmp_path)


def test_less_is_better_for_errors(results_page: ModuleType, tmp_path: Path):
    stored = results_page.stored
    better = stored.case_of("made up", [a_run(0, 0.5, 0.7, "pinball")], ["pinball"])
    worse = stored.case_of("made up", [a_run(0, 0.8, 0.7, "pinball")], ["pinball"])
    assert stored.losses(better) == []
    assert [loss["name"] for loss in stored.losses(worse)] == ["trees"]
    assert results_page.measure_words("pinball") == "quantile loss ↓"
    assert results_page.measure_words("recall_at_10") == "recall@10"


def test_runs_of_other_scores_are_no_seeds_of_one_case(results_page: ModuleType):
    other = a_run(1, 0.8, 0.7)
    other["table"][2]["name"] = "forest"
    with pytest.raises(ValueError, match="other rows"):
        results_page.stored.case_of("made up", [a_run(0, 0.8, 0.7), other])


def test_an_undefined_figure_of_one_seed_leaves_the_mean_undefined(results_page: ModuleType):
    other = a_run(1, 0.8, 0.7)
    other["table"][0]["auroc"]["low"] = None
    case = results_page.stored.case_of("made up", [a_run(0, 0.8, 0.7), other])
    assert case["table"][0]["auroc"]["low"] is None
    assert results_page.figure(case["table"][0]["auroc"]) == ".800"


def test_every_plan_is_one_of_an_experiment_with_a_stored_run(results_page: ModuleType):
    import yaml

    from sequela import experiments

    plans = sorted((ROOT / "benchmarks" / "plans").glob("*.yaml"))
    results = results_page.stored.load()
    for path in plans:
        plan = yaml.safe_load(path.read_text())
        used = {case.get("experiment", plan["experiment"]) for case in plan["cases"]}
        assert used <= set(experiments.names()), path
        cases = [case["data"] for case in plan["cases"]]
        assert len(set(cases)) == len(cases), path
        if path.stem in results:
            stored = [case["data"] for case in results[path.stem]["cases"]]
            assert stored == cases, f"run benchmarks/experiments.py {path.stem}"


def test_the_page_in_the_docs_is_that_of_the_stored_runs(results_page: ModuleType):
    page = (ROOT / results_page.PAGE).read_text()
    assert page == results_page.page(), "run `make results`"
