"""A batch of sequences of different lengths, without one padded step.

Steps lie in torch's packed order: the longest sequence first, and time-major, so that the rows
which are still alive at time ``t`` are the first ``batch_sizes[t]`` ones. Lengths are data: a
sequence of length 0 is a member of the batch that has no step.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor
from torch.nn.utils.rnn import PackedSequence

__all__ = ["Batch", "PackedOrder", "gather_ragged", "packed_order"]


@dataclass(frozen=True)
class Batch:
    """What a model reads: ``B`` sequences with ``N`` steps and ``M`` codes together.

    Args:
        steps: float32 ``[N, F]`` in packed order. ``sorted_indices`` and ``unsorted_indices`` are
            always set and have length ``B``; ``batch_sizes[0] < B`` when sequences of length 0 are
            there, and ``batch_sizes`` is empty when all are.
        codes: int64 ``[M]``, the codes of all steps in packed order, or None without codes.
        code_offsets: int64 ``[N]``, where the codes of each step begin (what
            ``torch.nn.EmbeddingBag`` calls offsets); equal neighbours are a step without codes.
        static: float32 ``[B, S]`` in batch order; ``S`` may be 0.
        target: ``[B]`` in batch order (``[B, C]`` for labels and numbers ahead); int64 for classes
            and counts, else float32.
        rows: int64 ``[B]``, the number of each sample in the set it was first made in.
        asked: int64 ``[Q]`` where the sequences are asked on their way, any number of times: the
            packed step after which each question comes, -1 for one before the first step. Then
            ``static``, ``target`` and ``rows`` are those of the questions. None where each sequence
            is asked once, at its end.
    """

    steps: PackedSequence
    codes: Tensor | None
    code_offsets: Tensor | None
    static: Tensor
    target: Tensor
    rows: Tensor
    asked: Tensor | None = None

    def __len__(self) -> int:
        """The number of sequences ``B``, those of length 0 included."""
        order = self.steps.sorted_indices
        assert order is not None
        return len(order)

    @property
    def lengths(self) -> Tensor:
        """Int64 ``[B]`` on the CPU: the number of steps of each sequence, in batch order."""
        sizes = self.steps.batch_sizes
        in_sorted_order = (sizes[None, :] > torch.arange(len(self))[:, None]).sum(dim=1)
        unsorted = self.steps.unsorted_indices
        assert unsorted is not None
        return in_sorted_order[unsorted.cpu()]

    def cut(self, start: int, stop: int) -> Batch:
        """The steps ``start`` to ``stop - 1`` of each sequence; shorter ones have length 0 here.

        Args:
            start: from 0.
            stop: behind the last step.
        """
        sizes = self.steps.batch_sizes
        first, last = int(sizes[:start].sum()), int(sizes[:stop].sum())
        codes, offsets = self.codes, self.code_offsets
        if codes is not None and offsets is not None:
            begin = int(offsets[first]) if first < len(offsets) else len(codes)
            end = int(offsets[last]) if last < len(offsets) else len(codes)
            codes, offsets = codes[begin:end], offsets[first:last] - begin
        steps = PackedSequence(
            self.steps.data[first:last],
            sizes[start:stop],
            self.steps.sorted_indices,
            self.steps.unsorted_indices,
        )
        return replace(self, steps=steps, codes=codes, code_offsets=offsets)

    def to(self, device: torch.device | str, non_blocking: bool = False) -> Batch:
        """The same batch on another device."""

        def move(tensor: Tensor | None) -> Tensor | None:
            return None if tensor is None else tensor.to(device, non_blocking=non_blocking)

        steps = self.steps
        return Batch(
            # Not PackedSequence.to: batch_sizes has to stay on the CPU, empty or not.
            steps=PackedSequence(
                steps.data.to(device, non_blocking=non_blocking),
                steps.batch_sizes,
                move(steps.sorted_indices),
                move(steps.unsorted_indices),
            ),
            codes=move(self.codes),
            code_offsets=move(self.code_offsets),
            static=self.static.to(device, non_blocking=non_blocking),
            target=self.target.to(device, non_blocking=non_blocking),
            rows=self.rows.to(device, non_blocking=non_blocking),
            asked=move(self.asked),
        )


@dataclass(frozen=True)
class PackedOrder:
    """Where each packed step comes from.

    Args:
        steps: int64 ``[N]``; packed step ``i`` is step ``steps[i]`` of the flat array.
        member: int64 ``[N]``; packed step ``i`` belongs to the sequence ``member[i]`` of the batch.
        batch_sizes: int64 ``[T]``; how many sequences are alive at each time.
        sorted_indices: int64 ``[B]``; the batch positions from the longest to the shortest.
    """

    steps: np.ndarray
    member: np.ndarray
    batch_sizes: np.ndarray
    sorted_indices: np.ndarray

    def pack(self, data: np.ndarray | Tensor) -> PackedSequence:
        """A ``PackedSequence`` of data ``[N, ...]`` that are already in this order."""
        sorted_indices = torch.from_numpy(self.sorted_indices)
        unsorted_indices = torch.empty_like(sorted_indices)
        unsorted_indices[sorted_indices] = torch.arange(len(sorted_indices))
        return PackedSequence(
            torch.as_tensor(data),
            torch.from_numpy(self.batch_sizes),
            sorted_indices,
            unsorted_indices,
        )


def packed_order(starts: np.ndarray, lengths: np.ndarray) -> PackedOrder:
    """The packed, time-major order of sequences that lie in one flat array.

    Args:
        starts: int64 ``[B]``, the first step of each sequence in the flat array.
        lengths: int64 ``[B]``, their numbers of steps, zeros allowed.

    Returns:
        The order; sequences of equal length keep the order of the batch.
    """
    sorted_indices = np.argsort(-lengths, kind="stable").astype(np.int64)
    descending = lengths[sorted_indices]
    longest = int(descending[0]) if len(descending) else 0
    # batch_sizes[t] = how many lengths exceed t.
    batch_sizes = len(lengths) - np.searchsorted(
        descending[::-1], np.arange(longest), side="right"
    ).astype(np.int64)
    time = np.repeat(np.arange(longest), batch_sizes)
    first_of_time = np.cumsum(batch_sizes) - batch_sizes
    member = sorted_indices[np.arange(len(time)) - first_of_time[time]]
    steps = starts[member] + time
    return PackedOrder(steps.astype(np.int64), member, batch_sizes, sorted_indices)


def gather_ragged(
    values: np.ndarray, offsets: np.ndarray, which: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Pieces of a flat array, laid behind each other.

    Args:
        values: ``[M, ...]``, the flat array.
        offsets: int64 ``[n + 1]``; piece ``i`` is ``values[offsets[i]:offsets[i + 1]]``.
        which: int64 ``[k]``, the wanted pieces.

    Returns:
        The values of the wanted pieces, and int64 ``[k]``, where each of them begins.
    """
    counts = offsets[which + 1] - offsets[which]
    starts = np.cumsum(counts) - counts
    index = np.arange(int(counts.sum())) + np.repeat(offsets[which] - starts, counts)
    return values[index], starts.astype(np.int64)
