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

from sequela.ops import native_bfloat, native_call
from sequela.ops.differentiable import differentiable, own
from sequela.ops.native_call import handed_count, saved_width, unused_columns
from sequela.ops.native_layer import (
    EVERY_TENSOR,
    REQUIRED,
    TENSORS,
    WITH_ROWS,
    Layer,
    checked,
)

__all__ = ["BACKWARD", "FORWARD", "named", "reached", "recurrent"]

FORWARD, BACKWARD = "sequela::recurrent", "sequela::recurrent_backward"
_COUNT, _PLAIN = len(EVERY_TENSOR), len(TENSORS)
_LAYER = ", ".join(f"Tensor{'' if name in REQUIRED else '?'} {name}" for name in TENSORS)
_OPTIONS = ", ".join(f"Tensor? {name}=None" for name in EVERY_TENSOR[_PLAIN:])
_NUMBERS = "float zoneout_h=0.0, float zoneout_c=0.0, bool everything=False"
_library = Library("sequela", "DEF")
_library.define(
    f"recurrent(str cell, Tensor batch_sizes, bool reverse, bool keep, {_LAYER}, {_OPTIONS}, "
    f"{_NUMBERS}) -> (Tensor output, Tensor h_n, Tensor c_n, Tensor workspace, Tensor handed)"
)
_library.define(
    f"recurrent_backward(str cell, Tensor batch_sizes, bool reverse, bool[] wanted, {_LAYER}, "
    f"{_OPTIONS.replace('=None', '')}, {_NUMBERS.replace('=0.0', '').replace('=False', '')}, "
    "int samples, Tensor output, Tensor workspace, "
    "Tensor? d_output, Tensor? d_h_n, Tensor? d_c_n, Tensor? d_handed) -> Tensor[]"
)


def recurrent(
    cell: str, sizes: Tensor, reverse: bool, keep: bool, *given: Tensor | float | None
) -> tuple[Tensor, ...]:
    """Calls the operator.

    Args:
        cell: see :func:`sequela.ops.native_layer.checked`.
        sizes: see there.
        reverse: the direction.
        keep: whether a gradient will be asked for: without it the workspace has width 0.
        given: the tensors named in :data:`sequela.ops.native_layer.EVERY_TENSOR`, zoneout of h and
            of c as a probability, and whether every state and gate is returned; the options and
            what follows them may be left out.

    ``x`` may have rows beyond those that ``sizes`` count, since a tracer knows no count: they are
    ignored and their outputs are zeros. So have ``keep_h`` and ``keep_c``.

    Returns:
        ``output [N, H]``, ``h_n [B, H]``, for the LSTM ``c_n [B, H]``, and if asked for the LSTM's
        c and each gate ``[N, H]``. In bfloat16 nothing is kept, whatever ``keep`` says.
    """
    found = torch.ops.sequela.recurrent(cell, sizes, reverse, keep, *given)
    return named(cell, *found)


def named(
    cell: str, output: Tensor, h_n: Tensor, c_n: Tensor, workspace: Tensor, handed: Tensor
) -> tuple[Tensor, ...]:
    """What the operator returned, without the workspace and what the cell does not have."""
    every = handed.unbind(0) if handed.dim() == 3 else ()
    return (output, h_n, c_n, *every) if cell == "lstm" else (output, h_n, *every)


# Forward ----------------------------------------------------------------------------------------


def _layer(cell: str, sizes: Tensor, reverse: bool, given: Sequence[Any]) -> tuple[Layer, int]:
    """The layer over the rows that have a step, and how many rows were given."""
    parts = dict(zip(EVERY_TENSOR, given, strict=False))
    if parts["x"] is None:
        raise RuntimeError("native: x must be given")
    filled, rows = int(sizes.sum()), parts["x"].shape[0]
    for name in ("x", "keep_h", "keep_c"):
        part = parts[name]
        if part is not None and part.shape[0] == rows:
            parts[name] = part[:filled]
    zoneout_h, zoneout_c, everything = given[_COUNT:]
    rates = (zoneout_h, zoneout_c)
    return checked(cell, sizes, reverse, *parts.values(), rates=rates, everything=everything), rows


