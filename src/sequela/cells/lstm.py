"""Long short-term memory (Hochreiter & Schmidhuber 1997; forget gate Gers 2000).

    h' = m * h                                     m: recurrent dropout, one mask per sequence
    a  = w_ih x + b_ih + w_hh h' + b_hh            four gates, rows i f g o
    i  = sigma(a_i + p_i * c)                      p: peephole (Gers 2002), 0 when absent
    f  = sigma(a_f + p_f * c)
    g  = tanh(a_g)
    c  = f * c + i * g                             from here on c is the new one
    o  = sigma(a_o + p_o * c)
    h  = o * tanh(c)
    h  = w_hr h                                    only with projection (Sak 2014)

With layer normalisation (Ba 2016) each product ``w y`` is ``LN(w y) * gain`` over all four gates,
and h reads ``tanh(LN(c) * gain + shift)``; the carried c and the peepholes see c as it is.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn.functional import layer_norm, linear

from sequela.cells.weights import NORM_EPSILON, CellWeights, product

__all__ = ["LSTMGates", "LSTMState", "step"]


class LSTMState(NamedTuple):
    """What is carried: ``h`` ``[B, P]`` (``P = H`` without projection) and ``c`` ``[B, H]``."""

    h: Tensor
    c: Tensor


class LSTMGates(NamedTuple):
    """Input, forget, cell and output gate, each ``[B, H]``."""

    i: Tensor
    f: Tensor
    g: Tensor
    o: Tensor


def step(
    a_ih: Tensor, state: LSTMState, weights: CellWeights, mask: Tensor | None = None
) -> tuple[LSTMState, LSTMGates]:
    """One step.

    Args:
        a_ih: ``[B, 4*H]``, the input product ``w_ih x + b_ih``.
        state: the previous state, h ``[B, P]`` and c ``[B, H]``.
        weights: see :class:`CellWeights`.
        mask: ``[B, P]``, m, already scaled; None for no recurrent dropout.
    """
    h, c = state
    h = h if mask is None else mask * h
    a = a_ih + product(h, weights.w_hh, weights.b_hh, weights.norm_hh)
    a_i, a_f, a_g, a_o = a.chunk(4, dim=1)
    p = weights.w_peephole
    if p is not None:
        a_i, a_f = a_i + p[0] * c, a_f + p[1] * c
    i = torch.sigmoid(a_i)
    f = torch.sigmoid(a_f)
    g = torch.tanh(a_g)
    c = f * c + i * g
    o = torch.sigmoid(a_o if p is None else a_o + p[2] * c)
    norm, shift = weights.norm_c, weights.norm_c_bias
    h = o * torch.tanh(c if norm is None else layer_norm(c, norm.shape, norm, shift, NORM_EPSILON))
    h = h if weights.w_hr is None else linear(h, weights.w_hr)
    return LSTMState(h, c), LSTMGates(i, f, g, o)
