"""From a sequence of states to an answer: pooling over ragged sequences, and output layers.

Pooling reads valid steps only, straight from the packed data: nothing is padded, and a softmax
never sees a step that is not there. A sequence of length 0 pools to zeros, which is also the
initial state that a recurrent layer returns for it, or to a vector that is learnt. Lengths are
data: an all-zero step is a step.
"""

from __future__ import annotations

from typing import Literal, get_args

import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import PackedSequence

from sequela.errors import ConfigError, DataError
from sequela.nn.linear import Linear
from sequela.nn.ragged import Ragged, last_steps, ragged_of, valid_steps
from sequela.ops.reduce import row_max, row_softmax, row_sum, tanh

__all__ = ["Classify", "Head", "PerStep", "Pool", "Regress", "WithoutSteps"]

_POOLINGS = ("last", "mean", "max", "attention")

#: What a row of length 0 pools to.
WithoutSteps = Literal["zeros", "learnt"]


class Pool(nn.Module):
    """One vector for each sequence of states.

    ``last`` is the state after the last step of each direction: the forward half of the last step
    and, with two directions, the backward half of the first. ``mean`` and ``max`` run over the
    valid steps. ``attention`` (Yang 2016) is ``sum_t p_t x_t``, where ``p`` is the softmax over the
    valid steps of ``v . tanh(W x_t + b)``. Rows of length 0 give zeros, or a learnt vector.

    Args:
        kind: "last", "mean", "max" or "attention", or several joined by ``+`` ("mean+max"), whose
            results are concatenated.
        size: the width F of a step.
        directions: 2 when the steps are the concatenated outputs of a bidirectional layer; only
            ``last`` looks at it.
        batch_first: padded input is ``[B, T, F]``; by default ``[T, B, F]``, as torch's layers.
        without_steps: what a row of length 0 gives: "zeros", or a vector that is "learnt", from
            zeros on. Of zeros an output layer says what its bias does, which all rows share; where
            such rows are many and unlike the others they need a say of their own.

    Attributes:
        output_size: the width of what :meth:`forward` returns, F times the number of kinds.

    Raises:
        ConfigError: an unknown kind, or two directions with an odd size.
    """

    def __init__(
        self,
        kind: str,
        size: int,
        *,
        directions: int = 1,
        batch_first: bool = False,
        without_steps: WithoutSteps = "zeros",
    ) -> None:
        super().__init__()
        self.kinds = tuple(kind.split("+"))
        for name in self.kinds:
            if name not in _POOLINGS:
                raise ConfigError(
                    "pooling",
                    got=repr(kind),
                    wanted=f"{', '.join(_POOLINGS)}, or several of them joined by '+'",
                )
        if len(set(self.kinds)) != len(self.kinds):
            raise ConfigError("pooling", got=f"{kind!r}, which names a kind twice")
        if directions not in (1, 2) or size < 1 or size % directions:
            raise ConfigError(
                "pooling",
                got=f"size {size} with {directions} direction(s)",
                wanted="1 or 2 directions that share the size evenly",
            )
        self.size, self.directions, self.batch_first = size, directions, batch_first
        self.output_size = size * len(self.kinds)
        if "attention" in self.kinds:
            self.projection = Linear(size, size)
            self.context = Linear(size, 1, bias=False)
        if without_steps not in get_args(WithoutSteps):
            wanted = " or ".join(get_args(WithoutSteps))
            raise ConfigError("without_steps", got=repr(without_steps), wanted=wanted)
        learnt = without_steps == "learnt"
        self.nothing = nn.Parameter(torch.zeros(self.output_size)) if learnt else None

    def forward(self, sequence: Tensor | PackedSequence, lengths: Tensor | None = None) -> Tensor:
        """``[B, output_size]`` in the order of the batch.

        Args:
            sequence: packed, or padded ``[T, B, F]`` (``[B, T, F]`` with ``batch_first``).
            lengths: integers ``[B]`` for padded input, zeros allowed; all of T when absent.

        Raises:
            DataError: shapes or lengths do not fit.
        """
        if self._asks_for_ends(sequence, lengths):
            assert isinstance(sequence, PackedSequence)
            self._check(sequence.data)
            return last_steps(sequence)
        ragged = ragged_of(sequence, lengths, self.batch_first)
        self._check(ragged.data)
        pooled = torch.cat([getattr(self, f"_{kind}")(ragged) for kind in self.kinds], dim=1)
        return pooled if self.nothing is None else self._or_nothing(pooled, ragged.lengths() > 0)

    def _asks_for_ends(self, sequence: Tensor | PackedSequence, lengths: Tensor | None) -> bool:
        # The usual way to a score, which needs no row of each step. A tracer knows no numbers.
        plain = self.kinds == ("last",) and self.directions == 1 and self.nothing is None
        packed = isinstance(sequence, PackedSequence) and lengths is None
        return plain and packed and not (torch.compiler.is_compiling() or torch.jit.is_tracing())

    def _check(self, steps: Tensor) -> None:
        if steps.shape[-1] != self.size:
            raise DataError("the steps to pool", got=f"width {steps.shape[-1]}", wanted=self.size)

    def on_the_way(self, sequence: PackedSequence, asked: Tensor) -> Tensor:
        """``[Q, output_size]``, the state at each question that comes on the way.

        Args:
            sequence: packed, of a layer that reads forward.
            asked: int64 ``[Q]``, the packed step before each question; -1 gives zeros, as a
                sequence of length 0 does.

        Raises:
            ConfigError: the pooling is not "last" of one direction.
        """
        if self.kinds != ("last",) or self.directions != 1:
            raise ConfigError(
                "pooling",
                got=f"'{'+'.join(self.kinds)}' of {self.directions} direction(s)",
                wanted="'last' of one direction, where answers are asked for on the way",
            )
        found = ragged_of(sequence).after(asked)
        return found if self.nothing is None else self._or_nothing(found, asked >= 0)

    def _or_nothing(self, pooled: Tensor, there: Tensor) -> Tensor:
        assert self.nothing is not None
        return torch.where(there[:, None], pooled, self.nothing)

    def attention_weights(
        self, sequence: Tensor | PackedSequence, lengths: Tensor | None = None
    ) -> Tensor:
        """``p`` ``[N]`` for the valid steps, in packed order (or the order of the padded mask)."""
        return self._weights(ragged_of(sequence, lengths, self.batch_first))

    def _last(self, ragged: Ragged) -> Tensor:
        last = ragged.at("last")
        if self.directions == 1:
            return last
        half = self.size // 2
        return torch.cat([last[:, :half], ragged.at("first")[:, half:]], dim=1)

    def _mean(self, ragged: Ragged) -> Tensor:
        total = row_sum(ragged.data, ragged.rows, ragged.count)
        return total / ragged.lengths().clamp(min=1)[:, None]

    def _max(self, ragged: Ragged) -> Tensor:
        return row_max(ragged.data, ragged.rows, ragged.count)

    def _weights(self, ragged: Ragged) -> Tensor:
        scores = self.context(tanh(self.projection(ragged.data))).squeeze(1)
        return row_softmax(scores, ragged.rows, ragged.count)

    def _attention(self, ragged: Ragged) -> Tensor:
        return row_sum(ragged.data, ragged.rows, ragged.count, self._weights(ragged))

    def extra_repr(self) -> str:
        """The choices, for ``print(model)``."""
        return f"{'+'.join(self.kinds)}, size={self.size}, directions={self.directions}"


