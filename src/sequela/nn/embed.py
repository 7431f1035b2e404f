"""What a visit is for a model: its codes together as one vector, its values as of their age."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from sequela.errors import ConfigError
from sequela.ops.reduce import bag_sum, exp, row_max

__all__ = ["CodeBag", "DecayedValues", "codes_of_steps", "decay"]

_POOLINGS = ("sum", "mean", "max", "multi_hot")


def codes_of_steps(codes: Tensor, code_offsets: Tensor) -> Tensor:
    """Int64 ``[N]``, how many codes each step has; arguments as of :meth:`CodeBag.forward`."""
    ends = torch.cat([code_offsets[1:], code_offsets.new_full((1,), len(codes))])
    return ends[: len(code_offsets)] - code_offsets


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
        counts = codes_of_steps(codes, code_offsets)
        if self.weight is not None and self.pooling == "mean":
            return bag_sum(self.weight, codes, code_offsets) / counts.clamp(min=1)[:, None]
        step = torch.repeat_interleave(counts, output_size=len(codes))
        if self.weight is not None:
            return row_max(self.weight[codes], step, len(code_offsets))
        hot = torch.zeros(len(code_offsets), self.vocabulary_size, device=codes.device)
        hot[step, codes] = 1.0
        return hot

    def single(self, codes: Tensor) -> Tensor:
        """``[M, size]``, the vector of each code by itself; not with ``multi_hot``."""
        assert self.weight is not None
        return self.weight[codes]

    def extra_repr(self) -> str:
        """The sizes, for ``print(model)``."""
        return f"{self.vocabulary_size}, {self.size}, pooling={self.pooling}"


def decay(rate: Tensor) -> Tensor:
    """``exp(-max(0, rate))``, element by element: 1 keeps everything, 0 nothing.

    Che et al., Sci. Rep. 8 (2018) 6085, equation 3.

    Args:
        rate: any shape, float32 or float64.
    """
    return exp(-torch.relu(rate))


class DecayedValues(nn.Module):
    """Values where they were measured, else the last ones, on their way to the training mean.

    With the mask m, the gap d since a variable was seen and x (the last value seen where nothing
    was measured), standardised so that the training mean is 0 (Che et al., Sci. Rep. 8 (2018) 6085,
    equation 5)::

        g = exp(-max(0, w * d + b))                one rate for each variable
        u = m * x + (1 - m) * (g * x + (1 - g) * 0)

    Args:
        variables: K.

    Attributes:
        rate: ``[2, K]``, w and b; .01 at first, since a rate of 0 would pass no gradient.
    """

    def __init__(self, variables: int) -> None:
        super().__init__()
        if variables < 1:
            raise ConfigError("values", got=f"{variables} variables", wanted="at least one")
        self.variables = variables
        self.rate = nn.Parameter(torch.full((2, variables), 0.01))

    def forward(self, values: Tensor, mask: Tensor, gaps: Tensor) -> Tensor:
        """``u [N, K]`` from three of that shape."""
        slope, shift = self.rate
        return mask * values + (1 - mask) * (decay(slope * gaps + shift) * values)

    def extra_repr(self) -> str:
        """The size, for ``print(model)``."""
        return f"{self.variables}"
