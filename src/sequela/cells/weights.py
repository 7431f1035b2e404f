"""The weights of one cell, and the two things every cell does with them: a product and zoneout."""

from __future__ import annotations

from typing import NamedTuple

from torch import Tensor
from torch.nn.functional import layer_norm, linear

__all__ = ["NORM_EPSILON", "CellWeights", "input_product", "product", "zoneout"]

NORM_EPSILON = 1e-5


class CellWeights(NamedTuple):
    """The weights of one layer in one direction; ``G`` gates (RNN 1, GRU 3, LSTM 4).

    ``P`` is the width of h: ``H``, or the projection's width where ``w_hr`` is given. Every field
    after the first two may be None: then the term is absent from the equations. Without ``w_ih``
    the data are its product with them already, ``[N, G*H]``.

    Args:
        w_ih: ``[G*H, D]``, rows in torch's gate order (``r z n``; ``i f g o``).
        w_hh: ``[G*H, P]``.
        b_ih: ``[G*H]``.
        b_hh: ``[G*H]``.
        w_hr: ``[P, H]``, the projection of the LSTM (Sak 2014).
        w_peephole: ``[3, H]``, from the cell state to i, f and o (Gers 2002).
        norm_ih: ``[G*H]``, the gain of the layer normalisation of ``w_ih x``.
        norm_hh: ``[G*H]``, the gain of the layer normalisation of ``w_hh h``.
        norm_c: ``[H]``, the gain of the layer normalisation of c where h reads it.
        norm_c_bias: ``[H]``, its shift.
    """

    w_ih: Tensor | None
    w_hh: Tensor
    b_ih: Tensor | None = None
    b_hh: Tensor | None = None
    w_hr: Tensor | None = None
    w_peephole: Tensor | None = None
    norm_ih: Tensor | None = None
    norm_hh: Tensor | None = None
    norm_c: Tensor | None = None
    norm_c_bias: Tensor | None = None


def product(x: Tensor, w: Tensor, b: Tensor | None, gain: Tensor | None) -> Tensor:
    """``w x + b``; with a gain ``LN(w x) * gain + b`` (Ba 2016), over the width of the product."""
    if gain is None:
        return linear(x, w, b)
    return layer_norm(linear(x, w), gain.shape, gain, b, NORM_EPSILON)


def input_product(x: Tensor, weights: CellWeights) -> Tensor:
    """``a_ih = w_ih x + b_ih`` ``[N, G*H]`` for any number of steps at once: it needs no state."""
    if weights.w_ih is not None:
        return product(x, weights.w_ih, weights.b_ih, weights.norm_ih)
    gain, b = weights.norm_ih, weights.b_ih
    if gain is not None:
        return layer_norm(x, gain.shape, gain, b, NORM_EPSILON)
    return x if b is None else x + b


def zoneout(new: Tensor, previous: Tensor, keep: Tensor | float) -> Tensor:
    """``keep * previous + (1 - keep) * new`` (Krueger 2017).

    ``keep`` is a drawn 0/1 mask in training and its expectation, the probability, in evaluation.
    """
    return keep * previous + (1 - keep) * new
