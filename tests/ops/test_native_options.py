"""Every option of the cells in the native kernels: the reference's numbers, gradients, and bits."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest
import torch
from tests.tolerances import GRADCHECK, REFERENCE

from sequela.cells import CELLS, CellWeights
from sequela.ops import native_recurrent as native
from sequela.ops import reference
from sequela.ops.call import Call
from sequela.ops.native import library
from sequela.ops.native_call import instruction_set

pytestmark = pytest.mark.skipif(library() is None, reason="the native library is not built here")

NAMES = ("rnn_tanh", "rnn_relu", "lstm", "gru_after", "gru_before")
SHAPES = {
    "ragged": ([7, 5, 5, 3, 3, 2, 1, 1, 0], 3, 20),
    "many rows": ([6] * 13 + [4] * 10 + [2] * 9 + [1] * 4, 5, 48),
    "few rows": ([9, 2, 0], 33, 35),
}
ALL = "peephole projection dropout drawn norm everything"
OPTIONS = (
    "peephole",
    "projection",
    "dropout",
    "drawn",
    "expected",
    "norm",
    "norm of x",
    "norm of h",
    "norm nobias",
    "everything",
    "projection expected everything",
    ALL,
)
OF_THE_LSTM = ("peephole", "projection")


@pytest.fixture(autouse=True)
def _threads_restored():
    before = torch.get_num_threads()
    yield
    torch.set_num_threads(before)


def example(cell, lengths, size, hidden, options, dtype=torch.float64, reverse=False):
    """A call with these options, as far as the cell has them."""
    generator = torch.Generator().manual_seed(3)
    words, lstm = options.split(), cell == "lstm"
    sizes = [sum(length > t for length in lengths) for t in range(max(lengths))]
    rows, count, batch = CELLS[cell].gate_count * hidden, sum(sizes), len(lengths)
    width = max(hidden // 3, 1) if lstm and "projection" in words else hidden

    def draw(*shape, scale=1.0):
        values = torch.randn(*shape, generator=generator, dtype=torch.float64) * scale
        return values.to(dtype).requires_grad_()

    def ones(rate, *shape):
        return (torch.rand(*shape, generator=generator) < rate).to(dtype)

    weights = {"w_ih": draw(rows, size, scale=max(size, 1) ** -0.5)}
    weights["w_hh"] = draw(rows, width, scale=width**-0.5)
    if "nobias" not in words:
        weights |= {"b_ih": draw(rows), "b_hh": draw(rows)}
    if width != hidden:
        weights["w_hr"] = draw(width, hidden, scale=hidden**-0.5)
    if lstm and "peephole" in words:
        weights["w_peephole"] = draw(3, hidden)
    if "norm" in words and "h" not in words:
        weights["norm_ih"] = draw(rows)
    if "norm" in words and "x" not in words:
        weights["norm_hh"] = draw(rows)
    if lstm and "norm" in words and "of" not in words:
        weights["norm_c"] = draw(hidden)
        if "nobias" not in words:
            weights["norm_c_bias"] = draw(hidden)
    widths = (width, hidden)[: len(CELLS[cell].state._fields)]
    keep = [None] * len(widths)
    if "drawn" in words:
        keep = [ones(0.4, count, part) for part in widths]
    if "expected" in words:
        keep = [0.3, 0.2][: len(widths)]
    return Call(
        cell=CELLS[cell],
        data=draw(count, size),
        sizes=sizes,
        initial=tuple(draw(batch, part) for part in widths),
        weights=CellWeights(**weights),
        reverse=reverse,
        mask=ones(0.7, batch, width) / 0.7 if "dropout" in words else None,
        keep=tuple(keep),
        everything="everything" in words,
    )


def leaves(call):
    return [part for part in (call.data, *call.initial, *call.weights) if part is not None]


def computed(backend, call):
    """Outputs, final states, everything handed out, and the gradients that reach all leaves."""
    result = backend.run(call)
    outputs = [result.output, *result.final, *result.everything.values()]
    generator = torch.Generator().manual_seed(1)
    late = [torch.randn(o.shape, generator=generator, dtype=torch.float64) for o in outputs]
    late = [part.to(output.dtype) for part, output in zip(late, outputs, strict=True)]
    return [*outputs, *torch.autograd.grad(outputs, leaves(call), late)]


CASES = [
    pytest.param(cell, options, id=f"{cell}-{options}")
    for cell in NAMES
    for options in OPTIONS
    if cell == "lstm" or options not in OF_THE_LSTM
]


def agrees_with_the_reference(cell, options, reverse, shapes):
    for shape in shapes:
        call = example(cell, *SHAPES[shape], options, reverse=reverse)
        wanted = computed(reference, call)
        for threads in (1, 2):
            torch.set_num_threads(threads)
            for one, other in zip(computed(native, call), wanted, strict=True):
                torch.testing.assert_close(one, other, **REFERENCE)


@pytest.mark.parametrize(("cell", "options"), CASES)
def test_the_reference_agrees_in_float64(cell, options):
    agrees_with_the_reference(cell, options, False, SHAPES)
    agrees_with_the_reference(cell, options, True, ["ragged"])


@pytest.mark.long
@pytest.mark.parametrize(("cell", "options"), CASES)
def test_the_reference_agrees_in_reverse_too(cell, options):
    agrees_with_the_reference(cell, options, True, SHAPES)


def test_the_names_and_order_of_everything_are_the_references():
    for cell in NAMES:
        call = example(cell, *SHAPES["ragged"], "everything")
        ours, wanted = native.run(call).everything, reference.run(call).everything
        assert list(ours) == list(wanted)


@pytest.mark.parametrize(("cell", "options"), CASES)
def test_float32_is_as_near_to_float64_as_the_reference_is(cell, options):
    """Each error at most three times the reference's own, and the room of a rounding.

    Torch sums over the rows in parts, our gradients of biases are one chain for each block of them.
    """
    call = example(cell, [20] * 8, 24, 40, options, torch.float32)

    def double(part):
        return part.detach().double().requires_grad_() if isinstance(part, torch.Tensor) else part

    changes = {
        "data": double(call.data),
        "initial": tuple(double(part) for part in call.initial),
        "weights": CellWeights(*(double(part) for part in call.weights)),
        "mask": None if call.mask is None else call.mask.double(),
        "keep": tuple(k.double() if isinstance(k, torch.Tensor) else k for k in call.keep),
    }
    exact = computed(reference, Call(**(vars(call) | changes)))

    def errors(results):
        pairs = zip(results, exact, strict=True)
        return [float(((r.double() - e).norm() / e.norm()).detach()) for r, e in pairs]

    for one, other in zip(
        errors(computed(native, call)), errors(computed(reference, call)), strict=True
    ):
        assert one <= 3 * other + 1e-7


@pytest.mark.parametrize("cell", NAMES)
def test_gradcheck(cell):
    call = example(cell, [3, 2, 1, 0], 2, 3, ALL)
    count = len(call.initial)

    def run(data, *rest):
        given = iter(rest[count:])
        weights = CellWeights(*(None if w is None else next(given) for w in call.weights))
        changes = {"data": data, "initial": rest[:count], "weights": weights}
        result = native.run(Call(**(vars(call) | changes)))
        return (result.output, *result.final, *result.everything.values())

    assert torch.autograd.gradcheck(run, leaves(call), **GRADCHECK, fast_mode=True)
    if cell != "rnn_relu":  # elsewhere the second derivative exists; it comes from the reference
        assert torch.autograd.gradgradcheck(run, leaves(call), **GRADCHECK, fast_mode=True)


@pytest.mark.parametrize("cell", NAMES)
def test_options_that_change_nothing_leave_the_bits(cell):
    plain = example(cell, *SHAPES["many rows"], "", torch.float32)
    ones = torch.ones(plain.initial[0].shape)
    keep = tuple(torch.zeros(len(plain.data), part.shape[1]) for part in plain.initial)
    changes = {"mask": ones, "keep": keep, "everything": True}
    if cell == "lstm":
        hidden = plain.initial[1].shape[1]
        weights = {"w_peephole": torch.zeros(3, hidden), "w_hr": torch.eye(hidden)}
        changes["weights"] = plain.weights._replace(**weights)
    with torch.no_grad():
        one = native.run(plain)
        other = native.run(Call(**(vars(plain) | changes)))
    assert torch.equal(one.output, other.output)
    assert torch.equal(one.output, other.everything["h"])
    for part, same in zip(one.final, other.final, strict=True):
        assert torch.equal(part, same)


@pytest.mark.parametrize("cell", NAMES)
def test_bits_depend_on_the_row_alone(cell):
    for threads in (1, 3):
        torch.set_num_threads(threads)
        for batch in (2, 7, 23):
            call = example(cell, [5] * batch, 7, 40, ALL, torch.float32)
            with torch.no_grad():
                whole = native.run(call)
                for b in (0, batch // 2, batch - 1):
                    changes = {
                        "data": call.data[b::batch],
                        "sizes": [1] * 5,
                        "initial": tuple(part[b : b + 1] for part in call.initial),
                        "mask": call.mask[b : b + 1],
                        "keep": tuple(part[b::batch] for part in call.keep),
                    }
                    alone = native.run(Call(**(vars(call) | changes)))
                    assert torch.equal(alone.output, whole.output[b::batch])
                    for part, all_rows in zip(alone.final, whole.final, strict=True):
                        assert torch.equal(part, all_rows[b : b + 1])


@pytest.mark.parametrize(("cell", "options"), CASES)
def test_bits_do_not_depend_on_threads_or_on_keeping(cell, options):
    call = example(cell, *SHAPES["many rows"], options, torch.float32)
    results = []
    for threads in (1, 2, 3):
        torch.set_num_threads(threads)
        results.append(computed(native, call))
    for one, two, three in zip(*results, strict=True):
        assert torch.equal(one, two)
        assert torch.equal(one, three)
    with torch.no_grad():
        free = native.run(call)
    assert torch.equal(free.output, results[0][0])


def of_every_cell():
    torch.set_num_threads(1)
    kinds = (torch.float32, torch.float64)
    calls = [example(c, *SHAPES[s], ALL, d) for c in NAMES for s in SHAPES for d in kinds]
    return [part.detach() for call in calls for part in computed(native, call)]


def test_avx2_gives_the_bits_of_avx512(tmp_path):
    if instruction_set() != "avx512":
        pytest.skip("this process does not compute with AVX-512")
    code = (
        "import sys\n"
        "from tests.ops.test_native_options import *\n"
        "torch.save([instruction_set(), of_every_cell()], sys.argv[1])\n"
    )
    environment = os.environ | {"SEQUELA_ISA": "avx2", "OMP_NUM_THREADS": "1"}
    environment["PYTHONPATH"] = os.pathsep.join([os.getcwd(), os.environ.get("PYTHONPATH", "")])
    path = tmp_path / "results.pt"
    subprocess.run([sys.executable, "-c", code, str(path)], env=environment, check=True)
    used, found = torch.load(path, weights_only=True)
    assert used == "avx2"
    for one, two in zip(of_every_cell(), found, strict=True):
        assert torch.equal(one, two)


def test_a_second_backward_pass_gives_the_same_bits():
    for cell in NAMES:
        call = example(cell, *SHAPES["ragged"], ALL)
        loss = native.run(call).output.square().sum()
        first = torch.autograd.grad(loss, leaves(call), retain_graph=True, allow_unused=True)
        second = torch.autograd.grad(loss, leaves(call), allow_unused=True)
        for one, two in zip(first, second, strict=True):
            assert torch.equal(one, two)


def test_inf_and_nan_stay_in_their_row():
    call = example("lstm", [4] * 8, 3, 20, ALL, torch.float32)
    with torch.no_grad():
        clean = native.run(call)
        call.data[3] = float("nan")
        dirty = native.run(call)
    for b in (0, 1, 2, 4, 5, 6, 7):
        assert torch.equal(clean.output[b::8], dirty.output[b::8])


def test_masks_with_a_gradient_are_differentiated():
    call = example("gru_after", *SHAPES["ragged"], "dropout")
    mask = call.mask.clone().requires_grad_()
    result = native.run(Call(**(vars(call) | {"mask": mask})))
    assert torch.autograd.grad(result.output.sum(), mask)[0].abs().sum() > 0


def test_options_that_the_cell_does_not_have_are_errors():
    call = example("gru_after", *SHAPES["ragged"], "", torch.float32)
    weights = call.weights._replace(w_peephole=torch.zeros(3, 20))
    with pytest.raises(RuntimeError, match="native: the cell does not have such an option"):
        native.run(Call(**(vars(call) | {"weights": weights})))
    weights = call.weights._replace(norm_ih=torch.zeros(3))
    with pytest.raises(RuntimeError, match="native: norm_ih must have shape"):
        native.run(Call(**(vars(call) | {"weights": weights})))
