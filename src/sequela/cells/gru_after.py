"""Gated recurrent unit, reset after the product (Cho 2014 v1; cuDNN, torch, the default of Keras).

    h' = m * h                                     m: recurrent dropout, one mask per sequence
    r  = sigma(w_ir x + b_ir + w_hr h' + b_hr)
    z  = sigma(w_iz x + b_iz + w_hz h' + b_hz)
    n  = tanh(w_in x + b_in + r * (w_hn h' + b_hn))
    h  = (1 - z) * n + z * h

With layer normalisation (Ba 2016) each product ``w y`` is ``LN(w y) * gain`` over all three gates.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from sequela.cells.weights import CellWeights, product

__all__ = ["GRUGates", "GRUState", "step"]


class GRUState(NamedTuple):
    """What is carried: ``h`` ``[B, H]``."""

    h: Tensor


class GRUGates(NamedTuple):
    """Reset and update gate and the candidate ("new gate"), each ``[B, H]``."""

    r: Tensor
    z: Tensor
    n: Tensor


def step(
    a_ih: Tensor, state: GRUState, weights: CellWeights, mask: Tensor | None = None
) -> tuple[GRUState, GRUGates]:
    """One step.

    Args:
        a_ih: ``[B, 3*H]``, the input product ``w_ih x + b_ih``.
        state: the previous state, h ``[B, H]``.
        weights: see :class:`CellWeights`.
        mask: ``[B, H]``, m, already scaled; None for no recurrent dropout.
    """
    h = state.h
    a_hh = product(h if mask is None else mask * h, weights.w_hh, weights.b_hh, weights.norm_hh)
    a_ir, a_iz, a_in = a_ih.chunk(3, dim=1)
    a_hr, a_hz, a_hn = a_hh.chunk(3, dim=1)
    r = torch.sigmoid(a_ir + a_hr)
    z = torch.sigmoid(a_iz + a_hz)
    n = torch.tanh(a_in + r * a_hn)
    h = (1 - z) * n + z * h
    return GRUState(h), GRUGates(r, z, n)
