"""Weights written down in another convention, brought into ours (torch's).

``docs/alphabet.md`` holds the table of synonyms; each function here is one of its rows, and a test
proves it by running the other text's equations beside our layer.
"""

from __future__ import annotations

import copy
import re
from collections.abc import Mapping
from typing import TypeVar, overload

import torch
from numpy.typing import ArrayLike
from torch import Tensor, nn

from sequela.errors import ConfigError

__all__ = ["flip_update_gate", "from_concatenated", "from_transposed"]

_Layer = TypeVar("_Layer", bound=nn.Module)

# torch's order of the gates, by the letters of the alphabet.
_ORDERS: dict[frozenset[str], str] = {
    frozenset("h"): "h",
    frozenset("ifgo"): "ifgo",
    frozenset("rzn"): "rzn",
}
_RECURRENT = re.compile(r"^(?P<prefix>.*?)weight_hh(?P<suffix>(?:_l\d+(?:_reverse)?)?)$")


def _order(gates: object, what: str) -> str:
    letters = [*gates] if isinstance(gates, str | Mapping) else []
    order = _ORDERS.get(frozenset(letters))
    if order is None or len(letters) != len(order):
        raise ConfigError(
            what,
            got=", ".join(map(str, letters)) or "nothing",
            wanted="h (RNN), i f g o (LSTM) or r z n (GRU), each once",
        )
    return order


def _tensor(value: ArrayLike | Tensor) -> Tensor:
    return value.detach().clone() if isinstance(value, Tensor) else torch.tensor(value)


def _flip_layer(state: dict[str, Tensor], prefix: str, suffix: str) -> None:
    width = state[f"{prefix}weight_hh{suffix}"].shape[1]
    for side in ("ih", "hh"):
        # Under layer normalisation the sign sits in the gain: turned weights would change the mean.
        norm = f"{prefix}norm_{side}{suffix}"
        names = [norm if norm in state else f"{prefix}weight_{side}{suffix}"]
        names.append(f"{prefix}bias_{side}{suffix}")
        for name in names:
            if name in state:
                flipped = state[name].detach().clone()
                flipped[width : 2 * width].neg_()
                state[name] = flipped


@overload
def flip_update_gate(source: _Layer) -> _Layer: ...
@overload
def flip_update_gate(source: Mapping[str, Tensor]) -> dict[str, Tensor]: ...
def flip_update_gate(source: nn.Module | Mapping[str, Tensor]) -> object:
    """GRU weights of ``h = (1-z)*h_prev + z*n`` (Chung 2014) for ``h = (1-z)*n + z*h_prev`` (ours).

    ``1 - sigma(a) = sigma(-a)``, so the weights and biases of z are negated and nothing else. Doing
    it twice changes nothing, so it also goes the other way.

    Args:
        source: a module, or a state dict of one; every GRU inside it is turned, other layers are
            left. It is not changed itself.

    Returns:
        A copy of the module, or a new state dict.

    Raises:
        ConfigError: there is no GRU in it.
    """
    if isinstance(source, nn.Module):
        result = copy.deepcopy(source)
        result.load_state_dict(flip_update_gate(source.state_dict()))
        return result
    state = dict(source)
    found = 0
    for name, weight in source.items():
        match = _RECURRENT.match(name)
        if match and weight.dim() == 2 and weight.shape[0] == 3 * weight.shape[1]:
            _flip_layer(state, match["prefix"], match["suffix"])
            found += 1
    if not found:
        raise ConfigError("flip_update_gate", got="no GRU", wanted="weight_hh of shape [3*H, H]")
    return state


