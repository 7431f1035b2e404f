"""How many rows have each step: the same for every step, or a list, or a tensor.

A dense batch says two numbers instead of a list. That costs less, and lets ``torch.compile`` and
``torch.export`` keep the number of steps and of rows symbolic.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby, pairwise
from typing import NamedTuple

import torch
from torch import Tensor

__all__ = ["Ragged", "Sizes", "Uniform", "blocks", "checked_sizes", "count", "first", "table"]


class Uniform(NamedTuple):
    """Every one of ``steps`` steps has ``rows`` rows."""

    steps: int
    rows: int


class Ragged(NamedTuple):
    """Sizes that are known to be right: made by :class:`sequela.ops.padded.Padding`.

    Args:
        sizes: int64 ``[T]`` on the CPU, not increasing, without zeros.
        count: their sum, N.
        first: the first of them, 0 without any.
    """

    sizes: Tensor
    count: int
    first: int


# A list holds neither zeros nor a size above its predecessor. A tensor is int64 `[T]` on the CPU
# and unread: only what traces a call passes one on, since its numbers do not exist yet.
Sizes = Uniform | Ragged | list[int] | Tensor


def checked_sizes(sizes: Uniform | Ragged | Tensor | Sequence[int], traced: bool) -> Sizes:
    """Batch sizes without trailing zeros.

    Raises:
        RuntimeError: they increase or are negative; the kernels find that out when traced.
    """
    if isinstance(sizes, (Uniform, Ragged)):
        return sizes
    if isinstance(sizes, Tensor):
        if traced:
            return sizes
        sizes = sizes.tolist()
    sizes = list(sizes)
    if any(later > earlier for earlier, later in pairwise(sizes)):
        raise RuntimeError("batch_sizes must not increase: the longest row comes first")
    if sizes and sizes[-1] < 0:
        raise RuntimeError("batch_sizes must not be negative")
    while sizes and sizes[-1] == 0:
        sizes.pop()
    return sizes


def count(sizes: Uniform | Ragged | list[int]) -> int:
    """N, the packed rows of all steps."""
    if isinstance(sizes, Ragged):
        return sizes.count
    return sizes.steps * sizes.rows if isinstance(sizes, Uniform) else sum(sizes)


def first(sizes: Uniform | Ragged | list[int]) -> int:
    """The rows that have a step at all."""
    if isinstance(sizes, Ragged):
        return sizes.first
    if isinstance(sizes, Uniform):
        return sizes.rows
    return sizes[0] if sizes else 0


def table(sizes: Sizes) -> Tensor:
    """int64 ``[T]`` on the CPU."""
    if isinstance(sizes, Uniform):
        return torch.full((sizes.steps,), sizes.rows, dtype=torch.int64, device="cpu")
    if isinstance(sizes, Ragged):
        return sizes.sizes
    if isinstance(sizes, Tensor):
        return sizes
    return torch.tensor(sizes, dtype=torch.int64, device="cpu")


def blocks(sizes: Sizes) -> list[tuple[int, int]]:
    """``[(steps, rows), ...]``: runs of equal batch sizes."""
    if isinstance(sizes, Uniform):
        return [(sizes.steps, sizes.rows)]
    if isinstance(sizes, Ragged):
        sizes = sizes.sizes
    sizes = sizes.tolist() if isinstance(sizes, Tensor) else sizes
    return [(len(list(run)), rows) for rows, run in groupby(sizes)]
