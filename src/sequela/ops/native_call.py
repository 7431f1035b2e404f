"""The boundary to the native library's recurrent kernels: arguments checked, called through ctypes.

The C interface (``cpp/include/sequela/recurrent.h``) trusts its pointers, so every tensor is
checked here, each time, before its address leaves Python.
"""

from __future__ import annotations

import ctypes
from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from sequela.cells import CELLS
from sequela.ops.native import library, status

__all__ = [
    "CELL_NUMBERS",
    "PRECISIONS",
    "REQUIRED",
    "TENSORS",
    "Layer",
    "backward",
    "checked",
    "describe",
    "done",
    "forward",
    "instruction_set",
    "saved_width",
    "unused_columns",
]

CELL_NUMBERS = {"rnn_tanh": 0, "rnn_relu": 1, "lstm": 2, "gru_after": 3, "gru_before": 4}
# The workspace of `cpp/walk.h`: the gates of all packed rows, each padded by one line of units, and
# then, for some cells, a state of all rows.
_LINE = 64  # bytes
_KEEP_A_STATE = ("lstm", "gru_before")
PRECISIONS = {torch.float32: 0, torch.float64: 1}
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

    ``sizes`` is int64 ``[T]`` on the CPU. From ``x`` on come the tensors that can have gradients;
    all but :data:`REQUIRED` may be None. The operator's schema is made from these fields.
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


# The names of a layer's tensors, in order, and those that are never None.
TENSORS = Layer._fields[3:]
REQUIRED = ("x", "h0", "w_ih", "w_hh")


def instruction_set() -> str:
    """What the library computes with: "avx512", "avx2", "neon", "baseline"; "none" without it."""
    loaded = library()
    if loaded is None:
        return "none"
    loaded.sequela_instruction_set.restype = ctypes.c_char_p
    return loaded.sequela_instruction_set().decode()


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
    if cell not in CELL_NUMBERS:
        raise RuntimeError(
            f"native: unknown cell {cell!r}, wanted one of {', '.join(CELL_NUMBERS)}"
        )
    x, h0, c0, w_ih, w_hh, b_ih, b_hh = given
    if x is None or h0 is None or w_ih is None or w_hh is None:
        raise RuntimeError("native: x, h0, w_ih and w_hh must be given")
    for name, part in (("x", x), ("h0", h0), ("w_ih", w_ih), ("w_hh", w_hh)):
        if part.dim() != 2:
            raise RuntimeError(f"native: {name} must have 2 dimensions, got {part.dim()}")
    rows, hidden = CELLS[cell].gate_count * w_hh.shape[1], w_hh.shape[1]
    if (c0 is not None) != (cell == "lstm"):
        raise RuntimeError(f"native: c0 is the LSTM's, got {type(c0).__name__} for {cell}")
    if x.dtype not in PRECISIONS:
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


def describe(layer: Layer) -> _Layer:
    """The layer as the library takes it; the layer must outlive what is returned."""
    return _Layer(
        CELL_NUMBERS[layer.cell],
        PRECISIONS[layer.x.dtype],
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


def done(code: int) -> None:
    """Raises RuntimeError in words unless the library's status is good."""
    if code:
        raise RuntimeError(f"native: {_REASONS.get(code, f'the library returned {code}')}")


def saved_width(cell: str, dtype: torch.dtype, hidden: int) -> int:
    """How many numbers of each packed row the backward pass needs."""
    described = _Layer(cell=CELL_NUMBERS[cell], precision=PRECISIONS[dtype], H=hidden)
    return _width(_library(), described)


def _width(loaded: ctypes.CDLL, described: _Layer) -> int:
    one = _Layer(cell=described.cell, precision=described.precision, N=1, H=described.H)
    count = loaded.sequela_saved_bytes(ctypes.addressof(one))
    done(-count if count < 0 else 0)
    return count // (8 if described.precision else 4)


def unused_columns(layer: Layer, saved: Tensor) -> Tensor:
    """The part of a workspace that the kernels neither write nor read: each row's padding."""
    rows, width = saved.shape
    line = _LINE // saved.element_size()
    states = -(-layer.w_hh.shape[1] // line) * line if layer.cell in _KEEP_A_STATE else 0
    if width == 0:
        return saved
    gates = saved.view(-1)[: rows * (width - states)].view(rows, width - states)
    return gates[:, width - states - line :]


def forward(layer: Layer, keep: bool = False, rows: int | None = None) -> tuple[Tensor, ...]:
    """All steps of a checked layer.

    Args:
        layer: from :func:`checked`.
        keep: whether what the backward pass needs is kept.
        rows: as many rows have the output and the workspace; those beyond N are not written.

    Returns:
        ``output [N, H]``, ``h_n [B, H]``, for the LSTM ``c_n [B, H]``, and the workspace
        ``[N, saved_width]``, of width 0 unless kept.
    """
    loaded, described = _library(), describe(layer)
    pointer = ctypes.addressof(described)
    rows = layer.x.shape[0] if rows is None else rows
    output = layer.x.new_empty(rows, layer.w_hh.shape[1])
    final = [torch.empty_like(layer.h0) for _ in range(2 if layer.cell == "lstm" else 1)]
    saved = layer.x.new_empty(rows, _width(loaded, described) if keep else 0)
    c_n = _address(final[1]) if len(final) > 1 else None
    h_n, space = _address(final[0]), _address(saved)
    done(loaded.sequela_forward(pointer, _address(output), h_n, c_n, space))
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

    Raises:
        RuntimeError: ``output``, ``saved`` or one of ``late`` does not fit the layer.
    """
    results = [
        torch.empty_like(part) if part is not None and want else None
        for part, want in zip(layer[3:], wanted, strict=True)
    ]
    dx, dh0, dc0, dw_ih, dw_hh, db_ih, db_hh = results
    rows, hidden = layer.x.shape[0], layer.w_hh.shape[1]
    width = saved_width(layer.cell, layer.x.dtype, hidden)
    output = _plain("output", output, (rows, hidden), layer.x.dtype)
    if not saved.is_contiguous():
        raise RuntimeError("native: saved is written over, so it must be contiguous")
    saved = _plain("saved", saved, (rows, width), layer.x.dtype)
    shapes = (output.shape, layer.h0.shape, layer.h0.shape)
    ready = [
        None if part is None else _plain(f"the gradient of {name}", part, shape, output.dtype)
        for name, part, shape in zip(("output", "h_n", "c_n"), late, shapes, strict=False)
    ]
    ready += [None] * (3 - len(ready))
    parts = (*ready, dx, dw_ih, dw_hh, db_ih, db_hh, dh0, dc0)
    gradients = _Gradients(*(_address(part) for part in parts))
    described = describe(layer)
    done(
        _library().sequela_backward(
            ctypes.addressof(described),
            _address(output),
            _address(saved),
            ctypes.addressof(gradients),
        )
    )
    return tuple(results)
