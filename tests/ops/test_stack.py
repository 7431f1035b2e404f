"""A whole stack by one call of the library: the bits of its layers one after another."""

from __future__ import annotations

import copy
import threading

import pytest
import torch
from torch.nn.utils import parametrize
from torch.nn.utils.rnn import pack_padded_sequence

from sequela import nn, ops
from sequela.ops import native, stack

pytestmark = pytest.mark.skipif(native.library() is None, reason="the native library is not built")

LAYERS = {
    "tanh": lambda **more: nn.RNN(3, 20, 2, **more),
    "relu": lambda **more: nn.RNN(3, 20, 1, "relu", bias=False, **more),
    "lstm": lambda **more: nn.LSTM(3, 20, 3, **more),
    "both": lambda **more: nn.LSTM(3, 20, 2, bidirectional=True, **more),
    "gru both": lambda **more: nn.GRU(3, 17, 3, bidirectional=True, batch_first=True, **more),
    "before": lambda **more: nn.GRU(3, 20, 2, reset_after=False, batch_first=True, **more),
    "backwards": lambda **more: nn.GRU(3, 20, 2, go_backwards=True, **more),
    "last": lambda **more: nn.LSTM(3, 20, bidirectional=True, return_sequences=False, **more),
    "projection": lambda **more: nn.LSTM(3, 20, 2, proj_size=7, bidirectional=True, **more),
    "peephole": lambda **more: nn.LSTM(3, 20, 2, peephole=True, zoneout=(0.3, 0.1), **more),
    "norm": lambda **more: nn.GRU(3, 20, 2, layer_norm=True, bidirectional=True, **more),
}


@pytest.fixture
def calls(monkeypatch):
    """How many stacks were computed by one call."""
    made, before = [], stack.Passes.run

    def run(self, *given):
        found = before(self, *given)
        if found is not None:
            made.append(self)
        return found

    monkeypatch.setattr(stack.Passes, "run", run)
    return made


def flat(result):
    if isinstance(result, torch.Tensor):
        return [result]
    if isinstance(result, torch.nn.utils.rnn.PackedSequence):
        return [result.data]
    return [one for part in result for one in flat(part)]


def state(layer, batch, dtype):
    count = layer.num_layers * (1 + layer.bidirectional)
    parts = [torch.randn(count, batch, width, dtype=dtype) for width in layer._state_widths()]
    return tuple(parts) if len(parts) > 1 else parts[0]


@torch.no_grad()
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=["single", "double"])
@pytest.mark.parametrize("name", LAYERS)
def test_one_call_has_the_bits_of_the_layers(name, dtype, calls):
    torch.manual_seed(0)
    layer = LAYERS[name](dtype=dtype).eval()
    for batch, steps in ((1, 1), (1, 6), (5, 4), (9, 1)):
        x = torch.randn(batch, steps, 3, dtype=dtype)
        lengths = torch.arange(batch) % (steps + 1)
        packed = pack_padded_sequence(x, lengths.clamp(min=1), True, enforce_sorted=False)
        x = x if layer.batch_first else x.transpose(0, 1)
        reset = torch.rand(x.shape[:2]) < 0.3
        for hx in (None, state(layer, batch, dtype)):
            for given, more in (
                (x, {}),
                (packed, {}),
                (x, {"lengths": lengths}),
                (x, {"reset": reset}),
            ):
                calls.clear()
                found = flat(layer(given, hx, **more))
                assert len(calls) == 1 or int(lengths.max()) == 0
                with ops.force("native"):
                    wanted = flat(layer(given, hx, **more))
                assert [part.shape for part in found] == [part.shape for part in wanted]
                assert all(map(torch.equal, found, wanted))
                memory = {part.untyped_storage().data_ptr() for part in found}
                assert len(memory) == len(found)


@torch.no_grad()
def test_weights_are_described_again_when_they_lie_elsewhere(calls):
    layer, x = nn.RNN(8, 8), torch.randn(2, 3, 8)

    def computed():
        calls.clear()
        found = layer(x)[0]
        with ops.force("reference"):
            torch.testing.assert_close(found, layer(x)[0])
        return calls[0] if calls else None

    first = computed()
    assert computed() is first
    layer.weight_hh_l0.add_(1)
    layer.bias_ih_l0.data.mul_(3)  # numbers are read anew at each call
    assert computed() is first
    layer.weight_hh_l0.data = layer.weight_hh_l0.data * 2
    second = computed()
    assert second is not first
    layer.weight_hh_l0.data = layer.weight_hh_l0.data.t()  # the same place, the other way round
    assert computed() is None
    layer.weight_hh_l0 = torch.nn.Parameter(torch.randn(8, 8))
    assert computed() is not None
    layer.weight_hh_l0.data = layer.weight_hh_l0.data[:4]
    with pytest.raises(RuntimeError, match="must have shape"):
        layer(x)
    twin = copy.deepcopy(nn.RNN(8, 8))
    assert twin._stack is not layer._stack


@torch.no_grad()
def test_many_threads_call_one_layer():
    layer = nn.LSTM(3, 20, 2, bidirectional=True)
    data = [torch.randn(4, 1 + i, 3) for i in range(6)]
    wanted, wrong = [layer(x)[0] for x in data], []

    def work(index):
        with torch.no_grad():
            for _ in range(50):
                if index == 0:
                    layer._stack._passes = None  # as a change of the weights would have it
                if not torch.equal(layer(data[index])[0], wanted[index]):
                    wrong.append(index)

    threads = [threading.Thread(target=work, args=(index,)) for index in range(len(data))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong


def test_what_is_not_computed_by_one_call(calls):
    layer, x = nn.LSTM(3, 5, 2), torch.randn(4, 2, 3)
    layer(x)  # the weights want a gradient
    with torch.no_grad():
        nn.LSTM(3, 5, 2, dropout=0.5)(x)
        nn.LSTM(3, 5, bidirectional=True, merge="sum")(x)
        nn.LSTM(3, 5, return_all_states=True)(x)
        layer(x, mask=torch.ones(4, 2, dtype=torch.bool))
        with torch.autocast("cpu", torch.bfloat16):
            layer(x)
        for backend in ("reference", "aten", "native"):
            with ops.force(backend):
                layer(x)
        layer.bfloat16()(x.bfloat16())
        own = nn.GRU(3, 5)
        parametrize.register_parametrization(own, "weight_hh_l0", torch.nn.Identity())
        own(x)
    frozen = nn.GRU(3, 5).requires_grad_(False)
    frozen(x.clone().requires_grad_()).__getitem__(0).sum().backward()
    assert not calls
    frozen(x)
    assert len(calls) == 1
