"""Several models of one recipe that answer together.

Dietterich: Ensemble methods in machine learning. MCS 2000; Lakshminarayanan, Pritzel, Blundell:
Simple and scalable predictive uncertainty estimation using deep ensembles. NeurIPS 2017. For the
members 1 ... K, which differ in what they began with and in what dropout took from them:

    loss = 1 / K * sum over k of loss(y_k, y)      each learns as it would alone
    y    = 1 / K * sum over k of y_k               logits, or numbers

One epoch is kept for all of them, the best of their common answer.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from torch import Tensor, nn

__all__ = ["Members"]


class Members(nn.Module):
    """The mean of what several models answer.

    Args:
        models: at least one, of the same recipe and sizes.
    """

    def __init__(self, models: Iterable[nn.Module]) -> None:
        super().__init__()
        self.members = nn.ModuleList(models)

    def forward(self, batch: Any) -> Tensor:
        """The mean of the answers, in their shape and order."""
        total, *others = [member(batch) for member in self.members]
        for answer in others:
            total = total + answer
        return total / len(self.members)

    def losses(self, batch: Any, loss: Callable[[Tensor, Tensor], Tensor]) -> Tensor:
        """The mean over the members of the loss of each sample.

        Args:
            batch: as in ``forward``, with ``target``.
            loss: of answers and targets, one number for each.
        """
        total: Any = 0.0
        for member in self.members:
            own: Any = getattr(member, "losses", None)
            each = loss(member(batch), batch.target) if own is None else own(batch, loss)
            total = total + each
        return total / len(self.members)
