from __future__ import annotations

import contextlib
import json
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

SCRIPT = Path(__file__).with_name("killable.py")
KILLS = 10
LINES = 120 + 6  # of the script's run: 6 epochs of 20 steps


class Fresh:
    """Starts each run as a new program."""

    def start(self, directory: Path) -> int:
        self.process = subprocess.Popen([sys.executable, str(SCRIPT), str(directory)])
        return self.process.pid

    def wait(self) -> int:
        return self.process.wait(timeout=100)

    def close(self) -> None:
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()


class Nursery:
    """Starts each run as a fork of one program that has only imported torch."""

    def __init__(self) -> None:
        self.process = subprocess.Popen(
            [sys.executable, str(SCRIPT)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )

    def start(self, directory: Path) -> int:
        self.process.stdin.write(f"{directory}\n")
        self.process.stdin.flush()
        return int(self.process.stdout.readline())

    def wait(self) -> int:
        return int(self.process.stdout.readline())

    def close(self) -> None:
        self.process.stdin.close()
        self.process.wait(timeout=100)
        self.process.stdout.close()


def count_lines(directory: Path) -> int:
    try:
        return (directory / "metrics.jsonl").read_bytes().count(b"\n")
    except FileNotFoundError:
        return 0


def figures(directory: Path) -> list[dict]:
    found = [json.loads(line) for line in (directory / "metrics.jsonl").read_text().splitlines()]
    for line in found:
        del line["seconds"]
    return found


def listing(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*"))


@pytest.mark.parametrize("kind", [Nursery, pytest.param(Fresh, marks=pytest.mark.long)])
def test_killed_at_ten_random_points_the_weights_are_the_same(tmp_path, kind):
    seed = int(os.environ.get("SEQUELA_KILL_SEED", random.SystemRandom().randrange(2**32)))
    print(f"SEQUELA_KILL_SEED={seed}")
    chance = random.Random(seed)
    points = sorted(chance.randrange(LINES - 20) for _ in range(KILLS))
    whole, chains = tmp_path / "whole", [tmp_path / "chain 0"]
    killed_at = []
    with contextlib.closing(kind()) as starter:
        starter.start(whole)
        assert starter.wait() == 0
        while points:
            # Once there are so many lines of figures, and a moment later: anywhere in a step.
            process = starter.start(chains[-1])
            limit = time.monotonic() + 60
            while count_lines(chains[-1]) < points[0] and time.monotonic() < limit:
                time.sleep(0.0005)
            time.sleep(chance.random() * 0.01)
            with contextlib.suppress(ProcessLookupError):
                os.kill(process, signal.SIGKILL)
            status = starter.wait()
            if status == 0:  # this test was kept waiting, and the run came to its end
                chains.append(tmp_path / f"chain {len(chains)}")
                assert len(chains) < KILLS, "the runs end before they can be killed"
                continue
            assert status == -signal.SIGKILL
            killed_at.append(count_lines(chains[-1]))
            points.pop(0)
        starter.start(chains[-1])
        assert starter.wait() == 0
    print("killed after lines", killed_at)
    assert len(killed_at) == KILLS
    for chain in chains:
        assert (chain / "digest.txt").read_text() == (whole / "digest.txt").read_text()
        assert figures(chain) == figures(whole)
        assert listing(chain) == listing(whole)
