"""The recurrent operators of ONNX: what their inputs and attributes mean, and in which order.

RNN, GRU and LSTM of the default domain, as of operator set 7 (14 added ``layout``, 22 types).
Shapes, with K directions and G gates:

    X [T, B, D]                W [K, G*H, D]    R [K, G*H, H]    B [K, 2*G*H] = b_ih, b_hh
    sequence_lens [B]          initial_h, initial_c [K, B, H]     P [K, 3*H]
    Y [T, K, B, H]             Y_h, Y_c [K, B, H]

With ``layout=1`` X is ``[B, T, D]``, Y ``[B, T, K, H]`` and the states ``[B, K, H]``. The gates of
the LSTM are i o f c, its peepholes i o f, the gates of the GRU z r h, and its default resets before
the product. Equations are those of :mod:`sequela.cells`.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import ModuleType
from typing import Any, NamedTuple

import torch
from torch import Tensor

from sequela.errors import BundleError, ConfigError, MissingDependencyError, install_line

__all__ = ["OPERATORS", "Operator", "library", "options_of", "reorder", "short"]


class Operator(NamedTuple):
    """One recurrent operator of ONNX.

    Args:
        gates: their order there, in our letters.
        ours: their order here.
        activations: the only ones that the cell has, for each direction; none where a choice is.
        inputs: names of the inputs, in order.
        outputs: names of the outputs, in order.
        attributes: names and types (in ONNX's numbers) of the attributes.
    """

    gates: str
    ours: str
    activations: tuple[str, ...]
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    attributes: Mapping[str, int]


_FLOAT, _INT, _STRING, _FLOATS, _STRINGS = 1, 2, 3, 6, 8
_ATTRIBUTES = {
    "activation_alpha": _FLOATS,
    "activation_beta": _FLOATS,
    "activations": _STRINGS,
    "clip": _FLOAT,
    "direction": _STRING,
    "hidden_size": _INT,
    "layout": _INT,
}
_INPUTS = ("X", "W", "R", "B", "sequence_lens", "initial_h")

OPERATORS = {
    "RNN": Operator("h", "h", (), _INPUTS, ("Y", "Y_h"), _ATTRIBUTES),
    "GRU": Operator(
        "zrn",
        "rzn",
        ("sigmoid", "tanh"),
        _INPUTS,
        ("Y", "Y_h"),
        _ATTRIBUTES | {"linear_before_reset": _INT},
    ),
    "LSTM": Operator(
        "iofg",
        "ifgo",
        ("sigmoid", "tanh", "tanh"),
        (*_INPUTS, "initial_c", "P"),
        ("Y", "Y_h", "Y_c"),
        _ATTRIBUTES | {"input_forget": _INT},
    ),
}


def library() -> ModuleType:
    """The package ``onnx``.

    Raises:
        MissingDependencyError: it is not installed.
    """
    try:
        import onnx
    except ImportError as error:
        raise MissingDependencyError(
            "ONNX files", got="no package 'onnx'", todo=f"Run: {install_line('onnx')}"
        ) from error
    return onnx


def short(name: object) -> str:
    """A name out of a file, fit for a message."""
    text = str(name)
    return repr(text if len(text) <= 60 else f"{text[:60]}...")


def reorder(rows: Tensor, given: str, wanted: str) -> Tensor:
    """Blocks of rows, one block for each letter, from one order into another."""
    blocks = dict(zip(given, rows.chunk(len(given)), strict=True))
    return torch.cat([blocks[gate] for gate in wanted])


def options_of(operator: str, attributes: Mapping[str, Any], where: str) -> dict[str, Any]:
    """Arguments of our constructor for the attributes of a node.

    ``activation_alpha`` and ``activation_beta`` are not looked at: they have a meaning only for
    functions that are refused.

    Raises:
        ConfigError: the node computes something that our cells do not.
        BundleError: an attribute has a value that ONNX does not know.
    """
    direction = attributes.get("direction", "forward")
    if direction not in ("forward", "reverse", "bidirectional"):
        raise BundleError(
            f"{where}, direction",
            got=short(direction),
            wanted="forward, reverse or bidirectional",
        )
    for name in ("layout", "linear_before_reset", "input_forget"):
        if attributes.get(name, 0) not in (0, 1):
            raise BundleError(f"{where}, {name}", got=attributes[name], wanted="0 or 1")
    if "clip" in attributes:
        raise ConfigError(f"{where}, clip", got=attributes["clip"], wanted="no clipping")
    if attributes.get("input_forget", 0):
        raise ConfigError(f"{where}, input_forget", got=1, wanted="0: gates of their own")
    options: dict[str, Any] = {"batch_first": bool(attributes.get("layout", 0))}
    options |= {"bidirectional": True} if direction == "bidirectional" else {}
    options |= {"go_backwards": True} if direction == "reverse" else {}
    if operator == "GRU":
        options["reset_after"] = bool(attributes.get("linear_before_reset", 0))
    return options | _activations(operator, attributes, direction, where)


def _activations(
    operator: str, attributes: Mapping[str, Any], direction: str, where: str
) -> dict[str, str]:
    directions = 2 if direction == "bidirectional" else 1
    fixed = OPERATORS[operator].activations
    given = tuple(name.lower() for name in attributes.get("activations", ()))
    if fixed:
        if given and given != fixed * directions:
            raise ConfigError(
                f"{where}, activations",
                got=", ".join(map(short, given)),
                wanted=", ".join(fixed * directions),
            )
        return {}
    given = given or ("tanh",) * directions
    if len(given) != directions or len({*given}) > 1 or given[0] not in ("tanh", "relu", "sigmoid"):
        raise ConfigError(
            f"{where}, activations",
            got=", ".join(map(short, given)),
            wanted="Tanh, Relu or Sigmoid, the same in each direction",
        )
    return {"nonlinearity": given[0]}
