"""How far back an input still changes the answer: |dy/dx_t| against t, and where it ends.

Not the gradient of a loss but the sensitivity of the answer itself, of any model: the Frobenius
norm of the Jacobian dy/dx_t, by random projections, ``E |v' J|^2 = |J|_F^2`` for v of independent
signs (Hutchinson 1990).
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor

from sequela.errors import DataError
from sequela.seeds import derive

__all__ = ["Horizon", "memory_horizon"]


class Horizon(NamedTuple):
    """How the past counts.

    Args:
        sensitivity: ``[T]``, the root mean square over the rows of |dy/dx_t|, in the unit of y by
            that of x.
        decay_length: steps over which the sensitivity falls to 1/e, by a least-squares line through
            its logarithm where it is above float32's resolution of the largest; infinite where it
            does not fall.
        reach: the steps back from the last one of the farthest step whose sensitivity is at least
            a hundredth of the largest.
    """

    sensitivity: Tensor
    decay_length: float
    reach: int


def memory_horizon(
    model: Callable[[Tensor], Tensor],
    input: Tensor,
    *,
    batch_first: bool = False,
    projections: int = 8,
    seed: int = 0,
) -> Horizon:
    """Measures how far back the inputs of a model still change its answer.

    Args:
        model: the answer ``[B, ...]`` of an input, rows independent of each other, for example
            ``lambda x: layer(x)[0][-1]``. As it stands: set a module to ``eval()`` first.
        input: ``[T, B, D]``, or ``[B, T, D]`` with ``batch_first``.
        batch_first: the layout.
        projections: random projections to average; the relative error of a step's sensitivity is
            about ``1 / sqrt(2 * projections * B)`` at most.
        seed: of the projections.

    Raises:
        DataError: the input has no three axes, or the answer does not depend on it.
    """
    if input.dim() != 3 or 0 in input.shape:
        raise DataError(
            "the input of the memory horizon",
            got=f"shape {list(input.shape)}",
            wanted="three axes, none of them 0",
        )
    generator = torch.Generator(input.device).manual_seed(derive(seed, "projections"))
    with torch.enable_grad():
        x = input.detach().clone().requires_grad_()
        answer = model(x)
        if not answer.requires_grad:
            raise DataError("the answer of the model", got="one that does not depend on the input")
        total = torch.zeros(x.shape[0 if not batch_first else 1], dtype=torch.float64)
        for number in range(projections):
            signs = torch.randint(0, 2, answer.shape, generator=generator, device=x.device)
            projected = (answer * (2 * signs - 1).to(answer.dtype)).sum()
            (found,) = torch.autograd.grad(projected, x, retain_graph=number + 1 < projections)
            squares = found.double().square().sum(-1)
            total += squares.mean(0 if batch_first else 1).cpu()
    sensitivity = (total / projections).sqrt()
    return Horizon(sensitivity, _decay_length(sensitivity), _reach(sensitivity))


def _reach(sensitivity: Tensor) -> int:
    counted = (sensitivity >= 0.01 * sensitivity.max()).nonzero()
    return len(sensitivity) - 1 - int(counted[0]) if sensitivity.max() > 0 else 0


def _decay_length(sensitivity: Tensor) -> float:
    back = torch.arange(len(sensitivity) - 1, -1, -1, dtype=torch.float64)
    seen = sensitivity > torch.finfo(torch.float32).eps * sensitivity.max()
    if int(seen.sum()) < 2:
        return 0.0
    back, logs = back[seen], sensitivity[seen].log()
    centred = back - back.mean()
    slope = float((centred * logs).sum() / centred.square().sum())
    return -1 / slope if slope < 0 else math.inf