class Classify(nn.Module):
    """Logits of classes: ``[...]`` for two classes (of the second one), else ``[..., classes]``.

    Args:
        size: the width of the input.
        classes: at least 2.
        dropout: probability of dropping an input feature in training; 0 by default.

    Raises:
        ConfigError: fewer than two classes.
    """

    def __init__(self, size: int, classes: int = 2, *, dropout: float = 0.0) -> None:
        super().__init__()
        if classes < 2:
            raise ConfigError("classes", got=str(classes), wanted="at least 2")
        self.classes = classes
        self.dropout = nn.Dropout(dropout)
        self.linear = Linear(size, 1 if classes == 2 else classes)

    def forward(self, x: Tensor) -> Tensor:
        """Logits of ``x`` ``[..., size]``."""
        logits = self.linear(self.dropout(x))
        return logits.squeeze(-1) if self.classes == 2 else logits


class Regress(nn.Module):
    """Numbers: ``[...]`` for one output, else ``[..., outputs]``.

    Args:
        size: the width of the input.
        outputs: how many numbers.
        dropout: probability of dropping an input feature in training; 0 by default.

    Raises:
        ConfigError: no output.
    """

    def __init__(self, size: int, outputs: int = 1, *, dropout: float = 0.0) -> None:
        super().__init__()
        if outputs < 1:
            raise ConfigError("outputs", got=str(outputs), wanted="at least 1")
        self.outputs = outputs
        self.dropout = nn.Dropout(dropout)
        self.linear = Linear(size, outputs)

    def forward(self, x: Tensor) -> Tensor:
        """The numbers for ``x`` ``[..., size]``."""
        found = self.linear(self.dropout(x))
        return found.squeeze(-1) if self.outputs == 1 else found


class PerStep(nn.Module):
    """An answer at every step: a packed sequence stays packed, a padded one stays padded.

    Args:
        output: what turns ``[..., F]`` into an answer, :class:`Classify` or :class:`Regress`.
        batch_first: padded input is ``[B, T, F]``; by default ``[T, B, F]``.
    """

    def __init__(self, output: nn.Module, *, batch_first: bool = False) -> None:
        super().__init__()
        self.output, self.batch_first = output, batch_first

    def forward(
        self, sequence: Tensor | PackedSequence, lengths: Tensor | None = None
    ) -> Tensor | PackedSequence:
        """Answers in the layout of the input; zeros beyond each length when lengths are given."""
        if isinstance(sequence, PackedSequence):
            return PackedSequence(
                self.output(sequence.data),
                sequence.batch_sizes,
                sequence.sorted_indices,
                sequence.unsorted_indices,
            )
        answers = self.output(sequence)
        if lengths is None:
            return answers
        valid = valid_steps(sequence, lengths, self.batch_first)
        return torch.where(valid if answers.dim() == 2 else valid[:, :, None], answers, 0.0)


class Head(nn.Module):
    """A pooled sequence, with static features beside it, and an output layer.

    Args:
        pool: from steps to one vector.
        output: :class:`Classify` or :class:`Regress` of width ``pool.output_size + static size``.
    """

    def __init__(self, pool: Pool, output: nn.Module) -> None:
        super().__init__()
        self.pool, self.output = pool, output

    def forward(
        self,
        sequence: Tensor | PackedSequence,
        lengths: Tensor | None = None,
        static: Tensor | None = None,
        asked: Tensor | None = None,
    ) -> Tensor:
        """The answer for each sequence, in the order of the batch.

        Args:
            sequence: packed, or padded.
            lengths: of padded input.
            static: ``[B, S]``; ``[Q, S]`` with ``asked``.
            asked: int64 ``[Q]``, see :meth:`Pool.on_the_way`: an answer for each question then.
        """
        if asked is None:
            pooled = self.pool(sequence, lengths)
        else:
            assert isinstance(sequence, PackedSequence)
            pooled = self.pool.on_the_way(sequence, asked)
        return self.output(pooled if static is None else torch.cat([pooled, static], dim=1))
