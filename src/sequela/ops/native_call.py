"""The native library's recurrent kernels over one layer: forward, backward, what is kept between.

Arguments come checked from :mod:`sequela.ops.native_layer`.
"""

from __future__ import annotations

import ctypes
import functools
from collections.abc import Sequence

import torch
from torch import Tensor

from sequela.cells import CELLS
from sequela.ops.native import library, status
from sequela.ops.native_layer import (
    CELL_NUMBERS,
    EVERY_TENSOR,
    OPTIONS,
    PRECISIONS,
    TENSORS,
    WITH_ROWS,
    Description,
    Layer,
    describe,
    done,
    has_options,
    make_plain,
)

__all__ = [
    "backward",
    "forward",
    "handed_count",
    "instruction_set",
    "saved_width",
    "unused_columns",
]

# The workspace of `cpp/walk.h`: the gates of all packed rows, each padded by one line of units, and
# then, for some cells, a state of all rows.
_LINE = 64  # bytes
_KEEP_A_STATE = ("lstm", "gru_before")


class _Everything(ctypes.Structure):
    """``struct sequela_everything``."""

    _fields_ = (("c", ctypes.c_void_p), ("gates", ctypes.c_void_p * 4))


class _Gradients(ctypes.Structure):
    """``struct sequela_gradients``."""

    _fields_ = (
        *(
            (name, ctypes.c_void_p)
            for name in ("dout", "dh_n", "dc_n", "dx", "dw_ih", "dw_hh", "db_ih", "db_hh")
            + ("dh0", "dc0", "dall_c")
        ),
        ("dall_gates", ctypes.c_void_p * 4),
        *((f"d{name}", ctypes.c_void_p) for name in OPTIONS[:6]),
        ("samples", ctypes.c_int64),
    )


def instruction_set() -> str:
    """What the library computes with: "avx512", "avx2", "neon", "baseline"; "none" without it."""
    loaded = library()
    if loaded is None:
        return "none"
    loaded.sequela_instruction_set.restype = ctypes.c_char_p
    return loaded.sequela_instruction_set().decode()


def _address(part: Tensor | None) -> int:
    return 0 if part is None else part.data_ptr()


def _library() -> ctypes.CDLL:
    loaded = library()
    if loaded is None:
        raise RuntimeError(f"the native library is {status()}")
    if loaded.sequela_saved_bytes.restype is not ctypes.c_int64:
        loaded.sequela_saved_bytes.argtypes = [ctypes.c_void_p]
        loaded.sequela_forward.argtypes = [ctypes.c_void_p] * 6
        loaded.sequela_backward.argtypes = [ctypes.c_void_p] * 4
        # Last: whoever sees it in another thread calls at once.
        loaded.sequela_saved_bytes.restype = ctypes.c_int64
    return loaded


def saved_width(
    cell: str, dtype: torch.dtype, hidden: int, optioned: bool = False, normed: bool = False
) -> int:
    """How many numbers of each packed row the backward pass needs.

    Args:
        cell: see :func:`checked`.
        dtype: float32 or float64.
        hidden: H.
        optioned: whether the layer has any option.
        normed: whether its products are normalised.
    """
    return _width(cell, dtype, int(hidden), bool(optioned), bool(normed))


@functools.lru_cache(maxsize=1024)
def _width(cell: str, dtype: torch.dtype, hidden: int, optioned: bool, normed: bool) -> int:
    one = Description(cell=CELL_NUMBERS[cell], precision=PRECISIONS[dtype], H=hidden, P=hidden)
    one.N, one.T, one.B, one.everything = 1, 0, 0, optioned
    one.norm_ih = 1 if normed else None  # only compared with null
    count = _library().sequela_saved_bytes(ctypes.addressof(one))
    done(-count if count < 0 else 0)
    return count // dtype.itemsize


def _width_of(layer: Layer) -> int:
    # As the operator's fake implementation sees it: an option without a row is one, too.
    hidden = layer.w_hh.shape[0] // CELLS[layer.cell].gate_count
    normed = layer.norm_ih is not None or layer.norm_hh is not None
    return _width(layer.cell, layer.x.dtype, hidden, has_options(layer), normed)


