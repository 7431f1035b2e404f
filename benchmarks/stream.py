"""Truncated back-propagation over one long text: memory, and characters a second beside torch.

    python benchmarks/stream.py [--characters N] [--rounds K]

Memory: one pass over N random characters, 64 rows side by side, a change of the weights every 100
steps, in a process of its own; what the process's highest mark has risen by after each tenth, from
when the text has been read. Speed: the same loop on the same pieces with
:class:`sequela.recipes.CharLM` as it is and with ``torch.nn.LSTM`` in its place, in turn in one
process; medians of K rounds. One thread. The result goes to benchmarks/results/stream.json.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch

from sequela import recipes
from sequela.batches.batch import Batch
from sequela.batches.streams import StreamEncoder
from sequela.files import atomic_write
from sequela.train.each import Losses
from sequela.train.losses import objective
from sequela.train.provenance import commit, machine, versions
from sequela.train.truncated import piece_losses

RESULT = Path(__file__).parent / "results" / "stream.json"
ROWS, K1, SYMBOLS, EMBEDDING = 64, 100, 65, 64
#: Hidden sizes: of the memory's pass, and of the speeds (440 is the experiment shakespeare's).
MEMORY_SIZE, SIZES = 64, (128, 440)
#: Pieces of one round; the first round of each is not counted.
PIECES = 8


def batch_of(characters: int) -> Batch:
    """Random characters as rows side by side."""
    known = [chr(48 + k) for k in range(SYMBOLS)]
    drawn = np.random.default_rng(0).integers(0, SYMBOLS, characters, dtype=np.uint8)
    samples = StreamEncoder(known).samples((48 + drawn).tobytes().decode(), -(-characters // ROWS))
    return samples.batch(np.arange(len(samples)))


def training(batch: Batch, hidden_size: int, layer: str) -> Iterator[int]:
    """Changes the weights piece by piece; the characters that have been read."""
    torch.manual_seed(0)
    sizes = {"vocabulary_size": SYMBOLS + 2, "embedding_size": EMBEDDING}
    model = recipes.build("char_lm", **sizes, hidden_size=hidden_size)
    if layer == "torch":
        model.recurrent = torch.nn.LSTM(EMBEDDING, hidden_size)
    optimiser = torch.optim.Adam(model.parameters(), fused=True)
    aim = objective(batch.target, batch.target, kind="likelihood")
    for done, losses in enumerate(piece_losses(Losses(model, aim), batch, K1, None), 1):
        optimiser.zero_grad()
        losses.mean().backward()
        optimiser.step()
        yield done * K1 * ROWS


def _highest() -> int:
    lines = Path("/proc/self/status").read_text().splitlines()
    return int(next(line for line in lines if line.startswith("VmHWM")).split()[1])


def rises(characters: int) -> list[dict[str, float]]:
    """MiB above the mark before the first piece, after each tenth of the text."""
    batch = batch_of(characters)
    for _, _ in zip(range(3), training(batch, MEMORY_SIZE, "sequela"), strict=False):
        pass
    Path("/proc/self/clear_refs").write_text("5")
    before, found, tenth = _highest(), [], characters / 10
    for read in training(batch, MEMORY_SIZE, "sequela"):
        if read >= (len(found) + 1) * tenth:
            mib = round((_highest() - before) / 1024, 1)
            found.append({"characters": min(read, characters), "mib": mib})
    return found


def speeds(hidden_size: int, rounds: int) -> dict[str, Any]:
    """Characters a second of both layers, in turn."""
    batch = batch_of(ROWS * K1 * PIECES * (rounds + 1))
    running = {name: training(batch, hidden_size, name) for name in ("sequela", "torch")}
    taken: dict[str, list[float]] = {name: [] for name in running}
    for _ in range(rounds + 1):
        for name, steps in running.items():
            begun = time.perf_counter()
            for _, _ in zip(range(PIECES), steps, strict=False):
                pass
            taken[name].append(time.perf_counter() - begun)
    rates = {name: [ROWS * K1 * PIECES / one for one in some[1:]] for name, some in taken.items()}
    ratios = [one / other for one, other in zip(*rates.values(), strict=True)]
    middle = {name: round(statistics.median(some)) for name, some in rates.items()}
    return {"hidden_size": hidden_size, **middle, "ratio": round(statistics.median(ratios), 2)}


def main() -> None:
    """The command line."""
    torch.set_num_threads(1)
    parser = argparse.ArgumentParser(description="Memory and speed over one long text.")
    parser.add_argument("--characters", type=int, default=10_000_000)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--out", type=Path, default=RESULT)
    parser.add_argument("--memory-only", action="store_true", help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.memory_only:
        print(json.dumps(rises(given.characters)))
        return
    words = [sys.executable, __file__, "--memory-only", f"--characters={given.characters}"]
    said = subprocess.run(words, capture_output=True, text=True, check=True).stdout
    memory = {"rows": ROWS, "k1": K1, "hidden_size": MEMORY_SIZE, "rises": json.loads(said)}
    result = {
        "shape": "stream 1",
        "command": "python benchmarks/stream.py",
        "characters": given.characters,
        "memory": memory,
        "speed": [speeds(size, given.rounds) for size in SIZES],
        "commit": commit(),
        "machine": machine(),
        "versions": versions(),
    }
    atomic_write(given.out, json.dumps(result, indent=1) + "\n")
    print(json.dumps({"memory": memory, "speed": result["speed"]}, indent=1))


if __name__ == "__main__":
    main()
