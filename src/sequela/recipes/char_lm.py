"""What comes next in a text: a character language model.

Mikolov, Karafiat, Burget, Cernocky, Khudanpur: Recurrent neural network based language model.
Interspeech 2010; Sutskever, Martens, Hinton, ICML 2011 (characters); Graves, arXiv:1308.0850, 2013
(LSTM). For the symbols c_1 ... c_T:

    h_t = LSTM(drop(E[c_t]), h_{t-1})              h_0 = 0, or the state carried on
    P(c_{t+1} = k | c_1 ... c_t) = softmax(U drop(h_t) + b)_k
    L   = - mean over the asked t of log P(c_{t+1} | c_1 ... c_t)          nats per symbol

Trained by truncated back-propagation (``training.k1``): the weights change every k1 steps and the
state goes on. A piece's loss is its share of its row's, so that the shares of a row add up to L.
Text is drawn by :func:`sequela.recipes.writing.write`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from sequela.nn import Linear
from sequela.nn.ragged import ragged_of, repacked
from sequela.ops.reduce import log_softmax, row_sum
from sequela.recipes.cells import CellName, recurrent
from sequela.recipes.sizes import at_least, probability

__all__ = ["CharLM"]

# Steps that are judged at once: memory only, since the state is carried from one to the next.
_AT_ONCE = 256


class CharLM(nn.Module):
    """Nats per symbol of each row, and text.

    Args:
        vocabulary_size: of the samples: V symbols, the unknown one (number 0) included, and number
            V, which says that nothing is asked.
        embedding_size: the width of a symbol's vector.
        hidden_size: H.
        layers: stacked recurrent layers.
        dropout: in training, of the vectors, between the layers and before the output.
        cell: "lstm", "gru", "gru_before" or "rnn".

    Raises:
        ConfigError: a size or probability out of range.
    """

    def __init__(
        self,
        vocabulary_size: int,
        embedding_size: int = 64,
        hidden_size: int = 256,
        layers: int = 1,
        dropout: float = 0.0,
        cell: CellName = "lstm",
    ) -> None:
        super().__init__()
        at_least(2, vocabulary_size=vocabulary_size)
        at_least(1, embedding_size=embedding_size, hidden_size=hidden_size, layers=layers)
        probability(dropout=dropout)
        self.symbols = vocabulary_size - 1
        self.embedding = nn.Embedding(self.symbols, embedding_size)
        self.dropout = nn.Dropout(dropout)
        self.recurrent = recurrent(cell, embedding_size, hidden_size, layers, dropout)
        self.output = Linear(hidden_size, self.symbols)

    def forward(self, batch: Any) -> Tensor:
        """``L [B]`` in the order of the batch; 0 for a row that asks nothing.

        Args:
            batch: has ``steps`` (packed), ``codes`` (two of each step, see
                :mod:`sequela.batches.streams`) and ``cut``.
        """
        total, asked, state = [], [], None
        for start in range(0, max(1, len(batch.steps.batch_sizes)), _AT_ONCE):
            piece, state = self._judged(batch.cut(start, start + _AT_ONCE), state)
            total.append(piece[:, 0])
            asked.append(piece[:, 1])
        return sum(total[1:], total[0]) / sum(asked[1:], asked[0]).clamp(min=1)

    def piece(
        self,
        batch: Any,
        state: Any,
        loss: Callable[..., Tensor],
        *,
        start: int = 0,
        begin: int = 0,
        lengths: Tensor | None = None,
    ) -> tuple[Tensor, Any]:
        """What a piece of the steps adds to ``L [B]`` of rows that ask everything, and the state.

        Args:
            batch: cut to the piece; ``state`` is that before it.
            loss: not looked at: the loss is the model's own answer.
            start: its first step; ``begin`` is the first one whose loss counts.
            lengths: int64 ``[B]``, of the whole rows; None when this is all of them.
        """
        found, state = self._judged(batch, state, begin - start)
        whole = found[:, 1] if lengths is None else lengths.to(found.dtype)
        return found[:, 0] / whole.clamp(min=1), state

    def _judged(self, batch: Any, state: Any, skipped: int = 0) -> tuple[Tensor, Any]:
        """``[B, 2]``, nats and how many symbols were asked for, behind the first ``skipped``."""
        read, wanted = batch.codes.view(-1, 2).unbind(1)
        packed, state = self.recurrent(
            repacked(batch.steps, self.dropout(self.embedding(read))), state
        )
        states = ragged_of(packed)
        counts = wanted < self.symbols
        if skipped:
            counts = counts & (states.places() >= skipped)
        chances = log_softmax(self.output(self.dropout(states.data)))
        nats = -chances.gather(1, wanted.clamp(max=self.symbols - 1)[:, None])[:, 0]
        both = torch.stack([torch.where(counts, nats, 0.0), counts.to(nats.dtype)], dim=1)
        return row_sum(both, states.rows, states.count), state