def unused_columns(layer: Layer, saved: Tensor) -> Tensor:
    """The part of a workspace that the kernels neither write nor read: each row's padding."""
    rows, width = saved.shape
    line = _LINE // saved.element_size()
    states = -(-layer.w_hh.shape[1] // line) * line if layer.cell in _KEEP_A_STATE else 0
    if width == 0:
        return saved
    gates = saved.view(-1)[: rows * (width - states)].view(rows, width - states)
    return gates[:, width - states - line :]


def forward(
    layer: Layer,
    keep: bool = False,
    rows: int | None = None,
    handed: Tensor | None = None,
    clean: bool = False,
) -> tuple[Tensor, ...]:
    """All steps of a checked layer.

    Args:
        layer: from :func:`checked`.
        keep: whether what the backward pass needs is kept.
        rows: as many rows have the output and the workspace; those beyond N are not written.
        handed: ``[handed_count, rows, H]``, written with what ``everything`` asks for, which is
            made here when it is None.
        clean: whether zeros lie wherever the kernels do not write to the workspace.

    Returns:
        ``output [N, P]``, ``h_n [B, P]``, for the LSTM ``c_n [B, H]``; with ``everything`` for
        the LSTM c and then for each gate ``[N, H]``; and the workspace ``[N, saved_width]``, of
        width 0 unless kept.
    """
    loaded, described = _library(), describe(layer)
    x, h0, c0 = layer.x, layer.h0, layer.c0
    rows = x.shape[0] if rows is None else rows
    output = x.new_empty(rows, described.P)
    final = [torch.empty_like(h0)] if c0 is None else [torch.empty_like(h0), torch.empty_like(c0)]
    parts, every = [], None
    if layer.everything:
        if handed is None:
            parts = [x.new_empty(rows, described.H) for _ in range(handed_count(layer.cell))]
        else:
            parts = list(handed.unbind(0))
        addresses = [part.data_ptr() for part in parts]
        if c0 is None:
            addresses.insert(0, 0)
        every = _Everything(addresses[0], tuple(addresses[1:]))
    make = x.new_zeros if clean else x.new_empty
    saved = make(rows, _width_of(layer) if keep else 0)
    done(
        loaded.sequela_forward(
            ctypes.addressof(described),
            output.data_ptr(),
            final[0].data_ptr(),
            final[-1].data_ptr(),  # the library looks at it for the LSTM alone
            saved.data_ptr(),
            None if every is None else ctypes.addressof(every),
        )
    )
    return output, *final, *parts, saved


def handed_count(cell: str) -> int:
    """How many states and gates beside h ``everything`` hands out at every step."""
    return len(CELLS[cell].gates._fields) + (cell == "lstm")


def backward(
    layer: Layer,
    output: Tensor,
    saved: Tensor,
    late: Sequence[Tensor | None],
    wanted: Sequence[bool],
    samples: int = 0,
) -> tuple[Tensor | None, ...]:
    """The gradients of a checked layer; ``saved`` is written over.

    Args:
        layer: what :func:`forward` was called with.
        output: what it returned.
        saved: what it kept.
        late: the gradients of the output, of h_n, for the LSTM of c_n, and of whatever else
            :func:`forward` returned; None for zero.
        wanted: which of :data:`EVERY_TENSOR` need a gradient.
        samples: S above 0: the gradients of weights and biases are ``[S, ...]``, one for each
            sample; row b of the batch belongs to sample ``b % S``, and every batch size is a
            multiple of S. Each has the bits of a call with the sample's rows alone.

    Returns:
        One gradient, or None, for each of these; fewer where fewer are wanted.

    Raises:
        RuntimeError: ``output``, ``saved`` or one of ``late`` does not fit the layer.
    """
    results = [
        _room(name, part, samples) if want and part is not None else None
        for name, part, want in zip(EVERY_TENSOR, layer[3:-3], wanted, strict=False)
    ]
    results += [None] * (len(TENSORS) - len(results))
    rows, width, dtype = layer.x.shape[0], layer.w_hh.shape[1], layer.x.dtype
    output = make_plain("output", output, (rows, width), dtype)
    if not saved.is_contiguous():
        raise RuntimeError("native: saved is written over, so it must be contiguous")
    saved = make_plain("saved", saved, (rows, _width_of(layer)), dtype)
    described = describe(layer)
    reached = _reached(layer, described, late)
    dx, dh0, dc0, dw_ih, dw_hh, db_ih, db_hh, *extra = map(_address, results)
    # What else `late` holds must outlive the call, and so must the results.
    addresses = [_address(part) for part in reached]
    gradients = _Gradients(*addresses[:3], dx, dw_ih, dw_hh, db_ih, db_hh, dh0, dc0)
    if len(addresses) > 3:
        gradients.dall_c, gradients.dall_gates = addresses[3], tuple(addresses[4:])
    for name, address in zip(OPTIONS[:6], extra, strict=False):
        setattr(gradients, f"d{name}", address)
    gradients.samples = samples
    done(
        _library().sequela_backward(
            ctypes.addressof(described),
            _address(output),
            _address(saved),
            ctypes.addressof(gradients),
        )
    )
    return tuple(results)


def _reached(
    layer: Layer, described: Description, late: Sequence[Tensor | None]
) -> list[Tensor | None]:
    """The gradients of the output, h_n and c_n, and if there are any of every c and each gate."""
    names, dtype, lstm = ["output", "h_n"], layer.x.dtype, layer.c0 is not None
    shapes = [(described.N, described.P), (described.B, described.P)]
    if lstm:
        names.append("c_n")
        shapes.append((described.B, described.H))
    if layer.everything:
        count = handed_count(layer.cell)
        names += ["a state or gate"] * count
        shapes += [(described.N, described.H)] * count
    found = [
        None if part is None else make_plain(f"the gradient of {name}", part, shape, dtype)
        for name, part, shape in zip(names, late, shapes, strict=False)
    ]
    found += [None] * (3 - len(found) - (not lstm))
    if not lstm:
        found.insert(2, None)
        if len(found) > 3:
            found.insert(3, None)
    return found


def _room(name: str, part: Tensor, samples: int) -> Tensor:
    if not samples or name in WITH_ROWS:
        return torch.empty_like(part)
    return part.new_empty(samples, *part.shape)
