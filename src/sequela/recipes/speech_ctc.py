"""Speech: a sequence of labels from frames, without anyone saying where each label lies.

Graves, Fernandez, Gomez, Schmidhuber: Connectionist temporal classification: labelling unsegmented
sequence data with recurrent neural networks. ICML 2006. For the frames x_1 ... x_T of a record and
its labels l = l_1 ... l_U:

    h_t = [LSTM(drop(x_t), h_{t-1}), LSTM'(drop(x_t), h_{t+1})]      stacked
    p_t = softmax(W drop(h_t) + b)                                   V labels and the blank
    P(l | x) = sum over the paths pi that spell l of  prod over t of p_t(pi_t)
    L = - log P(l | x) / U

A path names a label or the blank at each frame; equal neighbours are one label, then blanks fall
away, so that "a a - a b" spells "a a b". The loss is torch's. The best labels are found by prefix
beam search (:func:`sequela.nn.prefix_search`). A record that is too short for its labels (a frame
for each, and one between two equal ones) has no path: it counts nothing in training, and its loss
is 0.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from sequela.nn import LSTM, Linear
from sequela.nn.prefix_search import prefix_search
from sequela.nn.ragged import ragged_of, repacked
from sequela.nn.search import Hypotheses
from sequela.ops.reduce import log_softmax
from sequela.recipes.sizes import at_least, probability

__all__ = ["SpeechCTC"]


class SpeechCTC(nn.Module):
    """Nats per label of each record, and the labels that the model hears.

    Args:
        step_size: F, the width of a frame.
        tokens: V, labels; 0 is the unknown one, which the search never says.
        hidden_size: H of each direction.
        layers: stacked bidirectional layers.
        dropout: in training, of the frames, between the layers and before the output.
        beam: prefixes that are followed at once.

    Raises:
        ConfigError: a size or probability out of range.
    """

    def __init__(
        self,
        step_size: int,
        tokens: int,
        hidden_size: int = 64,
        layers: int = 1,
        dropout: float = 0.0,
        beam: int = 10,
    ) -> None:
        super().__init__()
        at_least(1, step_size=step_size, tokens=tokens, beam=beam)
        at_least(1, hidden_size=hidden_size, layers=layers)
        probability(dropout=dropout)
        self.blank, self.beam, self.dropout = tokens, beam, nn.Dropout(dropout)
        # torch warns about dropout between layers where there is only one.
        between = dropout if layers > 1 else 0.0
        self.recurrent = LSTM(
            step_size, hidden_size, num_layers=layers, bidirectional=True, dropout=between
        )
        self.output = Linear(2 * hidden_size, tokens + 1)

    def forward(self, batch: Any) -> Tensor:
        """``L [B]`` in the order of the batch.

        Args:
            batch: has ``steps`` (packed ``[N, F]``) and ``target``, int64 ``[B, U]`` with -1 behind
                the end of each row.
        """
        chances, lengths = self.log_chances(batch)
        targets = batch.target.long()
        counts = (targets >= 0).sum(1)
        losses = functional.ctc_loss(
            chances,
            targets[targets >= 0],
            lengths,
            counts,
            blank=self.blank,
            reduction="none",
            zero_infinity=True,
        )
        return losses / counts.clamp(min=1)

    def log_chances(self, batch: Any) -> tuple[Tensor, Tensor]:
        """``log p [T, B, V + 1]``, zeros behind the end of a row; and the lengths ``[B]``.

        T is 1 at least, so that there is a frame where all rows are empty.
        """
        x = batch.steps.data.to(self.output.weight.dtype)
        states = self.recurrent(repacked(batch.steps, self.dropout(x)))[0]
        ragged = ragged_of(
            repacked(batch.steps, log_softmax(self.output(self.dropout(states.data))))
        )
        lengths, places = ragged.lengths(), ragged.places()
        longest = max(1, len(batch.steps.batch_sizes))
        empty = x.new_zeros(longest, ragged.count, self.blank + 1)
        return empty.index_put((places, ragged.rows), ragged.data), lengths

    def hypotheses(self, batch: Any, beam: int | None = None) -> Hypotheses:
        """The best labels of each row, in the order of the batch; ``beam`` of them."""
        with torch.no_grad():
            chances, lengths = self.log_chances(batch)
        return prefix_search(chances, lengths, beam=beam or self.beam, never=(0,))