def _forward(cell: str, sizes: Tensor, reverse: bool, keep: bool, *given: Any) -> Any:
    given = _filled_up(given)
    if given[0] is not None and given[0].dtype is torch.bfloat16:
        _check_bfloat16(given)
        return _forward_bfloat16(cell, sizes, reverse, given)
    layer, rows = _layer(cell, sizes, reverse, given)
    filled, hidden = layer.x.shape[0], _hidden(cell, given)
    handed = layer.x.new_empty(0)
    if layer.everything:
        handed = layer.x.new_empty(handed_count(cell), rows, hidden)
    optioned, space = _has_options(given), handed if layer.everything else None
    result = native_call.forward(layer, keep, rows, space, clean=optioned)
    output, final, workspace = result[0], result[1 : 3 if cell == "lstm" else 2], result[-1]
    # Equal calls have equal outputs, to the last bit.
    output[filled:].zero_()
    workspace[filled:].zero_()
    if layer.everything:
        handed[:, filled:].zero_()
    if not optioned:
        unused_columns(layer, workspace[:filled]).zero_()
    c_n = final[1] if cell == "lstm" else output.new_empty(0)
    return output, final[0], c_n, workspace, handed


def _forward_bfloat16(cell: str, sizes: Tensor, reverse: bool, given: Sequence[Any]) -> Any:
    if _has_options(given) or not native_bfloat.has_pairs():
        found = _forward(cell, sizes, reverse, False, *_as(torch.float32, given))
        return tuple(part.bfloat16() for part in found)
    x, filled = given[0], int(sizes.sum())
    found = native_bfloat.forward(cell, sizes, reverse, x[:filled], *given[1:_PLAIN])
    output, none = pad(found[0], (0, 0, 0, x.shape[0] - filled)), x.new_empty(0)
    c_n = found[2] if cell == "lstm" else none.clone()
    return output, found[1], c_n, x.new_empty(x.shape[0], 0), none


def _check_bfloat16(parts: Sequence[Any]) -> None:
    for part in parts:
        if isinstance(part, Tensor) and part.dtype is not torch.bfloat16:
            raise RuntimeError(f"native: all must be {torch.bfloat16} as x is, got {part.dtype}")


def _as(dtype: torch.dtype, parts: Sequence[Any]) -> list[Any]:
    return [part.to(dtype) if isinstance(part, Tensor) else part for part in parts]


def _filled_up(given: Sequence[Any]) -> tuple[Any, ...]:
    """With the defaults of the schema, which torch leaves out."""
    defaults = (*(None,) * _COUNT, 0.0, 0.0, False)
    return (*given, *defaults[len(given) :])


def _hidden(cell: str, given: Sequence[Any]) -> Any:
    w_hh, w_hr = (given[EVERY_TENSOR.index(name)] for name in ("w_hh", "w_hr"))
    return w_hh.shape[1] if w_hr is None else w_hr.shape[1]


def _has_options(given: Sequence[Any]) -> bool:
    return any(part is not None for part in given[_PLAIN:_COUNT]) or any(given[_COUNT:])


def _width(cell: str, given: Sequence[Any]) -> Any:
    """How wide the workspace is."""
    parts = dict(zip(EVERY_TENSOR, given, strict=False))
    normed = parts["norm_ih"] is not None or parts["norm_hh"] is not None
    return saved_width(cell, given[0].dtype, _hidden(cell, given), _has_options(given), normed)


def _one_device(sizes: Tensor, *parts: Any) -> None:
    """Refuses a meta tensor among real ones: torch would hand out memory that nobody wrote."""
    devices = {part.device for part in parts if isinstance(part, Tensor)}
    if sizes.device.type != "cpu":
        devices.add(sizes.device)
    if len(devices) > 1:
        found = ", ".join(sorted(map(str, devices)))
        raise RuntimeError(f"Expected all tensors to be on the same device, got {found}")


