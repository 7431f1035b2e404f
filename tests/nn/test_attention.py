"""Attention against its equations, its masks, and the bits of a row."""

from __future__ import annotations

import pytest
import torch
from torch.nn.utils.rnn import pack_padded_sequence

from sequela import nn
from sequela.errors import ConfigError, DataError
from sequela.nn.attention import Memory
from sequela.nn.ragged import Ragged
from sequela.ops.native import library

B, T, Q, M, A = 5, 4, 3, 6, 2
LENGTHS = torch.tensor([2, 0, 4, 1, 4])


def made(kind: str, dtype=torch.float64):
    torch.manual_seed(0)
    layer = {
        "additive": lambda: nn.AdditiveAttention(Q, M, A),
        "coverage": lambda: nn.AdditiveAttention(Q, M, A, coverage=True),
        "general": lambda: nn.MultiplicativeAttention(Q, M),
        "dot": lambda: nn.MultiplicativeAttention(M, M, weighted=False),
        "location": lambda: nn.LocationAttention(Q, M),
    }[kind]()
    for parameter in layer.parameters():
        torch.nn.init.normal_(parameter)
    query = torch.randn(B, M if kind == "dot" else Q)
    return layer.to(dtype), query.to(dtype), torch.randn(B, T, M).to(dtype)


def score(layer, kind, q, m, covered):
    if kind in ("additive", "coverage"):
        inner = layer.query.weight @ q + layer.query.bias + layer.key.weight @ m
        if kind == "coverage":
            inner = inner + covered * layer.coverage
        return layer.score.weight[0] @ torch.tanh(inner)
    if kind == "general":
        return q @ (layer.key.weight @ m)
    return q @ m if kind == "dot" else layer.key.weight[0] @ m + layer.key.bias[0]


KINDS = ["additive", "coverage", "general", "dot", "location"]


@pytest.mark.parametrize("kind", KINDS)
def test_the_equations_and_the_empty_row(kind):
    layer, query, x = made(kind)
    query.requires_grad_()
    x.requires_grad_()
    covered = torch.rand(B, T, dtype=torch.float64)
    memory = layer.memory(x, LENGTHS, batch_first=True)
    context, weights = layer(query, memory, memory.flat(covered))
    drawn = memory.padded(weights)
    assert drawn.shape == (B, T)
    for row, length in enumerate(LENGTHS.tolist()):
        scores = [score(layer, kind, query[row], x[row, t], covered[row, t]) for t in range(length)]
        powers = [torch.exp(one) for one in scores]
        wanted = [power / sum(powers) for power in powers]
        total = sum((p * x[row, t] for t, p in enumerate(wanted)), torch.zeros(M).double())
        torch.testing.assert_close(context[row], total)
        for t in range(T):
            assert drawn[row, t].item() == pytest.approx(wanted[t].item() if t < length else 0.0)
    (context.sum() + drawn.square().sum()).backward()
    assert all(p.grad is not None and p.grad.isfinite().all() for p in layer.parameters())
    assert x.grad[0].isfinite().all()
    assert not x.grad[1].any()


@pytest.mark.parametrize("kind", KINDS)
def test_packed_is_padded_and_a_mask_is_absence(kind):
    layer, query, x = made(kind)
    long = LENGTHS.clamp(min=1)
    packed = pack_padded_sequence(x, long, batch_first=True, enforce_sorted=False)
    context, _ = layer(query, layer.memory(packed))
    padded, _ = layer(query, layer.memory(x, long, batch_first=True))
    torch.testing.assert_close(context, padded)
    everything = layer.memory(x, batch_first=True)
    keep = everything.values.places() < LENGTHS[everything.values.rows]
    masked, weights = layer(query, layer.memory(x, keep=keep, batch_first=True))
    short, _ = layer(query, layer.memory(x, LENGTHS, batch_first=True))
    assert torch.equal(masked, short)
    assert len(weights) == LENGTHS.sum()


def test_several_questions_to_a_row():
    layer, query, x = made("additive")
    memory = layer.memory(x, LENGTHS, batch_first=True)
    alone, _ = layer(query, memory)
    order = torch.tensor([2, 2, 0, 1, 4, 0])
    again, _ = layer(query[order], memory.of_rows(order))
    torch.testing.assert_close(again, alone[order])
    none = memory.of_rows(torch.zeros(0, dtype=torch.int64))
    assert layer(query[:0], none)[0].shape == (0, M)
    assert none.width == 0


@pytest.mark.skipif(library() is None, reason="the native library is not built here")
@pytest.mark.parametrize("kind", KINDS)
def test_a_row_has_the_same_bits_in_any_company(kind):
    layer, query, x = made(kind, torch.float32)
    covered = torch.rand(B, T)
    with torch.no_grad():
        memory = layer.memory(x, LENGTHS, batch_first=True)
        whole, _ = layer(query, memory, memory.flat(covered))
        for rows in ([2], [4, 0], [1, 3, 2, 2], [0, 1, 2, 3, 4] * 9):
            few = layer.memory(x[rows], LENGTHS[rows], batch_first=True)
            found, _ = layer(query[rows], few, few.flat(covered[rows]))
            assert torch.equal(found, whole[rows])


def test_mistakes():
    with pytest.raises(ConfigError, match=r"attention.*width 0"):
        nn.LocationAttention(0, 2)
    with pytest.raises(ConfigError, match="widths 2 and 3"):
        nn.MultiplicativeAttention(2, 3, weighted=False)
    layer, query, x = made("general")
    with pytest.raises(DataError, match="the memory"):
        layer.memory(x[..., :2], batch_first=True)
    with pytest.raises(DataError, match="the questions"):
        layer(query[:2], layer.memory(x, batch_first=True))
    with pytest.raises(DataError, match="the mask of the memory"):
        layer.memory(x, keep=torch.ones(3, dtype=torch.bool), batch_first=True)


def test_places_count_the_steps_of_a_row():
    steps = Ragged(torch.zeros(6, 1), torch.tensor([2, 0, 2, 0, 2, 3]), 4)
    assert steps.places().tolist() == [0, 0, 1, 1, 2, 0]
    assert Memory(steps, steps.data).width == 3
    assert steps.of_rows(torch.tensor([2, 1, 0, 2])).tolist() == [0, 2, 4, 1, 3, 0, 2, 4]
