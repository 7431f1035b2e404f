"""Output layers for outcomes that are no single class, and the loss of each.

    several labels     P(y_c = 1) = sigmoid(a_c)
    a count            y ~ negative binomial with mean m = exp(a) and variance m + r m^2
    a time to event    P(event in interval k | none before) = h_k = sigmoid(a_k)
    numbers ahead      quantiles q_1 < ... < q_Q of each number, whose order cannot turn

Every loss is one number for each sample, so that it depends on no other sample of the batch. That
is why a time to event has a hazard for each interval of time (Gensheimer and Narasimhan, PeerJ 7
(2019) e6257) and no Cox model, whose loss compares a sample with whoever else is in the batch, and
whose hazards stay proportional. A count has a negative binomial and no Poisson distribution, since
counts in records vary by more than their mean (few patients have most visits); r near 0 is Poisson.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional

from sequela.errors import ConfigError
from sequela.nn.linear import Linear

__all__ = [
    "Count",
    "Hazards",
    "MultiLabel",
    "Quantiles",
    "count_losses",
    "hazard_losses",
    "label_losses",
    "quantile_losses",
]

# exp of more than this is no mean of a count; a wild first step must not end the training.
_LARGEST_LOG = 20.0


def _positive(**sizes: int) -> None:
    for name, size in sizes.items():
        if size < 1:
            raise ConfigError(name, got=str(size), wanted="at least 1")


class MultiLabel(nn.Module):
    """A logit for each of several labels, of which any number may hold.

    Args:
        size: the width of the input.
        labels: C.
        dropout: probability of dropping an input feature in training; 0 by default.

    Raises:
        ConfigError: no label.
    """

    def __init__(self, size: int, labels: int, *, dropout: float = 0.0) -> None:
        super().__init__()
        _positive(labels=labels)
        self.dropout = nn.Dropout(dropout)
        self.linear = Linear(size, labels)

    def forward(self, x: Tensor) -> Tensor:
        """Logits ``[..., labels]`` of ``x`` ``[..., size]``."""
        return self.linear(self.dropout(x))


class Hazards(MultiLabel):
    """A logit of the hazard of each interval of time, ``[..., intervals]``.

    The probability of no event by the end of interval k is ``S_k = prod over j <= k of (1 - h_j)``.
    Arguments as :class:`MultiLabel`.
    """


class Count(nn.Module):
    """The logarithm of a count's mean, and that of its dispersion r: ``[..., 2]``.

    The mean follows the input; r is one number for all, since few counts of one patient say little
    about how they scatter. It begins at 1, the variance of a geometric distribution.

    Args:
        size: the width of the input.
        dropout: probability of dropping an input feature in training; 0 by default.
    """

    def __init__(self, size: int, *, dropout: float = 0.0) -> None:
        super().__init__()
        self.dropout = nn.Dropout(dropout)
        self.linear = Linear(size, 1)
        self.log_dispersion = nn.Parameter(torch.zeros(1))

    def forward(self, x: Tensor) -> Tensor:
        """``[..., 2]`` of ``x`` ``[..., size]``."""
        mean = self.linear(self.dropout(x))
        return torch.cat([mean, self.log_dispersion.expand_as(mean)], dim=-1)


class Quantiles(nn.Module):
    """Quantiles of one or more numbers, ``[..., numbers, quantiles]``, rising along the last axis.

    The middle quantile is linear in the input; each further one lies beyond its neighbour by
    ``p(a) = (a + sqrt(a^2 + 4)) / 2 > 0`` (Barron 2021), a soft maximum of a and 0 whose operations
    are exactly rounded, so that a row's bits are its own.

    Args:
        size: the width of the input.
        quantiles: Q.
        numbers: how many numbers are foretold, such as the horizons of a forecast.
        dropout: probability of dropping an input feature in training; 0 by default.

    Raises:
        ConfigError: no number, or no quantile.
    """

    def __init__(
        self, size: int, quantiles: int, numbers: int = 1, *, dropout: float = 0.0
    ) -> None:
        super().__init__()
        _positive(numbers=numbers, quantiles=quantiles)
        self.quantiles, self.numbers = quantiles, numbers
        self.dropout = nn.Dropout(dropout)
        self.linear = Linear(size, numbers * quantiles)

    def forward(self, x: Tensor) -> Tensor:
        """``[..., numbers, quantiles]`` of ``x`` ``[..., size]``."""
        found = self.linear(self.dropout(x)).unflatten(-1, (self.numbers, self.quantiles))
        middle = self.quantiles // 2
        centre = found[..., middle : middle + 1]
        steps = (found + torch.sqrt(found * found + 4)) / 2
        above = centre + steps[..., middle + 1 :].cumsum(-1)
        below = centre - steps[..., :middle].flip(-1).cumsum(-1).flip(-1)
        return torch.cat([below, centre, above], dim=-1)


def label_losses(logits: Tensor, target: Tensor) -> Tensor:
    """The mean over the known labels of ``-y log p - (1 - y) log(1 - p)``, ``[B]``.

    Args:
        logits: ``[B, C]``.
        target: ``[B, C]`` of 0 and 1; NaN where a label is not known. A sample without a known
            label has loss 0.
    """
    known = ~torch.isnan(target)
    losses = functional.binary_cross_entropy_with_logits(
        logits, torch.where(known, target, 0.0), reduction="none"
    )
    return _mean_of(losses, known)


def count_losses(output: Tensor, target: Tensor) -> Tensor:
    """Minus the log-probability of each count, ``[B]``.

    With mean m, dispersion r and n = 1 / r::

        -log P(y) = lgamma(n) + lgamma(y + 1) - lgamma(y + n) - n log(n / (n + m))
                    - y log(m / (n + m))

    Args:
        output: ``[B, 2]``, log m and log r, as :class:`Count` gives them.
        target: ``[B]``, whole numbers from 0.
    """
    log_mean = output[:, 0].clamp(max=_LARGEST_LOG)
    # The gamma functions of a number beyond exp(10) cancel to nothing in float32: that is Poisson.
    log_number = (-output[:, 1]).clamp(-10.0, 10.0)
    number = log_number.exp()
    together = torch.logaddexp(log_mean, log_number)
    return (
        torch.lgamma(number)
        + torch.lgamma(target + 1)
        - torch.lgamma(target + number)
        - number * (log_number - together)
        - target * (log_mean - together)
    )


def hazard_losses(logits: Tensor, target: Tensor) -> Tensor:
    """Minus the log-likelihood of what was seen of each sample, ``[B]``.

    A sample that came through k intervals and then had its event, or was seen no longer::

        event      -log h_k - sum over j < k of log(1 - h_j)
        censored            - sum over j < k of log(1 - h_j)

    Args:
        logits: ``[B, K]``.
        target: ``[B, 2]``: k from 0 to K, and 1 for an event (k below K), 0 for censored.
    """
    survived, event = target[:, :1], target[:, 1:]
    place = torch.arange(logits.shape[1], device=logits.device)
    through = (place < survived).to(logits.dtype)
    there = (place == survived).to(logits.dtype) * event
    # -log h = softplus(-a), -log(1 - h) = softplus(a)
    return (functional.softplus(logits) * through + functional.softplus(-logits) * there).sum(1)


def quantile_losses(output: Tensor, target: Tensor, levels: Sequence[float]) -> Tensor:
    """The mean over known numbers and levels of the pinball loss, ``[B]``.

    Of a quantile q of level t it is ``t (y - q)`` where y is above q, else ``(1 - t) (q - y)``
    (Koenker and Bassett, Econometrica 46 (1978) 33).

    Args:
        output: ``[B, H, Q]``, as :class:`Quantiles` gives them.
        target: ``[B, H]``, NaN where a number is not known. A sample without a known number has
            loss 0.
        levels: Q numbers between 0 and 1.
    """
    known = ~torch.isnan(target)
    gap = torch.where(known, target, 0.0)[..., None] - output
    level = torch.tensor(levels, dtype=output.dtype, device=output.device)
    losses = torch.maximum(level * gap, (level - 1) * gap).mean(-1)
    return _mean_of(losses, known)


def _mean_of(losses: Tensor, known: Tensor) -> Tensor:
    counted = torch.where(known, losses, 0.0).sum(-1)
    return counted / known.sum(-1).clamp(min=1)
