"""Gated recurrent unit, reset before the product: the textbook form (Cho 2014 v3).

    h' = m * h                                     m: recurrent dropout, one mask per sequence
    r  = sigma(w_ir x + b_ir + w_hr h' + b_hr)
    z  = sigma(w_iz x + b_iz + w_hz h' + b_hz)
    n  = tanh(w_in x + b_in + w_hn (r * h') + b_hn)
    h  = (1 - z) * n + z * h

With layer normalisation (Ba 2016) each product ``w y`` is ``LN(w y) * gain``: the input product
over all three gates, the recurrent ones over r and z together and over n alone.
"""

from __future__ import annotations

import torch
from torch import Tensor

from sequela.cells.gru_after import GRUGates, GRUState
from sequela.cells.weights import CellWeights, product

__all__ = ["step"]


def _two_and_one(tensor: Tensor | None, width: int) -> tuple[Tensor | None, Tensor | None]:
    """The rows of r and z, and those of n."""
    return (None, None) if tensor is None else (tensor[: 2 * width], tensor[2 * width :])


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
    masked = h if mask is None else mask * h
    width = h.shape[1]
    b_rz, b_n = _two_and_one(weights.b_hh, width)
    gain_rz, gain_n = _two_and_one(weights.norm_hh, width)
    a_ir, a_iz, a_in = a_ih.chunk(3, dim=1)
    a_hr, a_hz = product(masked, weights.w_hh[: 2 * width], b_rz, gain_rz).chunk(2, dim=1)
    r = torch.sigmoid(a_ir + a_hr)
    z = torch.sigmoid(a_iz + a_hz)
    n = torch.tanh(a_in + product(r * masked, weights.w_hh[2 * width :], b_n, gain_n))
    h = (1 - z) * n + z * h
    return GRUState(h), GRUGates(r, z, n)
