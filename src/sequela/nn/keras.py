"""Weights of Keras's recurrent layers as layers of ours; Keras itself is not needed.

Keras writes ``X W + H U + b`` with samples as rows, its LSTM's gates in the order i f c o (c is our
g), its GRU's in the order z r h (h is our n). Its GRU resets after the product by default and then
has two rows of biases, the input's and the recurrent one's; without ``reset_after`` it has one.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from numpy.typing import ArrayLike
from torch import Tensor

from sequela.errors import ConfigError
from sequela.nn.convert import from_transposed
from sequela.nn.recurrent import GRU, LSTM, RNN

__all__ = ["from_keras"]

# Keras's order of the gates, in our letters, by the number of gates.
_ORDERS = {1: "h", 3: "zrn", 4: "ifgo"}
_WANTED = (
    "kernel, recurrent kernel and bias, as get_weights() gives them (once more for the second "
    "direction of Bidirectional)"
)


def from_keras(
    weights: Sequence[ArrayLike | Tensor],
    *,
    activation: str = "tanh",
    recurrent_activation: str = "sigmoid",
    reset_after: bool | None = None,
    **options: Any,
) -> RNN | LSTM | GRU:
    """A layer of ours with the (copied) weights of a Keras 3 SimpleRNN, LSTM or GRU.

    Which layer it is, its sizes, its bias and its directions follow from the shapes. What the
    weights do not tell is given with Keras's names. Two habits differ: with ``go_backwards`` Keras
    returns the steps in the order in which it read them, ours keeps the input's time order, so
    Keras's output is ``output.flip(time)``; and Keras returns the last step alone unless
    ``return_sequences`` is set, ours returns all unless it is False.

    Args:
        weights: ``layer.get_weights()``: kernel ``[D, G*H]``, recurrent kernel ``[H, G*H]`` and,
            with a bias, bias ``[G*H]`` (GRU with ``reset_after``: ``[2, 3*H]``); of
            ``Bidirectional`` those of the forward layer, then those of the backward one.
        activation: of the Keras layer; "relu" and "sigmoid" only for SimpleRNN.
        recurrent_activation: of the Keras layer: "sigmoid", the default of Keras 3.
        reset_after: of a GRU. None reads it off the bias; without a bias it is Keras's default,
            True.
        options: of our constructor: ``batch_first`` (here True by default, as Keras), ``merge``
            (Keras's ``merge_mode``, "concat" by default; its "ave" is our "mean"),
            ``go_backwards``, ``return_sequences``, ``dropout`` ...

    Raises:
        ConfigError: shapes that do not fit each other, an activation that our layers lack, or a
            ``reset_after`` that contradicts the bias.
    """
    arrays = [_array(weight) for weight in weights]
    count = {2: 2, 3: 3, 4: 2, 6: 3}.get(len(arrays))
    if count is None:
        raise ConfigError("Keras weights", got=f"{len(arrays)} arrays", wanted=_WANTED)
    groups = [arrays[start : start + count] for start in range(0, len(arrays), count)]
    gates = _gates(groups)
    options = {"batch_first": True, "bias": count == 3, **options}
    if options["bias"] != (count == 3):
        raise ConfigError("bias", got=options["bias"], wanted="what the weights say; leave it out")
    if len(groups) == 2:
        options["bidirectional"] = True
    if gates == 1:
        if activation not in ("tanh", "relu", "sigmoid"):
            raise ConfigError("activation", got=repr(activation), wanted="tanh, relu or sigmoid")
        options["nonlinearity"] = activation
    elif (activation, recurrent_activation) != ("tanh", "sigmoid"):
        raise ConfigError(
            "activation and recurrent_activation",
            got=f"{activation!r} and {recurrent_activation!r}",
            wanted="'tanh' and 'sigmoid'",
        )
    options |= _reset(gates, groups[0], reset_after)
    kind = {1: RNN, 3: GRU, 4: LSTM}[gates]
    size, hidden = groups[0][0].shape[0], groups[0][1].shape[0]
    layer = kind(size, hidden, dtype=arrays[0].dtype, **options)
    state: dict[str, Tensor] = {}
    for group, suffix in zip(groups, ("_l0", "_l0_reverse"), strict=False):
        state |= from_transposed(*group, order=_ORDERS[gates], suffix=suffix)
    if state.keys() != layer.state_dict().keys():
        raise ConfigError(
            "options", got="weights that Keras has not", wanted=f"only {', '.join(state)}"
        )
    layer.load_state_dict(state)
    return layer


def _array(weight: ArrayLike | Tensor) -> Tensor:
    try:
        array = torch.as_tensor(weight).detach()
    except (TypeError, ValueError, RuntimeError) as error:
        raise ConfigError("Keras weights", got=type(weight).__name__, wanted=_WANTED) from error
    if not array.dtype.is_floating_point:
        raise ConfigError("Keras weights", got=array.dtype, wanted="floating point")
    return array


def _gates(groups: list[list[Tensor]]) -> int:
    """The number of gates; refuses shapes and types that differ between the parts."""
    first = groups[0][1]
    gates = 0
    if first.dim() == 2 and first.shape[0]:
        gates = first.shape[1] // first.shape[0]
        gates = gates if gates * first.shape[0] == first.shape[1] else 0
    shapes = [[list(part.shape) for part in group] for group in groups]
    if gates not in _ORDERS or shapes[0] != shapes[-1] or not groups[0][0].numel():
        raise ConfigError(
            "Keras weights",
            got=f"shapes {', '.join(str(shape) for group in shapes for shape in group)}",
            wanted="[D, G*H], [H, G*H] and [G*H] or [2, G*H] with G = 1, 3 or 4, alike in each "
            "direction",
        )
    kinds = {part.dtype for group in groups for part in group}
    if len(kinds) > 1:
        raise ConfigError("Keras weights", got=f"types {sorted(map(str, kinds))}", wanted="one")
    return gates


def _reset(gates: int, group: list[Tensor], reset_after: bool | None) -> dict[str, bool]:
    """Which GRU it is; a bias of two rows belongs to reset_after alone."""
    rows = group[2].dim() if len(group) == 3 else None
    if gates != 3:
        if reset_after is not None or rows == 2:
            raise ConfigError(
                "Keras weights",
                got="reset_after or two rows of biases beside a layer that is no GRU",
                wanted="a recurrent kernel [H, 3*H]",
            )
        return {}
    told = None if rows is None else rows == 2
    if None not in (told, reset_after) and told != reset_after:
        raise ConfigError(
            "reset_after",
            got=reset_after,
            wanted=f"{told}, for the bias has {'two rows' if told else 'one row'}",
        )
    chosen = reset_after if told is None else told
    return {"reset_after": True if chosen is None else chosen}
