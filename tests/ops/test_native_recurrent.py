"""The native kernels: the reference's numbers, gradients, and bits that depend on nothing else."""

from __future__ import annotations

import os
import subprocess
import sys
import threading

import pytest
import torch
from tests.tolerances import GRADCHECK, REFERENCE

from sequela.cells import CELLS, CellWeights
from sequela.ops import native_call, native_layer, reference
from sequela.ops import native_recurrent as native
from sequela.ops.call import Call
from sequela.ops.native import library

pytestmark = pytest.mark.skipif(library() is None, reason="the native library is not built here")

NAMES = ("rnn_tanh", "rnn_relu", "lstm", "gru_after", "gru_before")
# Rows' lengths, input and hidden size: full and ragged vectors, few and many rows, empty rows.
SHAPES = {
    "ragged": ([7, 5, 5, 3, 3, 2, 1, 1, 0], 3, 20),
    "many rows": ([6] * 13 + [4] * 10 + [2] * 9 + [1] * 4, 5, 48),
    "one row": ([6], 4, 128),
    "a long row": ([25, 2, 2], 33, 35),
    "one unit": ([2, 1], 1, 1),
    "no steps for most": ([3, 0, 0, 0], 2, 17),
    "no input": ([3, 2], 0, 5),
}


@pytest.fixture(autouse=True)
def _threads_restored():
    before = torch.get_num_threads()
    yield
    torch.set_num_threads(before)


def example(cell, lengths, size, hidden, dtype=torch.float64, reverse=False, bias=True, seed=0):
    generator = torch.Generator().manual_seed(seed)

    def draw(*shape, scale=1.0):
        values = torch.randn(*shape, generator=generator, dtype=torch.float64) * scale
        return values.to(dtype).requires_grad_()

    sizes = [sum(length > t for length in lengths) for t in range(max(lengths))]
    rows, scale = CELLS[cell].gate_count * hidden, hidden**-0.5
    biases = (draw(rows), draw(rows)) if bias else (None, None)
    weights = CellWeights(draw(rows, size), draw(rows, hidden, scale=scale), *biases)
    states = len(CELLS[cell].state._fields)
    initial = tuple(draw(len(lengths), hidden) for _ in range(states))
    data = draw(sum(sizes), size)
    return Call(CELLS[cell], data, sizes, initial, weights, reverse, None, (None,) * states, False)


def leaves(call):
    given = (call.data, *call.initial, *call.weights[:4])
    return [part for part in given if part is not None]


def everything(backend, call, only=None):
    """Outputs, final states and all gradients; the loss reads all outputs or only some."""
    result = backend.run(call)
    outputs = [result.output, *result.final]
    generator = torch.Generator().manual_seed(1)
    late = [torch.randn(o.shape, generator=generator, dtype=torch.float64) for o in outputs]
    chosen = [i for i in range(len(outputs)) if only is None or i in only]
    gradients = torch.autograd.grad(
        [outputs[i] for i in chosen],
        leaves(call),
        [late[i].to(outputs[i].dtype) for i in chosen],
        allow_unused=True,
    )
    return [*outputs, *gradients]


def assert_equal_bits(left, right):
    for one, other in zip(left, right, strict=True):
        assert torch.equal(one, other)


@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize("reverse", [False, True], ids=["forward", "reverse"])
@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("cell", NAMES)
def test_the_reference_agrees_in_float64(cell, shape, reverse, threads):
    torch.set_num_threads(threads)
    call = example(cell, *SHAPES[shape], reverse=reverse, bias=shape != "ragged")
    for ours, wanted in zip(everything(native, call), everything(reference, call), strict=True):
        torch.testing.assert_close(ours, wanted, **REFERENCE)


@pytest.mark.parametrize("reverse", [False, True], ids=["forward", "reverse"])
@pytest.mark.parametrize("cell", NAMES)
def test_rows_that_all_begin_from_zeros_have_the_bits_of_one_that_does(cell, reverse):
    call = example(cell, *SHAPES["many rows"], torch.float32, reverse)
    zeros = tuple(torch.zeros_like(part) for part in call.initial)
    mixed = tuple(part.detach().clone() for part in call.initial)
    for part in mixed:
        part[9] = 0
    found, wanted = (
        native.run(Call(*(vars(call) | {"initial": initial}).values())).final[0]
        for initial in (zeros, mixed)
    )
    assert torch.equal(found[9], wanted[9])
    assert not torch.equal(found[8], wanted[8])


