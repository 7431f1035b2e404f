"""What a series will be at the next times: quantiles of each, all at once or one after the other.

Wen, Torkkola, Narayanaswamy, Madeka: A multi-horizon quantile recurrent forecaster. NIPS time
series workshop 2017 (direct); Sutskever, Vinyals, Le: Sequence to sequence learning. NIPS 2014;
Lai, Chang, Yang, Liu: Modeling long- and short-term temporal patterns. SIGIR 2018 (the linear
part). For the steps x_1 ... x_T, the static features s and the horizons k = 1 ... H:

    h_t = GRU(drop(x_t), h_{t-1})                  stacked; h_0 = 0
    "direct":   q_k = quantiles(W_k [drop(h_T), s] + b_k)
    "seq2seq":  g_0 = tanh(V [h_T, s] + d),  y_0 = 0
                g_k = GRU'([y_{k-1}, k / H], g_{k-1})
                q_k = quantiles(W drop(g_k) + b),  y_k = the median of q_k
    linear:     a_k . [x_{T-m+1} ... x_T] is added to all of q_k; x_t = 0 before the first step

Quantiles cannot cross (:class:`sequela.nn.Quantiles`). In training too y_k is the model's own, so
that it learns to go on from what it says itself. The linear part keeps the level of the series,
which saturating cells lose; with "relative" the GRU reads x_t - x_T alone, so that it cannot lean
on a level that later times leave (Zeng, Chen, Zhang, Xu. AAAI 2023). Where there are codes, it also
reads the sum of the vectors of each step's codes.
"""

from __future__ import annotations

from typing import Any, Literal

import torch
from torch import Tensor, nn

from sequela.nn import CodeBag, GRUCell, Linear, Quantiles
from sequela.nn.ragged import Ragged, ragged_of, repacked
from sequela.ops.reduce import tanh
from sequela.recipes.cells import CellName, recurrent
from sequela.recipes.sizes import at_least, probability

__all__ = ["Forecaster"]


class Forecaster(nn.Module):
    """Quantiles ``[B, H, Q]`` of the next numbers of each series.

    Args:
        step_size: F, the width of a step's features; at least 1.
        static_size: S, the width of the static features; may be 0.
        classes: H, how many numbers ahead.
        quantiles: Q, of each.
        vocabulary_size: V, the unknown code (index 0) included; where it is alone none is read.
        embedding_size: the width of a code's vector; 0 leaves the codes out.
        decoder: "direct" or "seq2seq".
        linear: m, the last steps that the linear part reads; 0 leaves it out.
        relative: the GRU reads how the steps differ from the last one.
        hidden_size: H of the layers.
        layers: stacked recurrent layers.
        dropout: in training, of the features, between the layers and before the output.
        cell: "gru", "gru_before", "lstm" or "rnn".
        answer: numbers alone.

    Raises:
        ConfigError: a size or probability out of range.
    """

    def __init__(
        self,
        step_size: int,
        static_size: int,
        classes: int = 1,
        quantiles: int = 3,
        vocabulary_size: int = 0,
        embedding_size: int = 8,
        decoder: Literal["direct", "seq2seq"] = "direct",
        linear: int = 0,
        relative: bool = False,
        hidden_size: int = 64,
        layers: int = 1,
        dropout: float = 0.0,
        cell: CellName = "gru",
        answer: Literal["quantile"] = "quantile",
    ) -> None:
        super().__init__()
        at_least(1, step_size=step_size, classes=classes, quantiles=quantiles)
        at_least(1, hidden_size=hidden_size, layers=layers)
        at_least(0, static_size=static_size, linear=linear)
        at_least(0, vocabulary_size=vocabulary_size, embedding_size=embedding_size)
        probability(dropout=dropout)
        self.relative = relative
        self.horizons, self.last, self.middle = classes, linear, quantiles // 2
        self.dropout = nn.Dropout(dropout)
        coded = embedding_size if vocabulary_size > 1 else 0
        self.embedding = CodeBag(vocabulary_size, coded) if coded else None
        self.recurrent = recurrent(cell, step_size + coded, hidden_size, layers, dropout)
        width = hidden_size + static_size
        self.direct = decoder == "direct"
        self.first = None if self.direct else Linear(width, hidden_size)
        self.cell = None if self.direct else GRUCell(2, hidden_size)
        self.output = (
            Quantiles(width, quantiles, classes)
            if self.direct
            else Quantiles(hidden_size, quantiles)
        )
        self.linear = Linear(linear * step_size, classes, bias=False) if linear else None
        if self.linear is not None:
            nn.init.zeros_(self.linear.weight)

    def forward(self, batch: Any) -> Tensor:
        """``[B, H, Q]`` in the order of the batch, rising along the last axis.

        Args:
            batch: has ``steps`` (packed ``[N, F]``), ``static`` ``[B, S]``, and where it has codes
                ``codes`` and ``code_offsets``.
        """
        x = batch.steps.data.to(next(self.parameters()).dtype)
        ragged = ragged_of(repacked(batch.steps, x))
        read = self.dropout(x - ragged.at("last")[ragged.rows] if self.relative else x)
        if self.embedding is not None:
            codes = self.embedding(batch.codes, batch.code_offsets)
            read = torch.cat([read, codes.to(x.dtype)], dim=1)
        states = self.recurrent(repacked(batch.steps, read))[0]
        read = torch.cat([ragged_of(states).at("last"), batch.static.to(x.dtype)], dim=1)
        found = self.output(self.dropout(read)) if self.direct else self._one_by_one(read)
        if self.linear is None:
            return found
        return found + self.linear(self._latest(ragged))[..., None]

    def _one_by_one(self, read: Tensor) -> Tensor:
        assert self.first is not None
        assert self.cell is not None
        g, said, found = tanh(self.first(read)), read.new_zeros(len(read)), []
        for place in range(self.horizons):
            share = torch.full_like(said, (place + 1) / self.horizons)
            g = self.cell(torch.stack([said, share], dim=1), g)
            found.append(self.output(self.dropout(g))[:, 0])
            said = found[-1][:, self.middle]
        return torch.stack(found, dim=1)

    def _latest(self, steps: Ragged) -> Tensor:
        """``[B, m F]``, the last m steps of each row, zeros before its first one."""
        back = steps.lengths()[steps.rows] - 1 - steps.places()
        near = back < self.last
        places = (steps.rows[near], self.last - 1 - back[near])
        empty = steps.data.new_zeros(steps.count, self.last, steps.data.shape[1])
        return empty.index_put(places, steps.data[near]).flatten(1)
