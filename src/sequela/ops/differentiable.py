"""The gradients of a layer by plain PyTorch: what a second derivative differentiates."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from sequela.cells import CELLS, CellWeights
from sequela.ops import reference
from sequela.ops.call import Call
from sequela.ops.native_layer import EVERY_TENSOR
from sequela.ops.sizes import checked_sizes

__all__ = ["differentiable", "own"]


def own(parts: Sequence[Any]) -> list[Any]:
    """Views: a gradient that is asked for them does not also come by way of one another."""
    return [None if part is None else part.view_as(part) for part in parts]


def differentiable(
    cell: str,
    sizes: Tensor,
    reverse: bool,
    given: Sequence[Any],
    late: Sequence[Tensor | None],
    wanted: Sequence[bool],
    rates: tuple[float, float] = (0.0, 0.0),
    everything: bool = False,
) -> list[Tensor | None]:
    """The gradients of a layer by plain PyTorch, as a graph that has gradients itself.

    Args:
        cell: see :func:`sequela.ops.native_layer.checked`.
        sizes: see there.
        reverse: the direction.
        given: the layer's tensors.
        late: the gradients of its outputs, None for zero.
        wanted: which of the tensors need a gradient.
        rates: zoneout of h and c as a probability.
        everything: whether the outputs are followed by every state but h and every gate.
    """
    given = own(given)
    layer: dict[str, Any] = dict.fromkeys(EVERY_TENSOR) | dict(
        zip(EVERY_TENSOR, given, strict=False)
    )
    initial = tuple(layer[name] for name in ("h0", "c0") if layer[name] is not None)
    filled = int(sizes.sum())
    masks = [None if mask is None else mask[:filled] for mask in (layer["keep_h"], layer["keep_c"])]
    drawn = zip(masks, rates, strict=True)
    keep = tuple(rate or None if mask is None else mask for mask, rate in drawn)[: len(initial)]
    weights = CellWeights(*(layer[name] for name in EVERY_TENSOR[3:-3]))
    result = reference.run(
        Call(
            cell=CELLS[cell],
            data=layer["x"][:filled],
            sizes=checked_sizes(sizes, traced=False),
            initial=initial,
            weights=weights,
            reverse=reverse,
            mask=layer["mask"],
            keep=keep,
            everything=everything,
        )
    )
    handed = [part for name, part in result.everything.items() if name != "h"]
    late = (None if late[0] is None else late[0][:filled], *late[1:])
    reached = [
        (output, gradient)
        for output, gradient in zip((result.output, *result.final, *handed), late, strict=False)
        if gradient is not None and output.requires_grad
    ]
    inputs = [part for part, want in zip(given, wanted, strict=True) if want and part is not None]
    outputs, gradients = zip(*reached, strict=True)
    found = iter(
        torch.autograd.grad(outputs, inputs, gradients, create_graph=True, allow_unused=True)
    )
    return [next(found) if want else None for want in wanted]