@pytest.mark.parametrize("cell", NAMES)
def test_zeros_times_what_is_not_finite_is_nan_as_in_the_reference(cell):
    call = example(cell, [1, 1, 1], 2, 20)
    with torch.no_grad():
        call.weights.w_hh[3, 2] = float("inf")
    zeros = tuple(torch.zeros_like(part) for part in call.initial)
    call = Call(*(vars(call) | {"initial": zeros}).values())
    found, wanted = native.run(call).output, reference.run(call).output
    assert found.isnan().any()
    torch.testing.assert_close(found, wanted, **REFERENCE, equal_nan=True)


@pytest.mark.parametrize("cell", NAMES)
def test_float32_is_as_near_to_float64_as_torch_is(cell):
    call = example(cell, [30] * 16, 64, 96, torch.float32)
    doubles = [part.detach().double().requires_grad_() for part in leaves(call)]
    states = len(call.initial)
    changes = {
        "data": doubles[0],
        "initial": tuple(doubles[1 : 1 + states]),
        "weights": CellWeights(*doubles[1 + states :]),
    }
    exact = everything(reference, Call(*(vars(call) | changes).values()))

    def error(results):
        pairs = zip(results, exact, strict=True)
        return [float(((r.double() - e).norm() / e.norm()).detach()) for r, e in pairs]

    ours, torchs = error(everything(native, call)), error(everything(reference, call))
    assert max(ours) < 1.2e-6
    # One chain per element is what keeps its bits; torch sums in parts. The room is for small sums.
    for one, other in zip(ours, torchs, strict=True):
        assert one <= 1.5 * other + 5e-8


@pytest.mark.parametrize("reverse", [False, True], ids=["forward", "reverse"])
@pytest.mark.parametrize("cell", NAMES)
def test_gradcheck(cell, reverse):
    call = example(cell, [3, 2, 1, 0], 2, 3, reverse=reverse)
    parts, states = leaves(call), len(call.initial)

    def run(data, *rest):
        weights = CellWeights(*rest[states:])
        made = Call(
            call.cell, data, call.sizes, rest[:states], weights, reverse, None, call.keep, False
        )
        result = native.run(made)
        return (result.output, *result.final)

    assert torch.autograd.gradcheck(run, parts, **GRADCHECK)
    # tanh and sigma: the second derivative exists everywhere.
    if cell != "rnn_relu":
        assert torch.autograd.gradgradcheck(run, parts, **GRADCHECK)


@pytest.mark.parametrize("cell", NAMES)
def test_a_second_derivative_where_one_input_comes_from_another(cell):
    call = example(cell, [3, 2, 1], 3, 3)

    def twice(backend):
        h0 = call.data[:3] * 0.5
        initial = (h0, *call.initial[1:])
        output = backend.run(Call(*(vars(call) | {"initial": initial}).values())).output
        (first,) = torch.autograd.grad(output.square().sum(), [call.data], create_graph=True)
        return torch.autograd.grad(first.square().sum(), [call.data])[0]

    torch.testing.assert_close(twice(native), twice(reference), **REFERENCE)


@pytest.mark.parametrize("cell", NAMES)
def test_gradients_that_arrive_only_through_a_state(cell):
    call = example(cell, *SHAPES["ragged"])
    for only in range(len(call.initial) + 1):
        ours = everything(native, call, {only})
        wanted = everything(reference, call, {only})
        for one, other in zip(ours, wanted, strict=True):
            if other is not None and one is not None:
                torch.testing.assert_close(one, other, **REFERENCE)
            else:
                assert (one if other is None else other) is None or not (
                    one if other is None else other
                ).any()


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=["float32", "float64"])
@pytest.mark.parametrize("cell", NAMES)
def test_bits_depend_on_the_row_alone(cell, dtype):
    """Any batch, any place in the tile, any company: the row's bits are those it has alone."""
    call = example(cell, [9] * 30, 7, 40, dtype)
    torch.set_num_threads(2)
    cube = call.data.detach().reshape(9, 30, 7)
    with torch.no_grad():
        alone = [
            native.run(_rows(call, cube[:, b : b + 1], slice(b, b + 1), [1] * 9)) for b in range(30)
        ]
        for batch in (2, 3, 5, 6, 7, 12, 13, 30):
            for reverse in (False, True):
                whole = native.run(
                    _rows(call, cube[:, :batch], slice(0, batch), [batch] * 9, reverse)
                )
                for b in range(batch):
                    one = (
                        native.run(_rows(call, cube[:, b : b + 1], slice(b, b + 1), [1] * 9, True))
                        if reverse
                        else alone[b]
                    )
                    output = whole.output.reshape(9, batch, -1)[:, b]
                    assert torch.equal(output, one.output)
                    assert_equal_bits([part[b : b + 1] for part in whole.final], one.final)


