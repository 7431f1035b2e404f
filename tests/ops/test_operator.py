"""The operator that torch sees: its schema, fake and gradient, and what it must never do."""

from __future__ import annotations

import pytest
import torch
from tests.ops import test_native_options as optioned
from tests.ops.test_native_recurrent import NAMES, SHAPES, assert_equal_bits, everything, example
from tests.tolerances import REFERENCE

from sequela.ops import native_recurrent as native
from sequela.ops.native import library
from sequela.ops.native_layer import EVERY_TENSOR, REQUIRED
from sequela.ops.operator import recurrent

pytestmark = pytest.mark.skipif(library() is None, reason="the native library is not built here")


def given(call):
    c0 = call.initial[1] if len(call.initial) > 1 else None
    return (call.data, call.initial[0], c0, *call.weights[:4])


def arguments(call, keep=True):
    return (call.cell.name, torch.tensor(call.sizes), call.reverse, keep, *given(call))


def with_options(call, keep=True):
    """All arguments of the operator."""
    c0 = call.initial[1] if len(call.initial) > 1 else None
    drawn = [part if isinstance(part, torch.Tensor) else None for part in (*call.keep, None)][:2]
    rates = [part if isinstance(part, float) else 0.0 for part in (*call.keep, None)][:2]
    given = (call.data, call.initial[0], c0, *call.weights, call.mask, *drawn)
    plain = (call.cell.name, torch.tensor(call.sizes), call.reverse, keep)
    return (*plain, *given, *rates, call.everything)


def computed_with_options(call, keep=True):
    """As :func:`optioned.computed` does it for a backend."""

    class Backend:
        @staticmethod
        def run(call):
            output, *final = recurrent(*with_options(call, keep))
            states = len(call.initial)
            names = (*call.cell.state._fields[1:], *call.cell.gates._fields)
            every = {"h": output * 1.0} | dict(zip(names, final[states:], strict=False))
            return native.Result(output, final[:states], every if call.everything else {})

    return optioned.computed(Backend, call)


def through_operator(call, keep=True):
    """As :func:`everything` does it for a backend."""

    class Backend:
        @staticmethod
        def run(call):
            output, *final = recurrent(*arguments(call, keep))
            return native.Result(output, tuple(final), {})

    return everything(Backend, call)


@pytest.mark.parametrize("reverse", [False, True], ids=["forward", "reverse"])
@pytest.mark.parametrize("cell", NAMES)
def test_opcheck(cell, reverse):
    call = example(cell, [3, 2, 1], 2, 5, reverse=reverse, bias=not reverse)
    torch.library.opcheck(torch.ops.sequela.recurrent, arguments(call))
    found = torch.ops.sequela.recurrent(*arguments(call))
    parts = [None if part is None else part.detach() for part in given(call)]
    check_backward(call, parts, found, (0.0, 0.0, False))


def check_backward(call, parts, found, numbers):
    """The backward operator, of what the operator returned."""
    options = [None] * (len(EVERY_TENSOR) - len(parts))
    parts = [None if part is None else part.detach() for part in (*parts, *options)]
    constant = ("mask", "keep_h", "keep_c")
    wanted = [
        part is not None and name not in constant
        for name, part in zip(EVERY_TENSOR, parts, strict=True)
    ]
    late = [torch.ones_like(part).detach() if part.numel() else None for part in found]
    late[2:4] = [late[2]]
    for samples in (0, 1):
        plain = (call.cell.name, torch.tensor(call.sizes), call.reverse, wanted)
        rest = (*parts, *numbers, samples, found[0].detach(), found[3], *late)
        torch.library.opcheck(torch.ops.sequela.recurrent_backward, (*plain, *rest))


@pytest.mark.parametrize(
    ("cell", "options"),
    [("lstm", optioned.ALL), ("gru_before", optioned.ALL), ("rnn_tanh", "dropout expected")],
)
def test_opcheck_with_options(cell, options):
    call = optioned.example(cell, [3, 2, 1], 2, 5, options)
    torch.library.opcheck(torch.ops.sequela.recurrent, with_options(call))
    *parts, h, c, every = with_options(call)[4:]
    found = torch.ops.sequela.recurrent(*with_options(call))
    check_backward(call, parts, found, (h, c, every))


@pytest.mark.parametrize(("cell", "options"), optioned.CASES)
def test_options_have_the_bits_of_the_eager_path(cell, options):
    for reverse in (False, True):
        call = optioned.example(cell, *SHAPES["ragged"], options, torch.float32, reverse)
        wanted = optioned.computed(native, call)
        assert_equal_bits(computed_with_options(call), wanted)
        assert_equal_bits(computed_with_options(call, keep=False), wanted)


