"""How the steps of an input lie, and how they become packed rows and come back.

Layouts with the same methods: a ``PackedSequence`` as it is, a dense input, one with lengths, and
any ragged one (masks with holes, resets); of the last two the valid steps are gathered. So one
packed operator is all that the layers need.

- ``pack(x)``: the steps ``[N, D]`` in packed order.
- ``to_rows(state, reverse)``: initial state ``[B, W]``, in batch order, to packed rows ``[R, W]``.
- ``from_rows(state, reverse)``: final state of the packed rows back to ``[B, W]``.
- ``spread(x)``: a value per sequence ``[B, W]`` to each of its packed rows ``[R, W]``.
- ``coordinates(x)``: of packed steps, the row of the batch and the step of each, int64 ``[N]``.
- ``in_order``: whether packed rows are the rows of the batch, in their order.
- ``unpack(steps, initial, reverse)``: ``[N, W]`` to the shape of the input; ``initial`` ``[R, W]``
  is what a held step shows before the first valid one, None writes zeros instead of holding.
"""

from __future__ import annotations

from typing import Any, Protocol

import torch
from torch import Tensor
from torch.nn.utils.rnn import PackedSequence

from sequela.ops.padded import Padding
from sequela.ops.sizes import Ragged, Uniform

__all__ = [
    "DenseLayout",
    "Layout",
    "LengthsLayout",
    "PackedLayout",
    "RaggedLayout",
    "TracedLayout",
    "rewrap",
]


class Layout(Protocol):
    """What the layers ask of a layout; the module's docstring says what each method does."""

    batch: int
    rows: int
    in_order: bool
    batch_sizes: Uniform | Ragged | Tensor

    def pack(self, x: Tensor) -> Tensor: ...  # noqa: D102
    def to_rows(self, state: Tensor, reverse: bool) -> Tensor: ...  # noqa: D102
    def from_rows(self, state: Tensor, reverse: bool) -> Tensor: ...  # noqa: D102
    def spread(self, x: Tensor) -> Tensor: ...  # noqa: D102
    def coordinates(self, x: Tensor) -> tuple[Tensor, Tensor]: ...  # noqa: D102
    def unpack(self, steps: Tensor, initial: Tensor | None, reverse: bool) -> Tensor: ...  # noqa: D102