def _fake_forward(cell: str, sizes: Tensor, reverse: bool, keep: bool, *given: Any) -> Any:
    given = _filled_up(given)
    _one_device(sizes, *given)
    x, h0, hidden = given[0], given[1], _hidden(cell, given)
    rows, width = x.shape[0], given[TENSORS.index("w_hh")].shape[1]
    kept = keep and x.dtype is not torch.bfloat16
    return (
        x.new_empty(rows, width),
        x.new_empty(h0.shape[0], width),
        x.new_empty(h0.shape[0], hidden) if cell == "lstm" else x.new_empty(0),
        x.new_empty(rows, _width(cell, given) if kept else 0),
        x.new_empty(handed_count(cell), rows, hidden) if given[-1] else x.new_empty(0),
    )


def _set_up(ctx: Any, inputs: Sequence[Any], output: Sequence[Tensor]) -> None:
    cell, sizes, reverse, _, *given = inputs
    ctx.cell, ctx.reverse, ctx.numbers = cell, reverse, given[_COUNT:]
    ctx.save_for_backward(sizes, output[0], output[3], *given[:_COUNT])
    ctx.mark_non_differentiable(output[3])
    ctx.set_materialize_grads(False)


def _gradient(ctx: Any, *late: Tensor | None) -> Any:
    sizes, output, workspace, *given = ctx.saved_tensors
    # Arguments that are left to their defaults have no place here.
    count = len(ctx.needs_input_grad)
    wanted = [bool(want) for want in ctx.needs_input_grad[4 : 4 + _COUNT]]
    wanted += [False] * (_COUNT - len(wanted))
    rest = (*given, *ctx.numbers, 0, output, workspace, *reached(ctx.cell, late))
    found = iter(torch.ops.sequela.recurrent_backward(ctx.cell, sizes, ctx.reverse, wanted, *rest))
    answers = [next(found) if want else None for want in wanted]
    return (None, None, None, None, *answers, None, None, None)[:count]


def reached(cell: str, late: Sequence[Tensor | None]) -> tuple[Tensor | None, ...]:
    """The gradients that the backward pass reads, of all that the operator returned."""
    d_output, d_h_n, d_c_n, _, d_handed = late
    if d_handed is not None and d_handed.dim() < 3:  # of the place of what was not asked for
        d_handed = None
    return d_output, d_h_n, d_c_n if cell == "lstm" else None, d_handed


# Backward ---------------------------------------------------------------------------------------


def _split(rest: Sequence[Any]) -> tuple[Sequence[Any], int, Any, Any, Sequence[Any]]:
    """Layer's tensors and numbers, samples, output, workspace and the outputs' gradients."""
    count = _COUNT + 3
    return rest[:count], rest[count], rest[count + 1], rest[count + 2], rest[count + 3 :]


def _backward(cell: str, sizes: Tensor, reverse: bool, wanted: Sequence[bool], *rest: Any) -> Any:
    if rest[0].dtype is torch.bfloat16:
        _check_bfloat16(rest)
        return _backward_bfloat16(cell, sizes, reverse, wanted, *_as(torch.float32, rest))
    given, samples, output, workspace, late = _split(rest)
    layer, rows = _layer(cell, sizes, reverse, given)
    filled = layer.x.shape[0]
    for name, part in (("output", output), ("saved", workspace), ("d_output", late[0])):
        if part is not None and (part.dim() != 2 or part.shape[0] != rows):
            raise RuntimeError(
                f"native: {name} must have 2 dimensions and {rows} rows, got {list(part.shape)}"
            )
    if workspace.shape[1] == _width(cell, given):
        # The kernels write over it, and an operator must not change its arguments.
        workspace = workspace[:filled].clone(memory_format=torch.contiguous_format)
    else:
        workspace = native_call.forward(layer, keep=True)[-1]
    d_output, d_h_n, d_c_n, d_handed = late
    if d_handed is not None and d_handed.shape[:2] != (handed_count(cell), rows):
        raise RuntimeError(f"native: d_handed must be {[handed_count(cell), rows]} and H wide")
    late = [None if d_output is None else d_output[:filled], d_h_n]
    late += [d_c_n] if cell == "lstm" else []
    late += [] if d_handed is None else d_handed[:, :filled].unbind(0)
    results = native_call.backward(
        layer, output[:filled].contiguous(), workspace, late, wanted, samples
    )
    found = [part for part in results if part is not None]
    if wanted[0] and filled < rows:
        found[0] = pad(found[0], (0, 0, 0, rows - filled))
    return found


