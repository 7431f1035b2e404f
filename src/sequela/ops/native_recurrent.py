"""The native backend: which calls our own kernels compute, and how they meet autograd.

Three ways lead to the kernels. Without gradients they are called straight. In eager training an
``autograd.Function`` costs least. Whatever traces or transforms (``torch.compile``, ``export``,
``torch.func``) sees the opaque operator of ``operator.py`` instead.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor
from torch.autograd import forward_ad

from sequela.ops import native_bfloat, reference
from sequela.ops.call import Call, Facts, Result, constant_when_compiled
from sequela.ops.differentiable import differentiable
from sequela.ops.native import library, status
from sequela.ops.native_call import backward, forward
from sequela.ops.native_layer import CELL_NUMBERS, EVERY_TENSOR, PRECISIONS, TENSORS, checked
from sequela.ops.operator import recurrent
from sequela.ops.sizes import Sizes, Uniform, table
from sequela.ops.transforms import transformed

__all__ = ["checks", "is_traced", "objection", "run"]


def objection(facts: Facts) -> str | None:
    """Why our kernels do not compute this call, or None when they do."""
    if facts.device != "cpu":
        return "it computes on the CPU"
    if facts.cell not in CELL_NUMBERS:
        return f"it has no {facts.cell} kernel"
    if facts.dtype not in PRECISIONS and facts.dtype is not torch.bfloat16:
        return f"it has no {str(facts.dtype).removeprefix('torch.')} kernels"
    if torch.is_autocast_enabled("cpu") and not _rounds(facts.dtype):
        return "autocast is on, and not from float32 to bfloat16"
    if forward_ad._current_level >= 0:
        return "forward-mode derivatives need torch's own operators"
    if torch.jit.is_tracing():
        return "torch.jit records torch's own operators only"
    if facts.given and any(facts[3:-1]):
        return "it takes no given input product beside options"
    return _absence()


def _rounds(dtype: torch.dtype) -> bool:
    """Whether autocast, which is on, makes bfloat16 of data of this type."""
    wanted = torch.get_autocast_dtype("cpu")
    return wanted is torch.bfloat16 and dtype in (torch.float32, torch.bfloat16)


@constant_when_compiled  # torch.compile does not trace how a library is found
def _absence() -> str | None:
    return None if library() is not None else f"the library is {status()}"


def is_traced() -> bool:
    """Whether the call is traced or transformed, so that its tensors may have no numbers."""
    return (
        torch.compiler.is_compiling()
        or torch._C._functorch.peek_interpreter_stack() is not None
        or torch._C._len_torch_dispatch_stack() > 0
    )


def _is_transformed() -> bool:
    return torch._C._functorch.peek_interpreter_stack() is not None


def checks(call: Call) -> bool:
    """Whether :func:`run` refuses by itself what does not fit: where nothing is converted first."""
    return (
        call.data.dtype in PRECISIONS
        and not torch.is_autocast_enabled("cpu")
        and not is_traced()
        and not _has_tracked_mask(call)
    )


def _has_tracked_mask(call: Call) -> bool:
    for part in (call.mask, *call.keep):
        if part is not None and isinstance(part, Tensor) and part.requires_grad:
            return True
    return False


def run(call: Call) -> Result:
    """Computes a call with at least one step; see :func:`sequela.ops.recurrent.run`."""
    if _has_tracked_mask(call):
        return reference.run(call)  # masks are constants to the kernels
    if torch.is_autocast_enabled("cpu"):
        return native_bfloat.under_autocast(call, _run)
    return _run(call)


def _run(call: Call) -> Result:
    cell, reverse, everything = call.cell.name, call.reverse, call.everything
    weights, initial = call.weights, call.initial
    if (weights.b_ih is None) != (weights.b_hh is None):
        raise RuntimeError("native: b_ih and b_hh must both be given or both be None")
    c0 = initial[1] if len(initial) > 1 else None
    drawn, rates = _kept(call.keep)
    given = _trimmed((call.data, initial[0], c0, *weights, call.mask, *drawn))
    late, traced = torch.is_grad_enabled() and _is_tracked(given), is_traced()
    sizes = table(call.sizes) if traced else _known_table(call.sizes)
    transforms = traced and not torch.compiler.is_compiling() and _is_transformed()
    half = call.data.dtype is torch.bfloat16
    if half and (late or transforms or not (traced or _has_bfloat(call))):
        return native_bfloat.widened(call, _run)
    if traced:
        every = (*given, *(None,) * (len(EVERY_TENSOR) - len(given)), *rates, everything)
        if transforms:
            output, *final = transformed(cell, sizes, reverse, *every)
        else:
            output, *final = recurrent(cell, sizes, reverse, late, *every)
    elif half:
        output, *final = native_bfloat.forward(cell, sizes, reverse, *given)
    elif late:
        output, *final = _Recurrent.apply((cell, reverse, rates, everything), sizes, *given)
    else:
        layer = checked(cell, sizes, reverse, *given, rates=rates, everything=everything)
        output, *final, _ = forward(layer)
    if not everything:
        return Result(output, tuple(final), {})
    states = len(initial)
    names = (*call.cell.state._fields[1:], *call.cell.gates._fields)
    handed = dict(zip(names, final[states:], strict=True))
    return Result(output, tuple(final[:states]), {"h": output.clone(), **handed})


def _trimmed(given: tuple[Tensor | None, ...]) -> tuple[Tensor | None, ...]:
    """Without the options that are not there: each costs something in every function it passes."""
    count = len(given)
    while count > len(TENSORS) and given[count - 1] is None:
        count -= 1
    return given[:count]


_FEW_STEPS = 4096  # of which tables are kept: two megabytes in all


def _known_table(sizes: Sizes) -> Tensor:
    """As :func:`sequela.ops.sizes.table`, made once for all dense calls of one shape."""
    if isinstance(sizes, Uniform) and sizes.steps <= _FEW_STEPS:
        return _uniform_table(*sizes)
    return table(sizes)


@functools.lru_cache(maxsize=64)
def _uniform_table(steps: int, rows: int) -> Tensor:
    # One of inference mode could not be kept for a backward pass.
    with torch.inference_mode(False):
        return table(Uniform(steps, rows))


_KEPT_NOTHING = (None, None), (0.0, 0.0)


def _kept(
    keep: Sequence[Tensor | float | None],
) -> tuple[tuple[Tensor | None, Tensor | None], tuple[float, float]]:
    """Zoneout of h and of c as drawn masks, and as probabilities."""
    h, c = (*keep, None)[:2]
    if h is None and c is None:
        return _KEPT_NOTHING
    masks = [part if isinstance(part, Tensor) else None for part in (h, c)]
    rates = [0.0 if part is None or isinstance(part, Tensor) else part for part in (h, c)]
    return (masks[0], masks[1]), (rates[0], rates[1])


def _has_bfloat(call: Call) -> bool:
    return not any(call.facts[3:]) and native_bfloat.has_pairs()


def _is_tracked(parts: Sequence[Tensor | None]) -> bool:
    for part in parts:  # noqa: SIM110 - a generator costs more than the loop
        if part is not None and part.requires_grad:
            return True
    return False


# The cell, the direction, the rates of zoneout and whether everything is returned.
_Plain = tuple[str, bool, tuple[float, float], bool]


class _Recurrent(torch.autograd.Function):
    """One layer and its gradient."""

    @staticmethod
    def forward(ctx: Any, plain: _Plain, sizes: Tensor, *given: Tensor | None) -> Any:
        cell, reverse, rates, everything = ctx.plain = plain
        layer = checked(cell, sizes, reverse, *given, rates=rates, everything=everything)
        output, *final, saved = forward(layer, keep=True)
        # The backward pass writes over what was saved; a second one computes it anew.
        ctx.fresh = [True]
        ctx.save_for_backward(sizes, output, saved, *given)
        ctx.set_materialize_grads(False)
        return output, *final

    @staticmethod
    # pyrefly: ignore [bad-override]
    def backward(ctx: Any, *grad_outputs: Any) -> Any:
        sizes, output, saved, *given = ctx.saved_tensors
        cell, reverse, rates, everything = ctx.plain
        wanted = ctx.needs_input_grad[2:]
        if torch.is_grad_enabled():  # the gradient is to be differentiated again
            again = differentiable(
                cell, sizes, reverse, given, grad_outputs, wanted, rates, everything
            )
            return None, None, *again
        layer = checked(cell, sizes, reverse, *given, rates=rates, everything=everything)
        try:
            ctx.fresh.pop()
        except IndexError:
            saved = forward(layer, keep=True)[-1]
        found = backward(layer, output, saved, grad_outputs, wanted)
        return None, None, *found[: len(given)]
