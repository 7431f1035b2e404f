"""The loss of each sample of a batch, as one module that Fabric can wrap."""

from __future__ import annotations

from functools import partial
from typing import Any, NamedTuple

from torch import Tensor, nn

from sequela.batches import Batch
from sequela.train.losses import Objective, sample_losses

__all__ = ["Losses", "Opaque", "Span"]


class Opaque:
    """Hides a batch from Fabric, which would walk through it and cannot rebuild a frozen one."""

    def __init__(self, batch: Batch):
        self.batch = batch


class Span(NamedTuple):
    """Which piece of its sequences a batch is.

    Args:
        state: before its first step; None for the beginning.
        start: the first step.
        begin: the first step whose loss counts.
        lengths: int64 ``[B]``, of the whole sequences.
    """

    state: Any
    start: int
    begin: int
    lengths: Tensor


class Losses(nn.Module):
    """The losses of a model, which may make them up itself of what it answers on the way.

    Args:
        model: with ``forward(batch)``, and perhaps ``losses(batch, loss)`` and ``piece(...)``.
        aim: the objective.
    """

    def __init__(self, model: nn.Module, aim: Objective):
        super().__init__()
        self.model, self.aim = model, aim

    def forward(self, opaque: Opaque, span: Span | None = None) -> Any:
        """``[B]``; of a piece of the sequences ``[B]`` and the state after it.

        Of sequences that are asked on their way ``[Q]``, of which all count the same: together as
        much as the sequences do.
        """
        batch = opaque.batch
        if span is not None:
            loss = partial(sample_losses, aim=self.aim)
            piece: Any = self.model.piece
            return piece(
                batch, span.state, loss, start=span.start, begin=span.begin, lengths=span.lengths
            )
        own = getattr(self.model, "losses", None)
        if own is None:
            losses = sample_losses(self.model(batch), batch.target, self.aim)
        else:
            losses = own(batch, partial(sample_losses, aim=self.aim))
        asked = getattr(batch, "asked", None)
        return losses if asked is None else losses * (len(batch) / len(losses))