def _rows(call, cube, rows, sizes, reverse=False):
    initial = tuple(part.detach()[rows] for part in call.initial)
    weights = CellWeights(*(w.detach() for w in call.weights[:4] if w is not None))
    data = cube.reshape(-1, cube.shape[2])
    return Call(call.cell, data, sizes, initial, weights, reverse, None, call.keep, False)


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("cell", NAMES)
def test_bits_do_not_depend_on_threads(cell, shape):
    call = example(cell, *SHAPES[shape], dtype=torch.float32)
    results = []
    for threads in (1, 2, 3):
        torch.set_num_threads(threads)
        results.append(everything(native, call))
    assert_equal_bits(results[0], results[1])
    assert_equal_bits(results[0], results[2])


@pytest.mark.parametrize("cell", NAMES)
def test_a_split_sequence_gives_the_bits_of_one_pass(cell):
    call = example(cell, [8] * 5, 3, 33, torch.float32)
    cube = call.data.detach().reshape(8, 5, 3)
    with torch.no_grad():
        whole = native.run(_rows(call, cube, slice(0, 5), [5] * 8))
        first = native.run(_rows(call, cube[:3], slice(0, 5), [5] * 3))
        rest = _rows(call, cube[3:], slice(0, 5), [5] * 5)
        second = native.run(Call(*(vars(rest) | {"initial": first.final}).values()))
    assert torch.equal(torch.cat([first.output, second.output]), whole.output)
    assert_equal_bits(second.final, whole.final)


def test_training_gives_the_bits_of_inference():
    for cell in NAMES:
        call = example(cell, *SHAPES["ragged"], dtype=torch.float32)
        kept = native.run(call)
        with torch.no_grad():
            free = native.run(call)
        assert_equal_bits([kept.output, *kept.final], [free.output, *free.final])


def test_a_second_backward_pass_gives_the_same_bits():
    for cell in NAMES:
        call = example(cell, *SHAPES["ragged"])
        loss = native.run(call).output.square().sum()
        first = torch.autograd.grad(loss, leaves(call), retain_graph=True, allow_unused=True)
        second = torch.autograd.grad(loss, leaves(call), allow_unused=True)
        assert_equal_bits(first, second)


def test_inf_and_nan_stay_in_their_row():
    call = example("lstm", [4] * 8, 3, 20, torch.float32)
    with torch.no_grad():
        clean = native.run(call)
        call.data[3] = float("nan")
        call.data[5, 0] = float("inf")
        dirty = native.run(call)
    for b in (0, 1, 2, 4, 6, 7):
        assert torch.equal(clean.output[b::8], dirty.output[b::8])
    assert dirty.output[3::8].isnan().all()


def of_every_cell():
    torch.set_num_threads(1)
    shapes = [SHAPES[name] for name in ("ragged", "many rows")]
    kinds = (torch.float32, torch.float64)
    calls = [example(c, *s, dtype=d) for c in NAMES for s in shapes for d in kinds]
    return [part.detach() for call in calls for part in everything(native, call)]


@pytest.mark.parametrize("other", ["avx512", "avx2", "baseline"])
def test_instruction_sets(other, tmp_path):
    """AVX2 and AVX-512 give the same bits; the baseline, without fused multiply-add, comes near."""
    mine, path = native_call.instruction_set(), tmp_path / "results.pt"
    if other == mine:
        pytest.skip("the one that this process computes with")
    code = (
        "import sys\n"
        "from tests.ops.test_native_recurrent import *\n"
        "torch.save([native_call.instruction_set(), of_every_cell()], sys.argv[1])\n"
    )
    environment = os.environ | {"SEQUELA_ISA": other, "OMP_NUM_THREADS": "1"}
    environment["PYTHONPATH"] = os.pathsep.join([os.getcwd(), os.environ.get("PYTHONPATH", "")])
    subprocess.run([sys.executable, "-c", code, str(path)], env=environment, check=True)
    used, found = torch.load(path, weights_only=True)
    if used != other:
        pytest.skip(f"this processor has no {other}")
    for one, two in zip(of_every_cell(), found, strict=True):
        if "baseline" in (mine, other):
            torch.testing.assert_close(one, two, rtol=1e-3, atol=1e-5)
        else:
            assert torch.equal(one, two)


