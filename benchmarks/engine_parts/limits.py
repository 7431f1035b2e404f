"""What the machine can do at all: multiply-adds, a large matrix product, a barrier."""

from __future__ import annotations

import os
import subprocess
import tempfile
import time
from pathlib import Path

import torch

FLAGS = ["-O2", "-march=native", "-Wno-psabi", "-pthread"]
_SOURCES = Path(__file__).resolve().parents[1]


class Limits:
    """The compiled programs; without a compiler every figure is None."""

    def __init__(self) -> None:
        self._folder = tempfile.TemporaryDirectory()
        self._programs = {name: self._compiled(name) for name in ("peak", "barrier")}

    def __enter__(self) -> Limits:
        return self

    def __exit__(self, *_: object) -> None:
        self._folder.cleanup()

    def _compiled(self, name: str) -> str | None:
        program = str(Path(self._folder.name, name))
        command = ["g++", *FLAGS, str(_SOURCES / f"{name}.cpp"), "-o", program]
        try:
            subprocess.run(command, check=True, capture_output=True)
        except (OSError, subprocess.CalledProcessError):
            return None
        return program

    def _figure(self, name: str, *arguments: object) -> float | None:
        program = self._programs[name]
        if program is None:
            return None
        words = [program, *map(str, arguments)]
        try:
            done = subprocess.run(words, check=True, capture_output=True, timeout=60)
        except (OSError, subprocess.SubprocessError):
            return None
        return float(done.stdout) if done.stdout.strip() else None

    def peak(self, threads: int, kind: str = "float32") -> float | None:
        """GFLOP/s of independent multiply-adds; "bfloat16": of dot products, None without them."""
        return self._figure("peak", threads, kind)

    def barrier(self) -> float | None:
        """Nanoseconds of a barrier between two processors; None where there is one."""
        return self._figure("barrier") if (os.cpu_count() or 1) > 1 else None


def large_product(threads: int, size: int = 1536) -> float:
    """GFLOP/s of torch's own matrix product, the best of seven."""
    before = torch.get_num_threads()
    torch.set_num_threads(threads)
    a, b = torch.randn(size, size), torch.randn(size, size)
    best = float("inf")
    for _ in range(7):
        start = time.perf_counter()
        a @ b
        best = min(best, time.perf_counter() - start)
    torch.set_num_threads(before)
    return round(2 * size**3 / best * 1e-9, 1)
