"""The boundary to the native library's recurrent kernels: arguments checked, called through ctypes.

The C interface (``cpp/include/sequela/recurrent.h``) trusts its pointers, so every tensor is
checked here, each time, before its address leaves Python.
"""

from __future__ import annotations

import ctypes
from collections.abc import Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor

from sequela.cells import CELLS
from sequela.ops.native import library, status

__all__ = [
    "CELL_NUMBERS",
    "EVERY_TENSOR",
    "PRECISIONS",
    "REQUIRED",
    "TENSORS",
    "WITH_ROWS",
    "Layer",
    "backward",
    "checked",
    "describe",
    "done",
    "forward",
    "handed_count",
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
# The tensors of a layer that only some calls have, in the order of the C structure.
_OPTIONS = ("w_hr", "w_peephole", "norm_ih", "norm_hh", "norm_c", "norm_c_bias")
_OPTIONS += ("mask", "keep_h", "keep_c")
_REASONS = {
    1: "the cell or the type is unknown to the library",
    2: "a size is negative or too large",
    3: "batch_sizes increase, are negative or do not sum to the rows of the data",
    4: "an array is missing",
    5: "there is not enough memory",
    8: "the cell does not have such an option",
}


class _Layer(ctypes.Structure):
    """``struct sequela_layer``."""

    _fields_ = (
        *((name, ctypes.c_int32) for name in ("cell", "precision", "reverse", "threads")),
        *((name, ctypes.c_int64) for name in "NTBDH"),
        ("batch_sizes", ctypes.c_void_p),
        *((name, ctypes.c_void_p) for name in ("x", "h0", "c0", "w_ih", "w_hh", "b_ih", "b_hh")),
        ("P", ctypes.c_int64),
        *((name, ctypes.c_void_p) for name in _OPTIONS),
        ("zoneout_h", ctypes.c_double),
        ("zoneout_c", ctypes.c_double),
        ("everything", ctypes.c_int32),
    )


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
        *((f"d{name}", ctypes.c_void_p) for name in _OPTIONS[:6]),
        ("samples", ctypes.c_int64),
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
    w_ih: Tensor
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
_NOTHING = (None,) * len(EVERY_TENSOR)
REQUIRED = ("x", "h0", "w_ih", "w_hh")
WITH_ROWS = ("x", "h0", "c0", "mask", "keep_h", "keep_c")


def instruction_set() -> str:
    """What the library computes with: "avx512", "avx2", "neon", "baseline"; "none" without it."""
    loaded = library()
    if loaded is None:
        return "none"
    loaded.sequela_instruction_set.restype = ctypes.c_char_p
    return loaded.sequela_instruction_set().decode()


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
            ``h0 [B, P]``, ``c0 [B, H]`` (LSTM) or None, ``w_ih [G*H, D]``, ``w_hh [G*H, P]``,
            ``b_ih`` and ``b_hh [G*H]`` or None, and what a call with options has besides.
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
    given = (*given, *_NOTHING[len(given) :])
    x, h0, c0, w_ih, w_hh = given[:5]
    if x is None or h0 is None or w_ih is None or w_hh is None:
        raise RuntimeError("native: x, h0, w_ih and w_hh must be given")
    for name, part in (("x", x), ("h0", h0), ("w_ih", w_ih), ("w_hh", w_hh)):
        if part.dim() != 2:
            raise RuntimeError(f"native: {name} must have 2 dimensions, got {part.dim()}")
    if (c0 is not None) != (cell == "lstm"):
        raise RuntimeError(f"native: c0 is the LSTM's, got {type(c0).__name__} for {cell}")
    dtype = x.dtype
    if dtype not in types:
        names = " or ".join(str(one).removeprefix("torch.") for one in types)
        raise RuntimeError(f"native: x must be {names}, got {dtype}")
    hidden = w_hh.shape[1] if given[7] is None else w_hh.shape[0] // CELLS[cell].gate_count
    shapes = _shapes(cell, x, h0, w_ih, w_hh, hidden)
    ready: Any = [
        None if part is None else _plain(name, part, shape, dtype)
        for name, part, shape in zip(EVERY_TENSOR, given, shapes, strict=True)
    ]
    sizes = _plain("batch_sizes", sizes, (sizes.numel(),), torch.int64)
    # pyrefly: ignore [bad-argument-count]
    return Layer(cell, sizes, bool(reverse), *ready, *rates, everything)


def _shapes(
    cell: str, x: Tensor, h0: Tensor, w_ih: Tensor, w_hh: Tensor, hidden: int
) -> tuple[tuple[int, ...], ...]:
    """The shape that each of :data:`EVERY_TENSOR` must have."""
    steps, batch, size, width = x.shape[0], h0.shape[0], w_ih.shape[1], w_hh.shape[1]
    rows = CELLS[cell].gate_count * hidden
    plain = ((steps, size), (batch, width), (batch, hidden), (rows, size), (rows, width))
    norms = ((rows,), (rows,), (hidden,), (hidden,))
    masks = ((batch, width), (steps, width), (steps, hidden))
    return (*plain, (rows,), (rows,), (width, hidden), (3, hidden), *norms, *masks)


def _plain(name: str, part: Tensor, shape: Sequence[int], dtype: torch.dtype) -> Tensor:
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


def _address(part: Tensor | None) -> int:
    return 0 if part is None else part.data_ptr()


def describe(layer: Layer) -> _Layer:
    """The layer as the library takes it; the layer must outlive what is returned."""
    x, w_hh = layer.x, layer.w_hh
    pointers = [0 if part is None else part.data_ptr() for part in layer[3:-3]]
    return _Layer(
        CELL_NUMBERS[layer.cell],
        PRECISIONS.get(x.dtype, 0),  # the entry for bfloat16 does not read it
        layer.reverse,
        torch.get_num_threads(),
        x.shape[0],
        layer.sizes.shape[0],
        layer.h0.shape[0],
        x.shape[1],
        w_hh.shape[0] // CELLS[layer.cell].gate_count,
        layer.sizes.data_ptr(),
        *pointers[:7],
        w_hh.shape[1],
        *pointers[7:],
        *layer[-3:],
    )


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


def done(code: int) -> None:
    """Raises RuntimeError in words unless the library's status is good."""
    if code:
        raise RuntimeError(f"native: {_REASONS.get(code, f'the library returned {code}')}")


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
    described = _Layer(cell=CELL_NUMBERS[cell], precision=PRECISIONS[dtype], H=hidden, P=hidden)
    described.everything = optioned
    described.norm_ih = 1 if normed else None  # only compared with null
    return _width(_library(), described)


def _width(loaded: ctypes.CDLL, described: _Layer) -> int:
    one = _Layer.from_buffer_copy(described)
    one.N, one.T, one.B = 1, 0, 0
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
    saved = make(rows, _width(loaded, described) if keep else 0)
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
        _room(name, part, samples) if part is not None and want else None
        for name, part, want in zip(EVERY_TENSOR, layer[3:-3], wanted, strict=False)
    ]
    results += [None] * (len(EVERY_TENSOR) - len(results))
    rows = layer.x.shape[0]
    output = _plain("output", output, (rows, layer.w_hh.shape[1]), layer.x.dtype)
    if not saved.is_contiguous():
        raise RuntimeError("native: saved is written over, so it must be contiguous")
    saved = _plain("saved", saved, (rows, _width(_library(), describe(layer))), layer.x.dtype)
    described = describe(layer)
    each = (output.shape[0], described.H)
    shapes = [(output.shape[0], described.P), (described.B, described.P)]
    shapes += [] if layer.c0 is None else [(described.B, described.H)]
    count = handed_count(layer.cell) if layer.everything else 0
    shapes += [each] * count
    names = ("output", "h_n", *(() if layer.c0 is None else ("c_n",)))
    names += ("a state or gate",) * count
    ready = [
        None if part is None else _plain(f"the gradient of {name}", part, shape, output.dtype)
        for name, part, shape in zip(names, late, shapes, strict=False)
    ]
    if layer.c0 is None:
        ready.insert(2, None)
        ready.insert(3, None)
    ready += [None] * (8 - len(ready))
    dx, dh0, dc0, dw_ih, dw_hh, db_ih, db_hh, *extra = results
    parts = (*ready[:3], dx, dw_ih, dw_hh, db_ih, db_hh, dh0, dc0, ready[3])
    gates = tuple(_address(part) for part in ready[4:8])
    gradients = _Gradients(
        *(_address(part) for part in parts),
        gates,
        *(_address(part) for part in extra[:6]),
        samples,
    )
    done(
        _library().sequela_backward(
            ctypes.addressof(described),
            _address(output),
            _address(saved),
            ctypes.addressof(gradients),
        )
    )
    return tuple(results[: max(len(wanted), len(TENSORS))])


def _room(name: str, part: Tensor, samples: int) -> Tensor:
    if not samples or name in WITH_ROWS:
        return torch.empty_like(part)
    return part.new_empty(samples, *part.shape)
