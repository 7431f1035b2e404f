"""Killed at any moment and started again: the same bytes, and what was done is not done again."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from made_tables import digests, extract, random_frame

from sequela.errors import OutputError
from sequela.ingest import ingest, run
from sequela.lock import fcntl, locked

CHILD = """
import sys, time
from pathlib import Path
sys.path.insert(0, sys.argv[1])
from made_tables import extract, random_frame
from sequela.ingest import ingest
where, pause = sys.argv[3], float(sys.argv[4])
def say(what, done, parts):
    print(what, done, flush=True)
    if where in f"{what} {done}":
        time.sleep(pause)
frames = [random_frame(400, 60, seed, "a") for seed in range(4)]
source = extract(*frames, files=(Path(sys.argv[1]) / "made_tables.py",))
ingest(source, sys.argv[2], shard_events=200, say=say)
"""


@pytest.mark.parametrize("where", ["reading t0: 200", "reading t2 2", "writing shards 3"])
def test_a_killed_run_goes_on(tmp_path: Path, where: str):
    here = Path(__file__).parent
    out = tmp_path / "killed"
    child = subprocess.Popen(
        [sys.executable, "-c", CHILD, str(here), str(out), where, "60"],
        stdout=subprocess.PIPE,
        text=True,
    )
    assert child.stdout is not None
    for line in child.stdout:
        if where in line:
            break
    time.sleep(0.05)
    os.kill(child.pid, signal.SIGKILL)
    child.wait()
    child.stdout.close()
    assert not out.exists()
    work = tmp_path / ".killed.ingest"
    done = {path.name: path.stat().st_mtime_ns for path in work.glob("table*.json")}
    shards = {path.name: path.stat().st_mtime_ns for path in work.glob("shards/*.json")}
    if where.startswith("writing"):
        assert len(done) == 4
        assert len(shards) == 3
    source = extract(
        *[random_frame(400, 60, seed, "a") for seed in range(4)],
        files=(here / "made_tables.py",),
    )
    told: list[str] = []
    ingest(source, out, shard_events=200, say=lambda what, *_: told.append(what))
    again = {what.split(":")[0] for what in told if what.startswith("reading")}
    assert again == {f"reading t{n}" for n in range(4)} - {
        f"reading t{int(name[5:8])}" for name in done
    }
    ingest(source, tmp_path / "whole", shard_events=200)
    assert digests(out) == digests(tmp_path / "whole")
    assert not work.exists()


def test_work_of_another_input_is_thrown_away(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    file = tmp_path / "raw"
    file.write_text("one")
    first, second = random_frame(300, 20, 0, "a"), random_frame(300, 20, 1, "b")

    def broken(*_):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(run, "_write_all", broken)
        with pytest.raises(KeyboardInterrupt):
            ingest(extract(first, files=(file,)), tmp_path / "out")
    file.write_text("another")
    ingest(extract(second, files=(file,)), tmp_path / "out")
    ingest(extract(second, files=(file,)), tmp_path / "plain")
    assert digests(tmp_path / "out") == digests(tmp_path / "plain")


def test_two_at_once_are_told_apart(tmp_path: Path):
    if fcntl is None:
        pytest.skip("the system has no such locks")
    with (
        locked(tmp_path / ".out.ingest"),
        pytest.raises(OutputError, match="another run at work"),
    ):
        ingest(extract(random_frame(10, 2, 0, "a")), tmp_path / "out")


def test_a_full_disk_is_said_and_leaves_no_data_set(tmp_path: Path, monkeypatch):
    def full(*_args, **_more):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("sequela.ingest.shard.pq.write_table", full)
    with pytest.raises(OutputError, match="no space left on the disk"):
        ingest(extract(random_frame(10, 2, 0, "a")), tmp_path / "out")
    assert not (tmp_path / "out").exists()
