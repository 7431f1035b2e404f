"""The native backend: our own kernels for the recurrent layers, called through ctypes.

The C interface (``cpp/include/sequela/recurrent.h``) trusts its pointers, so every tensor is
checked here, each time, before its address leaves Python.
"""

from __future__ import annotations

import ctypes
from collections.abc import Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor

from sequela.cells import CELLS, CellWeights
from sequela.ops import reference
from sequela.ops.call import Call, Facts, Result
from sequela.ops.native import library, status

__all__ = ["Layer", "backward", "checked", "forward", "instruction_set", "objection", "run"]

_CELLS = {"rnn_tanh": 0, "rnn_relu": 1, "lstm": 2, "gru_after": 3, "gru_before": 4}
_GATES = {"rnn_tanh": 1, "rnn_relu": 1, "lstm": 4, "gru_after": 3, "gru_before": 3}
_PRECISIONS = {torch.float32: 0, torch.float64: 1}
_OPTIONS = ("projection", "peephole", "layer_norm", "recurrent_dropout", "zoneout")
_REASONS = {
    1: "the cell or the type is unknown to the library",
    2: "a size is negative or too large",
    3: "batch_sizes increase, are negative or do not sum to the rows of the data",
    4: "an array is missing",
    5: "there is not enough memory",
}


class _Layer(ctypes.Structure):
    """``struct sequela_layer``."""

    _fields_ = (
        *((name, ctypes.c_int32) for name in ("cell", "precision", "reverse", "threads")),
        *((name, ctypes.c_int64) for name in "NTBDH"),
        ("batch_sizes", ctypes.c_void_p),
        *((name, ctypes.c_void_p) for name in ("x", "h0", "c0", "w_ih", "w_hh", "b_ih", "b_hh")),
    )


class _Gradients(ctypes.Structure):
    """``struct sequela_gradients``."""

    _fields_ = tuple(
        (name, ctypes.c_void_p)
        for name in ("dout", "dh_n", "dc_n", "dx", "dw_ih", "dw_hh", "db_ih", "db_hh")
        + ("dh0", "dc0")
    )


class Layer(NamedTuple):
    """The arguments of one layer in one direction, checked and contiguous.

    ``c0``, ``b_ih`` and ``b_hh`` may be None; ``sizes`` is int64 ``[T]`` on the CPU.
    """

    cell: str
    sizes: Tensor
    reverse: bool
    x: Tensor
    h0: Tensor
    c0: Tensor | None
    w_ih: Tensor
    w_hh: Tensor
    b_ih: Tensor | None
    b_hh: Tensor | None


def objection(facts: Facts) -> str | None:
    """Why our kernels do not compute this call, or None when they do."""
    if facts.device != "cpu":
        return "it computes on the CPU"
    if facts.cell not in _CELLS:
        return f"it has no {facts.cell} kernel"
    if facts.dtype not in _PRECISIONS:
        return f"it has no {str(facts.dtype).removeprefix('torch.')} kernels"
    for name in _OPTIONS:
        if getattr(facts, name):
            return f"its kernels have no {name.replace('_', ' ')}"
    if facts.everything:
        return "its kernels return only h at every step"
    if torch.is_autocast_enabled("cpu"):
        return "autocast is on"
    if _is_traced():
        return "the call is traced or transformed, and its kernels need the numbers themselves"
    return None if library() is not None else f"the library is {status()}"


def _is_traced() -> bool:
    return (
        torch.compiler.is_compiling()
        or torch.jit.is_tracing()
        or torch._C._functorch.peek_interpreter_stack() is not None
        or torch._C._len_torch_dispatch_stack() > 0
    )


def instruction_set() -> str:
    """What the library computes with: "avx512", "avx2", "neon", "baseline"; "none" without it."""
    loaded = library()
    if loaded is None:
        return "none"
    loaded.sequela_instruction_set.restype = ctypes.c_char_p
    return loaded.sequela_instruction_set().decode()


def run(call: Call) -> Result:
    """Computes a call with at least one step; see :func:`sequela.ops.recurrent.run`."""
    weights = call.weights
    c0 = call.initial[1] if len(call.initial) > 1 else None
    sizes = torch.tensor(call.sizes, dtype=torch.int64)
    given = (call.data, call.initial[0], c0)
    given += (weights.w_ih, weights.w_hh, weights.b_ih, weights.b_hh)
    if torch.is_grad_enabled() and any(part is not None and part.requires_grad for part in given):
        output, *final = _Recurrent.apply(call.cell.name, sizes, call.reverse, *given)
    else:
        output, *final, _ = forward(checked(call.cell.name, sizes, call.reverse, *given))
    return Result(output, tuple(final), {})


