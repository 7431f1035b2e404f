"""Dipole: a bidirectional GRU, and attention over the visits before the last one.

Ma, Chitta, Zhou, You, Sun, Gao: Dipole, diagnosis prediction in healthcare via attention-based
bidirectional recurrent neural networks. KDD 2017. For the visits 1 ... T with the codes C_j, the
time features d_j and the static features s of a patient:

    v_j = relu(sum over k in C_j of E[k] + b)
    h_j = [GRU_forward, GRU_backward] of [v_1, d_1] ... [v_T, d_T]
    e_j = w . h_j + b                              "location" (equation 5)
        | h_T . W h_j                              "general" (equation 6)
        | w . tanh(W [h_T, h_j] + b)               "concat" (equation 7)
    a_1 ... a_{T-1} = softmax(e_1 ... e_{T-1})     the last visit is the question, no part of it
    c   = sum over j < T of a_j h_j                zeros for a single visit
    r   = tanh(W [c, h_T])
    y   = U [r, s] + b

The paper's y is the codes of the next visit; here it is the logits of any outcome. What the paper
does not have: the static features and d.
"""

from __future__ import annotations

from typing import Any, Literal

import torch
from torch import Tensor, nn

from sequela.nn import GRU, CodeBag, Linear
from sequela.nn.attention import (
    AdditiveAttention,
    Attention,
    LocationAttention,
    Memory,
    MultiplicativeAttention,
)
from sequela.nn.ragged import ragged_of, repacked
from sequela.ops.reduce import tanh
from sequela.recipes.answers import AnswerName, answer_layer
from sequela.recipes.sizes import at_least, probability

__all__ = ["Dipole"]


class Dipole(nn.Module):
    """One logit for each patient from the codes and times of the visits and the static features.

    Args:
        vocabulary_size: V, the unknown code (index 0) included.
        step_size: F, the width of a step's features (times); may be 0.
        static_size: S, the width of the static features; may be 0.
        attention: "location", "general" or "concat"; the last one is the paper's best.
        embedding_size: the width of v.
        hidden_size: H of each direction.
        attention_size: the width of the hidden layer of "concat".
        dropout: in training, of v and of r.
        classes: 2 gives one logit, more give one for each; with another answer how many labels,
            intervals of time or numbers ahead.
        answer: what is answered, see :func:`sequela.recipes.answers.answer_layer`.
        quantiles: of each number ahead.

    Raises:
        ConfigError: a size or probability out of range.
    """

    def __init__(
        self,
        vocabulary_size: int,
        step_size: int,
        static_size: int,
        attention: Literal["location", "general", "concat"] = "concat",
        embedding_size: int = 64,
        hidden_size: int = 64,
        attention_size: int = 64,
        dropout: float = 0.0,
        classes: int = 2,
        answer: AnswerName = "classes",
        quantiles: int = 1,
    ) -> None:
        super().__init__()
        at_least(1, vocabulary_size=vocabulary_size, embedding_size=embedding_size)
        at_least(1, hidden_size=hidden_size, attention_size=attention_size)
        at_least(0, step_size=step_size, static_size=static_size)
        probability(dropout=dropout)
        self.embedding = CodeBag(vocabulary_size, embedding_size)
        self.shift = nn.Parameter(torch.zeros(embedding_size))
        self.dropout = nn.Dropout(dropout)
        self.recurrent = GRU(embedding_size + step_size, hidden_size, bidirectional=True)
        both = 2 * hidden_size
        self.attention: Attention
        if attention == "location":
            self.attention = LocationAttention(both, both)
        elif attention == "general":
            self.attention = MultiplicativeAttention(both, both)
        else:
            self.attention = AdditiveAttention(both, both, attention_size)
        self.joined = Linear(2 * both, both, bias=False)
        self.output = answer_layer(answer, both + static_size, classes, quantiles, 0.0)

    def forward(self, batch: Any) -> Tensor:
        """Logits ``[B]`` (``[B, classes]`` for more than two) in the order of the batch.

        Args:
            batch: has ``steps`` (packed ``[N, F]``), ``codes`` ``[M]``, ``code_offsets`` ``[N]``
                and ``static`` ``[B, S]``.
        """
        last, context, _, _ = self._attend(batch)
        found = self.dropout(tanh(self.joined(torch.cat([context, last], dim=1))))
        return self.output(torch.cat([found, batch.static.to(found.dtype)], dim=1))

    def attention_map(self, batch: Any) -> Tensor:
        """``[B, T - 1]``, how much each visit before the last one counts; zeros beyond them."""
        _, _, weights, memory = self._attend(batch)
        return memory.padded(weights)

    def _attend(self, batch: Any) -> tuple[Tensor, Tensor, Tensor, Memory]:
        # h_T, c, the weights and what was attended to.
        codes = self.embedding(batch.codes, batch.code_offsets).to(self.shift.dtype)
        visits = self.dropout(torch.relu(codes + self.shift))
        x = torch.cat([visits, batch.steps.data.to(visits.dtype)], dim=1)
        states = ragged_of(self.recurrent(repacked(batch.steps, x))[0])
        last = states.at("last")
        before = states.places() < states.lengths()[states.rows] - 1
        memory = self.attention.memory(states, keep=before)
        return last, *self.attention(last, memory), memory
