"""Ragged data: the valid steps of sequences, without padding, and the row of each.

What pools, attends or answers reads valid steps only, straight from the packed data: a softmax or
a sum never sees a step that is not there. Lengths are data: an all-zero step is a step, and a
sequence of length 0 is a row without one.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn.utils.rnn import PackedSequence

from sequela.errors import DataError

__all__ = ["Ragged", "last_steps", "ragged_of", "repacked", "valid_steps"]


@dataclass(frozen=True)
class Ragged:
    """The valid steps of several sequences.

    Args:
        data: ``[N, F]``, all valid steps, those of one row in order of time.
        rows: int64 ``[N]``, the row of each step.
        count: B, the number of rows; some may have no step.
    """

    data: Tensor
    rows: Tensor
    count: int

    def lengths(self) -> Tensor:
        """Int64 ``[B]``, the number of steps of each row."""
        return torch.bincount(self.rows, minlength=self.count)

    def places(self) -> Tensor:
        """Int64 ``[N]``, the place of each step in its row, from 0."""
        order = self.rows.argsort(stable=True)
        lengths = self.lengths()
        first = torch.repeat_interleave(lengths.cumsum(0) - lengths, lengths)
        places = torch.empty_like(self.rows)
        places[order] = torch.arange(len(order), device=order.device) - first
        return places

    def at(self, edge: str) -> Tensor:
        """``[B, F]``, the first or the last step of each row; zeros where a row has none."""
        number = torch.arange(len(self.rows), device=self.rows.device)
        reduction = "amax" if edge == "last" else "amin"
        chosen = number.new_zeros(self.count).scatter_reduce(
            0, self.rows, number, reduction, include_self=False
        )
        present = self.lengths().nonzero().squeeze(1)
        # index_copy, not a product with 0: a NaN elsewhere must not reach an empty row.
        return self.data.new_zeros(self.count, self.data.shape[1]).index_copy(
            0, present, self.data[chosen[present]]
        )

    def after(self, asked: Tensor) -> Tensor:
        """``[Q, F]``, the steps that questions on the way come after; zeros for -1.

        Args:
            asked: int64 ``[Q]``.
        """
        none = self.data.new_zeros(1, self.data.shape[1])
        return torch.cat([self.data, none])[asked]

    def of_rows(self, wanted: Tensor) -> Tensor:
        """Int64 ``[N']``, the steps of these rows, one row behind the other, in order of time.

        Args:
            wanted: int64 ``[Q]``, rows in any order; one may come several times.
        """
        order = self.rows.argsort(stable=True)
        lengths = self.lengths()
        first = (lengths.cumsum(0) - lengths)[wanted]
        counts = lengths[wanted]
        shift = torch.repeat_interleave(first - (counts.cumsum(0) - counts), counts)
        return order[torch.arange(len(shift), device=order.device) + shift]


def last_steps(sequence: PackedSequence) -> Tensor:
    """``[B, F]``, the last step of each row of a packed sequence; zeros where a row has none.

    As ``ragged_of(sequence).at("last")``, from the batch sizes alone.
    """
    data, sizes, order = sequence.data, sequence.batch_sizes, sequence.sorted_indices
    filled = int(sizes[0]) if len(sizes) else 0
    rank = torch.arange(filled)
    # Row r has as many steps as there are sizes above r; sizes never rise.
    steps = torch.searchsorted(-sizes, -rank)
    places = ((sizes.cumsum(0) - sizes)[steps - 1] + rank).to(data.device)
    if order is None:
        return data.index_select(0, places)
    if filled == len(order):
        back = sequence.unsorted_indices
        assert back is not None
        return data.index_select(0, places[back])
    last = data.index_select(0, places)
    return data.new_zeros(len(order), data.shape[1]).index_copy(0, order[:filled], last)


def _from_packed(sequence: PackedSequence) -> Ragged:
    data, sizes = sequence.data, sequence.batch_sizes
    first = sizes.cumsum(0) - sizes
    number = torch.arange(len(data), device=sizes.device)
    member = number - torch.repeat_interleave(first, sizes, output_size=len(data))
    member = member.to(data.device)
    order = sequence.sorted_indices
    if order is None:
        return Ragged(data, member, int(sizes[0]) if len(sizes) else 0)
    return Ragged(data, order[member], len(order))


def valid_steps(sequence: Tensor, lengths: Tensor | None, batch_first: bool) -> Tensor:
    """Bool ``[B, T]``, or ``[T, B]`` as the sequence is: true on steps that are there."""
    if sequence.dim() != 3:
        raise DataError(
            "a padded sequence", got=f"shape {list(sequence.shape)}", wanted="three dimensions"
        )
    batch, time = sequence.shape[:2] if batch_first else (sequence.shape[1], sequence.shape[0])
    if lengths is None:
        lengths = torch.full((batch,), time, device=sequence.device)
    elif not isinstance(lengths, Tensor):
        lengths = torch.as_tensor(lengths, device="cpu")
    if lengths.shape != (batch,) or lengths.is_floating_point() or lengths.is_complex():
        raise DataError(
            "lengths",
            got=f"{lengths.dtype} of shape {list(lengths.shape)}",
            wanted=f"whole numbers of shape [{batch}], one for each sequence",
        )
    if batch and not bool(((lengths >= 0) & (lengths <= time)).all()):
        raise DataError("lengths", got="a number out of range", wanted=f"0 to {time}, the padded T")
    lengths = lengths.to(sequence.device)
    valid = torch.arange(time, device=sequence.device)[None, :] < lengths[:, None]
    return valid if batch_first else valid.T


def ragged_of(
    sequence: Tensor | PackedSequence, lengths: Tensor | None = None, batch_first: bool = False
) -> Ragged:
    """The valid steps of a sequence: of a packed one in packed order.

    Args:
        sequence: packed, or padded ``[T, B, F]`` (``[B, T, F]`` with ``batch_first``).
        lengths: integers ``[B]`` for padded input, zeros allowed; all of T when absent.
        batch_first: how padded input lies.

    Raises:
        DataError: shapes or lengths do not fit.
    """
    if isinstance(sequence, PackedSequence):
        if lengths is not None:
            raise DataError("lengths", got="lengths beside a PackedSequence, which has its own")
        return _from_packed(sequence)
    valid = valid_steps(sequence, lengths, batch_first)
    batch_axis = 0 if batch_first else 1
    # Row by row or time by time: either way the steps of one row stand in order of time.
    return Ragged(sequence[valid], valid.nonzero()[:, batch_axis], sequence.shape[batch_axis])


def repacked(sequence: PackedSequence, data: Tensor) -> PackedSequence:
    """Other data ``[N, ...]`` of the same steps."""
    return PackedSequence(
        data, sequence.batch_sizes, sequence.sorted_indices, sequence.unsorted_indices
    )
