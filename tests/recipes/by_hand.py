"""One step of the GRU and of the LSTM, written out, for the tests of the recipes' equations."""

from __future__ import annotations

import torch
from torch import Tensor, sigmoid, tanh

__all__ = ["gru", "lstm", "pooled_last", "weights"]


def weights(state: dict, name: str, suffix: str = "") -> tuple[Tensor, ...]:
    """w_ih, w_hh, b_ih and b_hh of a layer (suffix "_l0") or a cell (no suffix)."""
    return tuple(
        state[f"{name}.{kind}{suffix}"] for kind in ("weight_ih", "weight_hh", "bias_ih", "bias_hh")
    )


def gru(own: tuple[Tensor, ...], x: Tensor, h: Tensor, *, reset_after: bool = True) -> Tensor:
    """h after one step."""
    w, u, b, d = own
    size = len(h)
    (a_r, a_z, a_n), (p_r, p_z, p_n) = (w @ x + b).chunk(3), (u @ h + d).chunk(3)
    r, z = sigmoid(a_r + p_r), sigmoid(a_z + p_z)
    inner = r * p_n if reset_after else u[2 * size :] @ (r * h) + d[2 * size :]
    return (1 - z) * tanh(a_n + inner) + z * h


def lstm(own: tuple[Tensor, ...], x: Tensor, h: Tensor, c: Tensor) -> tuple[Tensor, Tensor]:
    """h and c after one step."""
    w, u, b, d = own
    i, f, g, o = (w @ x + b + u @ h + d).chunk(4)
    c = sigmoid(f) * c + sigmoid(i) * tanh(g)
    return sigmoid(o) * tanh(c), c


def pooled_last(state: dict, h: Tensor, static: Tensor) -> Tensor:
    """The logits of a head that pools the last state."""
    joined = torch.cat([h, static])
    return state["head.output.linear.weight"] @ joined + state["head.output.linear.bias"]
