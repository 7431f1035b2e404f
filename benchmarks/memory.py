"""Memory: a training step beside torch's, and streams of 100,000 steps.

Each figure is what the highest mark of a process of its own rises by (for layers the median of
three), since a process keeps what it once had. Small steps go before, so that loading code does not
count. One thread.

    python benchmarks/memory.py

`benchmarks/engine.py` measures the same and judges it.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from itertools import product
from typing import Any

SHAPE = {"B": 32, "T": 100, "D": 128, "H": 128}
LAYERS = ("LSTM", "GRU", "RNN")
REPEATS = 3
# What a stream may add, in MiB, whatever its length: one budget for both ways. The input alone is
# 12.2 of the recomputed one's. The whole has none; it is there to show what the two save.
BUDGETS = {"truncated": 32, "recomputed": 32, "whole": None}
READ = """
import json, sys
from pathlib import Path
import torch
import sequela.nn

def highest():
    lines = Path("/proc/self/status").read_text().splitlines()
    return int(next(line for line in lines if line.startswith("VmHWM")).split()[1])
"""
STEP = """
side, kind, shape = sys.argv[1], sys.argv[2], json.loads(sys.argv[3])
make = getattr(torch.nn if side == "torch" else sequela.nn, kind)
layer = make(shape["D"], shape["H"], batch_first=True)
layer(torch.randn(2, 2, shape["D"]))[0].sum().backward()
x = torch.randn(shape["B"], shape["T"], shape["D"])
Path("/proc/self/clear_refs").write_text("5")
before = highest()
layer(x)[0].sum().backward()
print(highest() - before)
"""
STREAM = """
from sequela.nn.stream import recomputed_loss, truncated
layer = sequela.nn.LSTM(8, 32)

def parts(steps):
    for _ in range(steps // 500):
        yield torch.randn(500, 4, 8)

def run(way, steps):
    if way == "truncated":
        for piece in truncated(layer, parts(steps), k1=100, k2=200):
            piece.output.square().mean().backward()
    elif way == "recomputed":
        loss = lambda output, start: output.square().sum()
        recomputed_loss(layer, torch.randn(steps, 4, 8), loss)[0].backward()
    else:
        layer(torch.randn(steps, 4, 8))[0].square().sum().backward()

run(sys.argv[1], 2000)
before = highest()
run(sys.argv[1], 100_000)
print(highest() - before)
"""


def rise(program: str, *words: str) -> int:
    """KiB by which the highest mark of a fresh process rises."""
    command = [sys.executable, "-c", READ + program, *words]
    # A fixed threshold: what is counted is what is kept, not what glibc's heap leaves in between.
    environment = os.environ | {"OMP_NUM_THREADS": "1", "MALLOC_MMAP_THRESHOLD_": "131072"}
    done = subprocess.run(command, env=environment, capture_output=True, check=True)
    return int(done.stdout)


def measure() -> dict[str, Any]:
    """All figures: ``layers`` and ``streams``; two processes at once, for nothing is timed."""
    shape, sides = json.dumps(SHAPE), ("torch", "sequela")
    wanted = list(product(LAYERS, sides))
    with ThreadPoolExecutor(max_workers=2) as pool:
        layers = [
            [pool.submit(rise, STEP, side, kind, shape) for _ in range(REPEATS)]
            for kind, side in wanted
        ]
        streams = {way: pool.submit(rise, STREAM, way) for way in BUDGETS}
        found = {
            pair: statistics.median(one.result() for one in many)
            for pair, many in zip(wanted, layers, strict=True)
        }
        rises = {way: one.result() / 1024 for way, one in streams.items()}
    return {
        "layers": [
            {"cell": kind, **SHAPE} | {f"{side}_kib": found[kind, side] for side in sides}
            for kind in LAYERS
        ],
        "streams": [
            {"way": way, "steps": 100_000, "mib": round(mib, 1), "budget_mib": BUDGETS[way]}
            for way, mib in rises.items()
        ],
    }


def main() -> None:
    """Measures and prints."""
    for rows in measure().values():
        for row in rows:
            print(row)


if __name__ == "__main__":
    main()
