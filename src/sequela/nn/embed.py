"""Codes to vectors: the sum of the embeddings of all codes of a visit."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from sequela.errors import ConfigError
from sequela.ops.reduce import bag_sum

__all__ = ["CodeBag"]


class CodeBag(nn.Module):
    """``e_t = sum over the codes v of step t of E[v]``: a multi-hot visit times a matrix.

    The codes of all steps lie behind each other, so that no visit is padded to the longest one.
    Index 0 is the unknown code; it is learnt like any other. A visit without codes gives zeros.

    Args:
        vocabulary_size: V, the unknown code included.
        size: the width of the embedding.

    Attributes:
        weight: ``[V, size]``, drawn from a normal distribution of variance 1 / size, so that the
            vector of one code has length 1 on average whatever the size.

    Raises:
        ConfigError: a size below 1.
    """

    def __init__(self, vocabulary_size: int, size: int) -> None:
        super().__init__()
        if vocabulary_size < 1 or size < 1:
            raise ConfigError(
                "an embedding of codes",
                got=f"{vocabulary_size} codes of width {size}",
                wanted="at least one code (the unknown one) of width 1",
            )
        self.vocabulary_size, self.size = vocabulary_size, size
        self.weight = nn.Parameter(torch.empty(vocabulary_size, size))
        nn.init.normal_(self.weight, std=size**-0.5)

    def forward(self, codes: Tensor, code_offsets: Tensor) -> Tensor:
        """``[N, size]``.

        Args:
            codes: int64 ``[M]``, the codes of all steps behind each other.
            code_offsets: int64 ``[N]``, where the codes of each step begin.
        """
        return bag_sum(self.weight, codes, code_offsets)

    def extra_repr(self) -> str:
        """The sizes, for ``print(model)``."""
        return f"{self.vocabulary_size}, {self.size}"
