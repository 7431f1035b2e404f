"""Single steps by the native library: the bits of a whole sequence, and weights that change."""

from __future__ import annotations

import copy
import threading

import pytest
import torch
from torch import nn as torch_nn

from sequela import nn, ops
from sequela.ops import native, native_step, step

pytestmark = pytest.mark.skipif(native.library() is None, reason="the native library is not built")

CELLS = {
    "tanh": (nn.RNNCell, nn.RNN, {}),
    "relu": (nn.RNNCell, nn.RNN, {"nonlinearity": "relu"}),
    "lstm": (nn.LSTMCell, nn.LSTM, {}),
    "gru": (nn.GRUCell, nn.GRU, {}),
    "gru before": (nn.GRUCell, nn.GRU, {"reset_after": False}),
}


@pytest.fixture(autouse=True)
def _threads_restored():
    before = torch.get_num_threads()
    yield
    torch.set_num_threads(before)


@pytest.fixture
def packs(monkeypatch):
    """How often weights were packed."""
    made = []

    class Counted(native_step.PackedWeights):
        def __init__(self, *given):
            made.append(1)
            super().__init__(*given)

    monkeypatch.setattr(step, "PackedWeights", Counted)
    return made


def pair(name, size, hidden, **more):
    """A cell and a layer with the same weights."""
    cell, layer, options = CELLS[name]
    torch.manual_seed(3)
    one, whole = cell(size, hidden, **options, **more), layer(size, hidden, **options, **more)
    with torch.no_grad():
        for own, other in zip(one.parameters(), whole.parameters(), strict=True):
            other.copy_(own)
    return one, whole.eval()


def first(result):
    return result[0] if isinstance(result, tuple) else result


@torch.no_grad()
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=["single", "double"])
@pytest.mark.parametrize("name", CELLS)
def test_a_cell_has_the_bits_of_the_layer(name, dtype, packs):
    for batch, size, hidden, bias in [
        (1, 1, 1, True), (1, 64, 128, True), (2, 3, 17, False), (3, 5, 32, True),
        (4, 1, 33, True), (6, 7, 20, False), (9, 2, 130, True), (0, 2, 3, True),
    ]:  # fmt: skip
        cell, layer = pair(name, size, hidden, bias=bias, dtype=dtype)
        data = torch.randn(4, batch, size, dtype=dtype)
        packs.clear()
        state, found = None, []
        for x in data:
            state = cell(x, state)
            found.append(first(state))
        output, final = layer(data)
        assert torch.equal(torch.stack(found), output)
        if name == "lstm":
            assert torch.equal(state[1], final[1][0])
        assert len(packs) == 1
    # One row without a batch, and inputs that are not contiguous.
    cell, _ = pair(name, 4, 6, dtype=dtype)
    x = torch.randn(6, 4, dtype=dtype)
    assert torch.equal(first(cell(x[2])), first(cell(x))[2])
    assert torch.equal(first(cell(x.t().contiguous().t())), first(cell(x)))


@torch.no_grad()
def test_a_state_is_read_and_not_written():
    cell, _ = pair("lstm", 3, 5)
    x, h, c = torch.randn(2, 3), torch.randn(2, 5), torch.randn(2, 5)
    before = [part.clone() for part in (x, h, c)]
    new = cell(x, (h, c))
    assert all(torch.equal(a, b) for a, b in zip(before, (x, h, c), strict=True))
    again = cell(x, (h, c))
    assert all(torch.equal(a, b) for a, b in zip(new, again, strict=True))
    assert new[0].data_ptr() != again[0].data_ptr()


def _assign(cell):
    cell.weight_ih = torch_nn.Parameter(cell.weight_ih * 2)


def _data(cell):
    cell.weight_ih.data = cell.weight_ih.data * 2


def _quietly(cell):
    cell.weight_ih.data.mul_(2)


def _numpy(cell):
    cell.bias_hh.detach().numpy()[:] += 1


def _last(cell):
    cell.weight_ih.detach().numpy()[-1, -1] += 1  # one of the sixteen that are compared


