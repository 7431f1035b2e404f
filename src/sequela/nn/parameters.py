"""The parameters of a recurrent layer: their names, their shapes, how they are made and drawn."""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import nn

from sequela.cells import CELLS
from sequela.nn.initialise import initialise

__all__ = ["PARAMETER_NAMES", "TORCH_FIELDS", "draw_parameters", "make_parameters"]

# Names of torch, and of what goes beyond it, for each field of CellWeights.
PARAMETER_NAMES = {
    "w_ih": "weight_ih",
    "w_hh": "weight_hh",
    "b_ih": "bias_ih",
    "b_hh": "bias_hh",
    "w_hr": "weight_hr",
    "w_peephole": "weight_peephole",
    "norm_ih": "norm_ih",
    "norm_hh": "norm_hh",
    "norm_c": "norm_c",
    "norm_c_bias": "norm_c_bias",
}
TORCH_FIELDS = ("w_ih", "w_hh", "b_ih", "b_hh", "w_hr")


def _shapes(module: Any, layer: int) -> dict[str, tuple[int, ...]]:
    """By field, of one direction of a layer of the stack."""
    hidden, width = module.hidden_size, module._width
    rows = CELLS[module._cell].gate_count * hidden
    # Two directions meet in the next layer's input: side by side unless they are merged.
    joined = module._directions if module.merge in ("concat", None) else 1
    size = module.input_size if layer == 0 else width * joined
    shapes: dict[str, tuple[int, ...]] = {"w_ih": (rows, size), "w_hh": (rows, width)}
    if module.bias:
        shapes |= {"b_ih": (rows,), "b_hh": (rows,)}
    if module.proj_size:
        shapes["w_hr"] = (width, hidden)
    if module.peephole:
        shapes["w_peephole"] = (3, hidden)
    if module.layer_norm:
        shapes |= {"norm_ih": (rows,), "norm_hh": (rows,)}
        if module._cell == "lstm":
            shapes["norm_c"] = (hidden,)
            if module.bias:
                shapes["norm_c_bias"] = (hidden,)
    return shapes


def make_parameters(module: Any, factory: dict[str, Any]) -> list[dict[str, str]]:
    """Registers the parameters of all layers and directions, without values.

    Args:
        module: a :class:`sequela.nn.base.RecurrentLayer` with its options.
        factory: ``device`` and ``dtype``.

    Returns:
        The parameters' names by field, for each layer and direction in the order of torch's h_n.
    """
    found: list[dict[str, str]] = []
    extra: list[tuple[str, tuple[int, ...]]] = []
    for layer in range(module.num_layers):
        shapes = _shapes(module, layer)
        for suffix in ("", "_reverse")[: module._directions]:
            names = {field: f"{PARAMETER_NAMES[field]}_l{layer}{suffix}" for field in shapes}
            found.append(names)
            for field, name in names.items():
                if field in TORCH_FIELDS:
                    empty = torch.empty(shapes[field], **factory)
                    module.register_parameter(name, nn.Parameter(empty))
                else:
                    extra.append((name, shapes[field]))
    # Behind torch's, so that torch's parameters draw the same random numbers.
    for name, shape in extra:
        module.register_parameter(name, nn.Parameter(torch.empty(shape, **factory)))
    return found


def draw_parameters(module: Any) -> None:
    """New values: torch's uniform distribution, then the layer's named initialisations."""
    bound = 1.0 / math.sqrt(module.hidden_size)
    for name, parameter in module.named_parameters(recurse=False):
        if not name.startswith("norm"):
            nn.init.uniform_(parameter, -bound, bound)
        elif name.startswith("norm_c_bias"):
            nn.init.zeros_(parameter)
        else:
            nn.init.ones_(parameter)
    initialise(module, module.initialisation)
