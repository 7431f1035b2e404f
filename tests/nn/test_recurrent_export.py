"""The layers inside torch.export, torch.jit.trace and torch.compile: a dense input of any kind."""

from __future__ import annotations

import warnings

import pytest
import torch

import sequela.nn
from sequela.ops import force

B, T, D, H = 2, 3, 2, 3
KINDS = ["RNN", "LSTM", "GRU"]
FORMS = {
    "plain": {},
    "two layers, both ways": {"num_layers": 2, "bidirectional": True, "batch_first": True},
}


def made(kind, form):
    torch.manual_seed(3)
    return getattr(sequela.nn, kind)(D, H, **FORMS[form])


def states(result):
    output, final = result
    return [output, *(final if isinstance(final, tuple) else (final,))]


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("kind", KINDS)
def test_export(kind, form):
    layer, x = made(kind, form), torch.randn(4, 5, D)
    program = torch.export.export(layer, (x,))
    other = torch.randn(4, 5, D)
    for got, wanted in zip(states(program.module()(other)), states(layer(other)), strict=True):
        assert torch.equal(got, wanted)


def by_torch(layer, x):
    """torch.jit records torch's kernels; ours give the same numbers, not the same bits."""
    with force("aten"):
        return layer(x)


def traced(layer, x):
    with warnings.catch_warnings():
        # The tracer warns of every size that it takes for a constant.
        warnings.simplefilter("ignore")
        return torch.jit.trace(layer, (x,), check_trace=False)


@pytest.mark.parametrize("kind", KINDS)
def test_trace(kind):
    layer = made(kind, "two layers, both ways")
    recorded = traced(layer, torch.randn(B, T, D))
    for batch, steps in ((1, T), (B, T), (7, T), (B, T + 1), (B, 1)):
        x = torch.randn(batch, steps, D)
        for got, wanted in zip(states(recorded(x)), states(by_torch(layer, x)), strict=True):
            assert torch.equal(got, wanted)


@torch.no_grad()
def test_compile_with_breaks():
    layer, x = made("GRU", "plain"), torch.randn(T, B, D)
    compiled = torch.compile(layer, backend="eager")
    for got, wanted in zip(states(compiled(x)), states(layer(x)), strict=True):
        assert torch.equal(got, wanted)
