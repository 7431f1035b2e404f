"""One layer in one direction as an opaque operator of torch, ``torch.ops.sequela.recurrent``.

What traces or transforms a model (``torch.compile``, ``export``, ``torch.func``, dispatch modes)
sees one node with a fake implementation, a gradient and a rule for ``vmap``. What the backward pass
needs is an explicit output, the workspace; where it is missing the backward pass computes it anew.
No output is a view of an input or of another output.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor
from torch.library import Library, register_autograd, register_fake
from torch.nn.functional import pad

from sequela.cells import CELLS, CellWeights
from sequela.ops import native_call, reference
from sequela.ops.call import Call
from sequela.ops.native_call import (
    EVERY_TENSOR,
    REQUIRED,
    TENSORS,
    Layer,
    checked,
    saved_width,
    unused_columns,
)
from sequela.ops.sizes import checked_sizes

__all__ = ["BACKWARD", "FORWARD", "differentiable", "recurrent"]

FORWARD, BACKWARD = "sequela::recurrent", "sequela::recurrent_backward"
_LAYER = ", ".join(f"Tensor{'' if name in REQUIRED else '?'} {name}" for name in TENSORS)
_library = Library("sequela", "DEF")
_library.define(
    f"recurrent(str cell, Tensor batch_sizes, bool reverse, bool keep, {_LAYER}) "
    "-> (Tensor output, Tensor h_n, Tensor c_n, Tensor workspace)"
)
_library.define(
    f"recurrent_backward(str cell, Tensor batch_sizes, bool reverse, bool[] wanted, {_LAYER}, "
    "Tensor output, Tensor workspace, Tensor? d_output, Tensor? d_h_n, Tensor? d_c_n) -> Tensor[]"
)


def recurrent(
    cell: str, sizes: Tensor, reverse: bool, keep: bool, *given: Tensor | None
) -> tuple[Tensor, ...]:
    """Calls the operator.

    Args:
        cell: see :func:`sequela.ops.native_call.checked`.
        sizes: see there.
        reverse: the direction.
        keep: whether a gradient will be asked for: without it the workspace has width 0.
        given: the tensors named in :data:`sequela.ops.native_call.TENSORS`.

    ``x`` may have rows beyond those that ``sizes`` count, since a tracer knows no count: they are
    ignored and their outputs are zeros.

    Returns:
        ``output [N, H]``, ``h_n [B, H]`` and for the LSTM ``c_n [B, H]``.
    """
    output, h_n, c_n, _ = torch.ops.sequela.recurrent(cell, sizes, reverse, keep, *given)
    return (output, h_n, c_n) if cell == "lstm" else (output, h_n)


# Forward ----------------------------------------------------------------------------------------


def _layer(
    cell: str, sizes: Tensor, reverse: bool, given: Sequence[Tensor | None]
) -> tuple[Layer, int]:
    """The layer over the rows that have a step, and how many rows were given."""
    x, *rest = given
    if x is None:
        raise RuntimeError("native: x must be given")
    return checked(cell, sizes, reverse, x[: int(sizes.sum())], *rest), x.shape[0]


def _forward(cell: str, sizes: Tensor, reverse: bool, keep: bool, *given: Tensor | None) -> Any:
    layer, rows = _layer(cell, sizes, reverse, given)
    output, *final, workspace = native_call.forward(layer, keep, rows)
    # Equal calls have equal outputs, to the last bit.
    filled = layer.x.shape[0]
    output[filled:].zero_()
    workspace[filled:].zero_()
    unused_columns(layer, workspace[:filled]).zero_()
    c_n = final[1] if len(final) > 1 else output.new_empty(0)
    return output, final[0], c_n, workspace


def _one_device(sizes: Tensor, *parts: Tensor | None) -> None:
    """Refuses a meta tensor among real ones: torch would hand out memory that nobody wrote."""
    devices = {part.device for part in parts if part is not None}
    if sizes.device.type != "cpu":
        devices.add(sizes.device)
    if len(devices) > 1:
        found = ", ".join(sorted(map(str, devices)))
        raise RuntimeError(f"Expected all tensors to be on the same device, got {found}")


def _fake_forward(cell: str, sizes: Tensor, reverse: bool, keep: bool, *given: Any) -> Any:
    _one_device(sizes, *given)
    x, h0, hidden = given[0], given[1], given[TENSORS.index("w_hh")].shape[1]
    rows = x.shape[0]
    return (
        x.new_empty(rows, hidden),
        x.new_empty(h0.shape[0], hidden),
        x.new_empty(h0.shape[0], hidden) if cell == "lstm" else x.new_empty(0),
        x.new_empty(rows, saved_width(cell, x.dtype, hidden) if keep else 0),
    )


def _set_up(ctx: Any, inputs: Sequence[Any], output: Sequence[Tensor]) -> None:
    cell, sizes, reverse, _, *given = inputs
    ctx.cell, ctx.reverse = cell, reverse
    ctx.save_for_backward(sizes, output[0], output[3], *given)
    ctx.mark_non_differentiable(output[3])
    ctx.set_materialize_grads(False)


def _gradient(ctx: Any, *late: Tensor | None) -> Any:
    sizes, output, workspace, *given = ctx.saved_tensors
    d_output, d_h_n, d_c_n, _ = late
    if ctx.cell != "lstm":
        d_c_n = None
    wanted = [bool(want) for want in ctx.needs_input_grad[4:]]
    found = iter(
        torch.ops.sequela.recurrent_backward(
            ctx.cell, sizes, ctx.reverse, wanted, *given, output, workspace, d_output, d_h_n, d_c_n
        )
    )
    return None, None, None, None, *(next(found) if want else None for want in wanted)


# Backward ---------------------------------------------------------------------------------------


def _split(rest: Sequence[Any]) -> tuple[Sequence[Any], Any, Any, Sequence[Any]]:
    """Layer's tensors, output, workspace and the gradients of the outputs."""
    count = len(TENSORS)
    return rest[:count], rest[count], rest[count + 1], rest[count + 2 :]


