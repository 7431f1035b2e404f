"""The layers in torch.compile and torch.export: one graph, for every number of steps and rows."""

from __future__ import annotations

import pytest
import torch
from tests.releases import NEWEST, TORCH
from torch.export import Dim, export
from torch.nn.utils.rnn import PackedSequence, pack_sequence

import sequela.nn
from sequela.ops.native import library

pytestmark = pytest.mark.skipif(library() is None, reason="the native library is not built here")

newest = pytest.mark.skipif(TORCH < NEWEST, reason="torch 2.5 cannot put it into one graph")

D, H = 3, 5
# Batches of B rows and T steps. One step, or one row, is a graph of its own in torch.
SIZES = ((4, 6), (7, 2), (2, 9))
LAYERS = {
    "LSTM": ("LSTM", {"num_layers": 2, "bidirectional": True, "batch_first": True}),
    "GRU": ("GRU", {"reset_after": False}),
    "RNN": ("RNN", {"go_backwards": True, "return_sequences": False}),
}


@pytest.fixture(autouse=True)
def _nothing_compiled():
    torch.compiler.reset()
    yield
    torch.compiler.reset()


def made(name):
    torch.manual_seed(3)
    kind, options = LAYERS[name]
    return getattr(sequela.nn, kind)(D, H, **options)


def states(result):
    output, final = result
    output = output.data if isinstance(output, PackedSequence) else output
    return [output, *(final if isinstance(final, tuple) else (final,))]


def inputs(layer, batch, steps):
    return torch.randn(*((batch, steps) if layer.batch_first else (steps, batch)), D)


def compiled(layer, backend="aot_eager"):
    return torch.compile(layer, fullgraph=True, dynamic=True, backend=backend)


def assert_equal_bits(ours, wanted):
    for one, other in zip(ours, wanted, strict=True):
        assert torch.equal(one, other)


def assert_the_same_training(function, layer, *arguments, **options):
    """Outputs, and gradients of every weight, to the last bit."""
    results = []
    for call in (function, layer):
        outputs = states(call(*arguments, **options))
        loss = sum(part.square().sum() for part in outputs)
        results.append([*outputs, *torch.autograd.grad(loss, list(layer.parameters()))])
    assert_equal_bits(*results)


@pytest.mark.parametrize("name", LAYERS)
def test_one_graph_for_every_dense_batch(name):
    layer = made(name)
    function = compiled(layer)
    with torch._dynamo.config.patch(error_on_recompile=True):
        for sizes in SIZES:
            assert_the_same_training(function, layer, inputs(layer, *sizes))


LATER = [pytest.param(name, marks=pytest.mark.long) for name in ("GRU", "RNN")]


@pytest.mark.parametrize("name", ["LSTM", *LATER])
def test_one_graph_for_all_lengths_and_masks(name):
    layer = made(name)
    function = compiled(layer)
    # torch 2.5 makes a graph for every size of a mask.
    with torch._dynamo.config.patch(error_on_recompile=TORCH >= NEWEST):
        for batch, steps in SIZES:
            x = inputs(layer, batch, steps)
            lengths = torch.randint(0, steps + 1, (batch,))
            mask = torch.rand(x.shape[:2]) > 0.3
            assert_the_same_training(function, layer, x, lengths=lengths, mask=mask)


@newest
@pytest.mark.parametrize("in_order", [False, pytest.param(True, marks=pytest.mark.long)])
def test_one_graph_for_packed_sequences(in_order):
    layer = made("LSTM")
    function = compiled(layer)
    with torch._dynamo.config.patch(error_on_recompile=True):
        for lengths in ((7, 5, 4, 2), (6, 4, 3, 2, 2, 2)):
            rows = [torch.randn(length, D) for length in lengths]
            packed = pack_sequence(rows, enforce_sorted=in_order)
            assert_the_same_training(function, layer, packed)


@torch.no_grad()
def test_initial_states_and_inference():
    layer = made("GRU")
    function = compiled(layer)
    for batch, steps in SIZES:
        x, h0 = inputs(layer, batch, steps), torch.randn(1, batch, H)
        assert_equal_bits(states(function(x, h0)), states(layer(x, h0)))


