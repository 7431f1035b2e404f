"""The operator that torch sees: its schema, fake and gradient, and what it must never do."""

from __future__ import annotations

import pytest
import torch
from tests.ops.test_native_recurrent import NAMES, SHAPES, assert_equal_bits, everything, example
from tests.tolerances import REFERENCE

from sequela.ops import native_recurrent as native
from sequela.ops.native import library
from sequela.ops.native_call import REQUIRED, TENSORS
from sequela.ops.operator import recurrent

pytestmark = pytest.mark.skipif(library() is None, reason="the native library is not built here")


def given(call):
    c0 = call.initial[1] if len(call.initial) > 1 else None
    return (call.data, call.initial[0], c0, *call.weights[:4])


def arguments(call, keep=True):
    return (call.cell.name, torch.tensor(call.sizes), call.reverse, keep, *given(call))


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
    wanted = [part is not None for part in parts]
    plain = (cell, torch.tensor(call.sizes), reverse, wanted)
    late = (torch.ones_like(found[0]).detach(), None, None)
    rest = (found[0].detach(), found[3], *late)
    torch.library.opcheck(torch.ops.sequela.recurrent_backward, (*plain, *parts, *rest))


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
    output, _, _, workspace = torch.ops.sequela.recurrent(*arguments(call))
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
    assert tuple(names[-len(TENSORS) :]) == TENSORS
    assert set(REQUIRED) < set(TENSORS)


def test_calls_that_do_not_fit_are_errors():
    call = example("lstm", [3, 2], 4, 5, torch.float32)
    good = arguments(call)
    with pytest.raises(RuntimeError, match="native: w_hh must have shape"):
        torch.ops.sequela.recurrent(*good[:8], good[8][:-1], *good[9:])
    with pytest.raises(RuntimeError, match="native: batch_sizes"):
        torch.ops.sequela.recurrent(good[0], torch.tensor([2, 3]), *good[2:])
