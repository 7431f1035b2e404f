"""One recurrent layer walked step by step, so that every h_t and c_t is a node of the graph.

The layers compute all steps in one call, which hides what lies between. Here the cells of
:mod:`sequela.cells`, the specification, are walked in float64 with the layer's own weights, in
evaluation (no dropout, zoneout as its expectation). Nothing of the layer is changed.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import PackedSequence, pad_packed_sequence

from sequela.cells import CELLS, Cell, CellWeights, input_product, zoneout
from sequela.errors import ConfigError, DataError
from sequela.nn.options import merge_directions
from sequela.nn.parameters import PARAMETER_NAMES

__all__ = ["Unrolled", "cell_of", "layer_weights", "passes_of", "unroll"]


class Unrolled(NamedTuple):
    """A layer, or stack of layers, that was walked.

    Args:
        output: what the layer returns as its output, in its layout and type.
        states: for each pass (layer and direction, in the order of ``h_n``) and each step in the
            input's time order h ``[B, P]`` as it is carried on and for the LSTM c ``[B, H]`` as
            the step computes it, before zoneout.
        present: bool ``[T, B]``, true up to each row's length.
    """

    output: Any
    states: list[list[tuple[Tensor, ...]]]
    present: Tensor


def cell_of(layer: nn.Module) -> Cell:
    """The cell of a recurrent layer, ours or torch's.

    Raises:
        ConfigError: the module is no recurrent layer.
    """
    mode = getattr(layer, "mode", None)
    name = {"LSTM": "lstm", "GRU": "gru_after"}.get(str(mode), str(mode).lower())
    if name == "gru_after" and not getattr(layer, "reset_after", True):
        name = "gru_before"
    if name not in CELLS or not hasattr(layer, "weight_hh_l0"):
        raise ConfigError(
            "the layer to look into",
            got=type(layer).__name__,
            wanted="an RNN, LSTM or GRU of sequela.nn or torch.nn",
        )
    return CELLS[name]


def passes_of(layer: nn.Module) -> list[tuple[str, bool]]:
    """Name and direction (true: from the end) of each pass, in the order of ``h_n``."""
    backwards = bool(getattr(layer, "go_backwards", False))
    passes = []
    for k in range(layer.num_layers):  # pyrefly: ignore
        passes.append((f"l{k}", backwards))
        if layer.bidirectional:
            passes.append((f"l{k}_reverse", True))
    return passes


def layer_weights(layer: nn.Module, name: str) -> CellWeights:
    """The weights of one pass, detached and in float64; ``name`` as in :func:`passes_of`."""
    found = {
        field: getattr(layer, f"{long}_{name}", None) for field, long in PARAMETER_NAMES.items()
    }
    return CellWeights(
        **{field: w.detach().double() for field, w in found.items() if w is not None}
    )


def unroll(layer: Any, input: Tensor | PackedSequence, lengths: Any = None) -> Unrolled:
    """Walks a recurrent layer over an input, from a zero initial state.

    Args:
        layer: RNN, LSTM or GRU of ``sequela.nn`` or ``torch.nn``, any number of layers and
            directions, with any option.
        input: in the layer's layout, ``[T, B, D]``, ``[B, T, D]`` or ``[T, D]``, or packed.
        lengths: ``[B]``, for a padded input; None when every row has all T steps.

    Raises:
        ConfigError: the module is no recurrent layer.
        DataError: the input is empty or has another width, or the lengths do not fit.
    """
    cell = cell_of(layer)
    x, lengths, batched = _time_major(layer, input, lengths)
    present = torch.arange(x.shape[0], device=x.device)[:, None] < lengths
    states: list[list[tuple[Tensor, ...]]] = []
    steps = x.detach().double()
    directions = 2 if layer.bidirectional else 1
    for name, reverse in passes_of(layer):
        states.append(_walk(layer, cell, layer_weights(layer, name), steps, present, reverse))
        if len(states) % directions == 0 and len(states) < directions * layer.num_layers:
            merge = getattr(layer, "merge", "concat")
            steps = merge_directions(_outputs(states[-directions:], present), merge or "concat")
    output = _as_returned(layer, states[-directions:], present, batched, x.dtype)
    return Unrolled(output, states, present)


def _time_major(layer: Any, input: Tensor | PackedSequence, lengths: Any):
    if isinstance(input, PackedSequence):
        x, lengths = pad_packed_sequence(input)
        batched = True
    else:
        batched = input.dim() == 3
        x = input if batched else input.unsqueeze(0 if layer.batch_first else 1)
        x = x.transpose(0, 1) if layer.batch_first else x
    if x.dim() != 3 or x.shape[2] != layer.input_size or 0 in x.shape:
        raise DataError(
            "the input of the layer to look into",
            got=f"shape {list(x.shape)}",
            wanted=f"steps of width {layer.input_size}, at least one step and one row",
        )
    full = torch.full((x.shape[1],), x.shape[0], device=x.device)
    lengths = full if lengths is None else torch.as_tensor(lengths).to(x.device)
    if lengths.shape != full.shape or lengths.min() < 1 or lengths.max() > x.shape[0]:
        raise DataError(
            "lengths", got=f"shape {list(lengths.shape)}", wanted=f"{len(full)} from 1 to T"
        )
    return x, lengths, batched


def _walk(
    layer: Any, cell: Cell, weights: CellWeights, x: Tensor, present: Tensor, reverse: bool
) -> list[tuple[Tensor, ...]]:
    a_ih = input_product(x, weights)
    hidden = weights.w_hh.shape[0] // cell.gate_count
    widths = {"h": weights.w_hh.shape[1], "c": hidden}
    # Leaves with a gradient: without them no later state would be a node of the graph.
    state = cell.state(
        *(x.new_zeros(x.shape[1], widths[name]).requires_grad_() for name in cell.state._fields)
    )
    rates = getattr(layer, "zoneout", (0.0,) * len(state))
    walked: list[tuple[Tensor, ...]] = [()] * x.shape[0]
    for t in range(x.shape[0] - 1, -1, -1) if reverse else range(x.shape[0]):
        new, _ = cell.step(a_ih[t], state, weights)
        alive = present[t][:, None]
        carried = [
            torch.where(alive, zoneout(part, old, rate) if rate else part, old)
            for part, old, rate in zip(new, state, rates, strict=True)
        ]
        # h_t is made of c as the step computes it, so that is the c with the whole gradient.
        walked[t] = (carried[0], *new[1:])
        state = cell.state(*carried)
    return walked


def _outputs(walked: list[list[tuple[Tensor, ...]]], present: Tensor) -> list[Tensor]:
    """h of each direction ``[T, B, P]``, zero beyond each length as the layers return it."""
    return [torch.stack([state[0] for state in steps]) * present[:, :, None] for steps in walked]


def _as_returned(layer: Any, walked, present: Tensor, batched: bool, dtype: torch.dtype) -> Any:
    if getattr(layer, "return_sequences", True):
        outputs = _outputs(walked, present)
        outputs = [part.transpose(0, 1) if layer.batch_first else part for part in outputs]
        axis = 0 if layer.batch_first else 1
    else:
        names = passes_of(layer)[-len(walked) :]
        outputs = [
            steps[0 if reverse else -1][0]
            for steps, (_, reverse) in zip(walked, names, strict=True)
        ]
        axis = 0
    outputs = [(part if batched else part.squeeze(axis)).to(dtype) for part in outputs]
    return merge_directions(outputs, getattr(layer, "merge", "concat"))
