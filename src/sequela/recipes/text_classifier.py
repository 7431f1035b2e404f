"""The class of a text: a bidirectional LSTM over its words or characters, and attention.

Graves and Schmidhuber: Framewise phoneme classification with bidirectional LSTM. Neural Networks 18
(2005) 602; Yang, Yang, Dyer, He, Smola, Hovy: Hierarchical attention networks for document
classification. NAACL 2016 (its words; one level); Conneau et al., EMNLP 2017, for the maximum. For
the steps 1 ... T of a text, step t with the codes C_t (a word and perhaps its pieces, or a
character):

    e_t = sum over k in C_t of E[k]                in training some e_t are 0 ("word dropout")
    f_t = LSTM(drop(e_t), f_{t-1}),  b_t = LSTM'(drop(e_t), b_{t+1}),  h_t = [f_t, b_t]
    p_t = softmax over t of v . tanh(W h_t + b)    "attention"
    r   = sum over t of p_t h_t                    or the maximum, the mean, or [f_T, b_1] ("last");
                                                   with "words" the mean of drop(e_t) beside it
    y   = U drop(r) + d                            the logits; a text without words has r = 0

Word dropout and the mean of word vectors: Iyyer et al., ACL 2015; of the same vectors beside a
recurrent layer it is the short way from a word to the class, which few texts suffice to learn (Shen
et al., ACL 2018, compare both). Sums over pieces: Bojanowski et al., TACL 5 (2017) 135.
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
        pooling: "attention", "max", "mean", "last", or several ("attention+max"); and "words" with
            them ("max+words").
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
        kinds = _of_states(pooling)
        pool = Pool(kinds, 2 * hidden_size, directions=2)
        self.words = Pool("mean", embedding_size) if kinds != pooling else None
        size = pool.output_size + (0 if self.words is None else embedding_size)
        self.head = Head(pool, Classify(size, classes, dropout=dropout))

    def forward(self, batch: Any) -> Tensor:
        """Logits ``[B]`` of the second of two classes, else ``[B, classes]``; batch order.

        Args:
            batch: has ``steps`` (packed; their features are not read), ``codes`` ``[M]`` and
                ``code_offsets`` ``[N]``.
        """
        words = self._words(batch)
        beside = None if self.words is None else self.words(words)
        return self.head(self.recurrent(words)[0], static=beside)

    def attention(self, batch: Any) -> Tensor:
        """``p`` ``[N]`` of the steps in packed order; with a pooling of "attention" only."""
        return self.head.pool.attention_weights(self.recurrent(self._words(batch))[0])

    def _words(self, batch: Any) -> PackedSequence:
        e = self.embedding(batch.codes, batch.code_offsets)
        e = e.to(next(self.recurrent.parameters()).dtype)
        e = e * self.word_dropout(torch.ones_like(e[:, :1]))
        return repacked(batch.steps, self.dropout(e))


def _of_states(pooling: str) -> str:
    """The pooling but for "words", once, which is none of the recurrent layer."""
    kinds = pooling.split("+")
    if len(kinds) > 1 and "words" in kinds:
        kinds.remove("words")
    return "+".join(kinds)