def _backward(cell: str, sizes: Tensor, reverse: bool, wanted: Sequence[bool], *rest: Any) -> Any:
    given, output, workspace, late = _split(rest)
    layer, rows = _layer(cell, sizes, reverse, given)
    filled = layer.x.shape[0]
    for name, part in (("output", output), ("saved", workspace), ("d_output", late[0])):
        if part is not None and (part.dim() != 2 or part.shape[0] != rows):
            raise RuntimeError(
                f"native: {name} must have 2 dimensions and {rows} rows, got {list(part.shape)}"
            )
    if workspace.shape[1] == saved_width(cell, layer.x.dtype, layer.w_hh.shape[1]):
        # The kernels write over it, and an operator must not change its arguments.
        workspace = workspace[:filled].clone(memory_format=torch.contiguous_format)
    else:
        workspace = native_call.forward(layer, keep=True)[-1]
    late = (None if late[0] is None else late[0][:filled], *late[1:])
    found = list(native_call.backward(layer, output[:filled].contiguous(), workspace, late, wanted))
    if found[0] is not None and filled < rows:
        found[0] = pad(found[0], (0, 0, 0, rows - filled))
    return [part for part in found if part is not None]


def _fake_backward(
    cell: str, sizes: Tensor, reverse: bool, wanted: Sequence[bool], *rest: Any
) -> Any:
    _one_device(sizes, *rest)
    given = _split(rest)[0]
    return [part.new_empty(part.shape) for part, want in zip(given, wanted, strict=True) if want]


def _set_up_twice(ctx: Any, inputs: Sequence[Any], output: Sequence[Tensor]) -> None:
    cell, sizes, reverse, wanted, *rest = inputs
    given, _, _, late = _split(rest)
    ctx.plain = (cell, reverse, wanted)
    ctx.save_for_backward(sizes, *given, *late)


