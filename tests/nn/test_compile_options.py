"""The layers with options in torch.compile, export and torch.func: by the kernels, not unrolled."""

from __future__ import annotations

import pytest
import torch
from tests.nn.test_compile import (
    SIZES,
    D,
    H,
    _nothing_compiled,
    assert_equal_bits,
    compiled,
    inputs,
)
from torch.export import Dim, export
from torch.func import functional_call, grad, vmap

import sequela.nn
from sequela.ops.native import library

pytestmark = pytest.mark.skipif(library() is None, reason="the native library is not built here")
__all__ = ["_nothing_compiled"]  # a fixture

LAYERS = {
    "all of the LSTM's": (
        "LSTM",
        {"peephole": True, "proj_size": 2, "layer_norm": True, "return_all_states": True}
        | {"zoneout": (0.3, 0.2), "recurrent_dropout": 0.25, "bidirectional": True},
    ),
    "peephole": ("LSTM", {"peephole": True, "num_layers": 2}),
    "projection": ("LSTM", {"proj_size": 2, "batch_first": True}),
    "zoneout": ("GRU", {"zoneout": 0.3}),
    "dropout": ("GRU", {"reset_after": False, "recurrent_dropout": 0.25}),
    "norm": ("RNN", {"layer_norm": True, "go_backwards": True}),
    "states": ("GRU", {"return_all_states": True}),
}


def made(name):
    torch.manual_seed(3)
    kind, options = LAYERS[name]
    return getattr(sequela.nn, kind)(D, H, **options)


def flat(result):
    parts = []
    for part in result if isinstance(result, tuple) else (result,):
        parts += [part] if isinstance(part, torch.Tensor) else flat(tuple(part))
    return parts


def trained(function, layer, *arguments, **options):
    torch.manual_seed(11)  # the same masks
    outputs = flat(function(*arguments, **options))
    loss = sum(part.square().sum() for part in outputs)
    return [*outputs, *torch.autograd.grad(loss, list(layer.parameters()))]


# The longest graphs: each option of the first has one of its own, and zoneout has one with lengths.
LATER = ("all of the LSTM's", "zoneout")
NAMES = [pytest.param(name, marks=pytest.mark.long if name in LATER else ()) for name in LAYERS]


@pytest.mark.parametrize("name", NAMES)
def test_one_graph_with_options(name):
    layer = made(name)
    function = compiled(layer)
    with torch._dynamo.config.patch(error_on_recompile=True):
        for sizes in SIZES:
            x = inputs(layer, *sizes)
            assert_equal_bits(trained(function, layer, x), trained(layer, layer, x))


@pytest.mark.parametrize("name", [NAMES[0], "zoneout"])
def test_one_graph_with_options_and_lengths(name):
    layer = made(name)
    function = compiled(layer)
    with torch._dynamo.config.patch(error_on_recompile=True):
        for batch, steps in SIZES:
            x, lengths = inputs(layer, batch, steps), torch.randint(0, steps + 1, (batch,))
            ours = trained(function, layer, x, lengths=lengths)
            assert_equal_bits(ours, trained(layer, layer, x, lengths=lengths))


@pytest.mark.parametrize("name", ["all of the LSTM's", "dropout"])
@torch.no_grad()
def test_the_expectation_in_evaluation(name):
    layer = made(name).eval()
    function = compiled(layer)
    for sizes in SIZES:
        x = inputs(layer, *sizes)
        assert_equal_bits(flat(function(x)), flat(layer(x)))


def test_an_exported_program_with_options():
    layer = made("all of the LSTM's").eval()
    axes = {0: Dim("T"), 1: Dim("B")}
    program = export(layer, (inputs(layer, 3, 4),), dynamic_shapes={"input": axes})
    nodes = [node.target for node in program.graph.nodes if node.op == "call_function"]
    assert nodes.count(torch.ops.sequela.recurrent.default) == 2
    for sizes in SIZES:
        x = inputs(layer, *sizes)
        assert_equal_bits(flat(program.module()(x)), flat(layer(x)))


@pytest.mark.parametrize("name", ["peephole", "states", "norm"])
def test_a_mapped_input_and_its_gradient(name):
    layer = made(name).double()
    parameters = {key: part.detach() for key, part in layer.named_parameters()}

    def loss(parameters, x):
        return sum(part.square().sum() for part in flat(functional_call(layer, parameters, (x,))))

    samples = torch.randn(3, 4, 2, D, dtype=torch.float64)
    found = vmap(grad(loss), in_dims=(None, 0))(parameters, samples)
    for i, x in enumerate(samples):
        for key, wanted in grad(loss)(parameters, x).items():
            assert torch.equal(found[key][i], wanted)
