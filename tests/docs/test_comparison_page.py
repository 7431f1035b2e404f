"""The page on what recurrence adds says what the stored result says."""

from __future__ import annotations

import importlib.util
import json
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]
RESULT = ROOT / "benchmarks" / "results" / "comparison.json"


@pytest.fixture(scope="module")
def comparison_page() -> ModuleType:
    scripts = ROOT / "scripts"
    sys.path.insert(0, str(scripts))
    spec = importlib.util.spec_from_file_location("comparison_page", scripts / "comparison_page.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def task(gap: float) -> dict[str, Any]:
    """A made-up task: two models, and what the first adds to the second."""
    auroc = {"value": 0.8, "low": 0.75, "high": 0.85}
    models = [
        {"name": name, "family": family, "parameters": 1234, "size": "", "seconds": 2.0}
        | {"auroc": auroc, "auprc": auroc}
        for name, family in (("GRU", "recurrent"), ("MLP", "memoryless"))
    ]
    counts = {"seed": 0, "train": 100, "n": 50, "positives": 5, "groups": 40}
    pair = {"what": "recurrence", "model": "GRU", "other": "MLP"}
    return {
        "title": "A task",
        "data": "Made up",
        "group_name": "patients",
        "runs": [counts],
        "models": models,
        "pairs": [{**pair, "value": gap, "low": gap - 0.01, "high": gap + 0.01}],
        "machine": {"cores": 2, "processor": "Made Up"},
        "versions": {"torch": "2"},
        "commit": "abc",
        "measured": "2026-01-01T00:00:00",
    }


@pytest.mark.parametrize(
    ("gap", "words", "verdict"),
    [
        (0.02, "**recurrence adds .020 of AUROC**", "adds"),
        (-0.02, "**recurrence costs .020 of AUROC**", "costs"),
        (0.002, "**recurrence adds nothing that these data can show**", "nothing shown"),
    ],
)
def test_words_follow_from_the_interval(comparison_page, gap, words, verdict):
    made = task(gap)
    page = comparison_page.page({"a": made})
    assert f"- A task: {words}" in page
    assert comparison_page.verdict(made["pairs"][0]) == verdict
    assert "| **GRU** | 1,234 | 2.0 | .800 (.750 to .850) |" in page
    assert "100 histories to learn from; 50 of 40 patients held out" in page


def test_the_page_in_the_docs_is_that_of_the_stored_result(comparison_page):
    page = (ROOT / "docs" / "comparison.md").read_text()
    assert page == comparison_page.page(json.loads(RESULT.read_text())), "run `make docs`"
    assert (ROOT / "docs" / comparison_page.FIGURE).exists()


def test_the_figure_is_the_same_each_time(comparison_page, tmp_path: Path):
    pytest.importorskip("matplotlib")
    for name in ("one.svg", "two.svg"):
        comparison_page.draw({"a": task(0.02)}, tmp_path / name)
    assert (tmp_path / "one.svg").read_bytes() == (tmp_path / "two.svg").read_bytes()
