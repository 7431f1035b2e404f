"""The product of a layer's rows with its weights, with the same bits whatever the batch.

On the CPU, in float32 and float64 and with the native library, each result is one chain of
multiply-adds in the order bias, x: it depends on its own row and the weights alone. Everywhere else
torch computes it, whose bits change with the number of rows. Gradients have torch's own formula and
can be differentiated again.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.autograd import Function
from torch.nn import functional

from sequela.ops import native_score

__all__ = ["linear"]


class _Linear(Function):
    """``x w^T + b`` and its gradients."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
        ctx.save_for_backward(x, weight)
        return native_score.product(x, weight, bias)

    @staticmethod
    # pyrefly: ignore [bad-override]
    def backward(ctx: Any, gradient: Tensor) -> Any:
        x, weight = ctx.saved_tensors
        wanted = ctx.needs_input_grad
        return (
            gradient @ weight if wanted[0] else None,
            gradient.T @ x if wanted[1] else None,
            gradient.sum(0) if wanted[2] else None,
        )


def linear(x: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    """``[..., O]``: ``x`` times the transposed weights, plus the bias.

    Args:
        x: ``[..., D]``.
        weight: ``[O, D]``.
        bias: ``[O]`` or None.

    Raises:
        RuntimeError: torch's own, where shapes or types do not fit.
    """
    parts = (x, weight) if bias is None else (x, weight, bias)
    given, wide = x.shape, weight.shape
    fits = (
        len(wide) == 2
        and len(given) > 0
        and given[-1] == wide[1]
        and (bias is None or bias.shape == (wide[0],))
    )
    if not fits or not native_score.computes(*parts):
        return functional.linear(x, weight, bias)
    if len(given) == 2:
        flat = x
    elif wide[1]:
        flat = x.reshape(-1, wide[1])
    else:  # nothing says how many rows there are
        return functional.linear(x, weight, bias)
    carries = torch.is_grad_enabled() and any(part.requires_grad for part in parts)
    result = (_Linear.apply if carries else native_score.product)(flat, weight, bias)
    return result if len(given) == 2 else result.reshape(*given[:-1], wide[0])
