"""The measurement of the pipeline runs, goes on where it was, and its page says what it found."""

from __future__ import annotations

import importlib.util
import json
import subprocess
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]


def _run(out: Path, *words: str) -> dict[str, Any]:
    command = [sys.executable, ROOT / "benchmarks" / "pipeline.py", "--scale", "0.003"]
    options = ["--out", str(out), "--folder", str(out.parent), *words]
    subprocess.run([*command, *options], check=True, cwd=ROOT)
    return json.loads(out.read_text())["jobs"]


@pytest.mark.long
def test_a_small_measurement(tmp_path: Path):
    out = tmp_path / "pipeline.json"
    jobs = _run(out, "--only", "csv")
    assert list(jobs) == ["csv"]
    assert list(jobs["csv"]["players"]) == ["1 process(es)", "2 process(es)"]
    jobs = _run(out, "--only", "scaling 3000")
    parts = jobs["scaling 3000"]["parts"]
    assert list(parts) == ["ingest", "read", "label", "batches"]
    assert parts["read"]["events"] == parts["ingest"]["events"] == 3000
    assert parts["batches"]["events_seen"] >= parts["batches"]["codes"] > 0
    assert parts["label"]["labels"] > 0
    assert all(part["peak_megabytes"] > 10 for part in parts.values())
    assert set(_run(out, "--only", "meds")) == {"csv", "scaling 3000", "meds"}
    assert list(tmp_path.iterdir()) == [out]


@pytest.fixture
def page() -> ModuleType:
    path = ROOT / "scripts" / "pipeline_page.py"
    spec = importlib.util.spec_from_file_location("pipeline_page", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def _job(events: int, seconds: float, peak: int) -> dict[str, Any]:
    part = {"seconds": seconds, "processor_seconds": seconds, "peak_megabytes": peak}
    part["events_seen"] = events * 0.95  # the windows hold fewer than there are
    return {
        "events": events,
        "measured": "2026-01-01T00:00:00",
        "load": 0.5,
        "parts": dict.fromkeys(("ingest", "read", "label", "batches"), part),
        "players": {"sequela": part, "2 process(es)": part},
    }


def test_the_page_judges_each_target(page: ModuleType, tmp_path: Path):
    machine = {"cores": 2, "processor": "some processor"}
    empty = {"machine": machine, "commit": "abc", "jobs": {}}
    assert page.page(empty).count("not measured") == len(page.TARGETS)
    jobs = {
        "tables mimic3_demo": _job(70_000, 2.0, 300),
        "csv": _job(4_000_000, 20.0, 900),
        "scaling 3000000": _job(3_000_000, 2.0, 900),
        "scaling 100000000": _job(100_000_000, 90.0, 4_100),
    }
    found = page.figures({**empty, "jobs": jobs})
    assert found["csv"] == 200_000
    assert found["batches"] == pytest.approx(95e6 / 90)
    assert found["peak"] == 4_100
    assert found["linear"] == pytest.approx(0.9 / (2 / 3))
    text = page.page({**empty, "jobs": jobs})
    verdicts = [line.split("|")[4].strip() for line in text.splitlines()[6 : 6 + len(found)]]
    assert verdicts == ["yes", "no", "no", "no"]
    assert "| 100,000,000 |" in text
    page.draw({**empty, "jobs": jobs}, tmp_path / "figure.svg")
    first = (tmp_path / "figure.svg").read_bytes()
    page.draw({**empty, "jobs": jobs}, tmp_path / "figure.svg")
    assert (tmp_path / "figure.svg").read_bytes() == first
