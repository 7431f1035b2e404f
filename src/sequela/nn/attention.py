"""Attention over the steps of ragged sequences: how much each step counts for a question.

A score for each step, a softmax over the steps of the same row, and their weighted sum. Only valid
steps are ever there: no softmax runs over padding, and a row without steps gives zeros and passes
no gradient. In inference a row's result has the same bits whoever else is in the batch, where
:mod:`sequela.ops.linear` and :mod:`sequela.ops.reduce` say so.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import PackedSequence

from sequela.errors import ConfigError, DataError
from sequela.nn.linear import Linear
from sequela.nn.ragged import Ragged, ragged_of
from sequela.ops.linear import linear
from sequela.ops.reduce import row_softmax, row_sum, tanh

__all__ = [
    "AdditiveAttention",
    "Attention",
    "LocationAttention",
    "Memory",
    "MultiplicativeAttention",
    "row_dot",
]


def row_dot(x: Tensor, y: Tensor) -> Tensor:
    """``[N]``, the product of each row of ``x [N, F]`` with that of ``y``, row by row."""
    # Times ones: torch's own sums over an axis change bits with the number of rows.
    return linear(x * y, x.new_ones(1, x.shape[1])).squeeze(1)


@dataclass(frozen=True)
class Memory:
    """What is attended to; made by :meth:`Attention.memory`.

    Args:
        values: the steps of B rows.
        keys: ``[N, A]``, what the scores read of each step.
    """

    values: Ragged
    keys: Tensor

    @cached_property
    def width(self) -> int:
        """T, the number of steps of the longest row."""
        return int(self.values.lengths().max()) if self.values.count else 0

    @cached_property
    def places(self) -> Tensor:
        """Int64 ``[N]``, the place of each step in its row; asked for at every token."""
        return self.values.places()

    def of_rows(self, wanted: Tensor) -> Memory:
        """The memory of these rows, for as many questions.

        Args:
            wanted: int64 ``[Q]``; a row may come several times, or never.
        """
        steps = self.values.of_rows(wanted)
        counts = self.values.lengths()[wanted]
        rows = torch.repeat_interleave(
            torch.arange(len(wanted), device=counts.device), counts, output_size=len(steps)
        )
        return Memory(Ragged(self.values.data[steps], rows, len(wanted)), self.keys[steps])

    def padded(self, weights: Tensor) -> Tensor:
        """The map ``[B, T]`` of weights ``[N]``: zeros behind the end of a row."""
        empty = weights.new_zeros(self.values.count, self.width)
        return empty.index_put((self.values.rows, self.places), weights)

    def flat(self, padded: Tensor) -> Tensor:
        """The numbers ``[N]`` of a map ``[B, T]``."""
        return padded[self.values.rows, self.places]


class Attention(nn.Module):
    """What the kinds of attention have in common: ``c_b = sum_j p_bj m_j``.

    ``p_b`` is the softmax of the scores ``e_bj`` over the steps ``j`` of row ``b`` of the memory.

    Args:
        query_size: the width of a question.
        memory_size: the width M of a step of the memory.
    """

    def __init__(self, query_size: int, memory_size: int) -> None:
        super().__init__()
        if query_size < 1 or memory_size < 1:
            raise ConfigError(
                "attention",
                got=f"questions of width {query_size} and a memory of width {memory_size}",
                wanted="widths of at least 1",
            )
        self.query_size, self.memory_size = query_size, memory_size

    def memory(
        self,
        sequence: Tensor | PackedSequence | Ragged,
        lengths: Tensor | None = None,
        *,
        keep: Tensor | None = None,
        batch_first: bool = False,
    ) -> Memory:
        """What can be asked, computed once however many questions come.

        Args:
            sequence: packed, padded ``[T, B, M]`` (``[B, T, M]`` with ``batch_first``), or ragged.
            lengths: integers ``[B]`` for padded input; all of T when absent.
            keep: bool ``[N]``, false for steps that are not to be attended to, in the order of the
                ragged steps (packed order for a packed sequence).
            batch_first: how padded input lies.

        Raises:
            DataError: shapes or lengths do not fit.
        """
        steps = (
            sequence if isinstance(sequence, Ragged) else ragged_of(sequence, lengths, batch_first)
        )
        if steps.data.dim() != 2 or steps.data.shape[1] != self.memory_size:
            raise DataError(
                "the memory",
                got=f"shape {list(steps.data.shape)}",
                wanted=f"[N, {self.memory_size}]",
            )
        if keep is not None:
            if keep.shape != steps.rows.shape or keep.dtype != torch.bool:
                raise DataError(
                    "the mask of the memory",
                    got=f"{keep.dtype} of shape {list(keep.shape)}",
                    wanted=f"bool of shape [{len(steps.rows)}], one for each step",
                )
            steps = Ragged(steps.data[keep], steps.rows[keep], steps.count)
        return Memory(steps, self.keys(steps.data))

    def forward(
        self, query: Tensor, memory: Memory, coverage: Tensor | None = None
    ) -> tuple[Tensor, Tensor]:
        """The context ``[B, M]`` of each question, and the weight ``[N]`` of each step.

        Args:
            query: ``[B, Q]``, one for each row of the memory (:meth:`Memory.of_rows` for more).
            memory: of this attention.
            coverage: ``[N]``, the sum of the weights so far; with ``coverage=True`` only.

        Raises:
            DataError: shapes do not fit.
        """
        values = memory.values
        if query.shape != (values.count, self.query_size):
            raise DataError(
                "the questions to the memory",
                got=f"shape {list(query.shape)}",
                wanted=f"[{values.count}, {self.query_size}], one for each row",
            )
        scores = self.scores(query, memory, coverage)
        weights = row_softmax(scores, values.rows, values.count)
        return row_sum(values.data, values.rows, values.count, weights), weights

    def keys(self, steps: Tensor) -> Tensor:
        """What the scores read of the steps ``[N, M]``."""
        raise NotImplementedError

    def scores(self, query: Tensor, memory: Memory, coverage: Tensor | None) -> Tensor:
        """``e [N]``, before the softmax."""
        raise NotImplementedError

    def extra_repr(self) -> str:
        """The widths, for ``print(model)``."""
        return f"{self.query_size}, {self.memory_size}"


class AdditiveAttention(Attention):
    """``e_bj = v . tanh(W q_b + b + U m_j)``: Bahdanau, Cho, Bengio (ICLR 2015).

    It is also the "concat" score of Luong et al. 2015, ``v . tanh([W U] [q; m])``.

    Args:
        query_size: the width of a question.
        memory_size: the width M of a step of the memory.
        size: A, the width of the hidden layer.
        coverage: adds ``w s_bj`` inside the tanh, where ``s`` is the sum of the weights of earlier
            questions (Tu et al., ACL 2016; See, Liu, Manning, ACL 2017), so that what was read is
            known to have been read.
    """

    def __init__(
        self, query_size: int, memory_size: int, size: int, *, coverage: bool = False
    ) -> None:
        super().__init__(query_size, memory_size)
        self.query = Linear(query_size, size)
        self.key = Linear(memory_size, size, bias=False)
        self.score = Linear(size, 1, bias=False)
        self.coverage = nn.Parameter(torch.zeros(size)) if coverage else None

    def keys(self, steps: Tensor) -> Tensor:
        """``U m``."""
        return self.key(steps)

    def scores(self, query: Tensor, memory: Memory, coverage: Tensor | None) -> Tensor:
        """``v . tanh(W q + b + U m + w s)``."""
        inner = self.query(query)[memory.values.rows] + memory.keys
        if self.coverage is not None and coverage is not None:
            inner = inner + coverage[:, None] * self.coverage
        return self.score(tanh(inner)).squeeze(1)


class MultiplicativeAttention(Attention):
    """``e_bj = q_b . W m_j``: Luong, Pham, Manning (EMNLP 2015), "general" and "dot".

    Args:
        query_size: the width of a question.
        memory_size: the width M of a step of the memory.
        weighted: False leaves W out ("dot"); both widths are then the same.

    Raises:
        ConfigError: no W, and different widths.
    """

    def __init__(self, query_size: int, memory_size: int, *, weighted: bool = True) -> None:
        super().__init__(query_size, memory_size)
        if not weighted and query_size != memory_size:
            raise ConfigError(
                "multiplicative attention without weights",
                got=f"widths {query_size} and {memory_size}",
                wanted="equal ones",
            )
        self.key = Linear(memory_size, query_size, bias=False) if weighted else None

    def keys(self, steps: Tensor) -> Tensor:
        """``W m``."""
        return steps if self.key is None else self.key(steps)

    def scores(self, query: Tensor, memory: Memory, coverage: Tensor | None) -> Tensor:
        """``q . W m``."""
        return row_dot(query[memory.values.rows], memory.keys)


class LocationAttention(Attention):
    """``e_bj = w . m_j + b``: the score of a step is its own, whatever the question (Ma 2017).

    Args:
        query_size: the width of a question, which is not read.
        memory_size: the width M of a step of the memory.
    """

    def __init__(self, query_size: int, memory_size: int) -> None:
        super().__init__(query_size, memory_size)
        self.key = Linear(memory_size, 1)

    def keys(self, steps: Tensor) -> Tensor:
        """``w . m + b``."""
        return self.key(steps)

    def scores(self, query: Tensor, memory: Memory, coverage: Tensor | None) -> Tensor:
        """The keys themselves."""
        return memory.keys.squeeze(1)
