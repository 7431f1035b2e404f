"""The native products and reductions on the way to a score, called through ctypes.

The C interface (``cpp/include/sequela/score.h``) trusts its pointers, so every tensor is checked
here, each time, before its address leaves Python.
"""

from __future__ import annotations

import ctypes
import functools

import torch
from torch import Tensor, nn
from torch.autograd import forward_ad

from sequela.ops.backends import forced, is_free
from sequela.ops.native import library

__all__ = ["bag", "bag_gradient", "computes", "elementwise", "pool", "product", "softmax"]

_PRECISIONS = {torch.float32: 0, torch.float64: 1}
_FUNCTIONS = {"exp": 0, "sigmoid": 1, "tanh": 2}
_PLAIN = (Tensor, nn.Parameter)
_POOLINGS = {"sum": 0, "max": 1}
_REASONS = {
    1: "the type or the function is unknown to the library",
    2: "a size is negative or too large",
    4: "an array is missing",
    5: "there is not enough memory",
}
_BAD_ROW = 7


class _Pool(ctypes.Structure):
    """``struct sequela_pool_call``."""

    _fields_ = (
        *((name, ctypes.c_int32) for name in ("pooling", "precision", "threads")),
        *((name, ctypes.c_int64) for name in "NBF"),
        *((name, ctypes.c_void_p) for name in ("rows", "weights", "x")),
    )


class _Bag(ctypes.Structure):
    """``struct sequela_bag_call``."""

    _fields_ = (
        *((name, ctypes.c_int32) for name in ("precision", "threads")),
        *((name, ctypes.c_int64) for name in "NMFV"),
        *((name, ctypes.c_void_p) for name in ("offsets", "places", "table")),
        ("K", ctypes.c_int64),
        *((name, ctypes.c_void_p) for name in ("values", "rows")),
    )


def computes(*parts: Tensor) -> bool:
    """Whether the library computes a call with these tensors.

    It does where it is there and not passed over by force, for plain dense float32 or float64 on
    the CPU, all of one type; not under autocast, tracing or a transformation, which need torch's.
    """
    # First, so that a compiler reads no further than this line.
    if torch.compiler.is_compiling():
        return False
    dtype = parts[0].dtype
    if dtype not in _PRECISIONS or library() is None:
        return False
    for part in parts:
        if not (type(part) in _PLAIN and part.is_cpu and part.layout is torch.strided):
            return False
        if part.dtype is not dtype:
            return False
    return (
        (is_free() or forced() == "native")
        and not torch.is_autocast_enabled("cpu")
        and not torch.jit.is_tracing()
        and torch._C._functorch.peek_interpreter_stack() is None
        and torch._C._len_torch_dispatch_stack() == 0
        and forward_ad._current_level < 0
    )


@functools.cache
def _library() -> ctypes.CDLL:
    loaded = library()
    assert loaded is not None, "asked only where computes() is true"
    number, size, pointer = ctypes.c_int32, ctypes.c_int64, ctypes.c_void_p
    loaded.sequela_linear.argtypes = [number] * 2 + [size] * 3 + [pointer] * 4
    loaded.sequela_pool.argtypes = [pointer] * 2
    loaded.sequela_bag.argtypes = [pointer] * 2
    loaded.sequela_bag_gradient.argtypes = [pointer] * 3
    loaded.sequela_softmax.argtypes = [number] * 2 + [size] * 2 + [pointer] * 3
    loaded.sequela_elementwise.argtypes = [number] * 2 + [size] + [pointer] * 2
    return loaded


def _plain(name: str, part: Tensor, dtype: torch.dtype) -> Tensor:
    if part.dtype is not dtype or not part.is_cpu or part.layout is not torch.strided:
        raise RuntimeError(
            f"native: {name} must be a dense {dtype} tensor on the CPU, got {part.dtype}, "
            f"{part.layout} on {part.device}"
        )
    return part if part.is_contiguous() and not part.is_neg() else part.contiguous().resolve_neg()


