"""Recurrent layers whose state changes between the steps, as time passes.

The cells themselves are the GRU's (reset before) and the LSTM's, which the library computes step by
step; what is new is the state that they start a step from. So a sequence costs a call a step, and
in inference a row has the same bits whoever else is in the batch.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import PackedSequence

from sequela.errors import DataError
from sequela.nn.cells import GRUCell, LSTMCell
from sequela.nn.embed import decay
from sequela.nn.linear import Linear
from sequela.nn.ragged import repacked
from sequela.ops.reduce import log_softmax, tanh

__all__ = ["DecayGRU", "TimeLSTM", "discount"]

_LOG_E_MINUS_1 = 0.541324854612918
# A rate of 0 for everything would pass no gradient: the maximum has none there.
_FIRST_RATE = 0.01

_State = tuple[Tensor, ...]


def discount(log_gap: Tensor) -> Tensor:
    """``1 / log(e + gap)``: 1 at a gap of 0, falling slowly (Baytas 2017, for long gaps).

    Args:
        log_gap: ``log(1 + gap)``, any shape, as the time features of a step are.
    """
    # log(e + gap) = log((e - 1) + (1 + gap)): a softmax has it with the same bits for any batch.
    pair = torch.stack([log_gap, torch.full_like(log_gap, _LOG_E_MINUS_1)], dim=-1)
    return 1 / (_LOG_E_MINUS_1 - log_softmax(pair)[..., 1])


class DecayGRU(nn.Module):
    """The GRU of GRU-D (Che et al., Sci. Rep. 8 (2018) 6085, equations 4 and 8 to 12).

    ::

        g_t  = exp(-max(0, W d_t + b))
        h'   = g_t * h_{t-1}
        h_t  = GRU(x_t, h')                        reset before the product

    The cell's z is the paper's 1 - z, which is the same model with the weights of z negated.

    Args:
        input_size: D; the paper's x-hat with the mask beside it.
        hidden_size: H.
        gap_size: K, the gaps of a step.

    Attributes:
        rate: W and b; they begin small and positive, so that the state is nearly kept.
    """

    def __init__(self, input_size: int, hidden_size: int, gap_size: int) -> None:
        super().__init__()
        self.cell = GRUCell(input_size, hidden_size, reset_after=False)
        self.rate = Linear(gap_size, hidden_size)
        nn.init.uniform_(self.rate.weight, 0, 2 * _FIRST_RATE / max(1, gap_size))
        nn.init.constant_(self.rate.bias, _FIRST_RATE)

    def forward(
        self, steps: PackedSequence, gaps: Tensor, hx: Tensor | None = None
    ) -> tuple[PackedSequence, Tensor]:
        """The states of all steps, and the last one ``[B, H]`` of each row, in batch order.

        Args:
            steps: packed ``[N, D]``.
            gaps: ``[N, K]``, the time since each variable was seen, at least 0.
            hx: ``[B, H]``, the initial states; zeros by default.

        Raises:
            DataError: shapes do not fit.
        """

        def step(x: Tensor, factor: Tensor, state: _State) -> _State:
            return (self.cell(x, factor * state[0]),)

        first = (_initial(steps, hx, self.cell.hidden_size),)
        output, (h,) = _walk(steps, decay(self.rate(gaps)), first, step)
        return output, h


class TimeLSTM(nn.Module):
    """T-LSTM: an LSTM whose short-term memory fades with the time between steps.

    Baytas, Xiao, Zhang, Wang, Jain, Zhou: Patient subtyping via time-aware LSTM networks. KDD 2017.

    ::

        s   = tanh(W c_{t-1} + b)                  the short-term part of the memory
        c'  = (c_{t-1} - s) + g_t s                the long-term part stays
        h_t, c_t = LSTM(x_t, (h_{t-1}, c'))

    Args:
        input_size: D.
        hidden_size: H.
    """

    def __init__(self, input_size: int, hidden_size: int) -> None:
        super().__init__()
        self.cell = LSTMCell(input_size, hidden_size)
        self.short = Linear(hidden_size, hidden_size)

    def forward(
        self, steps: PackedSequence, factor: Tensor, hx: tuple[Tensor, Tensor] | None = None
    ) -> tuple[PackedSequence, tuple[Tensor, Tensor]]:
        """The states h of all steps, and the last (h, c) ``[B, H]`` of each row, in batch order.

        Args:
            steps: packed ``[N, D]``.
            factor: ``[N]``, g, how much of the short-term memory is left (:func:`discount`).
            hx: the initial h and c ``[B, H]``; zeros by default.

        Raises:
            DataError: shapes do not fit.
        """

        def step(x: Tensor, left: Tensor, state: _State) -> _State:
            h, c = state
            short = tanh(self.short(c))
            return self.cell(x, (h, (c - short) + left * short))

        given = (None, None) if hx is None else hx
        first = tuple(_initial(steps, part, self.cell.hidden_size) for part in given)
        output, (h, c) = _walk(steps, factor[:, None], first, step)
        return output, (h, c)


def _initial(steps: PackedSequence, given: Tensor | None, hidden: int) -> Tensor:
    """``[B, H]`` in the order of the sorted rows."""
    order, sizes = steps.sorted_indices, steps.batch_sizes
    count = len(order) if order is not None else int(sizes[0]) if len(sizes) else 0
    if given is None:
        return steps.data.new_zeros(count, hidden)
    if given.shape != (count, hidden):
        raise DataError(
            "the initial state", got=f"shape {list(given.shape)}", wanted=f"[{count}, {hidden}]"
        )
    return given if order is None else given[order]


def _walk(
    steps: PackedSequence,
    beside: Tensor,
    state: _State,
    step: Callable[[Tensor, Tensor, _State], _State],
) -> tuple[PackedSequence, _State]:
    """One step after the other; rows that have ended stay as they are."""
    if len(beside) != len(steps.data):
        raise DataError(
            "what stands beside the steps", got=f"{len(beside)} rows", wanted=f"{len(steps.data)}"
        )
    sizes = steps.batch_sizes.tolist()
    outputs, ended = [], []
    pieces = zip(steps.data.split(sizes), beside.split(sizes), strict=True) if sizes else ()
    for x, more in pieces:
        rows = len(x)
        if rows < len(state[0]):
            ended.append(tuple(part[rows:] for part in state))
            state = tuple(part[:rows] for part in state)
        state = step(x, more, state)
        outputs.append(state[0])
    data = torch.cat(outputs) if outputs else state[0][:0]
    final = (torch.cat(parts) for parts in zip(state, *reversed(ended), strict=True))
    back = steps.unsorted_indices
    last = tuple(part if back is None else part[back] for part in final)
    return repacked(steps, data), last
