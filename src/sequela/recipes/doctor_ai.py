"""Doctor AI: what the next visit brings, and when; learnt at every visit.

Choi, Bahadori, Schuetz, Stewart, Sun: Doctor AI, predicting clinical events via recurrent neural
networks. MLHC 2016. For the visits 1 ... T with the codes C_t (x_t as zeros and ones), the features
d_t (the first is log(1 + days since the visit before)) and the static features s of a patient:

    u_t   = tanh(sum over k in C_t of E[k] + b)
    h_t   = GRU([u_t, d_t], h_{t-1})               stacked, h_0 = 0
    p_t+1 = softmax(W h_t + b)                     of the codes of the next visit
    q_t+1 = relu(w . h_t + b)                      of log(1 + days until then)
    L_t   = - sum over codes of x_t+1 log p_t+1 + (1 - x_t+1) log(1 - p_t+1)
            + 1/2 (log(1 + days) - q_t+1)^2

The loss of a patient is the mean of L_t over t < T, whose next visits are part of the history, and
the loss of what is asked after the last visit: ``y = U [h_T, s] + b``, logits of any labels (those
of the next visit, in the paper's task). What the paper does not have: U beside W, s, and time that
is always logarithmic. Asked on the way, the mean of L_t over patients stands beside each question.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal, NamedTuple

import torch
from torch import Tensor, nn

from sequela.nn import Classify, CodeBag, Linear
from sequela.nn.embed import codes_of_steps
from sequela.nn.ragged import Ragged, ragged_of, repacked
from sequela.ops.reduce import row_sum, softmax, tanh
from sequela.recipes.cells import CellName, recurrent
from sequela.recipes.sizes import at_least, probability

__all__ = ["DoctorAI", "NextVisit"]

# A code that is all but certain and does not come must not cost infinity.
_ALMOST = 1 - 1e-6


class NextVisit(NamedTuple):
    """What is expected after some steps: ``codes [.., V]``, p, and ``days [..]``, log(1 + days)."""

    codes: Tensor
    days: Tensor


class DoctorAI(nn.Module):
    """Logits of labels after the last visit; at every visit, the codes of the next and the days.

    Args:
        vocabulary_size: V, the unknown code (index 0) included.
        step_size: F, the width of a step's features; the first is ``log(1 + days)``.
        static_size: S, the width of the static features; may be 0.
        classes: how many labels are asked for after the last visit, or classes.
        answer: "multilabel", any number of labels, or "classes", one of them (2 give one logit).
        embedding_size: the width of u.
        hidden_size: H.
        layers: stacked recurrent layers; 1 or 2 in the paper.
        every: what the mean of L_t counts.
        dropout: in training, of u, between the layers and before the outputs.
        cell: "gru" (the paper), "gru_before", "lstm" or "rnn".

    Raises:
        ConfigError: a size or probability out of range.
    """

    def __init__(
        self,
        vocabulary_size: int,
        step_size: int,
        static_size: int,
        classes: int = 2,
        answer: Literal["multilabel", "classes"] = "multilabel",
        embedding_size: int = 64,
        hidden_size: int = 64,
        layers: int = 1,
        every: float = 1.0,
        dropout: float = 0.0,
        cell: CellName = "gru",
    ) -> None:
        super().__init__()
        at_least(1, vocabulary_size=vocabulary_size, embedding_size=embedding_size)
        at_least(1, step_size=step_size, hidden_size=hidden_size, layers=layers)
        at_least(0, static_size=static_size)
        probability(dropout=dropout)
        self.every, self.dropout = every, nn.Dropout(dropout)
        self.embedding = CodeBag(vocabulary_size, embedding_size)
        self.shift = nn.Parameter(torch.zeros(embedding_size))
        self.recurrent = recurrent(cell, embedding_size + step_size, hidden_size, layers, dropout)
        self.codes, self.days = Linear(hidden_size, vocabulary_size), Linear(hidden_size, 1)
        nn.init.constant_(self.days.bias, 3.5)  # some weeks; below 0 no gradient would pass
        width, one = hidden_size + static_size, answer == "classes"
        self.output: nn.Module = Classify(width, classes) if one else Linear(width, classes)

    def forward(self, batch: Any) -> Tensor:
        """Logits ``[B, classes]`` (``[B]`` for one of two classes), ``[Q, ...]`` with ``asked``.

        Args:
            batch: has ``steps`` (packed ``[N, F]``), ``codes`` ``[M]``, ``code_offsets`` ``[N]``
                and ``static`` ``[B, S]``.
        """
        return self._last(batch, self._states(batch))

    def next_visit(self, batch: Any) -> NextVisit:
        """What is expected after each step, in packed order; arguments as in ``forward``."""
        states = self.dropout(self._states(batch).data)
        return NextVisit(softmax(self.codes(states)), torch.relu(self.days(states)).squeeze(1))

    def losses(self, batch: Any, loss: Callable[[Tensor, Tensor], Tensor]) -> Tensor:
        """The loss of each patient (question): of what is asked, and of every visit foretold.

        Args:
            batch: as in ``forward``, with ``target``.
            loss: of the answers and targets.
        """
        states = self._states(batch)
        found = loss(self._last(batch, states), batch.target)
        sizes = batch.steps.batch_sizes
        if len(sizes) < 2 or not self.every:
            return found
        later = torch.arange(int(sizes[0]), len(states.data), device=states.data.device)
        earlier = later - torch.repeat_interleave(sizes[:-1], sizes[1:]).to(later.device)
        each = self._visit_losses(batch, self.dropout(states.data[earlier]), later)
        counts = (states.lengths() - 1).clamp(min=1)
        mean = row_sum(each[:, None], states.rows[later], states.count)[:, 0] / counts
        on_the_way = getattr(batch, "asked", None) is not None
        return found + self.every * (mean.mean() if on_the_way else mean)

    def _visit_losses(self, batch: Any, states: Tensor, visits: Tensor) -> Tensor:
        chances = torch.log_softmax(self.codes(states), dim=1)
        step = torch.repeat_interleave(codes_of_steps(batch.codes, batch.code_offsets))
        there = torch.zeros(len(batch.steps.data), chances.shape[1], device=chances.device)
        there[step, batch.codes] = 1.0
        there = there[visits].to(chances.dtype)
        absent = torch.log1p(-chances.exp().clamp(max=_ALMOST))
        of_codes = -(there * chances + (1 - there) * absent).sum(1)
        days = batch.steps.data[visits, 0].to(chances.dtype)
        return of_codes + 0.5 * (days - torch.relu(self.days(states)).squeeze(1)).square()

    def _last(self, batch: Any, states: Ragged) -> Tensor:
        static, asked = batch.static.to(states.data.dtype), getattr(batch, "asked", None)
        last = states.at("last") if asked is None else states.after(asked)
        return self.output(torch.cat([self.dropout(last), static], dim=1))

    def _states(self, batch: Any) -> Ragged:
        codes = self.embedding(batch.codes, batch.code_offsets).to(self.shift.dtype)
        x = self.dropout(tanh(codes + self.shift))
        x = torch.cat([x, batch.steps.data.to(x.dtype)], dim=1)
        return ragged_of(self.recurrent(repacked(batch.steps, x))[0])
