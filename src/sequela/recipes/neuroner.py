"""NeuroNER: marks pieces of text, by characters, words and the order of tags.

Dernoncourt, Lee, Uzuner, Szolovits: De-identification of patient notes with recurrent neural
networks. JAMIA 24 (2017) 596. For the tokens 1 ... T of a text, token i with the word w_i and the
characters k_1 ... k_m:

    f_j = LSTM_c(C[k_j], f_{j-1}),  b_j = LSTM_c'(C[k_j], b_{j+1})     character embeddings C
    e_i = [f_m, b_1, V[w_i]]                       word embeddings V; in training with dropout
    g_i = LSTM_t(e_i, g_{i-1}),  h_i = LSTM_t'(e_i, h_{i+1})
    a_i = U tanh(W [g_i, h_i] + b) + d             a score for each tag
    s(y) = sum over i of a_i[y_i] + sum over i > 1 of M[y_{i-1}, y_i]
    P(y) = exp(s(y)) / sum over all y' of exp(s(y'))

and the loss is -log P of the true tags. Sizes are the paper's: 25 for characters, 100 for words and
for tokens, dropout .5. What the paper does not have: scores of the first and the last tag, and tags
that are not legal are impossible (:mod:`sequela.nn.crf`); its scheme of tags is BIOES.
"""

from __future__ import annotations

from typing import Any, Literal, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import PackedSequence

from sequela.errors import DataError
from sequela.nn import LSTM, Linear
from sequela.nn.crf import CRF, legal_tags
from sequela.nn.ragged import repacked
from sequela.ops.reduce import tanh
from sequela.recipes.sizes import at_least, probability

__all__ = ["NeuroNER", "Tags"]


class Tags(NamedTuple):
    """What is found at each token, in packed order.

    Args:
        best: int64 ``[N]``, the most probable tags of each text, taken together.
        chances: ``[N, K]``, the probability of each tag at each token.
    """

    best: Tensor
    chances: Tensor


class NeuroNER(nn.Module):
    """Tags of tokens: O, then those of one label after the other.

    Args:
        vocabulary_size: V, the unknown word (number 0) included.
        characters: how many, the unknown one (number 0) included.
        labels: how many types of spans.
        scheme: "bioes" (B, I, E and S for each label) or "bio" (B and I).
        word_size: the width of a word's vector.
        character_size: the width of a character's vector and of each direction over them.
        hidden_size: of each direction over the tokens, and of the layer behind them.
        dropout: in training, of what the LSTM over the tokens reads.

    Raises:
        ConfigError: a size or probability out of range.
    """

    def __init__(
        self,
        vocabulary_size: int,
        characters: int,
        labels: int,
        scheme: Literal["bioes", "bio"] = "bioes",
        word_size: int = 100,
        character_size: int = 25,
        hidden_size: int = 100,
        dropout: float = 0.5,
    ) -> None:
        super().__init__()
        at_least(1, vocabulary_size=vocabulary_size, characters=characters, labels=labels)
        at_least(1, word_size=word_size, character_size=character_size, hidden_size=hidden_size)
        probability(dropout=dropout)
        legal = legal_tags(labels, scheme)
        tags = len(legal.start)
        self.words = nn.Embedding(vocabulary_size, word_size)
        self.characters = nn.Embedding(characters, character_size)
        for table in (self.words, self.characters):
            # Vectors of length 1 on average, as those of `nn.CodeBag`.
            nn.init.normal_(table.weight, std=table.embedding_dim**-0.5)
        self.spelling = LSTM(character_size, character_size, bidirectional=True)
        width = word_size + 2 * character_size
        self.recurrent = LSTM(width, hidden_size, bidirectional=True)
        self.dropout = nn.Dropout(dropout)
        self.hidden = Linear(2 * hidden_size, hidden_size)
        self.output = Linear(hidden_size, tags)
        self.crf = CRF(tags, legal=legal)

    def forward(self, batch: Any) -> Tensor:
        """The scores ``a [N, K]`` of the tags of each token, in packed order.

        Args:
            batch: has ``words`` (packed int64 ``[N]``), ``forms`` (the characters of the different
                tokens, packed) and ``form_of`` (int64 ``[N]``, which of them each token is).
        """
        return self._scores(batch).data

    def losses(self, batch: Any) -> Tensor:
        """``-log P`` of the true tags of each text ``[B]``; as in ``forward``, with ``tags``."""
        return -self.crf(self._scores(batch), batch.tags)

    @torch.no_grad()
    def tags(self, batch: Any) -> Tags:
        """The best tags and the probability of each; arguments as in ``forward``."""
        scores = self._scores(batch)
        return Tags(self.crf.best(scores).tags, self.crf.marginals(scores))

    def sizes(self) -> dict[str, Any]:
        """The arguments that it was built with, beside those that the notes decide."""
        return {
            "word_size": self.words.embedding_dim,
            "character_size": self.characters.embedding_dim,
            "hidden_size": self.hidden.weight.shape[0],
            "dropout": self.dropout.p,
        }

    def give_words(self, numbers: Tensor, vectors: Tensor) -> None:
        """Sets the vectors of some words to published ones; they are learnt further.

        Args:
            numbers: int64 ``[n]``.
            vectors: ``[n, word_size]``.

        Raises:
            DataError: vectors of another width.
        """
        size = self.words.embedding_dim
        if vectors.shape != (len(numbers), size):
            raise DataError(
                "word vectors", got=f"shape {list(vectors.shape)}", wanted=f"width {size}"
            )
        with torch.no_grad():
            self.words.weight[numbers] = vectors.to(self.words.weight)

    def _scores(self, batch: Any) -> PackedSequence:
        letters = repacked(batch.forms, self.characters(batch.forms.data))
        spelt = self.spelling(letters)[1][0]
        x = torch.cat([spelt[0], spelt[1]], dim=1)[batch.form_of]
        x = self.dropout(torch.cat([x, self.words(batch.words.data)], dim=1))
        states = self.recurrent(repacked(batch.words, x))[0]
        return repacked(states, self.output(tanh(self.hidden(states.data))))