class _Recurrent(torch.autograd.Function):
    """One layer and its gradient."""

    @staticmethod
    def forward(ctx: Any, cell: str, sizes: Tensor, reverse: bool, *given: Tensor | None) -> Any:
        layer = checked(cell, sizes, reverse, *given)
        output, *final, saved = forward(layer, keep=True)
        ctx.plain = (cell, reverse)
        # The backward pass writes over what was saved; a second one computes it anew.
        ctx.fresh = [True]
        ctx.save_for_backward(sizes, output, saved, *given)
        ctx.set_materialize_grads(False)
        return output, *final

    @staticmethod
    # pyrefly: ignore [bad-override]
    def backward(ctx: Any, *grad_outputs: Any) -> Any:
        sizes, output, saved, *given = ctx.saved_tensors
        cell, reverse = ctx.plain
        wanted = ctx.needs_input_grad[3:]
        if torch.is_grad_enabled():  # the gradient is to be differentiated again
            again = _differentiable(cell, sizes, reverse, given, grad_outputs, wanted)
            return None, None, None, *again
        layer = checked(cell, sizes, reverse, *given)
        try:
            ctx.fresh.pop()
        except IndexError:
            saved = forward(layer, keep=True)[-1]
        return None, None, None, *backward(layer, output, saved, grad_outputs, wanted)


def _differentiable(
    cell: str,
    sizes: Tensor,
    reverse: bool,
    given: Sequence[Any],
    late: Sequence[Tensor | None],
    wanted: Sequence[bool],
) -> list[Tensor | None]:
    """The same gradients by plain PyTorch, as a graph that has gradients itself."""
    x, h0, c0, *weights = given
    initial = tuple(part for part in (h0, c0) if part is not None)
    keep = (None,) * len(initial)
    call = Call(
        CELLS[cell], x, sizes.tolist(), initial, CellWeights(*weights), reverse, None, keep, False
    )
    result = reference.run(call)
    reached = [
        (output, gradient)
        for output, gradient in zip((result.output, *result.final), late, strict=True)
        if gradient is not None and output.requires_grad
    ]
    inputs = [part for part, want in zip(given, wanted, strict=True) if want and part is not None]
    outputs, gradients = zip(*reached, strict=True)
    found = iter(
        torch.autograd.grad(outputs, inputs, gradients, create_graph=True, allow_unused=True)
    )
    return [next(found) if want else None for want in wanted]


def checked(cell: str, sizes: Tensor, reverse: bool, *given: Tensor | None) -> Layer:
    """Contiguous arguments that fit each other.

    Args:
        cell: ``rnn_tanh``, ``rnn_relu``, ``lstm``, ``gru_after`` or ``gru_before``.
        sizes: int64 ``[T]`` on the CPU.
        reverse: the direction.
        given: ``x [N, D]``, ``h0 [B, H]``, ``c0 [B, H]`` (LSTM) or None, ``w_ih [G*H, D]``,
            ``w_hh [G*H, H]``, ``b_ih`` and ``b_hh [G*H]`` or None.

    Raises:
        RuntimeError: something does not fit, by name, with what was got and wanted.
    """
    if cell not in _CELLS:
        raise RuntimeError(f"native: unknown cell {cell!r}, wanted one of {', '.join(_CELLS)}")
    x, h0, c0, w_ih, w_hh, b_ih, b_hh = given
    if x is None or h0 is None or w_ih is None or w_hh is None:
        raise RuntimeError("native: x, h0, w_ih and w_hh must be given")
    for name, part in (("x", x), ("h0", h0), ("w_ih", w_ih), ("w_hh", w_hh)):
        if part.dim() != 2:
            raise RuntimeError(f"native: {name} must have 2 dimensions, got {part.dim()}")
    rows, hidden = _GATES[cell] * w_hh.shape[1], w_hh.shape[1]
    if (c0 is not None) != (cell == "lstm"):
        raise RuntimeError(f"native: c0 is the LSTM's, got {type(c0).__name__} for {cell}")
    if x.dtype not in _PRECISIONS:
        raise RuntimeError(f"native: x must be float32 or float64, got {x.dtype}")

    def fit(name: str, part: Tensor, *shape: int) -> Tensor:
        return _plain(name, part, shape, x.dtype)

    return Layer(
        cell,
        _plain("batch_sizes", sizes, (sizes.numel(),), torch.int64),
        bool(reverse),
        fit("x", x, x.shape[0], w_ih.shape[1]),
        fit("h0", h0, h0.shape[0], hidden),
        None if c0 is None else fit("c0", c0, h0.shape[0], hidden),
        fit("w_ih", w_ih, rows, w_ih.shape[1]),
        fit("w_hh", w_hh, rows, hidden),
        None if b_ih is None else fit("b_ih", b_ih, rows),
        None if b_hh is None else fit("b_hh", b_hh, rows),
    )


