"""bfloat16 by the native library: near float32, bits that depend on nothing else, gradients."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest
import torch
from tests.ops.test_native_recurrent import NAMES, SHAPES, example

from sequela import nn
from sequela.ops import explain, native_bfloat, native_layer
from sequela.ops.native import library
from sequela.ops.recurrent import run

pytestmark = pytest.mark.skipif(library() is None, reason="the native library is not built here")
pairs = pytest.mark.skipif(
    library() is None or not native_bfloat.has_pairs(),
    reason="this processor does not multiply pairs of bfloat16, or SEQUELA_ISA forbids it",
)
NEAR = 3e-3  # the promise: the norm of the difference by the norm


@pytest.fixture(autouse=True)
def _threads_restored():
    before = torch.get_num_threads()
    yield
    torch.set_num_threads(before)


def halves(cell, lengths, size, hidden, reverse=False, bias=True):
    """The operator's arguments in bfloat16, and its keywords."""
    call = example(cell, lengths, size, hidden, torch.float32, reverse, bias)
    weights = type(call.weights)(
        *(None if part is None else part.detach().bfloat16() for part in call.weights)
    )
    initial = tuple(part.detach().bfloat16() for part in call.initial)
    return [cell, call.data.detach().bfloat16(), call.sizes, initial, weights], {"reverse": reverse}


def single(given):
    """The same numbers in float32."""
    cell, data, sizes, initial, weights = given
    wide = type(weights)(*(None if part is None else part.float() for part in weights))
    return [cell, data.float(), sizes, tuple(part.float() for part in initial), wide]


def parts(result):
    return [result.output, *result.final]


def distance(got, wanted):
    return float((got.double() - wanted.double()).norm() / wanted.double().norm())


@torch.no_grad()
@pytest.mark.parametrize("reverse", [False, True], ids=["forward", "reverse"])
@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("cell", NAMES)
def test_it_is_near_float32(cell, shape, reverse):
    given, more = halves(cell, *SHAPES[shape], reverse=reverse, bias=shape != "ragged")
    wanted = parts(run(*single(given), **more))
    found = []
    for threads in (1, 2):
        torch.set_num_threads(threads)
        found.append(parts(run(*given, **more)))
        for got, near in zip(found[-1], wanted, strict=True):
            assert got.dtype == torch.bfloat16
            assert distance(got, near) < NEAR
    assert all(map(torch.equal, *found))


@torch.no_grad()
@pytest.mark.parametrize("cell", NAMES)
def test_a_long_wide_layer_stays_near(cell):
    given, _ = halves(cell, [200] * 3 + [50], 64, 256)
    for got, near in zip(parts(run(*given)), parts(run(*single(given))), strict=True):
        assert distance(got, near) < NEAR


@torch.no_grad()
@pytest.mark.parametrize("cell", NAMES)
def test_the_bits_of_a_row_are_its_own(cell):
    """Alone, among others, on one thread or two, at the start or the end of a tile."""
    for size, hidden in ((7, 33), (64, 128)):
        given, more = halves(cell, [9] * 15, size, hidden)
        name, data, _, initial, weights = given
        data = data.view(9, 15, size)
        whole = run(*given, **more).output.view(9, 15, hidden)
        for rows in ([0], [14], [3, 4, 5, 6, 7, 8, 9], list(range(1, 15))):
            for threads in (1, 2):
                torch.set_num_threads(threads)
                start = tuple(part[rows] for part in initial)
                some = data[:, rows].reshape(-1, size)
                got = run(name, some, [len(rows)] * 9, start, weights, **more)
                assert torch.equal(got.output.view(9, len(rows), hidden), whole[:, rows])


@pytest.mark.parametrize("cell", NAMES)
def test_gradients_are_float32s_rounded_once(cell):
    given, more = halves(cell, *SHAPES["ragged"])

    def gradients(arguments):
        _, data, _, initial, weights = arguments
        inputs = [part for part in (data, *initial, *weights) if part is not None]
        for part in inputs:
            part.requires_grad_()
        result = parts(run(*arguments, **more))
        late = [torch.linspace(-1, 1, p.numel()).view(p.shape).bfloat16() for p in result]
        late = [one.to(p.dtype) for one, p in zip(late, result, strict=True)]
        return result, torch.autograd.grad(result, inputs, late)

    wanted = gradients(single(given))
    found = gradients(given)
    for kind in (0, 1):
        for got, near in zip(found[kind], wanted[kind], strict=True):
            assert torch.equal(got, near.bfloat16())


