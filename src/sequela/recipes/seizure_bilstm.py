"""Seizure recognition in EEG: a bidirectional LSTM over the frames of a record.

Hochreiter and Schmidhuber, Neural Computation 9 (1997) 1735 (the LSTM); Schuster and Paliwal, IEEE
Transactions on Signal Processing 45 (1997) 2673 (two directions). For the frames x_1 ... x_T:

    u_t = tanh(W [x_t, s] + b)                 only with a projection, else u_t = [x_t, s]
    f_t = LSTM(u_t, f_{t-1})                   forward, f_0 = 0
    g_t = LSTM(u_t, g_{t+1})                   backward, g_{T+1} = 0
    y   = A pool([f_1, g_1] ... [f_T, g_T]) + a

where s are the static features of the record, if it has any. Every frame sees the whole record, so
this model judges records that are complete; it is not for a running alarm.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import PackedSequence

from sequela.nn import LSTM, Linear
from sequela.nn.heads import Classify, Head, Pool
from sequela.nn.ragged import ragged_of
from sequela.ops.reduce import tanh
from sequela.recipes.sizes import at_least, probability

__all__ = ["SeizureBiLSTM"]


class SeizureBiLSTM(nn.Module):
    """Logits of each record: one for two classes, else one for each class.

    Args:
        step_size: F, the width of a frame.
        classes: at least 2.
        static_size: S, the width of the static features; 0 for none.
        input_size: width of the projection of a frame; None feeds the frame itself.
        hidden_size: H of each direction.
        layers: stacked bidirectional layers.
        dropout: in training, between the layers and before the output.
        pooling: "mean", "max", "last" (each direction's final state), "attention", or several
            ("mean+max"). The mean by default: in a stationary record every frame counts the same.

    Raises:
        ConfigError: a size or probability out of range, or an unknown pooling.
    """

    def __init__(
        self,
        step_size: int,
        classes: int,
        static_size: int = 0,
        input_size: int | None = None,
        hidden_size: int = 64,
        layers: int = 1,
        dropout: float = 0.0,
        pooling: str = "mean",
    ) -> None:
        super().__init__()
        at_least(1, step_size=step_size, hidden_size=hidden_size, layers=layers)
        at_least(2, classes=classes)
        at_least(0, static_size=static_size)
        probability(dropout=dropout)
        self.static_size, width = static_size, step_size + static_size
        if input_size is None:
            self.projection = None
        else:
            at_least(1, input_size=input_size)
            self.projection = Linear(width, input_size)
        self.recurrent = LSTM(
            input_size or width,
            hidden_size,
            num_layers=layers,
            bidirectional=True,
            # torch warns about dropout between layers where there is only one.
            dropout=dropout if layers > 1 else 0.0,
        )
        pool = Pool(pooling, 2 * hidden_size, directions=2)
        self.head = Head(pool, Classify(pool.output_size, classes, dropout=dropout))

    def forward(self, batch: Any) -> Tensor:
        """Logits ``[B]`` of the second of two classes, else ``[B, classes]``; batch order.

        Args:
            batch: has ``steps``, packed ``[N, F]``, and with a width for it ``static`` ``[B, S]``.
        """
        steps = batch.steps
        data = steps.data.to(next(self.parameters()).dtype)
        if self.static_size:
            static = batch.static.to(data.dtype)[ragged_of(steps).rows]
            data = torch.cat([data, static], dim=1)
        if self.projection is not None:
            data = tanh(self.projection(data))
        x = PackedSequence(data, steps.batch_sizes, steps.sorted_indices, steps.unsorted_indices)
        return self.head(self.recurrent(x)[0])
