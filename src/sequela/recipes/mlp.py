"""Without memory: a multilayer perceptron on a history that is pressed into one vector.

Rumelhart, Hinton, Williams: Learning representations by back-propagating errors. Nature 323 (1986)
533. It is the rival of the recurrent network in Choi et al., JAMIA 24 (2017) 361. For the features
x_t and codes C_t of step t and the static features s of a patient:

    u_t = [x_t, sum over v in C_t of E[v]]      (or their mean, maximum, or zeros and ones)
    a   = [pool(u_1 ... u_T), sqrt(T), s]       aggregates: the order of the steps is lost
    a   = [u_{T-K+1}, ..., u_T, sqrt(T), s]     flattened: the last K steps, each in its place
    z_1 = relu(W_1 drop(a) + b_1), z_l = relu(W_l z_{l-1} + b_l)
    y   = w . z_n + b                           the logit

Steps before the first one are zeros. A sample without steps is the plain classifier of a vector,
one to one: a = s.
"""

from __future__ import annotations

from typing import Any, Literal

import torch
from torch import Tensor, nn

from sequela.nn import Linear, Pool
from sequela.nn.embed import CodeBag
from sequela.nn.ragged import Ragged, ragged_of, repacked
from sequela.recipes.answers import AnswerName, answer_layer
from sequela.recipes.sizes import at_least, probability

__all__ = ["MLP"]


class MLP(nn.Module):
    """One logit for each patient from aggregates of the steps, or from the last of them flattened.

    Args:
        step_size: F, the width of a step's features; may be 0.
        static_size: S, the width of the static features; may be 0.
        vocabulary_size: V, the unknown code (index 0) included; 0 for samples without codes.
        embedding_size: the width of a code's vector; 0 leaves the codes out.
        code_pooling: how the codes of a step become one vector: "sum", "mean", "max", or
            "multi_hot", zeros and ones as wide as the vocabulary.
        steps: K, how many of the last steps are laid side by side; None for aggregates.
        pooling: the aggregates, "last", "mean", "max", or several ("last+mean+max", the default).
        hidden_size: H.
        layers: hidden layers.
        input_dropout: in training, of the vector.
        dropout: in training, before the output.
        classes: 2 gives one logit, more give one for each; with another answer how many labels,
            intervals of time or numbers ahead.
        answer: what is answered, see :func:`sequela.recipes.answers.answer_layer`.
        quantiles: of each number ahead.

    Raises:
        ConfigError: a size or probability out of range, an unknown pooling, or nothing to read.
    """

    def __init__(
        self,
        step_size: int,
        static_size: int = 0,
        vocabulary_size: int = 0,
        embedding_size: int = 32,
        code_pooling: Literal["sum", "mean", "max", "multi_hot"] = "sum",
        steps: int | None = None,
        pooling: str = "last+mean+max",
        hidden_size: int = 64,
        layers: int = 1,
        input_dropout: float = 0.0,
        dropout: float = 0.0,
        classes: int = 2,
        answer: AnswerName = "classes",
        quantiles: int = 1,
    ) -> None:
        super().__init__()
        at_least(0, step_size=step_size, static_size=static_size, vocabulary_size=vocabulary_size)
        at_least(0, embedding_size=embedding_size)
        at_least(1, hidden_size=hidden_size, layers=layers, steps=1 if steps is None else steps)
        probability(dropout=dropout, input_dropout=input_dropout)
        coded = vocabulary_size > 0 and embedding_size > 0
        self.embedding = CodeBag(vocabulary_size, embedding_size, code_pooling) if coded else None
        self.width = step_size + (self.embedding.output_size if self.embedding else 0)
        self.steps = steps
        at_least(1, static_size=self.width + static_size)
        size = static_size
        self.pool = Pool(pooling, self.width) if self.width and steps is None else None
        if self.width:
            size += 1 + (self.pool.output_size if self.pool else (steps or 0) * self.width)
        self.input_dropout = nn.Dropout(input_dropout)
        sizes = [size] + [hidden_size] * layers
        self.hidden = nn.ModuleList(Linear(before, hidden_size) for before in sizes[:-1])
        self.output = answer_layer(answer, hidden_size, classes, quantiles, dropout)

    def forward(self, batch: Any) -> Tensor:
        """Logits ``[B]`` (``[B, classes]`` for more than two) in the order of the batch.

        Another answer has the shape of its layer.

        Args:
            batch: has ``steps`` (packed ``[N, F]``), ``codes`` ``[M]``, ``code_offsets`` ``[N]``
                and ``static`` ``[B, S]``.
        """
        dtype = next(self.hidden.parameters()).dtype
        parts = [batch.static.to(dtype)]
        if self.width:
            parts = [*self._pressed(batch, dtype), *parts]
        z = self.input_dropout(torch.cat(parts, dim=1))
        for layer in self.hidden:
            z = torch.relu(layer(z))
        return self.output(z)

    def _pressed(self, batch: Any, dtype: torch.dtype) -> list[Tensor]:
        u = batch.steps.data.to(dtype)
        if self.embedding is not None:
            codes = self.embedding(batch.codes, batch.code_offsets)
            u = torch.cat([u, codes.to(dtype)], dim=1)
        packed = repacked(batch.steps, u)
        ragged = ragged_of(packed)
        vector = self._flattened(ragged) if self.pool is None else self.pool(packed)
        return [vector, ragged.lengths().to(dtype).sqrt()[:, None]]

    def _flattened(self, ragged: Ragged) -> Tensor:
        """``[B, K (F + E)]``, the last step at the end."""
        assert self.steps is not None
        from_end = ragged.lengths()[ragged.rows] - ragged.places()
        kept = from_end <= self.steps
        empty = ragged.data.new_zeros(ragged.count, self.steps, ragged.data.shape[1])
        where = (ragged.rows[kept], self.steps - from_end[kept])
        return empty.index_put(where, ragged.data[kept]).flatten(1)