class PackedLayout:
    """A ``PackedSequence``; ``sorted_indices`` longer than ``batch_sizes[0]`` means empty rows."""

    def __init__(self, packed: PackedSequence):
        sizes = packed.batch_sizes
        order = packed.sorted_indices
        if order is not None and torch.compiler.is_compiling():
            # A tracer knows no numbers: the kernels will compare them.
            self.batch = order.shape[0]
        else:
            filled = int(sizes[0]) if sizes.numel() else 0
            self.batch = filled if order is None else order.shape[0]
            if self.batch < filled:
                raise RuntimeError(
                    f"batch_sizes[0] is {filled}, but sorted_indices has {self.batch} entries"
                )
        self.rows = self.batch
        self.batch_sizes: Uniform | Ragged | Tensor = sizes
        self._order = order
        self._back = packed.unsorted_indices
        self.in_order = order is None and self._back is None

    def pack(self, x: Tensor) -> Tensor:
        """The data are packed already."""
        return x

    def to_rows(self, state: Tensor, reverse: bool) -> Tensor:
        """Batch order to sorted order."""
        return state if self._order is None else state.index_select(0, self._order)

    def from_rows(self, state: Tensor, reverse: bool) -> Tensor:
        """Sorted order to batch order."""
        return state if self._back is None else state.index_select(0, self._back)

    def spread(self, x: Tensor) -> Tensor:
        """Batch order to sorted order."""
        return self.to_rows(x, False)

    def coordinates(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """By the batch sizes; rows by their place in the batch, not in the sorted order."""
        return _coordinates(torch.as_tensor(self.batch_sizes), self._order, x)

    def unpack(self, steps: Tensor, initial: Tensor | None, reverse: bool) -> Tensor:
        """The output stays packed."""
        return steps


def _coordinates(sizes: Tensor, order: Tensor | None, x: Tensor) -> tuple[Tensor, Tensor]:
    sizes = sizes.to(x.device)
    times, count = torch.arange(sizes.shape[0], device=x.device), x.shape[0]
    steps = torch.repeat_interleave(times, sizes, output_size=count)
    rank = torch.arange(count, device=x.device) - (sizes.cumsum(0) - sizes)[steps]
    return (rank if order is None else order[rank]), steps


def _packed_grid(
    layout: Layout, batch: int, steps: int, batch_first: bool, device: torch.device
) -> tuple[Tensor, Tensor]:
    rows = torch.arange(batch, device=device)[:, None].expand(batch, steps)
    times = torch.arange(steps, device=device).expand(batch, steps)
    grid = torch.stack([rows, times], 2)
    packed = layout.pack(grid if batch_first else grid.transpose(0, 1))
    return packed[:, 0], packed[:, 1]


def rewrap(output: Any, packed: PackedSequence) -> Any:
    """Packed data ``[N, W]``, or a pair of them, as the sequence that the input was."""
    if isinstance(output, tuple):
        return tuple(rewrap(part, packed) for part in output)
    return PackedSequence(
        output, packed.batch_sizes, packed.sorted_indices, packed.unsorted_indices
    )


class DenseLayout:
    """Every sequence has all T steps: the batch is one block."""

    def __init__(self, batch: int, steps: int, batch_first: bool):
        self.batch = self.rows = batch
        self.in_order = True
        self._steps, self._batch_first = steps, batch_first
        self.batch_sizes: Uniform | Ragged | Tensor = Uniform(steps, batch)

    def pack(self, x: Tensor) -> Tensor:
        """Time-major, without the batch axis."""
        if self._batch_first:
            x = x.transpose(0, 1)
        return x.reshape(self._steps * self.batch, x.shape[2])

    def to_rows(self, state: Tensor, reverse: bool) -> Tensor:
        """Rows are in batch order."""
        return state

    def from_rows(self, state: Tensor, reverse: bool) -> Tensor:
        """Rows are in batch order."""
        return state

    def spread(self, x: Tensor) -> Tensor:
        """Rows are in batch order."""
        return x

    def coordinates(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """The axes of the input, packed as the input is."""
        return _packed_grid(self, self.batch, self._steps, self._batch_first, x.device)

    def unpack(self, steps: Tensor, initial: Tensor | None, reverse: bool) -> Tensor:
        """The axes of the input again."""
        dense = steps.view(self._steps, self.batch, steps.shape[1])
        return dense.transpose(0, 1) if self._batch_first else dense


class LengthsLayout:
    """Sequences with lengths, where the native library moves the rows."""

    def __init__(self, lengths: Tensor, steps: int, batch_first: bool):
        self._padding = Padding(lengths, steps, batch_first)
        self.batch = self.rows = self._padding.batch
        self.batch_sizes: Uniform | Ragged | Tensor = self._padding.sizes
        self.in_order = self._padding.order is None

    def pack(self, x: Tensor) -> Tensor:
        """The valid steps, gathered."""
        return self._padding.gather(x)

    def to_rows(self, state: Tensor, reverse: bool) -> Tensor:
        """Batch order to sorted order."""
        order = self._padding.order
        return state if order is None else state.index_select(0, order)

    def from_rows(self, state: Tensor, reverse: bool) -> Tensor:
        """Sorted order to batch order."""
        place = self._padding.place
        return state if place is None else state.index_select(0, place)

    def spread(self, x: Tensor) -> Tensor:
        """Batch order to sorted order."""
        return self.to_rows(x, False)

    def coordinates(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """The axes of the input, packed as the input is."""
        return _coordinates(self._padding.sizes.sizes, self._padding.order, x)

    def unpack(self, steps: Tensor, initial: Tensor | None, reverse: bool) -> Tensor:
        """The shape of the input, zeros beyond each length; no step is held."""
        return self._padding.scatter(steps)


class RaggedLayout:
    """Some steps are valid; the others are gone (beyond a length) or hold the state (masked).

    A reset cuts a sequence into segments, and every segment is a packed row of its own. A segment
    without a valid step is a row of length 0, which returns the state it starts with.

    Args:
        valid: bool ``[B, T]``, the steps that are computed.
        present: bool ``[B, T]``, valid or masked; false beyond a length.
        reset: bool ``[B, T]`` or None, false where not present.
        batch_first: whether the input is ``[B, T, D]`` or ``[T, B, D]``.
    """

    def __init__(self, valid: Tensor, present: Tensor, reset: Tensor | None, batch_first: bool):
        self.batch, self._steps = valid.shape
        self.in_order = False
        self._batch_first = batch_first
        self._valid, self._present = valid, present
        self._number_rows(reset)
        self.rows = self._owner.shape[0]
        self._order_steps()

    def _number_rows(self, reset: Tensor | None) -> None:
        device = self._valid.device
        self._cleared = None
        if reset is None or self._steps == 0:
            self._first = self._last = torch.arange(self.batch, device=device)
            self._row = self._first[:, None].expand(self.batch, self._steps)
            self._owner = self._first
            return
        # A reset before the very first step starts no new segment: it clears the initial state.
        self._cleared = reset[:, :1]
        segment = reset.index_fill(1, torch.zeros(1, dtype=torch.int64, device=device), False)
        segment = segment.cumsum(1)
        count = segment[:, -1] + 1
        self._last = count.cumsum(0) - 1
        self._first = self._last - count + 1
        self._row = self._first[:, None] + segment
        self._owner = torch.arange(self.batch, device=device).repeat_interleave(count)

    def _order_steps(self) -> None:
        valid, device = self._valid, self._valid.device
        rows = self._owner.shape[0]
        row = self._row[valid]
        lengths = torch.bincount(row, minlength=rows)
        descending, self._order = torch.sort(lengths, descending=True, stable=True)
        self._rank = torch.empty_like(self._order)
        self._rank[self._order] = torch.arange(rows, device=device)
        longest = int(descending[0]) if rows else 0
        times = torch.arange(longest, device=device)
        sizes = torch.searchsorted(-descending, -times)
        self.batch_sizes: Uniform | Ragged | Tensor = sizes.cpu()
        # Valid steps in [B, T] order are sorted by row, and by time within a row.
        time = torch.arange(row.shape[0], device=device) - (lengths.cumsum(0) - lengths)[row]
        self._position = (sizes.cumsum(0) - sizes)[time] + self._rank[row]
        b, t = valid.nonzero(as_tuple=True)
        flat = b * self._steps + t if self._batch_first else t * self.batch + b
        self._source = torch.empty_like(flat)
        self._source[self._position] = flat

    def pack(self, x: Tensor) -> Tensor:
        """The valid steps, gathered."""
        return x.flatten(0, 1).index_select(0, self._source)

    def to_rows(self, state: Tensor, reverse: bool) -> Tensor:
        """The segment that is processed first gets the state, the others start from zero."""
        if self._cleared is None:
            return state.index_select(0, self._order)
        if not reverse:
            state = state.masked_fill(self._cleared, 0.0)
        rows = state.new_zeros(self._owner.shape[0], state.shape[1])
        rows = rows.index_copy(0, self._last if reverse else self._first, state)
        return rows.index_select(0, self._order)

    def from_rows(self, state: Tensor, reverse: bool) -> Tensor:
        """The state of the segment that was processed last."""
        return state.index_select(0, self._rank[self._first if reverse else self._last])

    def spread(self, x: Tensor) -> Tensor:
        """Every segment gets the value of its sequence."""
        return x.index_select(0, self._owner[self._order])

    def coordinates(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """The axes of the input, packed as the input is."""
        return _packed_grid(self, self.batch, self._steps, self._batch_first, x.device)

    def unpack(self, steps: Tensor, initial: Tensor | None, reverse: bool) -> Tensor:
        """The shape of the input: masked steps hold or are zero, steps beyond a length are zero."""
        if initial is None:
            flat = self._scattered(steps)
        else:
            shown = torch.cat([steps, initial, steps.new_zeros(1, steps.shape[1])])
            held = self._held(steps.shape[0], reverse)
            flat = shown.index_select(0, (held if self._batch_first else held.t()).flatten())
        axes = (self.batch, self._steps) if self._batch_first else (self._steps, self.batch)
        return flat.unflatten(0, axes)

    def _scattered(self, steps: Tensor) -> Tensor:
        flat = steps.new_zeros(self.batch * self._steps, steps.shape[1])
        return flat.index_copy(0, self._source, steps)

    def _positions(self) -> Tensor:
        # [B, T]: where in the packed data each valid step lies.
        empty = self._position.new_zeros(self.batch, self._steps)
        return empty.masked_scatter(self._valid, self._position)

    def _held(self, steps: int, reverse: bool) -> Tensor:
        # Which row of [steps; initial; zero] each (b, t) shows.
        valid, row = self._valid, self._row
        times = torch.arange(self._steps, device=valid.device)
        if reverse:
            nearest = torch.where(valid, times, self._steps).flip(1).cummin(1).values.flip(1)
            found = nearest < self._steps
        else:
            nearest = torch.where(valid, times, -1).cummax(1).values
            found = nearest >= 0
        nearest = nearest.clamp(0, max(self._steps - 1, 0))
        same = found & (row.gather(1, nearest) == row)
        position = self._positions().gather(1, nearest)
        shown = torch.where(same, position, steps + self._rank[row])
        return torch.where(self._present, shown, steps + self._owner.shape[0])


class TracedLayout(RaggedLayout):
    """The same without resets, and without any size that depends on the data.

    ``torch.compile`` and ``torch.export`` know no such size. All ``B * T`` steps are packed: the
    valid ones as ever, the others behind them, where the operator ignores them.
    """

    def _order_steps(self) -> None:
        valid, device = self._valid, self._valid.device
        lengths = valid.sum(1)
        self._order = torch.sort(lengths, descending=True, stable=True).indices
        self._rank = torch.argsort(self._order)
        times = torch.arange(self._steps, device=device)
        sizes = (lengths > times[:, None]).sum(1)
        self.batch_sizes = sizes.cpu()
        time = (valid.cumsum(1) - 1).clamp(min=0)
        packed = (sizes.cumsum(0) - sizes)[time] + self._rank[:, None]
        behind = lengths.sum() + (~valid).flatten().cumsum(0).unflatten(0, valid.shape) - 1
        self._position = torch.where(valid, packed, behind)
        place = self._position if self._batch_first else self._position.t()
        self._source = torch.argsort(place.flatten())

    def _scattered(self, steps: Tensor) -> Tensor:
        # Steps that are not valid show what the operator computes for them: zeros.
        place = self._position if self._batch_first else self._position.t()
        return steps.index_select(0, place.flatten())

    def _positions(self) -> Tensor:
        return self._position