def from_concatenated(
    matrices: Mapping[str, ArrayLike | Tensor],
    biases: Mapping[str, ArrayLike | Tensor] | None = None,
    *,
    hidden_first: bool = True,
    suffix: str = "_l0",
) -> dict[str, Tensor]:
    """Weights of texts that write ``W . [h_prev, x] + b``, one matrix for each gate.

    The bias becomes ``b_ih``; ``b_hh`` is zero. A text's GRU with ``W . [r * h_prev, x]`` resets
    before the product: load it into ``GRU(reset_after=False)``.

    Args:
        matrices: ``[H, H + D]`` by gate: ``h`` (RNN), ``i f g o`` (LSTM) or ``r z n`` (GRU).
        biases: ``[H]`` by gate; none for a layer without bias.
        hidden_first: ``[h_prev, x]``; False for ``[x, h_prev]``.
        suffix: what follows in the names: "_l0", "_l1_reverse", or "" for a cell.

    Returns:
        The state dict of one layer: ``weight_ih``, ``weight_hh`` and, with biases, ``bias_ih`` and
        ``bias_hh``.

    Raises:
        ConfigError: unknown gates, or shapes that do not fit each other.
    """
    order = _order(matrices, "gates of the matrices")
    parts = [_tensor(matrices[gate]) for gate in order]
    width = parts[0].shape[0]
    shapes = {tuple(part.shape) for part in parts}
    if len(shapes) > 1 or parts[0].dim() != 2 or parts[0].shape[1] <= width:
        raise ConfigError(
            "matrices of the gates", got=f"shapes {sorted(shapes)}", wanted="all [H, H + D], D > 0"
        )
    stacked = torch.cat(parts)
    cut = width if hidden_first else stacked.shape[1] - width
    first, second = stacked[:, :cut].contiguous(), stacked[:, cut:].contiguous()
    hidden, given = (first, second) if hidden_first else (second, first)
    state = {f"weight_ih{suffix}": given, f"weight_hh{suffix}": hidden}
    if biases is not None:
        if _order(biases, "gates of the biases") != order:
            raise ConfigError("gates of the biases", got="others than those of the matrices")
        vectors = [_tensor(biases[gate]) for gate in order]
        if any(vector.shape != (width,) for vector in vectors):
            raise ConfigError("biases of the gates", wanted=f"shape [{width}] for each gate")
        bias = torch.cat(vectors)
        state |= {f"bias_ih{suffix}": bias, f"bias_hh{suffix}": torch.zeros_like(bias)}
    return state


def from_transposed(
    kernel: ArrayLike | Tensor,
    recurrent_kernel: ArrayLike | Tensor,
    bias: ArrayLike | Tensor | None = None,
    *,
    order: str,
    suffix: str = "_l0",
) -> dict[str, Tensor]:
    """Weights of texts and libraries that write ``X W + H U + b``: samples are rows.

    Keras is one of them, and :func:`sequela.nn.from_keras` knows the rest of its habits.

    Args:
        kernel: W ``[D, G*H]``.
        recurrent_kernel: U ``[H, G*H]``.
        bias: ``[G*H]``, or ``[2, G*H]`` where input and recurrent bias are apart; None without.
        order: the gates in the order of the columns, in our letters: "h", "ifgo", "zrn" ...
        suffix: what follows in the names: "_l0", "_l1_reverse", or "" for a cell.

    Returns:
        The state dict of one layer: ``weight_ih``, ``weight_hh`` and, with a bias, ``bias_ih`` and
        ``bias_hh``.

    Raises:
        ConfigError: an unknown order, or shapes that do not fit each other.
    """
    wanted = _order(order, "order of the gates")
    w, u = _tensor(kernel), _tensor(recurrent_kernel)
    if w.dim() != 2 or u.dim() != 2 or not w.shape[1] == u.shape[1] == len(order) * u.shape[0]:
        raise ConfigError(
            "transposed weights",
            got=f"shapes {list(w.shape)} and {list(u.shape)}",
            wanted=f"[D, {len(order)}*H] and [H, {len(order)}*H]",
        )
    width = u.shape[0]

    def rows(columns: Tensor) -> Tensor:
        blocks = dict(zip(order, columns.split(width, dim=-1), strict=True))
        return torch.cat([blocks[gate] for gate in wanted], dim=-1).mT.contiguous()

    state = {f"weight_ih{suffix}": rows(w), f"weight_hh{suffix}": rows(u)}
    if bias is not None:
        b = _tensor(bias)
        if b.shape not in ((w.shape[1],), (2, w.shape[1])):
            raise ConfigError(
                "transposed bias",
                got=f"shape {list(b.shape)}",
                wanted=f"[{w.shape[1]}] or [2, {w.shape[1]}]",
            )
        pair = b if b.dim() == 2 else torch.stack([b, torch.zeros_like(b)])
        both = rows(pair)
        state |= {f"bias_ih{suffix}": both[:, 0].clone(), f"bias_hh{suffix}": both[:, 1].clone()}
    return state
