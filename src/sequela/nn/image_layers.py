"""Convolutions over small images, one behind the other; an image's result is its own."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from sequela.errors import ConfigError
from sequela.nn.linear import Linear

__all__ = ["ImageLayers"]

_WIDTH = 3


class ImageLayers(nn.Module):
    """Twice: ``relu(b + sum over a neighbourhood of 3 x 3 of W x)``, the greatest of each 2 x 2.

    Zeros stand around an image. Each convolution is a product of each place's neighbourhood with
    the weights, so that in inference an image has the same bits whichever others are beside it. A
    side of S places becomes one of ``ceil(S / 4)``.

    Args:
        height, width: of an image.
        filters: of the first layer; the second has twice as many.
        halved: after how many of the layers the greatest of each 2 x 2 is taken. Where it matters
            how far something moved, fewer than 2: a step of one pixel is hardly seen behind both.
            A side then becomes one of ``ceil(S / 2)``, or with 0 of S.

    Raises:
        ConfigError: a size below 1, or ``halved`` not from 0 to 2.
    """

    def __init__(self, height: int, width: int, filters: int, halved: int = 2) -> None:
        super().__init__()
        if min(height, width, filters) < 1:
            raise ConfigError("an image", got="a side or filters below 1", wanted="at least 1")
        if halved not in (0, 1, 2):
            raise ConfigError("argument 'halved'", got=str(halved), wanted="0, 1 or 2")
        self.height, self.width = height, width
        self.first = Linear(_WIDTH * _WIDTH, filters)
        self.second = Linear(_WIDTH * _WIDTH * filters, 2 * filters)
        self.halved = halved
        self.rows, self.columns = (-(-side // 2**halved) for side in (height, width))
        self.filters = 2 * filters

    @property
    def cells(self) -> int:
        """How many places an image has in the end."""
        return self.rows * self.columns

    def forward(self, images: Tensor) -> Tensor:
        """``[R, cells, filters]``, the cells row by row, from images ``[R, height * width]``."""
        x = images.reshape(len(images), self.height, self.width, 1)
        for number, layer in enumerate((self.first, self.second)):
            x = torch.relu(layer(_neighbours(x)))
            x = _greatest(x) if number < self.halved else x
        return x.reshape(len(images), self.cells, self.filters)


def _neighbours(x: Tensor) -> Tensor:
    """``[R, H, W, 9 C]`` of ``x [R, H, W, C]``."""
    height, width = x.shape[1:3]
    wide = nn.functional.pad(x, (0, 0, 1, 1, 1, 1))
    shifted = [
        wide[:, down : down + height, right : right + width]
        for down in range(_WIDTH)
        for right in range(_WIDTH)
    ]
    return torch.cat(shifted, dim=3)


def _greatest(x: Tensor) -> Tensor:
    """The greatest of each 2 x 2 places; of what there is at an odd end."""
    height, width = x.shape[1:3]
    wide = nn.functional.pad(x, (0, 0, 0, width % 2, 0, height % 2))  # relu: nothing is below 0
    pairs = torch.maximum(wide[:, 0::2], wide[:, 1::2])
    return torch.maximum(pairs[:, :, 0::2], pairs[:, :, 1::2])
