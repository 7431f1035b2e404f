"""A sentence about one thing: an image, a vector or a code, and the words one after the other.

Vinyals, Toshev, Bengio, Erhan: Show and tell: a neural image caption generator. CVPR 2015; Xu et
al.: Show, attend and tell. ICML 2015. What is described has P places m_1 ... m_P:

    an image:   m_p = [conv(x)_p, e_p]     conv: twice 3 x 3 weights, relu, the greatest of 2 x 2;
                                           e_p is learnt for each place
    a vector or codes:  P = 1,  m_1 = relu(U [x, sum of E[codes]] + d)

and the words y_1 ... y_T with their end y_{T+1}:

    s_0  = tanh(V [m_1 ... m_P] + g)
    a_ip = softmax over p of v . tanh(A s_{i-1} + B m_p + f),  c_i = sum_p a_ip m_p
    s_i  = GRU([D[y_{i-1}], c_i], s_{i-1})
    P(y_i | y_1 ... y_{i-1}, x) = softmax(W drop([s_i, c_i]) + b)
    L = - 1 / (T + 1) sum over i of log P(y_i | ...)                        nats per word

With P = 1 this is Vinyals with the vector given again at each word. The best sentence is found by
beam search. A GRU stands where the papers have an LSTM.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from sequela.errors import ConfigError
from sequela.nn import AdditiveAttention, CodeBag, Decoder, Linear
from sequela.nn.attention import Memory
from sequela.nn.image_layers import ImageLayers
from sequela.nn.ragged import Ragged, ragged_of, repacked
from sequela.nn.search import Hypotheses
from sequela.ops.reduce import tanh
from sequela.recipes.sizes import at_least, probability

__all__ = ["Captioner"]


class Captioner(nn.Module):
    """Nats per word of each sentence, and the sentences that the model itself would write.

    Args:
        tokens: of the sentences; 0 is the unknown one, which the search never writes.
        step_size: F, the width of what is described, which is the first step of a sample.
        vocabulary_size: V of its codes, the unknown code (index 0) included; 0 for none.
        height: of an image of F pixels, row by row; 0 for a vector.
        filters: of the first convolution; the second has twice as many.
        place_size: the width of what is learnt for each place of an image.
        embedding_size: the width of the vectors of codes and of words.
        hidden_size: H of the decoder, and the width of m_1.
        dropout: in training, before the output.
        beam: sentences that are followed at once; 1 is greedy.
        most: words that a sentence may have.

    Raises:
        ConfigError: a size or probability out of range, or a height that does not divide the
            pixels.
    """

    def __init__(
        self,
        tokens: int,
        step_size: int = 0,
        vocabulary_size: int = 0,
        height: int = 0,
        filters: int = 16,
        place_size: int = 8,
        embedding_size: int = 32,
        hidden_size: int = 64,
        dropout: float = 0.0,
        beam: int = 3,
        most: int = 60,
    ) -> None:
        super().__init__()
        at_least(1, tokens=tokens, step_size=step_size + vocabulary_size, filters=filters)
        at_least(1, place_size=place_size, embedding_size=embedding_size, hidden_size=hidden_size)
        at_least(1, beam=beam, most=most)
        at_least(0, step_size=step_size, vocabulary_size=vocabulary_size, height=height)
        probability(dropout=dropout)
        if height and (not step_size or step_size % height or vocabulary_size):
            wanted = f"0, or a divisor of the {step_size} pixels of an image without codes"
            raise ConfigError("argument 'height'", got=str(height), wanted=wanted)
        self.beam, self.most = beam, most
        self.image = ImageLayers(height, step_size // height, filters) if height else None
        self.embedding = CodeBag(vocabulary_size, embedding_size) if vocabulary_size else None
        if self.image is not None:
            self.places = nn.Parameter(0.1 * torch.randn(self.image.cells, place_size))
            width, places = self.image.filters + place_size, self.image.cells
        else:
            read = step_size + (embedding_size if vocabulary_size else 0)
            self.vector, width, places = Linear(read, hidden_size), hidden_size, 1
        self.first = Linear(places * width, hidden_size)
        asks = AdditiveAttention(hidden_size, width, hidden_size)
        self.decoder = Decoder(tokens, embedding_size, hidden_size, asks, dropout=dropout)

    def forward(self, batch: Any) -> Tensor:
        """``L [B]`` in the order of the batch.

        Args:
            batch: has ``steps`` (packed ``[N, F]``), with codes ``codes`` and ``code_offsets``, and
                ``target`` int64 ``[B, T]`` with -1 behind the end of each row.
        """
        hidden, memory = self._read(batch)
        targets, lengths = batch.target.clamp(min=0).long(), (batch.target >= 0).sum(1)
        return self.decoder.losses(targets, lengths, hidden, memory) / (lengths + 1)

    def hypotheses(self, batch: Any, beam: int | None = None) -> Hypotheses:
        """The best sentences of each row, in the order of the batch; ``beam`` of them."""
        options = {"most": self.most, "length_power": 0.6, "never": (0,)}
        return self.decoder.search(*self._read(batch), beam=beam or self.beam, **options)

    def attention_map(self, batch: Any, tokens: Tensor) -> Tensor:
        """``a [B, T + 1, P]`` of sentences ``tokens [B, T]``; an image's places row by row."""
        return self.decoder(tokens.clamp(min=0), *self._read(batch))[1]

    def _read(self, batch: Any) -> tuple[Tensor, Memory]:
        x = batch.steps.data.to(self.first.weight.dtype)
        if self.embedding is not None:
            codes = self.embedding(batch.codes, batch.code_offsets).to(x.dtype)
            x = torch.cat([x, codes], dim=1)
        first = ragged_of(repacked(batch.steps, x)).at("first")
        if self.image is None:
            m = torch.relu(self.vector(first))[:, None]
        else:
            seen = self.image(first)
            m = torch.cat([seen, self.places.expand(len(seen), -1, -1)], dim=2)
        rows = torch.arange(len(m), device=m.device).repeat_interleave(m.shape[1])
        memory = self.decoder.attention.memory(Ragged(m.flatten(0, 1), rows, len(m)))
        return tanh(self.first(m.flatten(1))), memory
