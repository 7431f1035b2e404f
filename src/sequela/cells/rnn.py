"""The simple recurrent cell (Elman 1990).

    h' = m * h                                     m: recurrent dropout, one mask per sequence
    a  = w_ih x + b_ih + w_hh h' + b_hh
    h  = f(a)                                      f: tanh, relu or sigma

With layer normalisation (Ba 2016) each product ``w y`` is ``LN(w y) * gain``.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import NamedTuple

import torch
from torch import Tensor

from sequela.cells.weights import CellWeights, product

__all__ = ["RNNGates", "RNNState", "step_relu", "step_sigmoid", "step_tanh"]


class RNNState(NamedTuple):
    """What is carried: ``h`` ``[B, H]``."""

    h: Tensor


class RNNGates(NamedTuple):
    """The simple cell has no gate."""


def _step(
    function: Callable[[Tensor], Tensor],
    a_ih: Tensor,
    state: RNNState,
    weights: CellWeights,
    mask: Tensor | None = None,
) -> tuple[RNNState, RNNGates]:
    """One step.

    Args:
        function: f.
        a_ih: ``[B, H]``, the input product ``w_ih x + b_ih``.
        state: the previous state, h ``[B, H]``.
        weights: see :class:`CellWeights`.
        mask: ``[B, H]``, m, already scaled; None for no recurrent dropout.
    """
    h = state.h if mask is None else mask * state.h
    a = a_ih + product(h, weights.w_hh, weights.b_hh, weights.norm_hh)
    return RNNState(function(a)), RNNGates()


step_tanh = partial(_step, torch.tanh)
step_relu = partial(_step, torch.relu)
step_sigmoid = partial(_step, torch.sigmoid)
