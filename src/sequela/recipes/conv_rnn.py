"""Waveforms: convolutions find the shapes, a recurrent layer their order.

Zihlmann, Perekrestenko, Tschannen: Convolutional recurrent neural networks for electrocardiogram
classification. Computing in Cardiology 44 (2017); for EEG, Thodoroff et al.: Learning robust
features using deep learning for automatic seizure detection (MLHC 2016). For the frames x_1 ... x_T
of a record, n convolutions of width k and stride s, with zeros outside of the record:

    u^0_t = x_t
    u^l_j = relu(b + sum over i = 0 ... k-1 of W_i u^(l-1)_(j s + i - (k-1) // 2))     l = 1 ... n
    h_j   = LSTM(u^n_j, h_{j-1})                   and one that reads from the end, if bidirectional
    y     = A [pool(h_1 ... h_T'), v] + a          T' = T / s^n, rounded up at each layer

where v are the static features of the record, if it has any, which the papers have not. Frames
that do not overlap make u^1 a convolution of the samples themselves.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from sequela.errors import ConfigError
from sequela.nn import Classify, Head, Pool
from sequela.nn.convolution import StepConvolution
from sequela.nn.ragged import repacked
from sequela.recipes.cells import CellName, recurrent
from sequela.recipes.sizes import at_least, probability

__all__ = ["ConvRNN"]


class ConvRNN(nn.Module):
    """Logits of each record: one for two classes, else one for each class.

    Args:
        step_size: F, the width of a frame.
        classes: at least 2.
        static_size: the width of the static features; 0 for none.
        filters: the width of a convolution's result.
        convolutions: n, one behind the other.
        width: k, steps that one sees; odd, so that it sees as far on either side.
        stride: s; 2 halves the number of steps at each convolution.
        cell: "gru", "gru_before", "lstm" or "rnn".
        hidden_size: H of each direction.
        layers: stacked recurrent layers.
        bidirectional: read from both ends; False for a running signal.
        dropout: in training, behind each convolution, between the layers and before the output.
        pooling: "mean", "max", "last", "attention", or several ("mean+max").

    Raises:
        ConfigError: a size or probability out of range, an even width, or an unknown pooling.
    """

    def __init__(
        self,
        step_size: int,
        classes: int,
        static_size: int = 0,
        filters: int = 32,
        convolutions: int = 2,
        width: int = 5,
        stride: int = 2,
        cell: CellName = "lstm",
        hidden_size: int = 64,
        layers: int = 1,
        bidirectional: bool = True,
        dropout: float = 0.0,
        pooling: str = "mean",
    ) -> None:
        super().__init__()
        at_least(1, step_size=step_size, filters=filters, convolutions=convolutions)
        at_least(1, width=width, stride=stride, hidden_size=hidden_size, layers=layers)
        at_least(2, classes=classes)
        at_least(0, static_size=static_size)
        probability(dropout=dropout)
        if width % 2 == 0:
            raise ConfigError("argument 'width'", got=str(width), wanted="an odd number")
        sizes = [step_size] + [filters] * convolutions
        self.convolutions = nn.ModuleList(
            StepConvolution(before, filters, width, stride) for before in sizes[:-1]
        )
        self.dropout = nn.Dropout(dropout)
        self.recurrent = recurrent(
            cell, filters, hidden_size, layers, dropout, bidirectional=bidirectional
        )
        directions = 2 if bidirectional else 1
        pool = Pool(pooling, directions * hidden_size, directions=directions)
        self.static_size, width = static_size, pool.output_size + static_size
        self.head = Head(pool, Classify(width, classes, dropout=dropout))

    def forward(self, batch: Any) -> Tensor:
        """Logits ``[B]`` of the second of two classes, else ``[B, classes]``; batch order.

        Args:
            batch: has ``steps``, packed ``[N, F]``, and with a width for it ``static`` ``[B, S]``.
        """
        x = repacked(batch.steps, batch.steps.data.to(next(self.parameters()).dtype))
        for convolution in self.convolutions:
            x = convolution(x)
            x = repacked(x, self.dropout(torch.relu(x.data)))
        static = batch.static.to(x.data.dtype) if self.static_size else None
        return self.head(self.recurrent(x)[0], static=static)