def _gradient_of_gradient(ctx: Any, grads: Sequence[Tensor | None]) -> Any:
    """By plain PyTorch: the gradient of the reference is differentiated."""
    cell, reverse, wanted = ctx.plain
    sizes, *rest = ctx.saved_tensors
    with torch.enable_grad():
        rest = _own(rest)
        given, late = rest[: len(TENSORS)], rest[len(TENSORS) :]
        inputs = [part for part in rest if part is not None and part.requires_grad]
        first = differentiable(cell, sizes, reverse, given, late, wanted)
        found = [part for part, want in zip(first, wanted, strict=True) if want]
        reached = [
            (part, grad)
            for part, grad in zip(found, grads, strict=True)
            if grad is not None and part is not None and part.requires_grad
        ]
        outputs, grad_outputs = zip(*reached, strict=True)
        second = iter(
            torch.autograd.grad(outputs, inputs, grad_outputs, allow_unused=True, create_graph=True)
        )
    taken = [next(second) if part is not None and part.requires_grad else None for part in rest]
    return None, None, None, None, *taken[: len(given)], None, None, *taken[len(given) :]


def _own(parts: Sequence[Any]) -> list[Any]:
    """Views: a gradient that is asked for them does not also come by way of one another."""
    return [None if part is None else part.view_as(part) for part in parts]


def differentiable(
    cell: str,
    sizes: Tensor,
    reverse: bool,
    given: Sequence[Any],
    late: Sequence[Tensor | None],
    wanted: Sequence[bool],
    rates: tuple[float, float] = (0.0, 0.0),
    everything: bool = False,
) -> list[Tensor | None]:
    """The gradients of a layer by plain PyTorch, as a graph that has gradients itself.

    Args:
        cell: see :func:`sequela.ops.native_call.checked`.
        sizes: see there.
        reverse: the direction.
        given: the layer's tensors.
        late: the gradients of its outputs, None for zero.
        wanted: which of the tensors need a gradient.
        rates: zoneout of h and c as a probability.
        everything: whether the outputs are followed by every state but h and every gate.
    """
    given = _own(given)
    layer: dict[str, Any] = dict.fromkeys(EVERY_TENSOR) | dict(
        zip(EVERY_TENSOR, given, strict=False)
    )
    initial = tuple(layer[name] for name in ("h0", "c0") if layer[name] is not None)
    drawn = zip((layer["keep_h"], layer["keep_c"]), rates, strict=True)
    keep = tuple(rate or None if mask is None else mask for mask, rate in drawn)[: len(initial)]
    weights = CellWeights(*(layer[name] for name in EVERY_TENSOR[3:-3]))
    filled = int(sizes.sum())
    result = reference.run(
        Call(
            cell=CELLS[cell],
            data=layer["x"][:filled],
            sizes=checked_sizes(sizes, traced=False),
            initial=initial,
            weights=weights,
            reverse=reverse,
            mask=layer["mask"],
            keep=keep,
            everything=everything,
        )
    )
    handed = [part for name, part in result.everything.items() if name != "h"]
    late = (None if late[0] is None else late[0][:filled], *late[1:])
    reached = [
        (output, gradient)
        for output, gradient in zip((result.output, *result.final, *handed), late, strict=False)
        if gradient is not None and output.requires_grad
    ]
    inputs = [part for part, want in zip(given, wanted, strict=True) if want and part is not None]
    outputs, gradients = zip(*reached, strict=True)
    found = iter(
        torch.autograd.grad(outputs, inputs, gradients, create_graph=True, allow_unused=True)
    )
    return [next(found) if want else None for want in wanted]


_library.impl("recurrent", _forward, "CPU")
_library.impl("recurrent_backward", _backward, "CPU")
register_fake(FORWARD, _fake_forward, lib=_library)
register_fake(BACKWARD, _fake_backward, lib=_library)
register_autograd(FORWARD, _gradient, setup_context=_set_up, lib=_library)
register_autograd(BACKWARD, _gradient_of_gradient, setup_context=_set_up_twice, lib=_library)
