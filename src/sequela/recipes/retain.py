"""RETAIN: two attentions in reverse time, so that a risk is a sum over visits and codes.

Choi, Bahadori, Kulas, Schuetz, Stewart, Sun: RETAIN, an interpretable predictive model for
healthcare using reverse time attention mechanism. NeurIPS 2016. For the visits 1 ... T of a
patient, with the codes C_j, the time features d_j and the static features s:

    v_j = sum over k in C_j of E[k]
    u_j = [v_j, d_j]
    g_T ... g_1 = GRU_a(u_T ... u_1)               both read the last visit first
    h_T ... h_1 = GRU_b(u_T ... u_1)
    a_1 ... a_T = softmax(w . g_1 + b ... w . g_T + b)     over the visits that are there
    b_j = tanh(W h_j + b)                          a vector as wide as v_j
    c   = sum over j of a_j b_j * v_j
    y   = U [c, s] + b

so that code k of visit j contributes ``U (a_j b_j * E[k])`` to y (equation 5 of the paper), and y
is the sum of all contributions, the share of s and the bias. What the paper does not have: the
static features, and more than one layer.
"""

from __future__ import annotations

from typing import Any, Literal, NamedTuple

import torch
from torch import Tensor, nn

from sequela.nn import GRU, Classify, CodeBag, Linear
from sequela.nn.embed import codes_of_steps
from sequela.nn.ragged import ragged_of, repacked
from sequela.ops.linear import linear
from sequela.ops.reduce import row_softmax, row_sum, tanh
from sequela.recipes.answers import answer_layer
from sequela.recipes.sizes import at_least, probability

__all__ = ["Contributions", "Retain"]


class Contributions(NamedTuple):
    """What each part adds to the logits; their sum over a patient is the logit.

    Args:
        codes: ``[M]`` (``[M, classes]``), of each code, in the order of ``batch.codes``.
        visits: ``[N]`` (``[N, classes]``), of each visit, in packed order.
        rest: ``[B]`` (``[B, classes]``), of the static features and the bias.
        attention: ``[N]``, ``a``, in packed order.
    """

    codes: Tensor
    visits: Tensor
    rest: Tensor
    attention: Tensor


class Retain(nn.Module):
    """One logit for each patient, and what each visit and code adds to it.

    Args:
        vocabulary_size: V, the unknown code (index 0) included.
        step_size: F, the width of a step's features (times); may be 0.
        static_size: S, the width of the static features; may be 0.
        embedding_size: the width of a code's vector; 128 in the paper's code.
        hidden_size: H of both GRUs; one weighs visits, the other the entries of v.
        input_dropout: in training, of v where the GRUs read it and where it is summed.
        dropout: in training, of the context.
        classes: 2 gives one logit, more give one for each; or how many labels.
        answer: "classes" or "multilabel".

    Raises:
        ConfigError: a size or probability out of range.
    """

    def __init__(
        self,
        vocabulary_size: int,
        step_size: int,
        static_size: int,
        embedding_size: int = 64,
        hidden_size: int = 64,
        input_dropout: float = 0.0,
        dropout: float = 0.0,
        classes: int = 2,
        answer: Literal["classes", "multilabel"] = "classes",
    ) -> None:
        super().__init__()
        at_least(1, vocabulary_size=vocabulary_size, embedding_size=embedding_size)
        at_least(1, hidden_size=hidden_size)
        at_least(0, step_size=step_size, static_size=static_size)
        probability(input_dropout=input_dropout, dropout=dropout)
        self.embedding = CodeBag(vocabulary_size, embedding_size)
        self.input_dropout, self.dropout = nn.Dropout(input_dropout), nn.Dropout(dropout)
        self.visits = GRU(embedding_size + step_size, hidden_size, go_backwards=True)
        self.entries = GRU(embedding_size + step_size, hidden_size, go_backwards=True)
        self.visit_score = Linear(hidden_size, 1)
        self.entry_gate = Linear(hidden_size, embedding_size)
        self.output: Any = answer_layer(answer, embedding_size + static_size, classes, 1, 0.0)

    def forward(self, batch: Any) -> Tensor:
        """Logits ``[B]`` (``[B, classes]`` for more than two) in the order of the batch.

        Args:
            batch: has ``steps`` (packed ``[N, F]``), ``codes`` ``[M]``, ``code_offsets`` ``[N]``
                and ``static`` ``[B, S]``.
        """
        visits, gates, attention, rows = self._weigh(batch)
        context = row_sum(gates * visits, rows, len(batch.static), attention)
        static = batch.static.to(context.dtype)
        return self.output(torch.cat([self.dropout(context), static], dim=1))

    def contributions(self, batch: Any) -> Contributions:
        """What each code and visit of each patient adds to the logits; arguments as ``forward``."""
        visits, gates, attention, _ = self._weigh(batch)
        output, size = self.output.linear, self.embedding.size
        of_visits, of_static = output.weight[:, :size], output.weight[:, size:]
        step = torch.repeat_interleave(codes_of_steps(batch.codes, batch.code_offsets))
        weight = gates * attention[:, None]
        found = (
            linear(weight[step] * self.embedding.single(batch.codes), of_visits),
            linear(weight * visits, of_visits),
            linear(batch.static.to(visits.dtype), of_static, output.bias),
        )
        if isinstance(self.output, Classify) and self.output.classes == 2:
            found = tuple(part.squeeze(1) for part in found)
        of_codes, of_visits, rest = found
        return Contributions(of_codes, of_visits, rest, attention)

    def _weigh(self, batch: Any) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        # v, b and a of each visit, and its row.
        codes = self.embedding(batch.codes, batch.code_offsets)
        visits = self.input_dropout(codes.to(self.output.linear.weight.dtype))
        x = torch.cat([visits, batch.steps.data.to(visits.dtype)], dim=1)
        steps = repacked(batch.steps, x)
        rows = ragged_of(steps)
        scores = self.visit_score(self.visits(steps)[0].data).squeeze(1)
        gates = tanh(self.entry_gate(self.entries(steps)[0].data))
        return visits, gates, row_softmax(scores, rows.rows, rows.count), rows.rows