def _plain(name: str, part: Tensor, shape: Sequence[int], dtype: torch.dtype) -> Tensor:
    if part.shape != torch.Size(shape):
        raise RuntimeError(f"native: {name} must have shape {list(shape)}, got {list(part.shape)}")
    if part.dtype != dtype:
        raise RuntimeError(f"native: {name} must be {dtype}, got {part.dtype}")
    if part.device.type != "cpu" or part.layout != torch.strided:
        raise RuntimeError(
            f"native: {name} must be a dense tensor on the CPU, got {part.layout} on {part.device}"
        )
    return part.contiguous().resolve_neg()


def _address(part: Tensor | None) -> int | None:
    return None if part is None else part.data_ptr() or None


def _describe(layer: Layer) -> _Layer:
    return _Layer(
        _CELLS[layer.cell],
        _PRECISIONS[layer.x.dtype],
        int(layer.reverse),
        torch.get_num_threads(),
        layer.x.shape[0],
        layer.sizes.shape[0],
        layer.h0.shape[0],
        layer.x.shape[1],
        layer.w_hh.shape[1],
        *(_address(part) for part in (layer.sizes, *layer[3:])),
    )


def _library() -> ctypes.CDLL:
    loaded = library()
    if loaded is None:
        raise RuntimeError(f"the native library is {status()}")
    if loaded.sequela_saved_bytes.restype is not ctypes.c_int64:
        loaded.sequela_saved_bytes.restype = ctypes.c_int64
        loaded.sequela_saved_bytes.argtypes = [ctypes.c_void_p]
        loaded.sequela_forward.argtypes = [ctypes.c_void_p] * 5
        loaded.sequela_backward.argtypes = [ctypes.c_void_p] * 4
    return loaded


def _done(code: int) -> None:
    if code:
        raise RuntimeError(f"native: {_REASONS.get(code, f'the library returned {code}')}")


def forward(layer: Layer, keep: bool = False) -> tuple[Tensor, ...]:
    """All steps of a checked layer.

    Args:
        layer: from :func:`checked`.
        keep: whether what the backward pass needs is kept.

    Returns:
        ``output [N, H]``, ``h_n [B, H]``, for the LSTM ``c_n [B, H]``, and the saved bytes, empty
        unless kept.
    """
    loaded, described = _library(), _describe(layer)
    pointer = ctypes.addressof(described)
    output = layer.x.new_empty(layer.x.shape[0], layer.w_hh.shape[1])
    final = [torch.empty_like(layer.h0) for _ in range(2 if layer.cell == "lstm" else 1)]
    count = loaded.sequela_saved_bytes(pointer)
    _done(-count if count < 0 else 0)
    saved = torch.empty(count if keep else 0, dtype=torch.uint8)
    c_n = _address(final[1]) if len(final) > 1 else None
    h_n, space = _address(final[0]), _address(saved)
    _done(loaded.sequela_forward(pointer, _address(output), h_n, c_n, space))
    return output, *final, saved


def backward(
    layer: Layer,
    output: Tensor,
    saved: Tensor,
    late: Sequence[Tensor | None],
    wanted: Sequence[bool],
) -> tuple[Tensor | None, ...]:
    """The gradients of a checked layer; ``saved`` is written over.

    Args:
        layer: what :func:`forward` was called with.
        output: what it returned.
        saved: what it kept.
        late: the gradients of the output ``[N, H]``, of h_n and of c_n ``[B, H]``; None for zero.
        wanted: which of x, h0, c0, w_ih, w_hh, b_ih, b_hh need a gradient.

    Returns:
        One gradient, or None, for each of these seven.
    """
    results = [
        torch.empty_like(part) if part is not None and want else None
        for part, want in zip(layer[3:], wanted, strict=True)
    ]
    dx, dh0, dc0, dw_ih, dw_hh, db_ih, db_hh = results
    shapes = (output.shape, layer.h0.shape, layer.h0.shape)
    ready = [
        None if part is None else _plain(f"the gradient of {name}", part, shape, output.dtype)
        for name, part, shape in zip(("output", "h_n", "c_n"), late, shapes, strict=False)
    ]
    ready += [None] * (3 - len(ready))
    parts = (*ready, dx, dw_ih, dw_hh, db_ih, db_hh, dh0, dc0)
    gradients = _Gradients(*(_address(part) for part in parts))
    described = _describe(layer)
    _done(
        _library().sequela_backward(
            ctypes.addressof(described),
            _address(output),
            _address(saved),
            ctypes.addressof(gradients),
        )
    )
    return tuple(results)