def _optimise(cell):
    for parameter in cell.parameters():
        parameter.grad = torch.ones_like(parameter)
    torch.optim.SGD(cell.parameters(), lr=0.1).step()


def _load(cell):
    cell.load_state_dict({name: part * 2 for name, part in cell.state_dict().items()})


@torch.no_grad()
@pytest.mark.parametrize("change", [_assign, _data, _quietly, _numpy, _last, _optimise, _load])
@pytest.mark.parametrize("name", CELLS)
def test_changed_weights_are_packed_again(name, change, packs):
    cell, layer = pair(name, 3, 7)
    x = torch.randn(2, 3)
    old = first(cell(x))
    change(cell)
    new = first(cell(x))
    for own, other in zip(cell.parameters(), layer.parameters(), strict=True):
        other.copy_(own)
    assert not torch.equal(old, new)
    assert torch.equal(new, layer(x[None])[0][0])
    assert len(packs) == 2


@torch.no_grad()
def test_one_value_changed_past_torch_needs_clear():
    """What the documentation says cannot be noticed; ``clear`` makes it count."""
    cell, _ = pair("gru", 20, 40)
    x = torch.randn(1, 20)
    old = cell(x)
    cell.weight_ih.data[0, 1] += 1
    assert torch.equal(cell(x), old)
    cell._packing.clear()
    assert not torch.equal(cell(x), old)


@torch.no_grad()
def test_copies_pack_for_themselves(packs):
    cell, _ = pair("gru", 3, 7)
    x = torch.randn(1, 3)
    cell(x)
    copied = copy.deepcopy(cell)
    copied.weight_ih.mul_(2)
    assert torch.equal(cell(x), cell(x))
    assert len(packs) == 1
    assert not torch.equal(copied(x), cell(x))
    assert len(packs) == 2


def test_parametrized_and_functional_weights():
    cell, _ = pair("gru", 3, 7)
    x, h = torch.randn(1, 3), torch.randn(1, 7)
    doubled = {name: part * 2 for name, part in cell.named_parameters()}
    with torch.no_grad():
        old = cell(x, h)
        swapped = torch.func.functional_call(cell, doubled, (x, h))
        assert torch.equal(cell(x, h), old)
        cell.load_state_dict(doubled)
        assert torch.equal(cell(x, h), swapped)
    torch_nn.utils.parametrizations.weight_norm(cell, "weight_hh")
    with torch.no_grad():
        torch.testing.assert_close(cell(x, h), swapped)
        cell.parametrizations.weight_hh.original0.mul_(3)
        assert not torch.allclose(cell(x, h), swapped)


@torch.inference_mode()
def test_weights_of_inference_mode_are_packed_each_time():
    """Such tensors count no changes, so none may be missed."""
    cell, _ = pair("lstm", 3, 7)
    x = torch.randn(1, 3)
    old = cell(x)[0]
    cell.weight_ih.view(-1)[1] += 1
    assert not torch.equal(cell(x)[0], old)


@torch.no_grad()
def test_errors_are_those_of_the_slow_way():
    cell, _ = pair("lstm", 3, 7)
    good = torch.randn(2, 7)
    cell(torch.randn(2, 3), (good, good))
    for x, state, phrase in [
        (torch.randn(2, 4), None, "inconsistent input_size: got 4 expected 3"),
        (torch.randn(2, 3).double(), None, "dtype"),
        (torch.randn(2, 3), (good, good.double()), "dtype"),
        (torch.randn(2, 3), (good[:1], good), "doesn't match hidden0 batch size"),
        (torch.randn(2, 3), (good, good[:, :5]), "inconsistent hidden_size"),
    ]:
        with pytest.raises(RuntimeError, match=phrase):
            cell(x, state)
    cell.weight_ih = torch_nn.Parameter(torch.randn(28, 2))
    with pytest.raises(RuntimeError, match="weights are for input size 2"):
        cell(torch.randn(2, 3), (good, good))