def _precision(name: str, part: Tensor) -> int:
    found = _PRECISIONS.get(part.dtype)
    if found is None:
        raise RuntimeError(f"native: {name} must be float32 or float64, got {part.dtype}")
    return found


def _index(name: str, part: Tensor, count: int) -> Tensor:
    if part.shape != (count,) or part.dtype is not torch.int64:
        raise RuntimeError(
            f"native: {name} must be int64 [{count}], got {part.dtype} {list(part.shape)}"
        )
    return _plain(name, part, torch.int64)


def _done(code: int) -> None:
    if code == _BAD_ROW:
        raise IndexError("native: an index is out of range")
    if code:
        raise RuntimeError(f"native: {_REASONS.get(code, f'the library returned {code}')}")


def _shaped(name: str, part: Tensor, dtype: torch.dtype, *shape: int) -> Tensor:
    if part.shape != shape:
        raise RuntimeError(f"native: {name} must have shape {list(shape)}, got {list(part.shape)}")
    return _plain(name, part, dtype)


def product(x: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
    """``[N, O]`` from ``x [N, D]``, ``weight [O, D]`` and ``bias [O]``; without a gradient.

    Raises:
        RuntimeError: something does not fit.
    """
    given, wide = x.shape, weight.shape
    if len(given) != 2 or len(wide) != 2:
        raise RuntimeError(f"native: 2 dimensions wanted, got {len(given)} and {len(wide)}")
    (rows, inner), outputs, dtype = given, wide[0], x.dtype
    precision = _precision("x", x)
    x, weight = _plain("x", x, dtype), _shaped("weight", weight, dtype, outputs, inner)
    if bias is not None:
        bias = _shaped("bias", bias, dtype, outputs)
    result = x.new_empty((rows, outputs))
    _done(
        _library().sequela_linear(
            precision,
            torch.get_num_threads(),
            rows,
            inner,
            outputs,
            x.data_ptr() or None,
            weight.data_ptr() or None,
            None if bias is None else bias.data_ptr(),
            result.data_ptr() or None,
        )
    )
    return result


def pool(
    kind: str, x: Tensor, rows: Tensor, count: int, *, weights: Tensor | None = None
) -> Tensor:
    """``[count, F]``: sums or maxima by row; without a gradient.

    Args:
        kind: "sum" or "max".
        x: ``[N, F]``.
        rows: int64 ``[N]``, the row of the result that each step goes to.
        count: rows of the result.
        weights: ``[N]``, with "sum" only.

    Raises:
        IndexError: a row is out of range.
        RuntimeError: something does not fit.
    """
    if x.dim() != 2:
        raise RuntimeError(f"native: x must have 2 dimensions, got {x.dim()}")
    precision = _precision("x", x)
    x, rows = _plain("x", x, x.dtype), _index("rows", rows, x.shape[0])
    if weights is not None:
        weights = _shaped("weights", weights, x.dtype, x.shape[0])
    call = _Pool(
        _POOLINGS[kind],
        precision,
        torch.get_num_threads(),
        x.shape[0],
        count,
        x.shape[1],
        *(None if part is None else part.data_ptr() or None for part in (rows, weights, x)),
    )
    result = x.new_empty((count, x.shape[1]))
    _done(_library().sequela_pool(ctypes.addressof(call), result.data_ptr() or None))
    return result


def bag(
    table: Tensor,
    places: Tensor,
    offsets: Tensor,
    values: Tensor | None = None,
    rows: Tensor | None = None,
) -> Tensor:
    """``[N, F]``: rows of a table summed by bag; without a gradient.

    Args:
        table: ``[V, F]``.
        places: int64 ``[M]``.
        offsets: int64 ``[N]``, where each bag begins.
        values: ``[N, K]``, which times ``rows`` is added, or None.
        rows: ``[K, F]`` or None.

    Raises:
        IndexError: a place or an offset is out of range.
        RuntimeError: something does not fit.
    """
    if table.dim() != 2:
        raise RuntimeError(f"native: the table must have 2 dimensions, got {table.dim()}")
    precision, table = _precision("the table", table), _plain("the table", table, table.dtype)
    places = _index("places", places, places.numel())
    offsets = _index("offsets", offsets, offsets.numel())
    call = _Bag(
        precision,
        torch.get_num_threads(),
        len(offsets),
        len(places),
        table.shape[1],
        table.shape[0],
        *(part.data_ptr() or None for part in (offsets, places, table)),
    )
    if values is not None and rows is not None:
        count = rows.shape[0]
        values = _shaped("values", values, table.dtype, len(offsets), count)
        rows = _shaped("rows", rows, table.dtype, count, table.shape[1])
        call.K, call.values, call.rows = count, values.data_ptr(), rows.data_ptr()
    result = table.new_empty((len(offsets), table.shape[1]))
    _done(_library().sequela_bag(ctypes.addressof(call), result.data_ptr() or None))
    return result


def bag_gradient(gradient: Tensor, places: Tensor, offsets: Tensor, count: int) -> Tensor:
    """``[V, F]``: of each row of a table the sum of what reached the bags that hold it.

    Args:
        gradient: ``[N, F]``, of the bags.
        places: as of :func:`bag`.
        offsets: as of :func:`bag`.
        count: V.

    Raises:
        IndexError: a place or an offset is out of range.
        RuntimeError: something does not fit.
    """
    if gradient.dim() != 2 or len(gradient) != len(offsets):
        raise RuntimeError(f"native: the gradient must have {len(offsets)} rows")
    precision = _precision("the gradient", gradient)
    gradient = _plain("the gradient", gradient, gradient.dtype)
    places = _index("places", places, places.numel())
    offsets = _index("offsets", offsets, offsets.numel())
    call = _Bag(
        *(precision, torch.get_num_threads()),
        *(len(offsets), len(places), gradient.shape[1], count),
        *(offsets.data_ptr() or None, places.data_ptr() or None),
    )
    result = gradient.new_empty((count, gradient.shape[1]))
    found = gradient.data_ptr() or None, result.data_ptr() or None
    _done(_library().sequela_bag_gradient(ctypes.addressof(call), *found))
    return result


def softmax(x: Tensor, rows: Tensor | None, count: int, *, logarithm: bool = False) -> Tensor:
    """``[N]``: softmax of ``x [N]`` within each row; without a gradient.

    Args:
        x: the scores.
        rows: int64 ``[N]``; None for ``count`` rows of equal length behind each other.
        count: rows.
        logarithm: of the result.

    Raises:
        IndexError: a row is out of range.
        RuntimeError: something does not fit.
    """
    if x.dim() != 1:
        raise RuntimeError(f"native: x must have 1 dimension, got {x.dim()}")
    precision, x = _precision("x", x), _plain("x", x, x.dtype)
    if rows is not None:
        rows = _index("rows", rows, len(x))
    result = x.new_empty(x.shape)
    _done(
        _library().sequela_softmax(
            precision,
            int(logarithm),
            len(x),
            count,
            None if rows is None else rows.data_ptr() or None,
            x.data_ptr() or None,
            result.data_ptr() or None,
        )
    )
    return result


def elementwise(function: str, x: Tensor) -> Tensor:
    """``exp``, ``sigmoid`` or ``tanh`` of every element; without a gradient."""
    precision, x = _precision("x", x), _plain("x", x, x.dtype)
    result = x.new_empty(x.shape)
    _done(
        _library().sequela_elementwise(
            _FUNCTIONS[function],
            precision,
            x.numel(),
            x.data_ptr() or None,
            result.data_ptr() or None,
        )
    )
    return result