@pairs
@torch.no_grad()
def test_pairs_are_used_without_gradients(monkeypatch):
    given, more = halves("lstm", *SHAPES["ragged"])
    wanted = run(*given, **more).output
    monkeypatch.setattr(native_bfloat, "has_pairs", lambda: False)
    widened = run(*given, **more).output
    assert torch.equal(widened, run(*single(given), **more).output.bfloat16())
    assert not torch.equal(wanted, widened)


@pytest.mark.skipif(os.uname().machine != "x86_64", reason="names an instruction set of x86-64")
def test_elsewhere_float32_computes():
    code = (
        "import torch\n"
        "from sequela import nn\n"
        "from sequela.ops import native_bfloat\n"
        "assert not native_bfloat.has_pairs()\n"
        "layer = nn.GRU(3, 20, reset_after=False)\n"
        "layer.bfloat16(); x = torch.randn(5, 2, 3).bfloat16()\n"
        "with torch.no_grad():\n"
        "    found = layer(x)[0]\n"
        "    assert torch.equal(found, layer.float()(x.float())[0].bfloat16())\n"
    )
    environment = os.environ | {"SEQUELA_ISA": "baseline"}
    subprocess.run([sys.executable, "-c", code], env=environment, check=True, timeout=120)


@torch.no_grad()
def test_not_numbers_and_infinities_pass():
    given, more = halves("rnn_relu", [3, 3], 4, 20)
    given[1][0, 1] = float("nan")
    output = run(*given, **more).output.view(3, 2, 20)
    assert output[:, 0].isnan().all()
    assert not output[:, 1].isnan().any()
    given[1][0, 1] = float("inf")
    assert not run(*given, **more).output.view(3, 2, 20)[0, 0].isfinite().all()


@torch.no_grad()
def test_what_does_not_fit_is_refused():
    call = example("lstm", [3, 2], 4, 5, torch.float32)
    good = [part.detach().bfloat16() for part in (call.data, *call.initial, *call.weights[:4])]
    sizes = torch.tensor(call.sizes)
    native_bfloat.has_pairs()
    for place in range(len(good)):
        for change in (lambda part: part[:-1], lambda part: part.float()):
            bad = [change(part) if i == place else part for i, part in enumerate(good)]
            with pytest.raises(RuntimeError, match="native: "):
                native_bfloat.forward("lstm", sizes, False, *bad)
    with pytest.raises(RuntimeError, match=r"x must be float32 or float64, got torch\.bfloat16"):
        native_layer.checked("lstm", sizes, False, *good)


def test_layers_cells_and_steps_take_it():
    assert ": native, because" in explain("gru_before", dtype=torch.bfloat16)
    torch.manual_seed(0)
    layer = nn.LSTM(3, 20, 2, bidirectional=True, dtype=torch.bfloat16)
    x = torch.randn(5, 4, 3).bfloat16()
    output, _ = layer(x, lengths=[5, 0, 2, 3])
    output.float().sum().backward()
    assert all(part.grad.dtype == torch.bfloat16 for part in layer.parameters())
    with torch.no_grad():
        near = torch.nn.LSTM(3, 20, 2, bidirectional=True)
        near.load_state_dict({name: part.float() for name, part in layer.state_dict().items()})
        assert distance(layer(x)[0], near(x.float())[0]) < NEAR
        stepper = nn.GRU(3, 5, dtype=torch.bfloat16).stepper(4)
        assert stepper(x[0]).dtype == torch.bfloat16
        assert nn.GRUCell(3, 5, dtype=torch.bfloat16)(x[0]).dtype == torch.bfloat16


@torch.no_grad()
def test_options_are_computed_in_float32():
    torch.manual_seed(0)
    layer = nn.LSTM(
        3, 20, peephole=True, proj_size=7, zoneout=0.2, return_all_states=True, dtype=torch.bfloat16
    ).eval()
    x = torch.randn(5, 4, 3).bfloat16()
    output, (h_n, c_n), states = layer(x)
    wanted, (near_h, near_c), near = layer.float()(x.float())
    pairs_of = [(output, wanted), (h_n, near_h), (c_n, near_c), *zip(states, near, strict=True)]
    for got, wide in pairs_of:
        assert torch.equal(got, wide.bfloat16())
