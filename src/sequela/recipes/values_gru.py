"""Outcome from irregular measurements: a plain GRU on values, masks and time gaps.

Che, Purushotham, Cho et al.: Recurrent neural networks for multivariate time series with
missing values. Scientific Reports 8 (2018) 6085, where it is the rival "GRU-simple" (equation 7).
For step t with the values x_t (filled where missing), masks m_t, time since last seen d_t, the
codes C_t that came without a value, and the static features s of a patient:

    u_t = [x_t, m_t, d_t, sum over v in C_t of E[v]]   (or their mean, maximum, or zeros and ones)
    h_t = GRU(drop(u_t), h_{t-1})              h_0 = 0; a patient without steps keeps it
    y   = w . [pool(h_1 ... h_T), s] + b       the logit; pool is h_T in the paper

What the paper does not have: the codes, the static features, and a choice of pooling.
"""

from __future__ import annotations

from typing import Any, Literal

import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import PackedSequence

from sequela.nn.embed import CodeBag
from sequela.nn.heads import Head, Pool
from sequela.recipes.answers import AnswerName, answer_layer
from sequela.recipes.cells import CellName, recurrent
from sequela.recipes.sizes import at_least, probability

__all__ = ["ValuesGRU"]


class ValuesGRU(nn.Module):
    """One logit for each patient from measurements, codes and the static features.

    Args:
        step_size: F, the width of a step's features (times, values, masks, deltas); at least 1.
        static_size: S, the width of the static features; may be 0.
        vocabulary_size: V, the unknown code (index 0) included; 0 for samples without codes.
        embedding_size: the width of a code's vector; 0 leaves the codes out.
        code_pooling: how the codes of a step become one vector: "sum", "mean", "max", or
            "multi_hot", zeros and ones as wide as the vocabulary.
        hidden_size: H.
        layers: stacked recurrent layers.
        input_dropout: in training, of the features of a step; it keeps the model from resting on
            one variable.
        dropout: in training, between the layers and before the output.
        pooling: "last" (the paper), "mean", "max", "attention", or several ("last+mean").
        cell: "gru" (reset after the product), "gru_before" (the textbook form), "lstm" or "rnn".
        bidirectional: read from both ends, for histories that are complete when they are judged.
        classes: 2 gives one logit, more give one for each; with another answer how many labels,
            intervals of time or numbers ahead.
        answer: what is answered, see :func:`sequela.recipes.answers.answer_layer`.
        quantiles: of each number ahead.

    Raises:
        ConfigError: a size or probability out of range, or an unknown pooling.
    """

    def __init__(
        self,
        step_size: int,
        static_size: int,
        vocabulary_size: int = 0,
        embedding_size: int = 8,
        code_pooling: Literal["sum", "mean", "max", "multi_hot"] = "sum",
        hidden_size: int = 64,
        layers: int = 1,
        input_dropout: float = 0.0,
        dropout: float = 0.0,
        pooling: str = "last",
        cell: CellName = "gru",
        bidirectional: bool = False,
        classes: int = 2,
        answer: AnswerName = "classes",
        quantiles: int = 1,
    ) -> None:
        super().__init__()
        at_least(1, step_size=step_size, hidden_size=hidden_size, layers=layers)
        at_least(0, static_size=static_size, vocabulary_size=vocabulary_size)
        at_least(0, embedding_size=embedding_size)
        probability(dropout=dropout, input_dropout=input_dropout)
        coded = vocabulary_size > 0 and embedding_size > 0
        self.embedding = CodeBag(vocabulary_size, embedding_size, code_pooling) if coded else None
        self.input_dropout = nn.Dropout(input_dropout)
        self.recurrent = recurrent(
            cell,
            step_size + (self.embedding.output_size if self.embedding else 0),
            hidden_size,
            layers,
            dropout,
            bidirectional=bidirectional,
        )
        directions = 2 if bidirectional else 1
        pool = Pool(pooling, directions * hidden_size, directions=directions)
        width = pool.output_size + static_size
        self.head = Head(pool, answer_layer(answer, width, classes, quantiles, dropout))

    def forward(self, batch: Any) -> Tensor:
        """Logits ``[B]`` (``[B, classes]`` for more than two) in the order of the batch.

        Another answer has the shape of its layer.

        Args:
            batch: has ``steps`` (packed ``[N, F]``), ``codes`` ``[M]``, ``code_offsets`` ``[N]``
                and ``static`` ``[B, S]``; with ``asked``, answers are ``[Q]``.
        """
        steps = batch.steps
        dtype = self.recurrent.weight_ih_l0.dtype
        x = steps.data.to(dtype)
        if self.embedding is not None:
            codes = self.embedding(batch.codes, batch.code_offsets)
            x = torch.cat([x, codes.to(dtype)], dim=1)
        packed = PackedSequence(
            self.input_dropout(x), steps.batch_sizes, steps.sorted_indices, steps.unsorted_indices
        )
        states = self.recurrent(packed)[0]
        static, asked = batch.static.to(dtype), getattr(batch, "asked", None)
        return self.head(states, static=static, asked=asked)