@pytest.mark.parametrize("cell", ["lstm", "gru_after"])
def test_a_gradient_of_a_gradient_with_options_is_the_references(cell):
    call = optioned.example(cell, [3, 2, 1], 2, 3, optioned.ALL)
    parts = optioned.leaves(call)

    def twice(run):
        loss = sum(part.square().sum() for part in run(call))
        first = torch.autograd.grad(loss, parts, create_graph=True)
        return torch.autograd.grad(sum(grad.square().sum() for grad in first), parts)

    def of_backend(call):
        result = native.run(call)
        return [result.output, *result.final, *list(result.everything.values())[1:]]

    ours = twice(lambda call: recurrent(*with_options(call)))
    for one, other in zip(ours, twice(of_backend), strict=True):
        torch.testing.assert_close(one, other, **REFERENCE)


@pytest.mark.parametrize("cell", NAMES)
def test_bfloat16_keeps_nothing_and_has_a_gradient(cell):
    call = example(cell, [3, 2, 1], 4, 5, torch.bfloat16)
    found = torch.ops.sequela.recurrent(*arguments(call))
    assert found[3].shape == (6, 0)
    assert all(part.dtype is torch.bfloat16 for part in found)
    if cell == "lstm":
        torch.library.opcheck(torch.ops.sequela.recurrent, arguments(call))
    parts = [part for part in given(call) if part is not None]
    late = torch.ones_like(found[0])
    ours = torch.autograd.grad(found[0], parts, late)
    wanted = torch.autograd.grad(native.run(call).output, parts, late)
    assert_equal_bits(ours, wanted)


@pytest.mark.parametrize("shape", ["ragged", "many rows", "no input"])
@pytest.mark.parametrize("cell", NAMES)
def test_the_bits_of_the_eager_path(cell, shape):
    call = example(cell, *SHAPES[shape], dtype=torch.float32)
    wanted = everything(native, call)
    assert_equal_bits(through_operator(call), wanted)
    # Without a workspace the backward pass computes it anew.
    assert_equal_bits(through_operator(call, keep=False), wanted)


def test_the_workspace_is_read_only():
    call = example("lstm", *SHAPES["ragged"])
    output, _, _, workspace, _ = torch.ops.sequela.recurrent(*arguments(call))
    before = workspace.clone()
    first = torch.autograd.grad(output.sum(), [call.data], retain_graph=True)
    assert torch.equal(workspace, before)
    assert_equal_bits(first, torch.autograd.grad(output.sum(), [call.data]))


def test_nothing_aliases():
    for cell in NAMES:
        call = example(cell, [1, 1, 0], 2, 3)
        parts = [p for p in torch.ops.sequela.recurrent(*arguments(call)) if p.numel()]
        parts += [p for p in given(call) if p is not None]
        assert len({part.untyped_storage().data_ptr() for part in parts}) == len(parts)


def test_a_gradient_of_a_gradient_is_the_references():
    call = example("gru_before", [3, 2, 1], 2, 3)
    parts = [part for part in given(call) if part is not None]

    def twice(run):
        output = run(call)
        first = torch.autograd.grad(output.square().sum(), parts, create_graph=True)
        loss = sum(grad.square().sum() for grad in first)
        return torch.autograd.grad(loss, parts)

    ours = twice(lambda call: recurrent(*arguments(call))[0])
    wanted = twice(lambda call: native.run(call).output)
    for one, other in zip(ours, wanted, strict=True):
        torch.testing.assert_close(one, other, **REFERENCE)


def test_the_schema_names_what_the_layer_holds():
    names = [a.name for a in torch.ops.sequela.recurrent.default._schema.arguments]
    assert tuple(names[4:-3]) == EVERY_TENSOR
    assert set(REQUIRED) < set(EVERY_TENSOR)


def test_calls_that_do_not_fit_are_errors():
    call = example("lstm", [3, 2], 4, 5, torch.float32)
    good = arguments(call)
    with pytest.raises(RuntimeError, match="native: w_hh must have shape"):
        torch.ops.sequela.recurrent(*good[:8], good[8][:-1], *good[9:])
    with pytest.raises(RuntimeError, match="native: batch_sizes"):
        torch.ops.sequela.recurrent(good[0], torch.tensor([2, 3]), *good[2:])


def test_found_a_workspace_that_the_fake_implementation_made_wider():
    # An option without a row is a null pointer to the library, which then saw no option.
    x, h0, w_ih, w_hh = torch.zeros(0, 2), torch.zeros(0, 4), torch.zeros(4, 2), torch.zeros(4, 4)
    given = [x, h0, None, w_ih, w_hh, *[None] * (EVERY_TENSOR.index("mask") - 5), torch.zeros(0, 4)]
    meta = [None if part is None else part.to("meta") for part in given]
    sizes = torch.zeros(0, dtype=torch.int64)
    real, fake = (
        torch.ops.sequela.recurrent("rnn_tanh", sizes, False, True, *parts)
        for parts in (given, meta)
    )
    assert real[3].shape[1] > 0
    assert [part.shape for part in real] == [part.shape for part in fake]