def _backward_bfloat16(
    cell: str, sizes: Tensor, reverse: bool, wanted: Sequence[bool], *rest: Any
) -> Any:
    """Of tensors widened to float32: the whole layer is, as what was kept is not known so well."""
    given, samples, _, _, late = _split(rest)
    output, _, _, workspace, _ = _forward(cell, sizes, reverse, True, *given)
    rest = (*given, samples, output, workspace, *late)
    return _as(torch.bfloat16, _backward(cell, sizes, reverse, wanted, *rest))


def _fake_backward(
    cell: str, sizes: Tensor, reverse: bool, wanted: Sequence[bool], *rest: Any
) -> Any:
    _one_device(sizes, *rest)
    given, samples, _, _, _ = _split(rest)
    return [
        part.new_empty((samples, *part.shape) if samples and name not in WITH_ROWS else part.shape)
        for name, part, want in zip(EVERY_TENSOR, given[:_COUNT], wanted, strict=True)
        if want
    ]


def _set_up_twice(ctx: Any, inputs: Sequence[Any], output: Sequence[Tensor]) -> None:
    cell, sizes, reverse, wanted, *rest = inputs
    given, samples, _, _, late = _split(rest)
    ctx.plain = (cell, reverse, wanted, samples, given[_COUNT:])
    ctx.save_for_backward(sizes, *given[:_COUNT], *late)


def _gradient_of_gradient(ctx: Any, grads: Sequence[Tensor | None]) -> Any:
    """By plain PyTorch: the gradient of the reference is differentiated."""
    cell, reverse, wanted, samples, (zoneout_h, zoneout_c, everything) = ctx.plain
    if samples:
        raise RuntimeError("native: no gradient of the gradients of each sample")
    sizes, *rest = ctx.saved_tensors
    with torch.enable_grad():
        rest = own(rest)
        given, (d_output, d_h_n, d_c_n, d_handed) = rest[:_COUNT], rest[_COUNT:]
        late = [d_output, d_h_n, *([d_c_n] if cell == "lstm" else [])]
        late += [] if d_handed is None else d_handed[:, : int(sizes.sum())].unbind(0)
        inputs = [part for part in rest if part is not None and part.requires_grad]
        first = differentiable(
            cell, sizes, reverse, given, late, wanted, (zoneout_h, zoneout_c), everything
        )
        found = [part for part, want in zip(first, wanted, strict=True) if want]
        pairs = [
            (part, grad)
            for part, grad in zip(found, grads, strict=True)
            if grad is not None and part is not None and part.requires_grad
        ]
        outputs, grad_outputs = zip(*pairs, strict=True)
        second = iter(
            torch.autograd.grad(outputs, inputs, grad_outputs, allow_unused=True, create_graph=True)
        )
    taken = [next(second) if part is not None and part.requires_grad else None for part in rest]
    numbers = (None,) * 6  # zoneout twice, everything, samples, output and workspace
    return None, None, None, None, *taken[:_COUNT], *numbers, *taken[_COUNT:]


_library.impl("recurrent", _forward, "CPU")
_library.impl("recurrent_backward", _backward, "CPU")
register_fake(FORWARD, _fake_forward, lib=_library)
register_fake(BACKWARD, _fake_backward, lib=_library)
register_autograd(FORWARD, _gradient, setup_context=_set_up, lib=_library)
register_autograd(BACKWARD, _gradient_of_gradient, setup_context=_set_up_twice, lib=_library)
