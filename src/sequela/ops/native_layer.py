"""Arguments of the native recurrent kernels: checked, contiguous, and as the library takes them.

The C interface (``cpp/include/sequela/recurrent.h``) trusts its pointers, so every tensor is
checked here, each time, before its address leaves Python.
"""

from __future__ import annotations

import ctypes
from collections.abc import Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from sequela.cells import CELLS

__all__ = [
    "CELL_NUMBERS",
    "EVERY_TENSOR",
    "OPTIONS",
    "PRECISIONS",
    "REQUIRED",
    "TENSORS",
    "WITH_ROWS",
    "Description",
    "Layer",
    "checked",
    "describe",
    "done",
    "has_options",
    "is_plain",
    "make_plain",
]

CELL_NUMBERS = {"rnn_tanh": 0, "rnn_relu": 1, "lstm": 2, "gru_after": 3, "gru_before": 4}
PRECISIONS = {torch.float32: 0, torch.float64: 1}
# The tensors of a layer that only some calls have, in the order of the C structure.
OPTIONS = ("w_hr", "w_peephole", "norm_ih", "norm_hh", "norm_c", "norm_c_bias")
OPTIONS += ("mask", "keep_h", "keep_c")
_TYPES, _STRIDED = (Tensor, nn.Parameter), torch.strided
_REASONS = {
    1: "the cell or the type is unknown to the library",
    2: "a size is negative or too large",
    3: "batch_sizes increase, are negative or do not sum to the rows of the data",
    4: "an array is missing",
    5: "there is not enough memory",
    8: "the cell does not have such an option",
}


class Description(ctypes.Structure):
    """``struct sequela_layer``."""

    _fields_ = (
        *((name, ctypes.c_int32) for name in ("cell", "precision", "reverse", "threads")),
        *((name, ctypes.c_int64) for name in "NTBDH"),
        ("batch_sizes", ctypes.c_void_p),
        *((name, ctypes.c_void_p) for name in ("x", "h0", "c0", "w_ih", "w_hh", "b_ih", "b_hh")),
        ("P", ctypes.c_int64),
        *((name, ctypes.c_void_p) for name in OPTIONS),
        ("zoneout_h", ctypes.c_double),
        ("zoneout_c", ctypes.c_double),
        ("everything", ctypes.c_int32),
    )


class Layer(NamedTuple):
    """The arguments of one layer in one direction, checked and contiguous.

    ``sizes`` is int64 ``[T]`` on the CPU. From ``x`` on come tensors; all but :data:`REQUIRED` may
    be None, and those from ``mask`` on have no gradient. Then come numbers. The operator's schema
    is made from these fields.
    """

    cell: str
    sizes: Tensor
    reverse: bool
    x: Tensor
    h0: Tensor
    c0: Tensor | None
    w_ih: Tensor | None
    w_hh: Tensor
    b_ih: Tensor | None
    b_hh: Tensor | None
    w_hr: Tensor | None = None
    w_peephole: Tensor | None = None
    norm_ih: Tensor | None = None
    norm_hh: Tensor | None = None
    norm_c: Tensor | None = None
    norm_c_bias: Tensor | None = None
    mask: Tensor | None = None
    keep_h: Tensor | None = None
    keep_c: Tensor | None = None
    zoneout_h: float = 0.0
    zoneout_c: float = 0.0
    everything: bool = False


# The names of a layer's tensors, in order: all, those of a plain layer, those never None, and those
# that have rows, of the batch or packed.
EVERY_TENSOR = Layer._fields[3:-3]
TENSORS = EVERY_TENSOR[:7]
_PLAIN, _FIRST_OPTION = len(TENSORS), 3 + len(TENSORS)
_NOTHING = (None,) * len(EVERY_TENSOR)
_NO_NUMBERS = (0.0, 0.0, False)
REQUIRED = ("x", "h0", "w_hh")
WITH_ROWS = ("x", "h0", "c0", "mask", "keep_h", "keep_c")


