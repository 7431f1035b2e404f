"""Layers upon each other, in one direction or in two, as one call of the native library.

Without gradients most of a short call is Python: arguments checked, results made, layer by layer.
Here the weights are checked and described once; :class:`Stack` keeps that and does it again when a
weight is another tensor, lies elsewhere or has another shape. Their numbers are read anew at each
call. The bits are those of the layers one after another.
"""

from __future__ import annotations

import ctypes
import functools
from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from sequela.cells import CELLS, CellWeights
from sequela.ops.backends import choose, is_direct
from sequela.ops.call import Facts
from sequela.ops.native import library
from sequela.ops.native_layer import PRECISIONS, Description, Layer, checked, describe, is_plain
from sequela.ops.native_step import SHORT
from sequela.ops.sizes import Ragged, Uniform

__all__ = ["Passes", "Stack"]


@functools.cache
def _functions() -> tuple[Callable[..., int], Callable[..., int]]:
    """``sequela_forward_stack`` that keeps Python's lock, and the same that gives it away."""
    loaded = library()
    assert loaded is not None
    holding = ctypes.PyDLL(loaded._name, handle=loaded._handle)
    pointer, number, size = ctypes.c_void_p, ctypes.c_int32, ctypes.c_int64
    for handle in (holding, loaded):
        kinds = [pointer, *[number] * 3, *[size] * 3, *[pointer] * 7]
        handle.sequela_forward_stack.argtypes = kinds
    return holding.sequela_forward_stack, loaded.sequela_forward_stack


class Passes:
    """The weights of every layer and direction, checked and described.

    Args:
        cell: a name in :data:`sequela.cells.CELLS`.
        rows: the weights of each pass, in the order of torch's h_n.
        directions: 1 or 2.
        backwards: whether the one direction is from the last step to the first.
        rates: zoneout of h and of c, the expectation.

    Raises:
        RuntimeError: a weight does not fit, or the library cannot read it where it lies.
    """

    def __init__(
        self,
        cell: str,
        rows: Sequence[CellWeights],
        directions: int,
        backwards: bool,
        rates: tuple[float, float],
    ):
        self.kind = (cell, directions, backwards, rates)
        given = [part for row in rows for part in row if part is not None]
        self._seen = [(part, part.data_ptr(), part.shape, part.dtype) for part in given]
        w_hh, widths = rows[0].w_hh, [row.w_ih.shape[1] for row in rows if row.w_ih is not None]
        self.dtype, self.size, self.width = w_hh.dtype, widths[0], w_hh.shape[1]
        self.hidden = w_hh.shape[0] // CELLS[cell].gate_count
        self._layers = [
            self._layer(cell, row, width, backwards or index % directions == 1, rates)
            for index, (row, width) in enumerate(zip(rows, widths, strict=True))
        ]
        sizes = [self.size] * directions + [self.width * directions] * (len(rows) - directions)
        for width, size in zip(widths, sizes, strict=True):
            if width != size:
                raise RuntimeError(f"w_ih of a layer above must have {size} columns")
        described = [describe(layer) for layer in self._layers]
        self._described = (Description * len(rows))(*described)
        self._pointer = ctypes.addressof(self._described)
        self._layer_count, self._directions = len(rows) // directions, directions
        self._has_c = cell == "lstm"
        self._short, self._long = _functions()
        self._most_rows = SHORT // max(sum(part.numel() for part in given), 1)

    def _layer(
        self, cell: str, row: CellWeights, width: int, reverse: bool, rates: tuple[float, float]
    ) -> Layer:
        # What is kept here cannot be freed, so no later tensor can have the same address.
        kept = [None if part is None else part.detach() for part in row]
        none = row.w_hh.new_empty(0, 0)
        x, h0 = none.view(0, width), none.view(0, self.width)
        c0 = none.view(0, self.hidden) if cell == "lstm" else None
        sizes = torch.zeros(0, dtype=torch.int64, device="cpu")
        layer = checked(cell, sizes, reverse, x, h0, c0, *kept, rates=rates)
        for part, one in zip((*layer[6:10], *layer[10:16]), kept, strict=True):
            if part is not one:  # the copy would not follow what it was made of
                raise RuntimeError("native: the weights must be contiguous")
        return layer

    def fits(self, given: Sequence[Tensor]) -> bool:
        """Whether these are the tensors, and lie as they lay."""
        if len(given) != len(self._seen):
            return False
        for part, (seen, address, shape, dtype) in zip(given, self._seen):  # noqa: B905
            if (
                part is not seen
                or part.data_ptr() != address
                or part.shape != shape
                or part.dtype is not dtype
                or not part.is_contiguous()
            ):
                return False
        return True

    def run(
        self, x: Tensor, sizes: Any, rows: int, initial: Sequence[Tensor] | None
    ) -> tuple[Tensor, tuple[Tensor, ...]] | None:
        """Every pass; see :meth:`Stack.run`."""
        count, dtype, passes = x.shape[0], self.dtype, len(self._layers)
        if not (count and is_plain(x, (count, self.size), dtype)):
            return None
        shapes = [(passes, rows, self.width)]
        if self._has_c:
            shapes.append((passes, rows, self.hidden))
        starts: list[int | None] = [None, None]
        if initial is not None:
            for index, (part, shape) in enumerate(zip(initial, shapes, strict=True)):
                if not is_plain(part, shape, dtype):
                    return None
                starts[index] = part.data_ptr()
        if isinstance(sizes, Uniform):
            steps, table = sizes.steps, None
        else:
            batch_sizes = sizes.sizes if isinstance(sizes, Ragged) else sizes
            steps = batch_sizes.shape[0]
            if not is_plain(batch_sizes, (steps,), torch.int64):
                return None
            table = batch_sizes.data_ptr()
        output = x.new_empty((count, self._directions * self.width))
        final = tuple([x.new_empty(shape) for shape in shapes])
        run = self._short if count <= self._most_rows else self._long
        code = run(
            self._pointer,
            self._layer_count,
            self._directions,
            torch.get_num_threads(),
            count,
            steps,
            rows,
            table,
            x.data_ptr(),
            starts[0],
            starts[1],
            output.data_ptr(),
            final[0].data_ptr(),
            final[1].data_ptr() if self._has_c else None,
        )
        return None if code else (output, final)


