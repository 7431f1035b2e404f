"""The loss of each sample of a batch, as one module that Fabric can wrap."""

from __future__ import annotations

from functools import partial

from torch import Tensor, nn

from sequela.batches import Batch
from sequela.train.losses import Objective, sample_losses

__all__ = ["Losses", "Opaque"]


class Opaque:
    """Hides a batch from Fabric, which would walk through it and cannot rebuild a frozen one."""

    def __init__(self, batch: Batch):
        self.batch = batch


class Losses(nn.Module):
    """The losses of a model, which may make them up itself of what it answers on the way.

    Args:
        model: with ``forward(batch)``, and perhaps ``losses(batch, loss)``.
        aim: the objective.
    """

    def __init__(self, model: nn.Module, aim: Objective):
        super().__init__()
        self.model, self.aim = model, aim

    def forward(self, opaque: Opaque) -> Tensor:
        """``[B]``."""
        batch = opaque.batch
        own = getattr(self.model, "losses", None)
        if own is not None:
            return own(batch, partial(sample_losses, aim=self.aim))
        return sample_losses(self.model(batch), batch.target, self.aim)
