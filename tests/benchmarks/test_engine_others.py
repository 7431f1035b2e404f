"""What other processes take is seen, and what a run's own processes take is not."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

import pytest
from engine_parts import others

BUSY = "import time\nend = time.monotonic() + 60\nwhile time.monotonic() < end: pass"


@pytest.mark.skipif(not Path("/proc/stat").exists(), reason="Linux counts these")
def test_a_busy_process_counts_unless_it_is_ours():
    with subprocess.Popen([sys.executable, "-c", BUSY]) as process:
        try:
            blind, seeing = others.Others([]), others.Others([process.pid])
            time.sleep(0.5)
            # The machine may do other things: the two differ by what the process got.
            got = blind.share(), seeing.share()
        finally:
            process.kill()
    assert got[0] is not None
    assert got[1] is not None
    assert got[0] - got[1] > 0.02


def test_a_system_without_counts_says_none(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    monkeypatch.setattr(others, "_PROC", tmp_path)
    assert others.Others([1]).share() is None
