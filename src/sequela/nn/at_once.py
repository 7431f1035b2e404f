"""A whole stack of layers by one call of the native library, where nothing stands in between."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from sequela.nn.layout import Layout

__all__ = ["at_once"]


def at_once(
    layer: Any, x: Tensor, initial: tuple[Tensor, ...] | None, layout: Layout
) -> tuple[Tensor, tuple[Tensor, ...]] | None:
    """Output and final states of a layer's call.

    Args:
        layer: a :class:`sequela.nn.base.RecurrentLayer`.
        x: the steps in packed order.
        initial: ``[passes, B, ...]`` each, in the order of the batch; None for zeros.
        layout: of the input; no step is held.

    Returns:
        Both as the layer returns them; None where its passes must be computed one by one (see
        :meth:`sequela.ops.stack.Stack.run`).
    """
    if torch.compiler.is_compiling() or layer.return_all_states:
        return None
    two, training = layer.bidirectional, layer.training
    if two and layer.merge != "concat":
        return None
    if training and (layer.dropout or layer.recurrent_dropout or any(layer.zoneout)):
        return None
    own = layer._parameters
    first = next(iter(own.values()), None)
    if first is not None and first.requires_grad and torch.is_grad_enabled():
        return None  # the commonest reason, found first
    try:
        given = [own[name] for names in layer._names for name in names.values()]
    except KeyError:  # parametrized: each is computed anew when it is asked for
        return None
    if initial is not None and not layout.in_order:
        initial = _by_pass(layer, initial, layout.to_rows)
    kind = (layer._cell, 1 + two, layer.go_backwards, (*layer.zoneout, 0.0)[:2])
    found = layer._stack.run(
        kind, given, layer._weights_of_all, x, layout.batch_sizes, layout.rows, initial
    )
    if found is None:
        return None
    output, final = found
    if not layout.in_order:
        final = _by_pass(layer, final, layout.from_rows)
    if layer.return_sequences:
        return layout.unpack(output, None, False), final
    last = final[0][-1 - two :]
    return torch.cat(last.unbind(0), -1) if two else last[0].clone(), final


def _by_pass(
    layer: Any, states: tuple[Tensor, ...], move: Callable[[Tensor, bool], Tensor]
) -> tuple[Tensor, ...]:
    """The states of each layer and direction, to packed rows or back."""
    reverse = [layer.go_backwards, True] if layer.bidirectional else [layer.go_backwards]
    return tuple(
        torch.stack([move(one, reverse[i % len(reverse)]) for i, one in enumerate(part)])
        for part in states
    )
