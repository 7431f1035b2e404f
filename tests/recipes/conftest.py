"""Batches written by hand, so that recipes are tested without the bridge."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
import torch
from torch.nn.utils.rnn import PackedSequence


def _batch(samples: list[tuple[list[list[int]], torch.Tensor, torch.Tensor]]) -> SimpleNamespace:
    """Of samples ``(codes of each step, steps [T, F], static [S])``; T may be 0."""
    order = sorted(range(len(samples)), key=lambda i: -len(samples[i][1]))
    longest = max(len(steps) for _, steps, _ in samples)
    places = [(i, t) for t in range(longest) for i in order if len(samples[i][1]) > t]
    width = samples[0][1].shape[1]
    data = torch.stack([samples[i][1][t] for i, t in places]) if places else torch.zeros(0, width)
    codes = [samples[i][0][t] for i, t in places]
    counts = torch.tensor([len(found) for found in codes], dtype=torch.int64)
    sorted_indices = torch.tensor(order)
    unsorted_indices = torch.empty_like(sorted_indices)
    unsorted_indices[sorted_indices] = torch.arange(len(order))
    sizes = torch.tensor(
        [sum(len(steps) > t for _, steps, _ in samples) for t in range(longest)], dtype=torch.int64
    )
    return SimpleNamespace(
        steps=PackedSequence(data, sizes, sorted_indices, unsorted_indices),
        codes=torch.tensor([code for found in codes for code in found], dtype=torch.int64),
        code_offsets=counts.cumsum(0) - counts,
        static=torch.stack([static for _, _, static in samples]),
    )


@pytest.fixture(scope="session")
def make_batch():
    return _batch


@pytest.fixture
def samples():
    """Five samples of lengths 2, 0, 4, 1, 2; one visit has no code, one step is all zero."""
    generator = torch.Generator().manual_seed(1)
    codes = [[[1, 2], [0]], [], [[3], [], [4, 4], [1]], [[2]], [[1], [3, 2, 1]]]
    made = []
    for found in codes:
        steps = torch.randn(len(found), 2, generator=generator)
        made.append((found, steps, torch.randn(3, generator=generator)))
    made[2][1][1] = 0.0
    return made
