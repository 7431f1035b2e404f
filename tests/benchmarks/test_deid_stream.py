"""The measurement of de-identification runs, and a row holds what its page needs."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.long
def test_a_small_measurement(tmp_path: Path):
    out = tmp_path / "stream.json"
    command = [sys.executable, ROOT / "benchmarks" / "deid_stream.py", "--out", out]
    words = ["--scale", "0.0016", "--only", "rules, 12,500 short notes"]
    subprocess.run([*command, *words], check=True, cwd=ROOT)
    row = json.loads(out.read_text())["rows"]["rules, 12,500 short notes"]
    assert (row["notes"], row["processes"], row["withheld"]) == (20, 2, 0)
    assert row["tokens"] > 20 * 20
    assert row["peak_megabytes"] > 50
    assert row["tokens_per_second"] == pytest.approx(row["tokens"] / row["seconds"], rel=0.01)
