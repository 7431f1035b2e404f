"""The reference backend: walks the cells of ``cells/`` step by step, and supports everything."""

from __future__ import annotations

import torch
from torch import Tensor

from sequela.cells import input_product, zoneout
from sequela.ops.call import Call, Facts, Result
from sequela.ops.walk import walk

__all__ = ["objection", "run"]


def objection(facts: Facts) -> str | None:
    """There is none."""
    return None


def run(call: Call) -> Result:
    """Computes a call with at least one step; see :func:`sequela.ops.recurrent.run`."""
    drawn = [keep for keep in call.keep if isinstance(keep, Tensor)]
    streams = (input_product(call.data, call.weights), *drawn)

    def block(streams, state, mask):
        a_ih, masks = streams[0], iter(streams[1:])
        keeps = [next(masks) if isinstance(keep, Tensor) else keep for keep in call.keep]
        taken = []
        for t in range(a_ih.shape[0]):
            previous = call.cell.state(*state)
            state, gates = call.cell.step(a_ih[t], previous, call.weights, mask)
            state = tuple(
                new if keep is None else zoneout(new, old, _at(keep, t))
                for new, old, keep in zip(state, previous, keeps, strict=True)
            )
            taken.append((*state, *gates) if call.everything else state[:1])
        return tuple(torch.stack(field) for field in zip(*taken, strict=True)), state

    fields, final = walk(call, streams, block)
    names = (*call.cell.state._fields, *call.cell.gates._fields)
    everything = dict(zip(names, fields, strict=True)) if call.everything else {}
    # The output is h: a second copy keeps the two from aliasing each other.
    output = fields[0].clone() if call.everything else fields[0]
    return Result(output, final, everything)


def _at(keep: Tensor | float, t: int) -> Tensor | float:
    return keep[t] if isinstance(keep, Tensor) else keep
