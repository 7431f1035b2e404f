"""GRU-D: missing values and the state decay, the longer ago a variable was seen.

Che, Purushotham, Cho, Sontag, Liu: Recurrent neural networks for multivariate time series with
missing values. Scientific Reports 8 (2018) 6085. For step t with the values x_t, masks m_t and gaps
d_t (hours since each variable was seen before t), x' the last value seen, and values standardised
so that the training mean is 0:

    g_t = exp(-max(0, w * d_t + b))                one rate for each variable
    u_t = m_t * x_t + (1 - m_t) * (g_t * x' + (1 - g_t) * 0)
    k_t = exp(-max(0, W d_t + b))                  one rate for each unit
    h_t = GRU([u_t, m_t], k_t * h_{t-1})           reset before the product, h_0 = 0
    y   = w . [pool(h_1 ... h_T), s] + b           the logit; pool is h_T in the paper

What the paper does not have: two time features of each step, the codes that came without a value
(their embeddings summed), the static features s, and a choice of pooling.
"""

from __future__ import annotations

from typing import Any, Literal

import torch
from torch import Tensor, nn

from sequela.errors import ConfigError
from sequela.nn import CodeBag, DecayedValues, Head, Pool
from sequela.nn.ragged import repacked
from sequela.nn.timed import DecayGRU
from sequela.ops.reduce import exp
from sequela.recipes.answers import AnswerName, answer_layer
from sequela.recipes.sizes import at_least, probability

__all__ = ["GRUD"]

_TIMES = 2


class GRUD(nn.Module):
    """One logit for each patient from measurements, codes and the static features.

    Args:
        step_size: F, the width of a step's features: two times, then K values (the last one seen
            where nothing was measured), K masks and K gaps as ``log(1 + hours)``, as
            ``encoding: {kind: values, missing: forward}`` makes them.
        static_size: S, the width of the static features; may be 0.
        vocabulary_size: V, the unknown code (index 0) included; 0 for samples without codes.
        embedding_size: the width of a code's vector; 0 leaves the codes out.
        hidden_size: H.
        gaps: "hours" (the paper), or "log": ``log(1 + hours)``, so that g is a power of the time.
        input_dropout: in training, of the input of a step.
        dropout: in training, before the output.
        pooling: "last" (the paper), "mean", "max", "attention", or several ("last+mean").
        classes: 2 gives one logit, more give one for each; with another answer how many labels,
            intervals of time or numbers ahead.
        answer: what is answered, see :func:`sequela.recipes.answers.answer_layer`.
        quantiles: of each number ahead.

    Raises:
        ConfigError: a size or probability out of range, an unknown pooling, or steps that are not
            made of values, masks and gaps.
    """

    def __init__(
        self,
        step_size: int,
        static_size: int,
        vocabulary_size: int = 0,
        embedding_size: int = 8,
        hidden_size: int = 64,
        gaps: Literal["hours", "log"] = "hours",
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
        self.variables, rest = divmod(step_size - _TIMES, 3)
        if rest or self.variables < 1:
            raise ConfigError(
                "argument 'step_size'",
                got=str(step_size),
                wanted="2 times, then values, masks and gaps of the same number",
                todo="Write encoding: {kind: values}.",
            )
        self.gaps = gaps
        coded = vocabulary_size > 0 and embedding_size > 0
        self.embedding = CodeBag(vocabulary_size, embedding_size) if coded else None
        self.values = DecayedValues(self.variables)
        self.input_dropout = nn.Dropout(input_dropout)
        width = _TIMES + 2 * self.variables + (embedding_size if coded else 0)
        self.recurrent = DecayGRU(width, hidden_size, self.variables)
        pool = Pool(pooling, hidden_size)
        width = pool.output_size + static_size
        self.head = Head(pool, answer_layer(answer, width, classes, quantiles, dropout))

    def forward(self, batch: Any) -> Tensor:
        """Logits ``[B]`` (``[B, classes]`` for more than two) in the order of the batch.

        Args:
            batch: has ``steps`` (packed ``[N, F]``), ``codes`` ``[M]``, ``code_offsets`` ``[N]``
                and ``static`` ``[B, S]``; with ``asked``, answers are ``[Q]``.
        """
        dtype = self.values.rate.dtype
        count = self.variables
        times, values, mask, gaps = batch.steps.data.to(dtype).split(
            [_TIMES, count, count, count], dim=1
        )
        if self.gaps == "hours":
            gaps = exp(gaps) - 1
        parts = [self.values(values, mask, gaps), mask, times]
        if self.embedding is not None:
            parts.append(self.embedding(batch.codes, batch.code_offsets).to(dtype))
        steps = repacked(batch.steps, self.input_dropout(torch.cat(parts, dim=1)))
        states, _ = self.recurrent(steps, gaps)
        static, asked = batch.static.to(dtype), getattr(batch, "asked", None)
        return self.head(states, static=static, asked=asked)
