"""One step of one cell, for the layers that are called step by step.

Without gradients the native library computes it where it can, with the bits of a whole sequence.
It packs the weights once; :class:`Packing` keeps them and packs again when they have changed. A
change is known by the tensor itself, its address and its version, which every operator of torch
that writes raises. What is written past them (through ``.data`` or a NumPy view) is noticed only
if it changes one of sixteen values of each weight that are compared at each step; after such a
change to single values, call :meth:`Packing.clear`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import _VF, Tensor

from sequela.cells import CELLS, CellWeights, input_product
from sequela.ops.backends import choose, is_direct
from sequela.ops.call import Facts
from sequela.ops.native_layer import PRECISIONS, is_plain
from sequela.ops.native_recurrent import is_traced
from sequela.ops.native_step import PackedWeights
from sequela.ops.recurrent import check_weights

__all__ = ["Packing", "quick_stack", "quick_step", "run_step"]

_KERNELS: dict[str, Callable[..., Tensor | tuple[Tensor, ...]]] = {
    "rnn_tanh": _VF.rnn_tanh_cell,
    "rnn_relu": _VF.rnn_relu_cell,
    "lstm": _VF.lstm_cell,
    "gru_after": _VF.gru_cell,
}


class Packing:
    """The packed weights of one layer in one direction; a copy of it is empty."""

    def __init__(self) -> None:
        self._packed: PackedWeights | None = None

    def clear(self) -> None:
        """Forgets the weights, so that the next step packs them."""
        self._packed = None

    def get(self, cell: str, weights: Sequence[Tensor | None]) -> PackedWeights | None:
        """The packed weights, packed now if need be; None where the library does not compute."""
        packed = self._packed
        if packed is None or packed.cell != cell or not packed.fits(weights):
            row = CellWeights(*weights)  # pyrefly: ignore [bad-argument-type]
            check_weights(CELLS[cell], row)
            self._packed = packed = None
            facts = Facts(cell, row.w_hh.device.type, row.w_hh.dtype)
            if facts.dtype in PRECISIONS and choose(facts).name == "native":
                self._packed = packed = PackedWeights(cell, row)
        return packed

    def __deepcopy__(self, memo: dict[int, Any]) -> Packing:
        return Packing()

    def __reduce__(self) -> tuple[type, tuple[()]]:
        return Packing, ()


def quick_step(
    cell: str,
    x: Tensor,
    state: Sequence[Tensor] | None,
    weights: Sequence[Tensor | None],
    packing: Packing,
) -> tuple[Tensor, ...] | None:
    """The state after one step by the native library, or None where :func:`run_step` must do it.

    Args:
        cell: a name in :data:`sequela.cells.CELLS`.
        x: ``[B, D]``.
        state: the previous state, ``[B, H]`` each; None for zeros.
        weights: w_ih, w_hh, b_ih and b_hh.
        packing: keeps the packed weights between the calls.

    Raises:
        RuntimeError: a weight does not fit.
    """
    if not is_direct():
        return None
    return _native_step(cell, x, state, weights, packing)


def quick_stack(
    cell: str,
    x: Tensor,
    state: Sequence[Sequence[Tensor]],
    weights: Sequence[Sequence[Tensor | None]],
    packings: Sequence[Packing],
) -> Tensor | None:
    """The output ``[B, H]`` after one step through layers upon each other, without gradients.

    Args:
        cell: a name in :data:`sequela.cells.CELLS`.
        x: ``[B, D]``; checked by the caller.
        state: of each layer ``[B, H]`` each, contiguous; WRITTEN OVER with the new state.
        weights: w_ih, w_hh, b_ih and b_hh of each layer.
        packings: one for each layer.

    Returns:
        None, and nothing is changed, where the native library does not compute it.

    Raises:
        RuntimeError: a weight does not fit.
    """
    top = state[-1][0]
    if not (is_direct() and top.is_cpu):
        return None
    packed, size = [], x.shape[-1]
    for row, packing, part in zip(weights, packings, state):  # noqa: B905
        one = packing.get(cell, row)
        if one is None or one.dtype is not top.dtype:
            return None
        if one.size != size or one.hidden != part[0].shape[1]:
            return None  # a layer above reads as many numbers as it has columns
        packed.append(one)
        size = one.hidden
    rows = top.shape[0]
    if not is_plain(x, (rows, packed[0].size), top.dtype):
        x = x.contiguous().resolve_neg()
        if not is_plain(x, (rows, packed[0].size), top.dtype):
            return None
    output = torch.empty_like(top)
    read, to = x.data_ptr(), output.data_ptr()
    for index, one in enumerate(packed):
        h, c = state[index][0].data_ptr(), state[index][-1].data_ptr()
        # A layer above reads h where the state keeps it; `output` is left with the last one's.
        while one is not None and not one.step(rows, read, h, c, to, h, c):
            packings[index].clear()
            one = packings[index].get(cell, weights[index])
        read = h
    return output


def _is_traced() -> bool:
    return torch.jit.is_tracing() or is_traced()


def _native_step(
    cell: str,
    x: Tensor,
    state: Sequence[Tensor] | None,
    weights: Sequence[Tensor | None],
    packing: Packing,
) -> tuple[Tensor, ...] | None:
    if torch.is_grad_enabled():
        given = (x, *weights) if state is None else (x, *state, *weights)
        for part in given:
            if part is not None and part.requires_grad:
                return None
    packed, shape = packing._packed, x.shape
    if packed is None or packed.cell != cell or not packed.fits(weights):
        packed = packing.get(cell, weights)
    if packed is None or len(shape) != 2:
        return None
    rows, hidden, dtype = shape[0], packed.hidden, packed.dtype
    if not is_plain(x, (rows, packed.size), dtype):
        return None
    h0 = c0 = c_n = 0
    if state is None:
        h = x.new_empty((rows, hidden))
    else:
        wanted = rows, hidden
        for part in state:
            if not is_plain(part, wanted, dtype):
                return None
        h = torch.empty_like(state[0])  # takes half as long as a shape and a type
        h0, c0 = state[0].data_ptr(), state[-1].data_ptr()
    new = (h,)
    if cell == "lstm":
        c = torch.empty_like(h)
        new, c_n = (h, c), c.data_ptr()
    if not packed.step(rows, x.data_ptr(), h0, c0, h.data_ptr(), 0, c_n):
        packing.clear()
        return _native_step(cell, x, state, weights, packing)
    return new


def run_step(
    cell: str,
    x: Tensor,
    state: tuple[Tensor, ...],
    weights: CellWeights,
    packing: Packing | None = None,
) -> tuple[Tensor, ...]:
    """The state after one step.

    Args:
        cell: a name in :data:`sequela.cells.CELLS`.
        x: ``[B, D]``.
        state: the previous state, ``[B, H]`` each; checked by the caller.
        weights: w_ih, w_hh, b_ih and b_hh only.
        packing: keeps the packed weights between the calls; None keeps nothing.

    Raises:
        RuntimeError: a weight does not fit.
        ConfigError: a forced backend cannot compute the step.
    """
    row = CELLS[cell]
    size, hidden, _ = check_weights(row, weights)
    if x.shape[1] != size or state[0].shape[1] != hidden:
        raise RuntimeError(
            f"weights are for input size {size} and hidden size {hidden}, "
            f"got {x.shape[1]} and {state[0].shape[1]}"
        )
    name = choose(Facts(cell, x.device.type, x.dtype)).name
    if name == "native" and not (_is_traced() or torch.is_autocast_enabled("cpu")):
        plain = [part.contiguous().resolve_neg() for part in (x, *state)]
        result = _native_step(cell, plain[0], plain[1:], weights[:4], packing or Packing())
        if result is not None:
            return result
    if name == "reference" or cell not in _KERNELS:
        return tuple(row.step(input_product(x, weights), row.state(*state), weights)[0])
    result = _KERNELS[cell](x, state if cell == "lstm" else state[0], *weights[:4])
    return (result,) if isinstance(result, Tensor) else tuple(result)
