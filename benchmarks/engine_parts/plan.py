"""Which rows there are, the most important first, so that a time budget cuts the others."""

from __future__ import annotations

import hashlib
from itertools import product

from engine_parts.problem import GATES, Case

Shape = tuple[int, int, int, int]
# The specification's table, then more sizes of its study and one small layer.
TABLE: list[Shape] = [
    (32, 100, 128, 128),
    (64, 178, 1, 128),
    (32, 200, 256, 512),
    (1, 100, 64, 128),
    (128, 50, 256, 256),
    (16, 1000, 16, 64),
    (8, 50, 64, 32),
]
VARIABLE: list[Shape] = [(64, 400, 64, 128), (64, 800, 64, 128)]
GRID: list[Shape] = list(product((1, 8, 32, 128), (50, 400), (1, 64, 256), (32, 128, 512)))
# Cost against one size, the others fixed: what the page's figure shows.
SWEEP: Shape = (32, 100, 128, 128)
SWEEPS = {
    "T": (12, 25, 50, 100, 200, 400, 800),
    "B": (1, 2, 4, 8, 16, 32, 64, 128),
    "H": (16, 32, 64, 128, 256, 512),
}
SWEEP_CELLS = ("lstm", "gru_after")
STEP: Shape = (1, 1, 64, 128)
MODES = ("forward", "training")
# B x T x H x (D + H); from here on a training step of an LSTM is 25 billion multiply-adds.
LARGE = 2**31


def sweep(letter: str) -> list[Shape]:
    """The shapes of one sweep."""
    place = "BTDH".index(letter)
    return [(*SWEEP[:place], size, *SWEEP[place + 1 :]) for size in SWEEPS[letter]]  # type: ignore


def _mixed(shapes: list[Shape]) -> list[Shape]:
    """In an order that has nothing to do with the sizes: a grid cut short is a sample of it.

    Only the largest come last, where a row takes as long as twenty others.
    """

    def place(shape: Shape) -> tuple[bool, bytes]:
        B, T, D, H = shape
        return B * T * H * (D + H) > LARGE, hashlib.sha256(repr(shape).encode()).digest()

    return sorted(shapes, key=place)


def _rows(
    shapes: list[Shape],
    threads: int,
    lengths: str = "dense",
    dtype: str = "float32",
    modes: tuple[str, ...] = MODES,
) -> list[Case]:
    return [
        Case(cell, *shape, lengths, mode, dtype, threads)
        for shape, cell, mode in product(shapes, GATES, modes)
    ]


def _steps(threads: int) -> list[Case]:
    """Single steps: of cells (torch has no other than these) and of ``layer.stepper``."""
    cells = [("step", cell) for cell in GATES if cell != "gru_before"]
    return [
        Case(cell, *STEP, "dense", mode, "float32", threads)
        for mode, cell in [*cells, *(("stepper", cell) for cell in GATES)]
    ]


def plan(threads: list[int]) -> list[Case]:
    """Every row once.

    Args:
        threads: numbers of threads; the first is the one that targets are judged by.
    """
    first, *others = threads
    ragged = [shape for shape in GRID if shape[0] > 1]
    wide = [shape for shape in TABLE if shape[3] >= 128]
    found = _rows(TABLE, first) + _steps(first) + _rows(VARIABLE, first, "packed")
    for lengths in ("padded", "padded twice", "batch twice"):
        found += _rows(VARIABLE[:1], first, lengths)
    found += _rows(wide, first, "dense", "bfloat16", ("forward",))
    for letter, cell in product(SWEEPS, SWEEP_CELLS):
        found += [
            Case(cell, *shape, "dense", "training", "float32", first) for shape in sweep(letter)
        ]
    for shape in _mixed(GRID):  # with both, so that a budget cuts neither away
        found += _rows([shape], first)
        found += _rows([shape], first, "packed") if shape in ragged else []
    found += _rows(wide, first, "dense", "bfloat16")
    for count in others:
        found += _rows(TABLE, count) + _rows(VARIABLE, count, "packed")
    for count in threads:
        found += _rows(_mixed(ragged), count, "packed")
        found += _rows(_mixed(GRID), count)
        found += _rows(_mixed(GRID), count, "dense", "bfloat16")
        found += _rows(_mixed(ragged), count, "packed", "bfloat16")
    return list(dict.fromkeys(found))
