"""A linear layer whose rows do not see each other: torch's, with the same bits for any batch."""

from __future__ import annotations

from torch import Tensor, nn

from sequela.ops.linear import linear

__all__ = ["Linear"]


class Linear(nn.Linear):
    """``torch.nn.Linear``: arguments, parameters and errors are the same.

    A row's result depends on that row and the weights alone, to the last bit, where
    :func:`sequela.ops.linear.linear` says so.
    """

    def forward(self, input: Tensor) -> Tensor:
        """``[..., out_features]``."""
        return linear(input, self.weight, self.bias)
