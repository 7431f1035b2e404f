"""Convolutions over the steps of ragged sequences: no step sees beyond the ends of its row."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import PackedSequence

from sequela.errors import ConfigError
from sequela.nn.linear import Linear

__all__ = ["StepConvolution"]


class StepConvolution(nn.Module):
    """``y_j = b + sum over k of W_k x_(j s + k - (width - 1) // 2)``; x is 0 outside of its row.

    A row of T steps becomes one of ``ceil(T / s)``. It is a product of each step's neighbourhood
    with the weights, so that in inference a row has the same bits whoever else is in the batch.

    Args:
        input_size: D.
        output_size: the width of a step of the result.
        width: steps in a neighbourhood.
        stride: s, every how many steps there is one.

    Raises:
        ConfigError: a size below 1.
    """

    def __init__(self, input_size: int, output_size: int, width: int, stride: int = 1) -> None:
        super().__init__()
        if min(input_size, output_size, width, stride) < 1:
            raise ConfigError(
                "a convolution",
                got=f"sizes {input_size}, {output_size}, width {width}, stride {stride}",
                wanted="numbers of at least 1",
            )
        self.width, self.stride = width, stride
        self.linear = Linear(width * input_size, output_size)

    def forward(self, sequence: PackedSequence) -> PackedSequence:
        """Packed as the input; rows keep their order, and a row of length 0 stays one.

        Args:
            sequence: packed ``[N, D]``.
        """
        data, sizes = sequence.data, sequence.batch_sizes
        places = self._neighbours(sizes).to(data.device)
        ground = torch.cat([data, data.new_zeros(1, data.shape[1])])
        return PackedSequence(
            self.linear(ground[places].flatten(1)),
            sizes[:: self.stride].clone(),
            sequence.sorted_indices,
            sequence.unsorted_indices,
        )

    def _neighbours(self, sizes: Tensor) -> Tensor:
        """Int64 ``[N', width]``, the steps of each neighbourhood; N where there is none."""
        count = int(sizes.sum())
        kept = sizes[:: self.stride]
        time = torch.repeat_interleave(torch.arange(len(kept)) * self.stride, kept)
        first = torch.repeat_interleave(kept.cumsum(0) - kept, kept)
        member = torch.arange(len(time)) - first
        near = time[:, None] + torch.arange(self.width) - (self.width - 1) // 2
        inside = (near >= 0) & (near < len(sizes))
        near = near.clamp(0, max(0, len(sizes) - 1))
        if not count:
            return near
        inside &= member[:, None] < sizes[near]
        begin = sizes.cumsum(0) - sizes
        return torch.where(inside, begin[near] + member[:, None], count)

    def extra_repr(self) -> str:
        """The widths, for ``print(model)``."""
        return f"width={self.width}, stride={self.stride}"