def test_many_threads_call_at_once():
    call = example("gru_after", *SHAPES["many rows"], dtype=torch.float32)
    wanted = everything(native, call)
    wrong = []

    def work():
        for _ in range(10):
            found = everything(native, call)
            wrong.extend(i for i, w in enumerate(wanted) if not torch.equal(found[i], w))

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system does not fork")
def test_a_forked_child_computes():
    # In a process of its own: torch's threads make a fork of the test process a warning.
    code = (
        "import os, torch\n"
        "from tests.ops.test_native_recurrent import *\n"
        "call = example('lstm', *SHAPES['many rows'], dtype=torch.float32)\n"
        "torch.set_num_threads(2)\n"
        "layer = native_layer.checked('lstm', torch.tensor(call.sizes), False, call.data.detach(),"
        " *(p.detach() for p in call.initial), *(w.detach() for w in call.weights[:4]))\n"
        "wanted = native_call.forward(layer)[0]\n"
        "for _ in range(20):\n"
        "    child = os.fork()\n"
        "    if not child:\n"
        "        os._exit(0 if torch.equal(native_call.forward(layer)[0], wanted) else 1)\n"
        "    assert os.waitpid(child, 0)[1] == 0\n"
        "    assert torch.equal(native_call.forward(layer)[0], wanted)\n"
    )
    environment = os.environ | {
        "PYTHONPATH": os.pathsep.join([os.getcwd(), os.environ.get("PYTHONPATH", "")])
    }
    subprocess.run([sys.executable, "-c", code], env=environment, check=True, timeout=120)


def test_calls_that_do_not_fit_are_errors():
    call = example("lstm", [3, 2], 4, 5, torch.float32)
    good = [call.data, *call.initial, *call.weights[:4]]
    sizes = torch.tensor(call.sizes)
    native_layer.checked("lstm", sizes, False, *good)
    for place in range(len(good)):
        for change in (
            lambda part: part[:-1],
            lambda part: part.double(),
            lambda part: part.unsqueeze(0),
            lambda part: part.to(torch.bfloat16),
            lambda part: part.to("meta"),
            lambda part: part.to_sparse(),
        ):
            bad = [change(part) if i == place else part for i, part in enumerate(good)]
            with pytest.raises(RuntimeError, match="native: "):
                native_call.forward(native_layer.checked("lstm", sizes, False, *bad))
    for wrong in ([3, 2], [2, 3, 0], [2, 2, 2], [5, 0, 0], [-1, 3, 3], [2, 2, 1, 1]):
        with pytest.raises(RuntimeError, match=r"native: batch_sizes|increase"):
            native_call.forward(native_layer.checked("lstm", torch.tensor(wrong), False, *good))
    with pytest.raises(RuntimeError, match="native: unknown cell 'mlp'"):
        native_layer.checked("mlp", sizes, False, *good)
    with pytest.raises(RuntimeError, match="must be given"):
        native_layer.checked("lstm", sizes, False, None, *good[1:])
    with pytest.raises(RuntimeError, match="c0 is the LSTM's"):
        native_layer.checked("lstm", sizes, False, good[0], good[1], None, *good[3:])


def test_views_are_read_as_they_look():
    call = example("gru_before", [3, 2], 4, 5)
    view = call.data.detach().t().contiguous().t()
    assert not view.is_contiguous()
    with torch.no_grad():
        ours = native.run(Call(*(vars(call) | {"data": view}).values()))
        assert torch.equal(ours.output, native.run(call).output)


def test_nothing_aliases():
    for cell in NAMES:
        call = example(cell, [1, 1, 0], 2, 3)
        result = native.run(call)
        parts = [result.output, *result.final, *leaves(call)]
        assert len({part.data_ptr() for part in parts}) == len(parts)
