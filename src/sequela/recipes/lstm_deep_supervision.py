"""An LSTM that is asked at every step, and learns from every step.

Lipton, Kale, Elkan, Wetzel: Learning to diagnose with LSTM recurrent neural networks. ICLR 2016
("target replication"); Harutyunyan et al.: Multitask learning and benchmarking with clinical time
series data. Scientific Data 6 (2019) 96 ("deep supervision"). For step t with the features x_t (a
visit's times, or values, masks and gaps), the codes C_t and the static features s of a patient:

    u_t = [x_t, sum over v in C_t of E[v]]
    h_t = LSTM(u_t, h_{t-1})                       h_0 = 0
    y_t = w . [h_t, s] + b                         the logit at step t, from what is known by then
    loss = r / T * sum over t of loss(y_t, y) + (1 - r) loss(y_T, y)

The answer is y_T; a patient without steps is judged by s, with loss(y_0, y). The model is causal:
y_t never sees a later step, so that it is the score of a running stay.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal

import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import PackedSequence

from sequela.nn import CodeBag
from sequela.nn.ragged import ragged_of, repacked
from sequela.ops.reduce import row_sum
from sequela.recipes.answers import answer_layer
from sequela.recipes.cells import CellName, recurrent
from sequela.recipes.sizes import at_least, probability

__all__ = ["LSTMDeepSupervision"]

_Loss = Callable[[Tensor, Tensor], Tensor]


class LSTMDeepSupervision(nn.Module):
    """One logit for each patient, or one at each step; the loss counts all of them.

    Args:
        step_size: F, the width of a step's features; at least 1.
        static_size: S, the width of the static features; may be 0.
        vocabulary_size: V, the unknown code (index 0) included; 0 for samples without codes.
        embedding_size: the width of a code's vector; 0 leaves the codes out.
        hidden_size: H.
        layers: stacked recurrent layers, all of them forward.
        replication: r, the share of the steps' mean loss; .5 in Lipton's experiments.
        input_dropout: in training, of the features of a step.
        dropout: in training, between the layers and before the output.
        cell: "lstm" (the papers), "gru", "gru_before" or "rnn".
        classes: 2 gives one logit, more give one for each; or how many labels.
        answer: "classes", or "multilabel" (Lipton's diagnoses).

    Raises:
        ConfigError: a size or probability out of range.
    """

    def __init__(
        self,
        step_size: int,
        static_size: int,
        vocabulary_size: int = 0,
        embedding_size: int = 8,
        hidden_size: int = 64,
        layers: int = 1,
        replication: float = 0.5,
        input_dropout: float = 0.0,
        dropout: float = 0.0,
        cell: CellName = "lstm",
        classes: int = 2,
        answer: Literal["classes", "multilabel"] = "classes",
    ) -> None:
        super().__init__()
        at_least(1, step_size=step_size, hidden_size=hidden_size, layers=layers)
        at_least(0, static_size=static_size, vocabulary_size=vocabulary_size)
        at_least(0, embedding_size=embedding_size)
        probability(replication=replication, input_dropout=input_dropout, dropout=dropout)
        coded = embedding_size if vocabulary_size else 0
        self.embedding = CodeBag(vocabulary_size, coded) if coded else None
        self.input_dropout, self.replication = nn.Dropout(input_dropout), replication
        self.recurrent = recurrent(cell, step_size + coded, hidden_size, layers, dropout)
        self.output: Any = answer_layer(answer, hidden_size + static_size, classes, 1, dropout)

    def forward(self, batch: Any) -> Tensor:
        """Logits ``[B]`` (``[B, classes]``) after the last step, in the order of the batch.

        Args:
            batch: has ``steps`` (packed ``[N, F]``), ``codes`` ``[M]``, ``code_offsets`` ``[N]``
                and ``static`` ``[B, S]``.
        """
        return self._ask(batch, ragged_of(self._states(batch)[0]).at("last"))

    def step_logits(self, batch: Any, state: Any = None) -> tuple[PackedSequence, Any]:
        """Logits ``[N]`` (``[N, classes]``) at each step, and the state to go on from later."""
        steps, state = self._states(batch, state)
        return repacked(steps, self._ask(batch, steps.data, ragged_of(steps).rows)), state

    def losses(self, batch: Any, loss: _Loss) -> Tensor:
        """The loss of each patient ``[B]``.

        Args:
            batch: as in ``forward``, with ``target``.
            loss: of logits and targets, one number for each.
        """
        return self.piece(batch, None, loss)[0]

    def piece(
        self,
        batch: Any,
        state: Any,
        loss: _Loss,
        *,
        start: int = 0,
        begin: int = 0,
        lengths: Tensor | None = None,
    ) -> tuple[Tensor, Any]:
        """What a piece of the steps adds to the losses ``[B]``, and the state after it.

        Args:
            batch: as in ``losses``, cut to the piece; ``state`` is that before it.
            loss: as in ``losses``.
            start: its first step; ``begin`` is the first one whose loss counts.
            lengths: int64 ``[B]``, of the whole sequences; None when this is all of them.
        """
        packed, state = self._states(batch, state)
        states = ragged_of(packed)
        lengths = states.lengths() if lengths is None else lengths
        place, length = start + states.places(), lengths[states.rows].to(states.data.dtype)
        share = self.replication / length + (1 - self.replication) * (place == length - 1)
        share = share * (place >= begin)
        each = share * loss(self._ask(batch, states.data, states.rows), batch.target[states.rows])
        found = row_sum(each[:, None], states.rows, states.count)[:, 0]
        if begin == 0:  # rows without a step are judged once
            nothing = states.data.new_zeros(states.count, states.data.shape[1])
            asked = loss(self._ask(batch, nothing), batch.target)
            found = found + torch.where(lengths == 0, asked, 0.0)
        return found, state

    def _states(self, batch: Any, hx: Any = None) -> tuple[PackedSequence, Any]:
        x = batch.steps.data.to(self.output.linear.weight.dtype)
        if self.embedding is not None:
            codes = self.embedding(batch.codes, batch.code_offsets)
            x = torch.cat([x, codes.to(x.dtype)], dim=1)
        return self.recurrent(repacked(batch.steps, self.input_dropout(x)), hx)

    def _ask(self, batch: Any, states: Tensor, rows: Tensor | slice = slice(None)) -> Tensor:
        static = batch.static.to(states.dtype)[rows]
        return self.output(torch.cat([states, static], dim=1))
