"""Moving images: a convolution for each frame, and an LSTM over the frames.

Donahue et al.: Long-term recurrent convolutional networks for visual recognition and description.
CVPR 2015; LeCun, Bottou, Bengio, Haffner: Gradient-based learning applied to document recognition.
Proceedings of the IEEE 86 (1998). For the frames x_1 ... x_T, images of one size:

    u_t = relu(U conv(x_t) + d)            conv: twice 3 x 3 weights, relu, the greatest of 2 x 2
                                           (after the first ``halved`` of them)
    h_t = LSTM(drop(u_t), h_{t-1})         stacked; h_0 = 0
    y   = A pool(h_1 ... h_T) + a

One frame says what is seen, and their order where it goes. U has weights for each place, so that
what stands where is kept; each time the greatest of 2 x 2 is taken, half of a place is lost.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from sequela.errors import ConfigError
from sequela.nn import Classify, Head, Linear, Pool
from sequela.nn.image_layers import ImageLayers
from sequela.nn.ragged import repacked
from sequela.recipes.cells import CellName, recurrent
from sequela.recipes.sizes import at_least, probability

__all__ = ["Frames"]


class Frames(nn.Module):
    """Logits of each clip: one for two classes, else one for each class.

    Args:
        step_size: F, the pixels of a frame, row by row.
        classes: at least 2.
        height: of a frame; its width is F / height.
        filters: of the first convolution; the second has twice as many.
        image_size: the width of u_t.
        cell: "gru", "gru_before", "lstm" or "rnn".
        hidden_size: H.
        layers: stacked recurrent layers.
        dropout: in training, of u_t, between the layers and before the output.
        pooling: "last", "mean", "max", "attention", or several ("mean+max").
        halved: after how many of the two convolutions the greatest of 2 x 2 is taken, 0 to 2;
            fewer where small steps matter.

    Raises:
        ConfigError: a size, probability or ``halved`` out of range, a height that does not divide
            the pixels, or an unknown pooling.
    """

    def __init__(
        self,
        step_size: int,
        classes: int,
        height: int = 1,
        filters: int = 8,
        image_size: int = 32,
        cell: CellName = "lstm",
        hidden_size: int = 64,
        layers: int = 1,
        dropout: float = 0.0,
        pooling: str = "last",
        halved: int = 2,
    ) -> None:
        super().__init__()
        at_least(1, step_size=step_size, height=height, filters=filters, image_size=image_size)
        at_least(1, hidden_size=hidden_size, layers=layers)
        at_least(2, classes=classes)
        probability(dropout=dropout)
        if step_size % height:
            wanted = f"a divisor of {step_size}, the pixels of a frame"
            raise ConfigError("argument 'height'", got=str(height), wanted=wanted)
        self.image = ImageLayers(height, step_size // height, filters, halved)
        self.seen = Linear(self.image.cells * self.image.filters, image_size)
        self.dropout = nn.Dropout(dropout)
        self.recurrent = recurrent(cell, image_size, hidden_size, layers, dropout)
        pool = Pool(pooling, hidden_size)
        self.head = Head(pool, Classify(pool.output_size, classes, dropout=dropout))

    def forward(self, batch: Any) -> Tensor:
        """Logits ``[B]`` of the second of two classes, else ``[B, classes]``; batch order.

        Args:
            batch: has ``steps``, packed ``[N, F]``.
        """
        x = batch.steps.data.to(next(self.parameters()).dtype)
        u = torch.relu(self.seen(self.image(x).flatten(1)))
        return self.head(self.recurrent(repacked(batch.steps, self.dropout(u)))[0])