class Stack:
    """What is known of a stack's weights between the calls; a copy of it knows nothing."""

    def __init__(self) -> None:
        self._passes: Passes | None = None

    def run(
        self,
        kind: tuple[str, int, bool, tuple[float, float]],
        given: Sequence[Tensor],
        rows_of_weights: Callable[[], Sequence[CellWeights]],
        x: Tensor,
        sizes: Uniform | Ragged | Tensor,
        rows: int,
        initial: Sequence[Tensor] | None,
    ) -> tuple[Tensor, tuple[Tensor, ...]] | None:
        """Computes all layers, without gradients.

        Args:
            kind: the cell, the number of directions, whether one direction is from the last step to
                the first, and zoneout of h and of c (the expectation).
            given: all weights in a fixed order, by which they are known again.
            rows_of_weights: gives the weights of each pass, in the order of torch's h_n.
            x: ``[N, D]``, packed.
            sizes: the rows of each step.
            rows: B, packed rows.
            initial: ``[passes, B, P]`` and for the LSTM ``[passes, B, H]``; None for zeros.

        Returns:
            ``[N, directions * P]`` of the last layer, and the final states, shaped as the initial
            ones. None where the layers must be computed one by one: a gradient is wanted, something
            traces, casts or forces a backend, or an argument is not what the library takes as it
            lies (whether it is wrong is then found out on the other way).
        """
        if not is_direct():
            return None
        if torch.is_grad_enabled():
            for part in (x, *(initial or ()), *given):
                if part is not None and part.requires_grad:
                    return None
        passes = self._passes
        if passes is None or passes.kind != kind or not passes.fits(given):
            self._passes = None  # what is no longer used need not be kept
            facts = Facts(kind[0], x.device.type, x.dtype)
            if x.dtype not in PRECISIONS or choose(facts).name != "native":
                return None
            if any(type(part) not in (Tensor, nn.Parameter) for part in given):
                return None
            try:
                passes = Passes(kind[0], rows_of_weights(), *kind[1:])
            except RuntimeError:
                return None
            self._passes = passes
        return passes.run(x, sizes, rows, initial)

    def __deepcopy__(self, memo: dict[int, Any]) -> Stack:
        return Stack()

    def __reduce__(self) -> tuple[type, tuple[()]]:
        return Stack, ()
