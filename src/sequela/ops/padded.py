"""From padded data to packed rows and back, by the native library: one pass each way.

What torch would do by index tensors (make them, copy a zeroed array to write into it, zero another
one in the backward pass) costs as much as a small layer. Here the lengths are the index, the tail
is zeroed once, and the gradient of either direction is the other.
"""

from __future__ import annotations

import ctypes
import functools
from typing import Any

import torch
from torch import Tensor, nn
from torch.autograd import forward_ad

from sequela.ops.backends import forced, is_free
from sequela.ops.native import library
from sequela.ops.native_layer import done
from sequela.ops.native_recurrent import is_traced
from sequela.ops.sizes import Ragged

__all__ = ["Padding", "copies"]

_PLAIN = (Tensor, nn.Parameter)


class _Padding(ctypes.Structure):
    """``struct sequela_padding``."""

    _fields_ = (
        ("threads", ctypes.c_int32),
        *((name, ctypes.c_int64) for name in "BTN"),
        *((name, ctypes.c_int64) for name in ("bytes", "row_stride", "step_stride")),
        ("lengths", ctypes.c_void_p),
    )


@functools.cache
def _library() -> ctypes.CDLL:
    loaded = library()
    assert loaded is not None, "asked only where copies() is true"
    loaded.sequela_sort_lengths.argtypes = [ctypes.c_int64] * 2 + [ctypes.c_void_p] * 5
    loaded.sequela_gather.argtypes = loaded.sequela_scatter.argtypes = [ctypes.c_void_p] * 3
    return loaded


def copies(x: Tensor) -> bool:
    """Whether the library moves the rows of ``x``.

    It does where it is there and not passed over by force, for plain dense data on the CPU; not
    where a call is traced or transformed, which needs torch's operators.
    """
    # First, so that a compiler reads no further than this line.
    if torch.compiler.is_compiling() or is_traced() or torch.jit.is_tracing():
        return False
    return (
        type(x) in _PLAIN
        and x.is_cpu
        and x.layout is torch.strided
        and not x.is_complex()
        and forward_ad._current_level < 0
        and library() is not None
        and (is_free() or forced() == "native")
    )


class Padding:
    """The lengths of a padded batch and the order in which its rows are packed.

    Args:
        lengths: int64 ``[B]``, each from 0 to ``steps``; copied.
        steps: T.
        batch_first: whether padded data are ``[B, T, ...]`` or ``[T, B, ...]``.

    Attributes:
        sizes: how many rows have each step.
        order: int64 ``[B]``, the row of the batch that stands i-th; None where that is i.
        place: int64 ``[B]``, where each row of the batch stands; None where that is its number.

    Raises:
        RuntimeError: a length is out of range, or is not int64.
    """

    def __init__(self, lengths: Tensor, steps: int, batch_first: bool):
        if lengths.dim() != 1 or lengths.dtype is not torch.int64:
            raise RuntimeError(
                f"native: lengths must be int64 [B], got {lengths.dtype} {list(lengths.shape)}"
            )
        self.batch, self.steps, self.batch_first = lengths.shape[0], steps, batch_first
        batch = self.batch
        memory = torch.empty(3 + 3 * batch + steps, dtype=torch.int64, device="cpu")
        found, kept, order, place, sizes = memory.split([3, batch, batch, batch, steps])
        kept.copy_(lengths)
        pointers = [part.data_ptr() for part in (kept, found, order, place, sizes)]
        done(_library().sequela_sort_lengths(batch, steps, *pointers))
        rows, longest, is_sorted = found.tolist()
        filled = int(sizes[0]) if longest else 0
        self.sizes = Ragged(sizes[:longest], rows, filled)
        self.order, self.place = (None, None) if is_sorted else (order, place)
        self._lengths = kept

    def gather(self, x: Tensor) -> Tensor:
        """The valid steps of padded data ``[.., .., D]`` as packed rows ``[N, D]``.

        Raises:
            RuntimeError: the data have another shape or lie elsewhere; so does :meth:`scatter`.
        """
        if x.requires_grad and torch.is_grad_enabled():
            return _Gather.apply(self, x)  # pyrefly: ignore
        return self._gathered(x)

    def scatter(self, rows: Tensor) -> Tensor:
        """Packed rows ``[N, D]`` as padded data, zeros beyond each length."""
        if rows.requires_grad and torch.is_grad_enabled():
            return _Scatter.apply(self, rows)  # pyrefly: ignore
        return self._scattered(rows)

    def _axes(self) -> tuple[int, int]:
        return (self.batch, self.steps) if self.batch_first else (self.steps, self.batch)

    def _gathered(self, x: Tensor) -> Tensor:
        axes = self._axes()
        if x.dim() != 3 or x.shape[:2] != axes:
            raise RuntimeError(
                f"native: padded data must have shape [{axes[0]}, {axes[1]}, D], "
                f"got {list(x.shape)}"
            )
        _check_memory("padded data", x)
        packed = x.new_empty(self.sizes.count, x.shape[2])
        if x.numel() and x.stride() == (0, 0, 0):  # the gradient of a sum: every step is the same
            x = x[:1, :1].contiguous().expand(x.shape)
        elif x.stride(2) != 1 or x.is_neg():
            x = x.contiguous().resolve_neg()
        self._move(_library().sequela_gather, x, x, packed)
        return packed

    def _scattered(self, rows: Tensor) -> Tensor:
        if rows.dim() != 2 or rows.shape[0] != self.sizes.count:
            raise RuntimeError(
                f"native: packed rows must have shape [{self.sizes.count}, D], "
                f"got {list(rows.shape)}"
            )
        _check_memory("packed rows", rows)
        rows = rows.contiguous().resolve_neg()
        padded = rows.new_empty(*self._axes(), rows.shape[1])
        self._move(_library().sequela_scatter, padded, rows, padded)
        return padded

    def _move(self, function: Any, padded: Tensor, source: Tensor, target: Tensor) -> None:
        size = padded.element_size()
        row, step = padded.stride(0) * size, padded.stride(1) * size
        if not self.batch_first:
            row, step = step, row
        described = _Padding(
            torch.get_num_threads(),
            self.batch,
            self.steps,
            self.sizes.count,
            padded.shape[2] * size,
            row,
            step,
            self._lengths.data_ptr(),
        )
        done(function(ctypes.addressof(described), source.data_ptr(), target.data_ptr()))


def _check_memory(name: str, part: Tensor) -> None:
    if not part.is_cpu or part.layout is not torch.strided or part.is_complex():
        raise RuntimeError(
            f"native: {name} must be a dense real tensor on the CPU, got {part.dtype}, "
            f"{part.layout} on {part.device}"
        )


class _Gather(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, padding: Padding, x: Tensor) -> Tensor:
        ctx.padding = padding
        return padding._gathered(x)

    @staticmethod
    # pyrefly: ignore [bad-override]
    def backward(ctx: Any, late: Tensor) -> Any:
        return None, ctx.padding.scatter(late)


class _Scatter(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, padding: Padding, rows: Tensor) -> Tensor:
        ctx.padding = padding
        return padding._scattered(rows)

    @staticmethod
    # pyrefly: ignore [bad-override]
    def backward(ctx: Any, late: Tensor) -> Any:
        return None, ctx.padding.gather(late)