def checked(
    cell: str,
    sizes: Tensor,
    reverse: bool,
    *given: Tensor | None,
    rates: tuple[float, float] = (0.0, 0.0),
    everything: bool = False,
    types: Sequence[torch.dtype] = tuple(PRECISIONS),
) -> Layer:
    """Contiguous arguments that fit each other.

    Args:
        cell: ``rnn_tanh``, ``rnn_relu``, ``lstm``, ``gru_after`` or ``gru_before``.
        sizes: int64 ``[T]`` on the CPU.
        reverse: the direction.
        given: the tensors named in :data:`EVERY_TENSOR`, as many as there are: ``x [N, D]``,
            ``h0 [B, P]``, ``c0 [B, H]`` (LSTM) or None, ``w_ih [G*H, D]`` or None where x is the
            product ``[N, G*H]``, ``w_hh [G*H, P]``, ``b_ih`` and ``b_hh [G*H]`` or None, and what a
            call with options has besides.
        rates: zoneout of h and of c as a probability, the expectation.
        everything: whether every state and gate is returned.
        types: the types that the caller's kernel reads.

    Raises:
        RuntimeError: something does not fit, by name, with what was got and wanted.
    """
    if cell not in CELL_NUMBERS:
        raise RuntimeError(
            f"native: unknown cell {cell!r}, wanted one of {', '.join(CELL_NUMBERS)}"
        )
    plain, options = given[:_PLAIN], given[_PLAIN:]
    x, h0, c0, w_ih, w_hh = plain[:5]
    if x is None or h0 is None or w_hh is None:
        raise RuntimeError("native: x, h0 and w_hh must be given")
    for name, part in (("x", x), ("h0", h0), ("w_ih", w_ih), ("w_hh", w_hh)):
        if part is not None and part.dim() != 2:
            raise RuntimeError(f"native: {name} must have 2 dimensions, got {part.dim()}")
    if (c0 is not None) != (cell == "lstm"):
        raise RuntimeError(f"native: c0 is the LSTM's, got {type(c0).__name__} for {cell}")
    dtype = x.dtype
    if dtype not in types:
        names = " or ".join(str(one).removeprefix("torch.") for one in types)
        raise RuntimeError(f"native: x must be {names}, got {dtype}")
    (steps, size), (batch, width), gates = x.shape, h0.shape, CELLS[cell].gate_count
    projected = bool(options) and options[0] is not None
    hidden = w_hh.shape[0] // gates if projected else w_hh.shape[1]
    rows = gates * hidden
    shapes: tuple[tuple[int, ...], ...] = (
        *((steps, rows if w_ih is None else w_ih.shape[1]), (batch, w_hh.shape[1])),
        (batch, hidden),
        *((rows, size), (rows, width), (rows,), (rows,)),
    )
    ready = _ready(EVERY_TENSOR, plain, shapes, dtype)
    if any(part is not None for part in options):
        norms = ((rows,), (rows,), (hidden,), (hidden,))
        masks = ((batch, width), (steps, width), (steps, hidden))
        shapes = ((width, hidden), (3, hidden), *norms, *masks)
        options = _ready(EVERY_TENSOR[_PLAIN:], options, shapes, dtype)
    options = (*options, *_NOTHING[len(ready) + len(options) :])
    (sizes,) = _ready(("batch_sizes",), (sizes,), ((sizes.numel(),),), torch.int64)
    # pyrefly: ignore [bad-argument-count]
    return Layer(cell, sizes, bool(reverse), *ready, *options, *rates, everything)


def _ready(
    names: Sequence[str],
    parts: Sequence[Any],
    shapes: Sequence[tuple[int, ...]],
    dtype: torch.dtype,
) -> list[Any]:
    ready = []
    for name, part, shape in zip(names, parts, shapes):  # noqa: B905 - as many as there are parts
        # What needs nothing done is not passed on: this is on the way of every call.
        if part is not None and not (
            part.shape == shape
            and part.dtype is dtype
            and part.is_cpu
            and part.layout is _STRIDED
            and part.is_contiguous()
            and not part.is_neg()
        ):
            part = make_plain(name, part, shape, dtype)
        ready.append(part)
    return ready


def is_plain(part: Tensor, shape: tuple[int, ...], dtype: torch.dtype) -> bool:
    """Whether the library can read a tensor of this shape and type as it lies in memory."""
    return (
        type(part) in _TYPES
        and part.dtype is dtype
        and part.shape == shape
        and part.is_contiguous()
        and part.is_cpu
        and not part.is_neg()
    )


def make_plain(name: str, part: Tensor, shape: Sequence[int], dtype: torch.dtype) -> Tensor:
    """The tensor as the library can read it, copied if need be.

    Raises:
        RuntimeError: it has another shape or type, or is no dense tensor on the CPU.
    """
    if part.shape != shape:
        raise RuntimeError(f"native: {name} must have shape {list(shape)}, got {list(part.shape)}")
    if part.dtype != dtype:
        raise RuntimeError(f"native: {name} must be {dtype}, got {part.dtype}")
    if not part.is_cpu or part.layout is not torch.strided:
        raise RuntimeError(
            f"native: {name} must be a dense tensor on the CPU, got {part.layout} on {part.device}"
        )
    if part.is_contiguous() and not part.is_neg():
        return part
    return part.contiguous().resolve_neg()


def has_options(layer: Layer) -> bool:
    """Whether the layer has any option, whatever the size of its tensors."""
    for part in layer[_FIRST_OPTION:-3]:
        if part is not None:
            return True
    return layer[-3:] != _NO_NUMBERS


def describe(layer: Layer) -> Description:
    """The layer as the library takes it; the layer must outlive what is returned."""
    plain: Any = layer[:_FIRST_OPTION]
    cell, sizes, reverse, x, h0, c0, w_ih, w_hh, b_ih, b_hh = plain
    width, hidden = x.shape[1], w_hh.shape[1]
    described = Description(
        CELL_NUMBERS[cell],
        PRECISIONS.get(x.dtype, 0),  # the entry for bfloat16 does not read it
        reverse,
        torch.get_num_threads(),
        x.shape[0],
        sizes.shape[0],
        h0.shape[0],
        width,
        hidden,
        sizes.data_ptr(),
        x.data_ptr(),
        h0.data_ptr(),
        0 if c0 is None else c0.data_ptr(),
        0 if w_ih is None else w_ih.data_ptr(),
        w_hh.data_ptr(),
        0 if b_ih is None else b_ih.data_ptr(),
        0 if b_hh is None else b_hh.data_ptr(),
        hidden,
    )
    if has_options(layer):
        described.H = w_hh.shape[0] // CELLS[cell].gate_count
        for name in OPTIONS:
            part = getattr(layer, name)
            setattr(described, name, 0 if part is None else part.data_ptr())
        described.zoneout_h, described.zoneout_c = layer.zoneout_h, layer.zoneout_c
        described.everything = layer.everything
    return described


def done(code: int) -> None:
    """Raises RuntimeError in words unless the library's status is good."""
    if code:
        raise RuntimeError(f"native: {_REASONS.get(code, f'the library returned {code}')}")
