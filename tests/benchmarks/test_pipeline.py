"""The measurement of the pipeline runs, and says what it ran."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.long
def test_a_small_measurement(tmp_path: Path):
    out = tmp_path / "pipeline.json"
    subprocess.run(
        [sys.executable, ROOT / "benchmarks" / "pipeline.py", "--events", "20000"]
        + ["--out", str(out), "--folder", str(tmp_path)],
        check=True,
        cwd=ROOT,
    )
    found = json.loads(out.read_text())
    assert [row["part"] for row in found["rows"]] == ["csv", "ingest", "read", "batches"]
    assert all(row["events_per_second"] > 0 for row in found["rows"])
    assert all(row["peak_megabytes"] > 10 for row in found["rows"])
    assert list(tmp_path.iterdir()) == [out]
