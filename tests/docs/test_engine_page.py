"""The page about the engine's speed says what the stored result says."""

from __future__ import annotations

import importlib.util
import json
import re
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]
RESULT = ROOT / "benchmarks" / "results" / "engine.json"
NOTES = """
## Targets that are missed, and why
- **faster than**: rivals
  are fast.
- **LSTM, forward**: one reason.

## Another heading
- **RNN**: not a reason
"""


@pytest.fixture(scope="module")
def engine_page() -> ModuleType:
    spec = importlib.util.spec_from_file_location(
        "engine_page", ROOT / "scripts" / "engine_page.py"
    )
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["engine_page"] = module
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def result(engine_page: ModuleType) -> dict[str, Any]:
    """A made-up result: two shapes of the sweeps and one of the grid."""
    from engine_parts.targets import judge

    def row(cell: str, shape: tuple, mode: str, ours: float, **rivals: float) -> dict[str, Any]:
        found = {name: [value, value * 0.9, value * 1.25, 7] for name, value in rivals.items()}
        return {
            "case": [cell, *shape, "dense", mode, "float32", 2],
            "ours": [ours, ours * 0.9, ours * 1.1, 9],
            "rivals": found,
            "without": {} if "onnxruntime" in rivals else {"onnxruntime": "no training here"},
            "barrier_ns": 80.0,
            "session": 0,
            "peak": 500.0,
            "of_peak": 0.81,
        }

    from engine_parts.plan import plan

    rows = [
        row("lstm", (32, 100, 128, 128), "forward", 2.0, torch=3.0, onnxruntime=2.5),
        row("lstm", (32, 100, 128, 128), "training", 8.0, torch=6.0, keras=14.0),
        row("lstm", (32, 200, 128, 128), "training", 16.0, torch=17.0, keras=29.0),
        row("gru_after", (8, 50, 64, 32), "training", 0.5, torch=1.0),
    ]
    when = {
        "load": 0.1,
        "barrier_ns": 80.0,
        "product_gflops": {"2": 200.0},
        "bfloat16_peak_gflops": {"2": 990.0},
    }
    return {
        "commit": "abc",
        "machine": {"system": "Linux x86_64", "processor": "Made Up", "cores": 2},
        "library": "0123",
        "instruction_set": "avx512",
        "versions": {"torch": "2.13", "keras": "3"},
        "rivals_absent": {"jax": "ModuleNotFoundError: No module named 'jax'"},
        "threads": [2],
        "sessions": [
            {
                "seconds": 60,
                "note": "quiet",
                "peaks": {"2": [480.0, 490.0, 499.0, 9]},
                "before": when,
                "after": when,
            }
        ],
        "targets": judge(rows, plan([2]), None),
        "not_measured": {"cut by the time budget": ["a", "b"]},
        "rows": rows,
    }


def test_the_page_says_rows_targets_absent_rivals_and_what_is_missing(
    engine_page: ModuleType, result: dict[str, Any]
):
    page = engine_page.page(result, NOTES, ["| built |"])
    assert (
        "| 32, 100, 128, 128 | LSTM | 2.00 (1.80 to 2.20) | ONNX Runtime 2.50 | **1.25** | 81% "
        in page
    )
    assert "| 8.00 (7.20 to 8.80) | torch 6.00 | 0.75 | 81% |" in page
    assert "**Absent: JAX scan** (ModuleNotFoundError: No module named 'jax')" in page
    assert "not measured | – | – | – |" in page
    assert "- cut by the time budget: 2 rows" in page
    assert "- ONNX Runtime, in 3 rows: no training here" in page
    assert "| lstm 32,100,128,128 dense training float32 2 | 8.00 (7.20 to 8.80) |" in page
    assert "| float32, 2, dense | training | GRU, reset after | 1 | 1 of 1 | 2.00 |" in page
    assert "Note: quiet." in page
    assert "bf16 peak 990" in page
    assert "2 threads 480 to 499, median 490" in page
    assert "| faster than the fastest rival: every row | each above 1x | 3 of 4" in page


def test_reasons_are_those_of_the_notes(engine_page: ModuleType, result: dict[str, Any]):
    assert engine_page.reasons(NOTES) == {
        "faster than": "rivals are fast.",
        "LSTM, forward": "one reason.",
    }
    assert engine_page.reasons("## Other\n- **RNN**: no\n") == {}
    page = engine_page.page(result, NOTES, [])
    assert (
        "| faster than the fastest rival: every row | 1 "
        "| lstm 32,100,128,128 dense training float32 2: 0.75 | rivals are fast. |"
    ) in page
    unknown = engine_page.page(result, "", [])
    assert unknown.count(engine_page.NO_REASON) == sum(
        row["met"] is False for row in result["targets"]
    )


