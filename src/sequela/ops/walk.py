"""Walking over ragged data in blocks of constant batch size.

Packed data are a pile of dense blocks: as long as no row ends, ``steps x rows`` consecutive packed
rows are a dense ``[steps, rows, D]``. So a backend only has to compute a dense block from left to
right; what raggedness and direction mean is said here, once. No padded step is ever computed, and
one ``split`` keeps the gradient linear in the number of steps.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from sequela.ops.call import Call
from sequela.ops.sizes import blocks

__all__ = ["Block", "walk"]

Block = Callable[..., tuple[tuple[Tensor, ...], tuple[Tensor, ...]]]


def walk(
    call: Call, streams: tuple[Tensor, ...], block: Block
) -> tuple[tuple[Tensor, ...], tuple[Tensor, ...]]:
    """Computes every block in the order of the direction and carries the state between them.

    Args:
        call: gives the batch sizes, the initial state ``[B, ...]``, the mask and the direction.
        streams: tensors ``[N, ...]`` in packed order, cut into ``[steps, rows, ...]``.
        block: ``block(streams, state, mask) -> (fields, state)`` for one dense block, from left
            to right; each field is ``[steps, rows, ...]``.

    Returns:
        The fields ``[N, ...]`` in packed order, and the final state ``[B, ...]``.
    """
    plan = blocks(call.sizes)
    cut = [steps * rows for steps, rows in plan]
    pieces = list(zip(*(stream.split(cut) for stream in streams), strict=True))
    state, ended = call.initial, []
    results: list[tuple[Tensor, ...]] = []
    if call.reverse:
        # Rows join on the way; those without a step never do.
        first = plan[0][1]
        ended = [tuple(part[first:] for part in state)]
        state = tuple(part[:0] for part in state)
    for (steps, rows), piece in _directed(plan, pieces, call.reverse):
        alive = state[0].shape[0]
        if rows > alive:
            joining = (part[alive:rows] for part in call.initial)
            state = tuple(torch.cat(pair) for pair in zip(state, joining, strict=True))
        elif rows < alive:
            ended.append(tuple(part[rows:] for part in state))
            state = tuple(part[:rows] for part in state)
        dense = tuple(part.reshape(steps, rows, *part.shape[1:]) for part in piece)
        mask = None if call.mask is None else call.mask[:rows]
        if call.reverse:
            fields, state = block(tuple(part.flip(0) for part in dense), state, mask)
            fields = tuple(field.flip(0) for field in fields)
        else:
            fields, state = block(dense, state, mask)
        results.append(tuple(field.flatten(0, 1) for field in fields))
    if call.reverse:
        results.reverse()
    final = tuple(_whole(parts) for parts in zip(state, *reversed(ended), strict=True))
    return tuple(torch.cat(parts) for parts in zip(*results, strict=True)), final


def _whole(parts: tuple[Tensor, ...]) -> Tensor:
    # Rows without a step still have the type of the initial state, which differs from that of the
    # computed ones under autocast. cat always copies: no result is a view of another or an input.
    return torch.cat([part.to(parts[0].dtype) for part in parts])


def _directed(plan: list, pieces: list, reverse: bool):
    pairs = list(zip(plan, pieces, strict=True))
    return reversed(pairs) if reverse else pairs