def test_lengths_that_do_not_fit_are_errors():
    layer = made("GRU")
    function, x = compiled(layer), torch.randn(4, 2, D)
    function(x, lengths=torch.tensor([4, 0]))
    for lengths in ([5, 1], [-1, 1]):
        with pytest.raises(RuntimeError, match="Expected lengths"):
            function(x, lengths=torch.tensor(lengths))


# torch looks at .grad of what passes from one piece of a broken graph to the next.
@pytest.mark.filterwarnings("ignore:The .grad attribute of a Tensor")
def test_resets_break_the_graph_and_still_compute():
    layer, x = made("GRU"), torch.randn(4, 2, D)
    options = {"reset": torch.rand(4, 2) > 0.5}
    with pytest.raises(torch._dynamo.exc.Unsupported):
        compiled(layer)(x, **options)
    torch.compiler.reset()
    broken = torch.compile(layer, backend="aot_eager")
    assert_the_same_training(broken, layer, x, **options)


@pytest.mark.parametrize("name", LAYERS)
def test_an_exported_program_runs_at_other_sizes(name):
    layer = made(name)
    axes = {0: Dim("B"), 1: Dim("T")} if layer.batch_first else {0: Dim("T"), 1: Dim("B")}
    program = export(layer, (inputs(layer, 3, 4),), dynamic_shapes={"input": axes})
    names = {node.target for node in program.graph.nodes if node.op == "call_function"}
    assert torch.ops.sequela.recurrent.default in names
    for sizes in SIZES:
        x = inputs(layer, *sizes)
        assert_equal_bits(states(program.module()(x)), states(layer(x)))


@newest
def test_an_exported_program_takes_lengths(tmp_path):
    layer = made("LSTM")
    batch = Dim("B")
    program = export(
        layer,
        (inputs(layer, 3, 4),),
        {"lengths": torch.tensor([4, 0, 2])},
        dynamic_shapes={"input": {0: batch, 1: Dim("T")}, "lengths": {0: batch}},
    )
    torch.export.save(program, tmp_path / "layer.pt2")
    again = torch.export.load(tmp_path / "layer.pt2").module()
    for batch, steps in SIZES:
        x, lengths = inputs(layer, batch, steps), torch.randint(0, steps + 1, (batch,))
        assert_equal_bits(states(again(x, lengths=lengths)), states(layer(x, lengths=lengths)))


# torch's own code generator warns of torch's own torch.jit when it is imported.
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.long
@pytest.mark.parametrize("name", LAYERS)
def test_inductor(name):
    layer = made(name)
    function = compiled(layer, "inductor")
    with torch._dynamo.config.patch(error_on_recompile=True):
        for sizes in SIZES:
            assert_the_same_training(function, layer, inputs(layer, *sizes))
    torch.compiler.reset()
    function = compiled(layer, "inductor")
    for batch, steps in SIZES:
        x, lengths = inputs(layer, batch, steps), torch.randint(0, steps + 1, (batch,))
        assert_the_same_training(function, layer, x, lengths=lengths)


@pytest.mark.parametrize("name", ["LSTMCell", "GRUCell", "RNNCell"])
def test_a_compiled_cell(name):
    torch.manual_seed(3)
    cell = getattr(sequela.nn, name)(D, H)
    function = compiled(cell)
    for batch in (4, 7):
        x = torch.randn(batch, D)
        results = []
        for call in (function, cell):
            found = call(x)
            found = found if isinstance(found, tuple) else (found,)
            loss = sum(part.square().sum() for part in found)
            results.append([*found, *torch.autograd.grad(loss, list(cell.parameters()))])
        torch.testing.assert_close(results[0], results[1])


@torch.no_grad()
def test_pooling_breaks_the_graph_and_still_computes():
    pool, x = sequela.nn.Pool("mean", D, batch_first=True), torch.randn(4, 6, D)
    lengths = torch.tensor([6, 0, 2, 1])
    with pytest.raises((torch._dynamo.exc.Unsupported, torch._dynamo.exc.UserError)):
        compiled(pool)(x, lengths)
    torch.compiler.reset()
    broken = torch.compile(pool, backend="aot_eager")
    torch.testing.assert_close(broken(x, lengths), pool(x, lengths))
