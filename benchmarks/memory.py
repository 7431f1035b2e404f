"""Memory of one training step, beside torch's: what the process's highest mark rises by.

Each figure comes from processes of its own (the median of several), since a process keeps what it
once had. A small step goes before, so that loading code does not count.

    python benchmarks/memory.py [--out FILE]
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
from pathlib import Path
from typing import Any

from sequela.files import atomic_write
from sequela.train.provenance import machine, versions

RESULTS = Path(__file__).parent / "results" / "memory.json"
SHAPE = {"B": 32, "T": 100, "D": 128, "H": 128}
CHILD = """
import json, sys
from pathlib import Path
import torch
import sequela.nn
side, kind, shape = sys.argv[1], sys.argv[2], json.loads(sys.argv[3])

def highest():
    lines = Path("/proc/self/status").read_text().splitlines()
    return int(next(line for line in lines if line.startswith("VmHWM")).split()[1])

make = getattr(torch.nn if side == "torch" else sequela.nn, kind)
layer = make(shape["D"], shape["H"], batch_first=True)
layer(torch.randn(2, 2, shape["D"]))[0].sum().backward()
x = torch.randn(shape["B"], shape["T"], shape["D"])
Path("/proc/self/clear_refs").write_text("5")
before = highest()
layer(x)[0].sum().backward()
print(highest() - before)
"""


def rise(side: str, kind: str) -> int:
    """KiB by which the highest mark of a fresh process rises in one training step, one thread."""
    command = [sys.executable, "-c", CHILD, side, kind, json.dumps(SHAPE)]
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    return int(subprocess.run(command, env=environment, capture_output=True, check=True).stdout)


def target(rows: list[dict[str, Any]]) -> dict[str, Any]:
    """The engine's target, judged; ``benchmarks/engine.py`` shows it among the others."""
    shares = {row["cell"]: row["sequela_kib"] / row["torch_kib"] for row in rows}
    misses = [f"{cell}: {share:.2f} times torch's" for cell, share in shares.items() if share > 1]
    return {
        "target": "memory for training",
        "wanted": "at most torch's",
        "met": not misses,
        "figure": ", ".join(f"{cell} {share:.2f}" for cell, share in shares.items()),
        "rows": len(rows),
        "planned": 3,
        "misses": misses,
    }


def main() -> None:
    """Measures, prints and writes."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=RESULTS)
    arguments = parser.parse_args()
    rows: list[dict[str, Any]] = []
    for kind in ("LSTM", "GRU", "RNN"):
        row: dict[str, Any] = {"cell": kind, **SHAPE}
        for side in ("torch", "sequela"):
            row[f"{side}_kib"] = statistics.median(rise(side, kind) for _ in range(3))
        rows.append(row)
        print(row)
    found: dict[str, Any] = {
        "machine": machine(),
        "versions": versions(),
        "threads": 1,
        "rows": rows,
    }
    found["targets"] = [target(rows)]
    atomic_write(arguments.out, json.dumps(found, indent=1) + "\n")


if __name__ == "__main__":
    main()
