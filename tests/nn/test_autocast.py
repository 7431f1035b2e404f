"""The layers under autocast: our bfloat16 kernels, torch's types, gradients in float32."""

from __future__ import annotations

import pytest
import torch
from tests.nn.test_compile import _nothing_compiled, compiled

import sequela.nn
from sequela.ops import explain, force
from sequela.ops.native import library

pytestmark = pytest.mark.skipif(library() is None, reason="the native library is not built here")
__all__ = ["_nothing_compiled"]  # a fixture

D, H = 24, 40
LAYERS = {
    "LSTM": ("LSTM", {}),
    "GRU": ("GRU", {}),
    "reset before": ("GRU", {"reset_after": False}),
    "RNN": ("RNN", {}),
    "peephole": ("LSTM", {"peephole": True}),
    "projection": ("LSTM", {"proj_size": 8}),
    "zoneout": ("LSTM", {"zoneout": 0.2}),
    "RNN zoneout": ("RNN", {"zoneout": 0.2}),
    "norm": ("RNN", {"layer_norm": True}),
}


def made(name):
    torch.manual_seed(3)
    kind, options = LAYERS[name]
    return getattr(sequela.nn, kind)(D, H, **options).eval()


def states(result):
    output, final = result
    return [output, *(final if isinstance(final, tuple) else (final,))]


def autocast():
    return torch.autocast("cpu", torch.bfloat16)


def test_our_kernels_compute_it():
    with autocast():
        for cell in ("lstm", "gru_after", "gru_before", "rnn_tanh"):
            assert ": native, because" in explain(cell)
    with torch.autocast("cpu", torch.float16):
        assert "autocast is on" in explain("lstm")


# Torch says that oneDNN has no projection.
@pytest.mark.filterwarnings("ignore:LSTM with projections is not supported")
@pytest.mark.parametrize("name", LAYERS)
def test_the_types_are_those_without_our_kernels(name):
    layer, x = made(name), torch.randn(4, 3, D)
    with autocast():
        ours = states(layer(x))
        with force("aten" if name in ("LSTM", "GRU", "RNN", "projection") else "reference"):
            wanted = states(layer(x))
    assert [part.dtype for part in ours] == [part.dtype for part in wanted]


@pytest.mark.parametrize("name", LAYERS)
def test_outputs_and_gradients_are_near_those_of_float32(name):
    layer, x = made(name), torch.randn(20, 8, D)
    x.requires_grad_()
    leaves = [x, *layer.parameters()]
    wanted = states(layer(x))
    exact = torch.autograd.grad(sum(part.square().sum() for part in wanted), leaves)
    with autocast():
        ours = states(layer(x))
        loss = sum(part.float().square().sum() for part in ours)
    found = torch.autograd.grad(loss, leaves)
    # Data and weights are rounded to eight bits.
    for one, other in zip(ours, wanted, strict=True):
        assert (one - other).norm() < 6e-3 * other.norm()
    for one, other in zip(found, exact, strict=True):
        assert one.dtype is torch.float32
        assert (one - other).norm() < 3e-2 * other.norm()


# Each is another graph to compile; one with every kind of state stands for the others by default.
LATER = [pytest.param(name, marks=pytest.mark.long) for name in ("LSTM", "GRU", "RNN")]


@pytest.mark.parametrize("name", ["peephole", *LATER])
def test_a_compiled_layer_has_the_bits_of_the_eager_one(name):
    layer = made(name)
    function = compiled(layer)
    for batch in (2, 5):
        x, lengths = torch.randn(6, batch, D), torch.randint(0, 7, (batch,))
        for options in ({}, {"lengths": lengths}):
            results = []
            for call in (function, layer):
                with autocast():
                    outputs = states(call(x, **options))
                    loss = sum(part.float().square().sum() for part in outputs)
                results.append([*outputs, *torch.autograd.grad(loss, list(layer.parameters()))])
            with autocast(), torch.no_grad():
                results[0] += states(function(x, **options))
                results[1] += states(layer(x, **options))
            for one, other in zip(*results, strict=True):
                assert one.dtype is other.dtype
                assert torch.equal(one, other)


@torch.no_grad()
def test_a_compiled_layer_of_bfloat16_keeps_its_type_in_the_graph():
    layer = made("LSTM").bfloat16()
    types = []

    def look(graph, _):
        nodes = [node for node in graph.graph.nodes if "sequela" in str(node.target)]
        types.extend(node.meta["example_value"][0].dtype for node in nodes)
        return graph.forward

    x = torch.randn(6, 2, D).bfloat16()
    function = torch.compile(layer, fullgraph=True, backend=look)
    assert torch.equal(function(x)[0], layer(x)[0])
    assert types == [torch.bfloat16]


def test_a_cell_has_torchs_types():
    ours, theirs = sequela.nn.LSTMCell(D, H), torch.nn.LSTMCell(D, H)
    x = torch.randn(3, D)
    with autocast():
        assert [p.dtype for p in ours(x)] == [p.dtype for p in theirs(x)]