def test_steps_pairs_and_memory_have_their_tables(engine_page: ModuleType, result: dict[str, Any]):
    def row(case: list, **more: Any) -> dict[str, Any]:
        found = {"case": case, "ours": [0.008, 0.007, 0.009, 5], "rivals": {}, "without": {}}
        return found | {"session": 0, "base": None} | more

    result["rows"] += [
        row(
            ["lstm", 1, 1, 64, 128, "dense", "stepper", "float32", 2],
            rivals={"torch": [0.03, 0.02, 0.04, 5]},
        ),
        row(
            ["lstm", 64, 400, 64, 128, "padded twice", "training", "float32", 2],
            base=[0.005, 0.004, 0.006, 5],
        ),
    ]
    result["memory"] = {
        "layers": [
            {"cell": "LSTM", "B": 3, "T": 5, "D": 7, "H": 9}
            | {"sequela_kib": 1024, "torch_kib": 2048}
        ],
        "streams": [{"way": "truncated", "mib": 0.5, "budget_mib": 32}],
    }
    page = engine_page.page(result, NOTES, [])
    assert "| `layer.stepper` | LSTM | 8.0 (7.0 to 9.0) | 30.0 (20.0 to 40.0) | – |" in page
    assert "| lstm 64,400,64,128 padded twice training float32 2 | padded | " in page
    assert "| 1.60 |" in page
    assert "| LSTM | 1.0 | 2.0 |" in page
    assert "| truncated | 0.5 | 32 |" in page


def test_the_build_has_its_table(engine_page: ModuleType, tmp_path: Path):
    place = tmp_path / "build.json"
    assert engine_page.build(place) == ["Not measured."]
    found = json.loads(RESULT.with_name("build.json").read_text())
    found["targets"][0]["met"] = False
    place.write_text(json.dumps(found))
    lines = engine_page.build(place)
    assert sum("**no**" in line for line in lines) == 1
    assert found["commit"] in lines[0]


def test_the_tables_are_tables(engine_page: ModuleType, result: dict[str, Any]):
    """A line of another width would not be a row; a table needs an empty line or heading before."""
    width = 0
    for line in engine_page.page(result, NOTES, ["| built |"]).splitlines():
        if line.startswith("|"):
            columns = len(re.findall(r"(?<!\\)\|", line))
            assert width in (0, columns), line
            width = columns
        else:
            width = 0


def test_a_result_without_rows_has_a_page_and_a_figure(
    engine_page: ModuleType, result: dict[str, Any], tmp_path: Path
):
    result["rows"] = []
    result["rivals_absent"] = {}
    from engine_parts.plan import plan
    from engine_parts.targets import judge

    result["targets"] = judge([], plan([2]), None)
    page = engine_page.page(result, NOTES, ["| built |"])
    assert "No row of the grid was measured." in page
    assert "In no row that was measured." in page
    engine_page.draw(result, tmp_path / "empty.svg")


def test_the_figure_is_the_same_each_time(
    engine_page: ModuleType, result: dict[str, Any], tmp_path: Path
):
    pytest.importorskip("matplotlib")
    for name in ("one.svg", "two.svg"):
        engine_page.draw(result, tmp_path / name)
    assert (tmp_path / "one.svg").read_bytes() == (tmp_path / "two.svg").read_bytes()
    result["rows"][1]["ours"][0] *= 2
    engine_page.draw(result, tmp_path / "other.svg")
    assert (tmp_path / "one.svg").read_bytes() != (tmp_path / "other.svg").read_bytes()


def test_the_page_in_the_docs_is_that_of_the_stored_result(engine_page: ModuleType):
    page = (ROOT / "docs" / "benchmarks.md").read_text()
    notes = (ROOT / "docs" / "engine-notes.md").read_text()
    built = engine_page.build(RESULT.with_name("build.json"))
    assert page == engine_page.page(engine_page.load(RESULT), notes, built), "run `make docs`"
    assert (ROOT / "docs" / engine_page.FIGURE).exists()


def test_the_targets_in_the_stored_result_follow_from_its_rows(engine_page: ModuleType):
    from engine_parts.plan import plan
    from engine_parts.targets import judge

    stored = engine_page.load(RESULT)
    found = json.loads(
        json.dumps(judge(stored["rows"], plan(stored["threads"]), stored.get("memory")))
    )
    assert found == stored["targets"]
