"""One call of the recurrent operator: its arguments, its facts and its answer."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

import torch
from torch import Tensor

from sequela.cells import Cell, CellWeights
from sequela.ops.sizes import Sizes

__all__ = ["Call", "Facts", "Result", "constant_when_compiled", "describe"]


def constant_when_compiled(function: Callable[..., Any]) -> Callable[..., Any]:
    """Marks a function that ``torch.compile`` calls instead of tracing it.

    As ``torch.compiler.assume_constant_result``, which would load all of torch's compiler.
    """
    function._dynamo_marked_constant = True  # pyrefly: ignore
    return function


class Facts(NamedTuple):
    """What a backend must know to say whether it can compute a call; no tensor is needed."""

    cell: str
    device: str = "cpu"
    dtype: torch.dtype = torch.float32
    projection: bool = False
    peephole: bool = False
    layer_norm: bool = False
    recurrent_dropout: bool = False
    zoneout: bool = False
    everything: bool = False
    given: bool = False  # the data are the input's product already


@dataclass  # not frozen, which would make it four times as slow to make
class Call:
    """One layer in one direction; shapes as in :func:`sequela.ops.recurrent.run`.

    ``sizes`` are the batch sizes, see :mod:`sequela.ops.sizes`. Nothing is assigned to it.
    """

    cell: Cell
    data: Tensor
    sizes: Sizes
    initial: tuple[Tensor, ...]
    weights: CellWeights
    reverse: bool
    mask: Tensor | None
    keep: tuple[Tensor | float | None, ...]
    everything: bool

    @property
    def facts(self) -> Facts:
        """What the choice of a backend depends on."""
        weights = self.weights
        normed = weights.norm_ih is not None or weights.norm_hh is not None
        normed = normed or weights.norm_c is not None or weights.norm_c_bias is not None
        zoned = False
        for keep in self.keep:
            zoned |= keep is not None
        # In the order of the fields: this is on the way of every call.
        return Facts(
            self.cell.name,
            self.data.device.type,
            self.data.dtype,
            weights.w_hr is not None,
            weights.w_peephole is not None,
            normed,
            self.mask is not None,
            zoned,
            self.everything,
            weights.w_ih is None,
        )


class Result(NamedTuple):
    """What the operator returns; nothing in it aliases an input or another part.

    Args:
        output: ``[N, P]``, h after each step, in the order of the data (also in reverse).
        final: the state of each row after its last processed step, ``[B, ...]`` each.
        everything: the states and gates by name, ``[N, ...]`` each; empty unless asked for.
    """

    output: Tensor
    final: tuple[Tensor, ...]
    everything: dict[str, Tensor]


def describe(facts: Facts) -> str:
    """The call in words: "lstm with peephole, float64 on cpu"."""
    options = [
        name.replace("_", " ").replace("everything", "every state and gate returned")
        for name in ("projection", "peephole", "layer_norm", "recurrent_dropout", "zoneout")
        + ("everything",)
        if getattr(facts, name)
    ]
    options += ["a given input product"] if facts.given else []
    with_options = f" with {', '.join(options)}" if options else ""
    return (
        f"{facts.cell}{with_options}, {str(facts.dtype).removeprefix('torch.')} on {facts.device}"
    )