def test_gradients_flow_as_before():
    cell, _ = pair("gru", 3, 7)
    x = torch.randn(2, 3, requires_grad=True)
    cell(x).sum().backward()
    assert x.grad is not None
    assert cell.weight_hh.grad is not None
    cell.requires_grad_(False)
    assert cell(x).requires_grad
    assert not cell(x.detach()).requires_grad


@torch.no_grad()
def test_a_forced_backend_and_autocast_are_obeyed(monkeypatch, packs):
    cell, layer = pair("gru", 3, 7)
    x = torch.randn(2, 3)
    with ops.force("reference"):
        plain = cell(x)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert cell(x).dtype != torch.float64
    assert not packs
    with ops.force("native"):
        assert torch.equal(cell(x), layer(x[None])[0][0])
    assert len(packs) == 1
    monkeypatch.setenv("SEQUELA_BACKEND", "reference")
    assert torch.equal(cell(x), plain)


@torch.no_grad()
def test_many_threads_and_thread_counts():
    cell, _ = pair("lstm", 16, 96)
    x, state = torch.randn(40, 16), (torch.randn(40, 96), torch.randn(40, 96))
    torch.set_num_threads(1)
    wanted = cell(x, state)
    torch.set_num_threads(2)
    assert all(torch.equal(a, b) for a, b in zip(cell(x, state), wanted, strict=True))
    cell._packing.clear()
    wrong = []

    def work(seed):
        with torch.no_grad():
            for i in range(60):
                row = slice((seed + i) % 40, (seed + i) % 40 + 1)
                got = cell(x[row], (state[0][row], state[1][row]))
                if not all(torch.equal(a, b[row]) for a, b in zip(got, wanted, strict=True)):
                    wrong.append(seed)
                if i % 20 == 0:
                    cell._packing.clear()

    threads = [threading.Thread(target=work, args=(seed,)) for seed in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong


@torch.no_grad()
def test_a_long_step_lets_other_threads_run(monkeypatch):
    """Both ways of the call give the same."""
    cell, _ = pair("gru", 8, 64)
    x = torch.randn(3, 8)
    wanted = cell(x)
    monkeypatch.setattr(native_step, "SHORT", 0)
    cell._packing.clear()
    assert torch.equal(cell(x), wanted)
    assert cell._packing._packed._most_rows == 0


@torch.no_grad()
@pytest.mark.parametrize("kind", ["strided", "negated"])
def test_found_weights_that_are_copied_to_be_packed(kind):
    # A change past torch's operators was looked for in the copy, and never found.
    cell, _ = pair("gru", 3, 5)
    weight = cell.weight_hh.detach().clone()
    weight = weight.t().contiguous().t() if kind == "strided" else torch._neg_view(weight)
    cell._parameters["weight_hh"] = weight
    x, h = torch.randn(2, 3), torch.randn(2, 5)
    before = cell(x, h)
    weight.data.mul_(2)
    found = cell(x, h)
    assert not torch.equal(found, before)
    with ops.force("reference"):
        torch.testing.assert_close(found, cell(x, h))


@torch.no_grad()
def test_found_an_upper_layer_that_reads_more_than_there_is():
    layer = nn.GRU(3, 5, num_layers=2).eval()
    layer._parameters["weight_ih_l1"] = torch.zeros(15, 6)
    with pytest.raises(RuntimeError):
        layer.stepper(2)(torch.zeros(2, 3))


@torch.no_grad()
@pytest.mark.parametrize("name", CELLS)
def test_numbers_that_are_negated_when_they_are_read(name):
    cell, layer = pair(name, 3, 5)
    x, h = torch.randn(2, 3), torch.randn(2, 5)
    state = (h, h) if name == "lstm" else h
    lazy = (torch._neg_view(h), torch._neg_view(h)) if name == "lstm" else torch._neg_view(h)
    wanted = first(cell(-x, tuple(-part for part in state) if name == "lstm" else -state))
    assert torch.equal(first(cell(torch._neg_view(x), lazy)), wanted)
    assert torch.equal(layer.stepper(2)(torch._neg_view(x)), layer.stepper(2)(-x))
