"""The recurrent operator: one layer, one direction, over packed time-major ragged data.

Everything that ``nn`` offers (padding, lengths, masks with holes, resets, stacks, two directions)
is this one operator. Its arguments are checked here, so that no backend ever sees a call that does
not fit: torch's own kernels read beyond the end of a weight that is too small.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn.functional import linear

from sequela.cells import CELLS, Cell, CellWeights
from sequela.errors import ConfigError
from sequela.ops.backends import choose
from sequela.ops.call import Call, Result
from sequela.ops.sizes import Ragged, Uniform, checked_sizes, count, first

__all__ = ["Result", "check_weights", "run"]

_WEIGHTS = CellWeights._fields


def run(
    cell: str,
    data: Tensor,
    batch_sizes: Uniform | Ragged | Tensor | Sequence[int],
    initial: Sequence[Tensor],
    weights: CellWeights,
    *,
    reverse: bool = False,
    mask: Tensor | None = None,
    keep: Sequence[Tensor | float | None] = (),
    everything: bool = False,
) -> Result:
    """Computes one layer in one direction.

    Args:
        cell: a name in :data:`sequela.cells.CELLS`.
        data: ``[N, D]``, the steps of all rows, time-major: first step 0 of every row, then step 1
            of those that have one, the longest row first (as in ``PackedSequence.data``). Where
            the weights have no ``w_ih`` its product with them, ``[N, G*H]``.
        batch_sizes: int64 ``[T]`` on the CPU or a list, never increasing, summing to N: the rows
            that have step t. Zeros may follow. :class:`Uniform` when each step has all rows.
        initial: the state ``[B, P]`` (and ``[B, H]`` for c of the LSTM). ``B`` may exceed
            ``batch_sizes[0]``: those rows are empty and return their initial state.
        weights: see :class:`CellWeights`.
        reverse: each row from its last step to its first.
        mask: ``[B, P]``, recurrent dropout: scales h inside the recurrent product only.
        keep: zoneout for each part of the state: a drawn mask ``[N, ...]``, a probability or None.
        everything: also return every state and gate.

    Raises:
        RuntimeError: something does not fit, by name, with what was got and wanted.
        ConfigError: the cell is unknown, or a forced backend cannot compute the call.
    """
    row = CELLS.get(cell)
    if row is None:
        raise RuntimeError(f"unknown cell {cell!r}: wanted one of {', '.join(CELLS)}")
    states = len(row.state._fields)
    sizes = checked_sizes(batch_sizes, torch.compiler.is_compiling())
    keep = tuple(keep) or (None,) * states
    call = Call(row, data, sizes, tuple(initial), weights, reverse, mask, keep, everything)
    if len(call.initial) != states:
        names = row.state._fields
        raise RuntimeError(f"{cell} has the state {names}, got {len(call.initial)} tensors")
    if len(keep) != states:
        names = row.state._fields
        raise RuntimeError(f"keep must have one entry for each of {names}, got {len(keep)}")
    if data.dim() != 2 or data.shape[0] == 0:
        _check(call)
        return _without_steps(call)
    try:
        backend = choose(call.facts)
    except ConfigError:
        _check(call)  # arguments that do not fit come before a backend that does not
        raise
    assert backend.run is not None
    if not backend.checks(call):
        _check(call)
        return backend.run(call)
    try:
        return backend.run(call)
    except RuntimeError:
        _check(call)  # says what does not fit in the words of this function
        raise


def _without_steps(call: Call) -> Result:
    # Empty, but tied to its inputs: a loss over a batch of empty rows has a gradient, of zeros, for
    # all of them. Processes that train together wait for it.
    weights = [part for part in call.weights if part is not None]
    none = sum(part.flatten()[:0].sum() for part in weights)
    w_ih, data = call.weights.w_ih, call.data
    product = data if w_ih is None else linear(data, w_ih)
    output = product[:, : call.weights.w_hh.shape[1]] + none
    names = (*call.cell.state._fields, *call.cell.gates._fields) if call.everything else ()
    wide = call.weights.w_hh.shape[0] // call.cell.gate_count
    everything = {
        name: output.clone() if name == "h" else call.data.new_zeros(0, wide) for name in names
    }
    # Behind the rows, not added to them: -0 stays -0.
    final = tuple(
        torch.cat([part, part.new_zeros(0, part.shape[1]) + output.sum()]) for part in call.initial
    )
    return Result(output, final, everything)


def check_weights(cell: Cell, weights: CellWeights, suffix: str = "") -> tuple[int, int, int]:
    """Makes sure that the weights fit each other; returns ``D``, ``H`` and ``P``.

    Raises:
        RuntimeError: a weight has another shape, type or device than its neighbours imply.
    """
    w_ih, w_hh = weights.w_ih, weights.w_hh
    for name, weight in (("w_ih", w_ih), ("w_hh", w_hh)):
        if weight is not None and weight.dim() != 2:
            raise RuntimeError(f"{name}{suffix} must have 2 dimensions, got {weight.dim()}")
    hidden = w_hh.shape[0] // cell.gate_count
    projected = w_hh.shape[1]
    rows = cell.gate_count * hidden
    size = rows if w_ih is None else w_ih.shape[1]
    wanted = (
        (rows, size),
        (rows, projected if weights.w_hr is not None else hidden),
        *((rows,), (rows,), (projected, hidden), (3, hidden)),
        *((rows,), (rows,), (hidden,), (hidden,)),
    )
    dtype, device = w_hh.dtype, w_hh.device
    for name, weight, shape in zip(_WEIGHTS, weights, wanted, strict=True):
        if weight is None:
            continue
        if weight.shape != shape:
            raise RuntimeError(
                f"{name}{suffix} must have shape {list(shape)} for hidden size {hidden}, "
                f"got {list(weight.shape)}"
            )
        if weight.dtype != dtype or weight.device != device:
            raise RuntimeError(
                f"{name}{suffix} must be {dtype} on {device} as w_hh is, "
                f"got {weight.dtype} on {weight.device}"
            )
    if (weights.b_ih is None) != (weights.b_hh is None):
        raise RuntimeError("b_ih and b_hh must both be given or both be None")
    return size, hidden, projected


def _check(call: Call) -> None:
    size, hidden, projected = check_weights(call.cell, call.weights)
    data, initial = call.data, call.initial
    if data.dim() != 2 or data.shape[1] != size:
        raise RuntimeError(f"data must have shape [N, {size}], got {list(data.shape)}")
    if not isinstance(call.sizes, Tensor) and data.shape[0] != count(call.sizes):
        raise RuntimeError(f"batch_sizes sum to {count(call.sizes)}, got {data.shape[0]} steps")
    names = call.cell.state._fields
    batch = initial[0].shape[0] if initial[0].dim() else 0
    widths = [projected if name == "h" else hidden for name in names]
    for name, width, part in zip(names, widths, initial, strict=True):
        _check_part(f"initial {name}", part, (batch, width), data)
    if not isinstance(call.sizes, Tensor) and first(call.sizes) > batch:
        raise RuntimeError(f"initial state has {batch} rows, batch_sizes[0] is {first(call.sizes)}")
    if call.mask is not None:
        _check_part("mask", call.mask, (batch, projected), data)
    for name, width, keep in zip(names, widths, call.keep, strict=True):
        if isinstance(keep, Tensor):
            _check_part(f"keep of {name}", keep, (data.shape[0], width), data)


def _check_part(name: str, part: Tensor, shape: tuple[int, int], data: Tensor) -> None:
    if part.shape != shape:
        raise RuntimeError(f"{name} must have shape {list(shape)}, got {list(part.shape)}")
    if part.device != data.device:
        raise RuntimeError(f"{name} must be on {data.device}, got {part.device}")
    if part.dtype != data.dtype and not torch._C._is_any_autocast_enabled():
        raise RuntimeError(f"{name} must be {data.dtype}, got {part.dtype}")
