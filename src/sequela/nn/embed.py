"""Codes to vectors: what all the codes of a visit together are for a model."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from sequela.errors import ConfigError
from sequela.ops.reduce import bag_sum, row_max

__all__ = ["CodeBag"]

_POOLINGS = ("sum", "mean", "max", "multi_hot")


class CodeBag(nn.Module):
    """One vector for each step from its codes.

    ``sum`` is ``e_t = sum over the codes v of step t of E[v]``, a multi-hot visit times a matrix;
    ``mean`` divides it by their number, ``max`` takes the greatest of each feature, and
    ``multi_hot`` is the vector of zeros and ones itself, as wide as the vocabulary and without
    weights. The codes of all steps lie behind each other, so that no visit is padded to the longest
    one. Index 0 is the unknown code; it is learnt like any other. A visit without codes gives
    zeros.

    Args:
        vocabulary_size: V, the unknown code included.
        size: the width of the embedding; not looked at with ``multi_hot``.
        pooling: "sum", "mean", "max" or "multi_hot".

    Attributes:
        weight: ``[V, size]``, drawn from a normal distribution of variance 1 / size, so that the
            vector of one code has length 1 on average whatever the size; None with ``multi_hot``.
        output_size: the width of what :meth:`forward` gives.

    Raises:
        ConfigError: a size below 1, or an unknown pooling.
    """

    def __init__(self, vocabulary_size: int, size: int, pooling: str = "sum") -> None:
        super().__init__()
        if vocabulary_size < 1 or size < 1:
            raise ConfigError(
                "an embedding of codes",
                got=f"{vocabulary_size} codes of width {size}",
                wanted="at least one code (the unknown one) of width 1",
            )
        if pooling not in _POOLINGS:
            raise ConfigError("pooling of codes", got=repr(pooling), wanted=", ".join(_POOLINGS))
        self.vocabulary_size, self.size, self.pooling = vocabulary_size, size, pooling
        self.output_size = vocabulary_size if pooling == "multi_hot" else size
        if pooling == "multi_hot":
            self.weight = None
        else:
            self.weight = nn.Parameter(torch.empty(vocabulary_size, size))
            nn.init.normal_(self.weight, std=size**-0.5)

    def forward(self, codes: Tensor, code_offsets: Tensor) -> Tensor:
        """``[N, output_size]``.

        Args:
            codes: int64 ``[M]``, the codes of all steps behind each other.
            code_offsets: int64 ``[N]``, where the codes of each step begin.
        """
        if self.weight is not None and self.pooling == "sum":
            return bag_sum(self.weight, codes, code_offsets)
        ends = torch.cat([code_offsets[1:], code_offsets.new_full((1,), len(codes))])
        counts = ends[: len(code_offsets)] - code_offsets
        if self.weight is not None and self.pooling == "mean":
            return bag_sum(self.weight, codes, code_offsets) / counts.clamp(min=1)[:, None]
        step = torch.repeat_interleave(counts, output_size=len(codes))
        if self.weight is not None:
            return row_max(self.weight[codes], step, len(code_offsets))
        hot = torch.zeros(len(code_offsets), self.vocabulary_size, device=codes.device)
        hot[step, codes] = 1.0
        return hot

    def extra_repr(self) -> str:
        """The sizes, for ``print(model)``."""
        return f"{self.vocabulary_size}, {self.size}, pooling={self.pooling}"
