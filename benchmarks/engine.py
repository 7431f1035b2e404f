"""The recurrent engine against torch: forward and training, dense and of variable length.

    python benchmarks/engine.py [--quick] [--threads 2] [--only lstm]

Both run in one process, alternating, on the same weights and data; the figure is the median. The
multiply-add peak and a large matrix product are measured beside them. Writes
benchmarks/results/engine.json. `train` is forward plus backward of `output.sum()` with gradients
for the input and the weights.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from torch.nn.utils.rnn import PackedSequence, pack_padded_sequence

from sequela import nn
from sequela.files import atomic_write
from sequela.ops import force, native_call
from sequela.train.provenance import commit, machine, versions

SHAPES = [(32, 100, 128, 128), (64, 178, 1, 128), (32, 200, 256, 512), (1, 100, 64, 128)]
SHAPES += [(128, 50, 256, 256), (16, 1000, 16, 64), (8, 50, 64, 32)]
VARIABLE = [(64, 400, 64, 128), (64, 800, 64, 128)]
CELLS = {"lstm": (4, "LSTM", {}), "gru_after": (3, "GRU", {}), "rnn_tanh": (1, "RNN", {})}
CELLS["gru_before"] = (3, "GRU", {"reset_after": False})


def peak(threads: int) -> float | None:
    """GFLOP/s of independent multiply-adds, or None without a compiler."""
    source = Path(__file__).with_name("peak.cpp")
    with tempfile.TemporaryDirectory() as folder:
        program = Path(folder, "peak")
        flags = ["-O2", "-march=native", "-Wno-psabi", "-pthread"]
        command = ["g++", *flags, str(source), "-o", str(program)]
        try:
            subprocess.run(command, check=True, capture_output=True)
            done = subprocess.run([program, str(threads)], check=True, capture_output=True)
        except (OSError, subprocess.CalledProcessError):
            return None
        return float(done.stdout)


def large_product(size: int = 1536) -> float:
    """GFLOP/s of torch's own matrix product."""
    a, b = torch.randn(size, size), torch.randn(size, size)
    seconds = min(_seconds(lambda: a @ b) for _ in range(7))
    return 2 * size**3 / seconds * 1e-9


def _seconds(work: Callable[[], Any]) -> float:
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def lengths_of(batch: int, steps: int) -> torch.Tensor:
    """Log-normal(2.5, 1) clipped to [1, steps], one row of the whole length, longest first."""
    generator = torch.Generator().manual_seed(0)
    lengths = torch.exp(2.5 + torch.randn(batch, generator=generator)).long().clamp(1, steps)
    lengths[0] = steps
    return lengths.sort(descending=True).values


def call(layer: torch.nn.Module, data: Any, train: bool) -> Callable[[], None]:
    """One forward or training pass of a layer."""
    values = data.data if isinstance(data, PackedSequence) else data

    def forward() -> None:
        with torch.no_grad():
            layer(data)

    def training() -> None:
        for part in (values, *layer.parameters()):
            part.grad = None
        output = layer(data)[0]
        (output[0] if isinstance(data, PackedSequence) else output).sum().backward()

    return training if train else forward


def measure(works: dict[str, Callable[[], None]], budget: float) -> dict[str, list[float]]:
    """Seconds of each, alternating, within about `budget` seconds and at least five times."""
    for work in works.values():
        work()
    times: dict[str, list[float]] = {name: [] for name in works}
    end = time.perf_counter() + budget
    while len(next(iter(times.values()))) < 5 or time.perf_counter() < end:
        for name, work in works.items():
            times[name].append(_seconds(work))
        if len(next(iter(times.values()))) >= 400:
            break
    return times


def compare(cell: str, shape: tuple[int, ...], variable: bool, train: bool, budget: float) -> dict:
    """One row of the table: ours and torch's, on the same weights."""
    batch, steps, size, hidden = shape
    gates, kind, options = CELLS[cell]
    torch.manual_seed(0)
    x = torch.randn(batch, steps, size)
    ours = getattr(nn, kind)(size, hidden, batch_first=True, **options)
    theirs = getattr(torch.nn, kind)(size, hidden, batch_first=True)
    theirs.load_state_dict(ours.state_dict())
    rows, data = batch * steps, x
    if variable:
        lengths = lengths_of(batch, steps)
        data, rows = pack_padded_sequence(x, lengths, batch_first=True), int(lengths.sum())
    (data.data if variable else data).requires_grad_()
    works = {"ours": call(ours, data, train)}
    if not options:
        works["torch"] = call(theirs, data, train)
    with force("native"):
        times = measure(works, budget)
    flops = 2 * rows * gates * hidden * (size + hidden) * (3 if train else 1)
    result: dict[str, Any] = {"cell": cell, "B": batch, "T": steps, "D": size, "H": hidden}
    result |= {"variable": variable, "train": train, "rows": rows}
    for name, seconds in times.items():
        ordered = sorted(seconds)
        result[name] = {
            "ms": round(statistics.median(seconds) * 1e3, 4),
            "low": round(ordered[len(ordered) // 10] * 1e3, 4),
            "high": round(ordered[len(ordered) * 9 // 10] * 1e3, 4),
            "runs": len(seconds),
        }
    result["gflops"] = round(flops / result["ours"]["ms"] * 1e-6, 1)
    return result


def main() -> None:
    """Measures the table and stores it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="under a minute, for a first look")
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    parser.add_argument("--only", choices=CELLS)
    parser.add_argument("--shapes", help="numbers of the shapes, as 0,3")
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    budget = 0.25 if arguments.quick else 1.0
    chosen = SHAPES
    if arguments.shapes:
        chosen = [SHAPES[int(number)] for number in arguments.shapes.split(",")]
    limit = peak(arguments.threads)
    rows = []
    print(f"peak {limit} GFLOP/s, matrix product {large_product():.0f}")
    for variable, shapes in ((False, chosen), (True, [] if arguments.shapes else VARIABLE)):
        for shape in shapes:
            for cell in CELLS if arguments.only is None else [arguments.only]:
                for train in (False, True):
                    row = compare(cell, shape, variable, train, budget)
                    row["of_peak"] = round(row["gflops"] / limit, 3) if limit else None
                    if "torch" in row:
                        row["times_torch"] = round(row["torch"]["ms"] / row["ours"]["ms"], 2)
                    rows.append(row)
                    print(
                        f"{cell:10} {'x'.join(map(str, shape)):16} "
                        f"{'variable' if variable else 'dense':8} {'train' if train else 'fwd':5} "
                        f"{row['ours']['ms']:9.3f} ms  {row['of_peak'] or 0:6.1%} of the peak  "
                        f"{row.get('times_torch', '-')} x torch"
                    )
    after = peak(arguments.threads)
    stamp = {"commit": commit(), "machine": machine(), "versions": versions()}
    stamp |= {"instruction_set": native_call.instruction_set()}
    stamp |= {"peak_gflops": limit, "peak_gflops_after": after, "product_gflops": large_product()}
    place = Path(__file__).parent / "results" / "engine.json"
    if not arguments.only and not arguments.quick and not arguments.shapes:
        atomic_write(place, json.dumps({**stamp, "rows": rows}, indent=1) + "\n")


if __name__ == "__main__":
    main()
