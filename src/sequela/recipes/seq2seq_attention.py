"""A text from a text: an encoder, a decoder that attends to it, and beam search.

Bahdanau, Cho, Bengio: Neural machine translation by jointly learning to align and translate. ICLR
2015; Luong, Pham, Manning: Effective approaches to attention-based neural machine translation.
EMNLP 2015. For the words x_1 ... x_S of the source, y_1 ... y_T of the target and its end y_{T+1}:

    m_j = [GRU(drop(E[x_j]), m_{j-1}), GRU'(drop(E[x_j]), m_{j+1})]       stacked
    s_0 = tanh(V [the last state of each direction] + d)
    "bahdanau":  a_ij = softmax over j of v . tanh(A s_{i-1} + U m_j + b),  c_i = sum_j a_ij m_j
                 s_i = GRU''([D[y_{i-1}], c_i], s_{i-1}),  r_i = [s_i, c_i]
    "luong":     s_i = GRU''([D[y_{i-1}], r_{i-1}], s_{i-1})              r_0 = 0 (input feeding)
                 a_ij = softmax over j of s_i . A m_j,  c_i = sum_j a_ij m_j
                 r_i = tanh(W' [c_i, s_i])
    P(y_i | y_1 ... y_{i-1}, x) = softmax(W drop(r_i) + b)
    L = - 1 / (T + 1) sum over i of log P(y_i | ...)                      nats per token

In training, with ``smoothing`` e, a step's loss is ``- (1 - e) log P(y_i | ...)`` and e times the
mean of ``- log P(k | ...)`` over all tokens k (Szegedy et al., CVPR 2016).

The best target is found by beam search, ``log P / ((5 + T) / 6)^length_power`` (Wu et al. 2016).
What differs from the papers: GRUs throughout (Luong: LSTM), no maxout layer (Bahdanau).
"""

from __future__ import annotations

from typing import Any, Literal

from torch import Tensor, nn

from sequela.nn import AdditiveAttention, CodeBag, Decoder, Encoder, Linear, MultiplicativeAttention
from sequela.nn.attention import Memory
from sequela.nn.ragged import repacked
from sequela.nn.search import Hypotheses
from sequela.ops.reduce import tanh
from sequela.recipes.sizes import at_least, probability

__all__ = ["Seq2SeqAttention"]


class Seq2SeqAttention(nn.Module):
    """Nats per token of each target, and the targets that the model itself would write.

    Args:
        vocabulary_size: of the source, the unknown code (index 0) included.
        tokens: of the target; 0 is the unknown one, which the search never writes.
        attention: "bahdanau" or "luong".
        feeding: input feeding; "luong" only.
        embedding_size: the width of the vectors of words, of source and target.
        hidden_size: H of each direction of the encoder, and of the decoder.
        layers: of the encoder.
        dropout: in training, of the vectors of both texts, between layers and before the output.
        smoothing: e, in training.
        sampling: how often training goes on from its own token (scheduled sampling).
        beam: targets that are followed at once; 1 is greedy.
        most: tokens that a target may have.
        length_power: 0 prefers short targets, 1 counts what each token is worth.

    Raises:
        ConfigError: a size or probability out of range.
    """

    def __init__(
        self,
        vocabulary_size: int,
        tokens: int,
        attention: Literal["bahdanau", "luong"] = "bahdanau",
        feeding: bool = True,
        embedding_size: int = 128,
        hidden_size: int = 128,
        layers: int = 1,
        dropout: float = 0.3,
        smoothing: float = 0.0,
        sampling: float = 0.0,
        beam: int = 4,
        most: int = 60,
        length_power: float = 0.6,
    ) -> None:
        super().__init__()
        at_least(1, vocabulary_size=vocabulary_size, tokens=tokens, embedding_size=embedding_size)
        at_least(1, hidden_size=hidden_size, layers=layers, beam=beam, most=most)
        at_least(0, length_power=length_power)
        probability(dropout=dropout, smoothing=smoothing, sampling=sampling)
        self.beam, self.most, self.length_power = beam, most, length_power
        self.smoothing, self.sampling = smoothing, sampling
        self.dropout = nn.Dropout(dropout)
        self.embedding = CodeBag(vocabulary_size, embedding_size)
        self.encoder = Encoder(
            embedding_size, hidden_size, layers, bidirectional=True, dropout=dropout
        )
        width, first = self.encoder.output_size, attention == "bahdanau"
        self.first = Linear(width, hidden_size)
        asks = (
            AdditiveAttention(hidden_size, width, hidden_size)
            if first
            else MultiplicativeAttention(hidden_size, width)
        )
        feeding = feeding and not first
        self.decoder = Decoder(
            tokens,
            embedding_size,
            hidden_size,
            asks,
            first=first,
            feeding=feeding,
            dropout=dropout,
            reading_dropout=dropout,
        )

    def forward(self, batch: Any) -> Tensor:
        """``L [B]`` in the order of the batch.

        Args:
            batch: has ``steps`` (packed), ``codes``, ``code_offsets``, and ``target`` int64
                ``[B, T]`` with -1 behind the end of each row.
        """
        hidden, memory = self._read(batch)
        targets, lengths = batch.target.clamp(min=0).long(), (batch.target >= 0).sum(1)
        taught = {"truth": 1 - self.sampling * self.training}
        taught["smoothing"] = self.smoothing * self.training
        return self.decoder.losses(targets, lengths, hidden, memory, **taught) / (lengths + 1)

    def hypotheses(self, batch: Any, beam: int | None = None) -> Hypotheses:
        """The best targets of each row, in the order of the batch; ``beam`` of them."""
        options = {"most": self.most, "length_power": self.length_power, "never": (0,)}
        return self.decoder.search(*self._read(batch), beam=beam or self.beam, **options)

    def attention_map(self, batch: Any, tokens: Tensor) -> Tensor:
        """``a [B, T + 1, S]`` of targets ``tokens [B, T]``; zeros behind the end of a source."""
        return self.decoder(tokens.clamp(min=0), *self._read(batch))[1]

    def _read(self, batch: Any) -> tuple[Tensor, Memory]:
        e = self.embedding(batch.codes, batch.code_offsets).to(self.first.weight.dtype)
        found = self.encoder(repacked(batch.steps, self.dropout(e)))
        return tanh(self.first(found.final)), self.decoder.attention.memory(found.states)
