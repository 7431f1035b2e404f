"""T-LSTM: an LSTM whose short-term memory fades with the time between visits.

Baytas, Xiao, Zhang, Wang, Jain, Zhou: Patient subtyping via time-aware LSTM networks. KDD 2017.
For visit t with the codes C_t, its time features d_t, the days D_t since the visit before and the
static features s of a patient:

    e_t = sum over v in C_t of E[v]
    k   = tanh(W c_{t-1} + b)                      the short-term part of the memory
    c'  = (c_{t-1} - k) + k / log(e + D_t)         the long-term part stays whole
    h_t, c_t = LSTM([e_t, d_t], (h_{t-1}, c'))     h_0 = c_0 = 0
    y   = w . [pool(h_1 ... h_T), s] + b           the logit; pool is h_T in the paper

What the paper does not have: the time features as input, the static features, a choice of pooling.
"""

from __future__ import annotations

from typing import Any, Literal

import torch
from torch import Tensor, nn

from sequela.errors import ConfigError
from sequela.nn import CodeBag, Head, Pool
from sequela.nn.ragged import repacked
from sequela.nn.timed import TimeLSTM, discount
from sequela.recipes.answers import AnswerName, answer_layer
from sequela.recipes.sizes import at_least, probability

__all__ = ["TLSTM"]


class TLSTM(nn.Module):
    """One logit for each patient from the codes and times of the visits and the static features.

    Args:
        step_size: F, the width of a step's features; the first is ``log(1 + D)``, as all encoders
            of events make it; what follows (times, values, masks) is input alone.
        static_size: S, the width of the static features; may be 0.
        vocabulary_size: V, the unknown code (index 0) included; 0 for samples without codes.
        embedding_size: the width of a code's vector; 0 leaves the codes out.
        code_pooling: how the codes of a visit become one vector: "sum", "mean", "max" or
            "multi_hot".
        hidden_size: H.
        input_dropout: in training, of the input of a step.
        dropout: in training, before the output.
        pooling: "last" (the paper), "mean", "max", "attention", or several ("last+max").
        classes: 2 gives one logit, more give one for each; with another answer how many labels,
            intervals of time or numbers ahead.
        answer: what is answered, see :func:`sequela.recipes.answers.answer_layer`.
        quantiles: of each number ahead.

    Raises:
        ConfigError: a size or probability out of range, an unknown pooling, or steps without time.
    """

    def __init__(
        self,
        step_size: int,
        static_size: int,
        vocabulary_size: int = 0,
        embedding_size: int = 64,
        code_pooling: Literal["sum", "mean", "max", "multi_hot"] = "sum",
        hidden_size: int = 64,
        input_dropout: float = 0.0,
        dropout: float = 0.0,
        pooling: str = "last",
        classes: int = 2,
        answer: AnswerName = "classes",
        quantiles: int = 1,
    ) -> None:
        super().__init__()
        at_least(0, static_size=static_size, vocabulary_size=vocabulary_size)
        at_least(0, embedding_size=embedding_size)
        at_least(1, hidden_size=hidden_size)
        probability(dropout=dropout, input_dropout=input_dropout)
        if step_size < 1:
            raise ConfigError(
                "argument 'step_size'", got=str(step_size), wanted="the time since the step before"
            )
        coded = vocabulary_size > 0 and embedding_size > 0
        self.embedding = CodeBag(vocabulary_size, embedding_size, code_pooling) if coded else None
        self.input_dropout = nn.Dropout(input_dropout)
        width = step_size + (self.embedding.output_size if self.embedding else 0)
        self.recurrent = TimeLSTM(width, hidden_size)
        pool = Pool(pooling, hidden_size)
        width = pool.output_size + static_size
        self.head = Head(pool, answer_layer(answer, width, classes, quantiles, dropout))

    def forward(self, batch: Any) -> Tensor:
        """Logits ``[B]`` (``[B, classes]`` for more than two) in the order of the batch.

        Args:
            batch: has ``steps`` (packed ``[N, F]``), ``codes`` ``[M]``, ``code_offsets`` ``[N]``
                and ``static`` ``[B, S]``; with ``asked``, answers are ``[Q]``.
        """
        dtype = self.recurrent.short.weight.dtype
        x = batch.steps.data.to(dtype)
        factor = discount(x[:, 0])
        if self.embedding is not None:
            codes = self.embedding(batch.codes, batch.code_offsets)
            x = torch.cat([x, codes.to(dtype)], dim=1)
        states, _ = self.recurrent(repacked(batch.steps, self.input_dropout(x)), factor)
        static, asked = batch.static.to(dtype), getattr(batch, "asked", None)
        return self.head(states, static=static, asked=asked)
