"""The class of a text: a bidirectional LSTM over its words or characters, and attention.

Graves and Schmidhuber: Framewise phoneme classification with bidirectional LSTM. Neural Networks 18
(2005) 602; Yang, Yang, Dyer, He, Smola, Hovy: Hierarchical attention networks for document
classification. NAACL 2016 (its words; one level); Conneau et al., EMNLP 2017, for the maximum. For
the steps 1 ... T of a text, step t with the codes C_t (a word and perhaps its pieces, or a
character):

    e_t = sum over k in C_t of E[k]                in training some e_t are 0 ("word dropout")
    f_t = LSTM(drop(e_t), f_{t-1}),  b_t = LSTM'(drop(e_t), b_{t+1}),  h_t = [f_t, b_t]
    p_t = softmax over t of v . tanh(W h_t + b)    "attention"
    r   = sum over t of p_t h_t                    or the maximum, the mean, or [f_T, b_1] ("last")
    y   = U drop(r) + d                            the logits; a text without words has r = 0

Word dropout: Iyyer et al., ACL 2015. Sums over pieces: Bojanowski et al., TACL 5 (2017) 135.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import PackedSequence

from sequela.nn import CodeBag
from sequela.nn.heads import Classify, Head, Pool
from sequela.nn.ragged import repacked
from sequela.recipes.cells import CellName, recurrent
from sequela.recipes.sizes import at_least, probability

__all__ = ["TextClassifier"]


class TextClassifier(nn.Module):
    """Logits of each text: one for two classes, else one for each class.

    Args:
        vocabulary_size: V, the unknown code (index 0) included.
        classes: at least 2.
        embedding_size: the width of e.
        hidden_size: H of each direction.
        layers: stacked bidirectional layers.
        dropout: in training, of the features of e, between the layers and of r.
        word_dropout: in training, how many steps are hidden.
        pooling: "attention", "max", "mean", "last", or several ("attention+max").
        cell: "lstm", "gru", "gru_before" or "rnn".

    Raises:
        ConfigError: a size or probability out of range, or an unknown pooling.
    """

    def __init__(
        self,
        vocabulary_size: int,
        classes: int = 2,
        embedding_size: int = 100,
        hidden_size: int = 100,
        layers: int = 1,
        dropout: float = 0.5,
        word_dropout: float = 0.0,
        pooling: str = "attention",
        cell: CellName = "lstm",
    ) -> None:
        super().__init__()
        at_least(1, vocabulary_size=vocabulary_size, embedding_size=embedding_size)
        at_least(1, hidden_size=hidden_size, layers=layers)
        probability(dropout=dropout, word_dropout=word_dropout)
        self.embedding = CodeBag(vocabulary_size, embedding_size)
        self.dropout, self.word_dropout = nn.Dropout(dropout), nn.Dropout(word_dropout)
        self.recurrent = recurrent(
            cell, embedding_size, hidden_size, layers, dropout, bidirectional=True
        )
        pool = Pool(pooling, 2 * hidden_size, directions=2)
        self.head = Head(pool, Classify(pool.output_size, classes, dropout=dropout))

    def forward(self, batch: Any) -> Tensor:
        """Logits ``[B]`` of the second of two classes, else ``[B, classes]``; batch order.

        Args:
            batch: has ``steps`` (packed; their features are not read), ``codes`` ``[M]`` and
                ``code_offsets`` ``[N]``.
        """
        return self.head(self._states(batch))

    def attention(self, batch: Any) -> Tensor:
        """``p`` ``[N]`` of the steps in packed order; with a pooling of "attention" only."""
        return self.head.pool.attention_weights(self._states(batch))

    def _states(self, batch: Any) -> PackedSequence:
        e = self.embedding(batch.codes, batch.code_offsets)
        e = e.to(next(self.recurrent.parameters()).dtype)
        e = e * self.word_dropout(torch.ones_like(e[:, :1]))
        return self.recurrent(repacked(batch.steps, self.dropout(e)))[0]
