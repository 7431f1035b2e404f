"""Sums over all ways through a chain of tags, as rescaled products: no logarithm in the recursion.

With ``e_t = exp(x_t - max x_t)`` and ``P = exp(M - max M)``, 0 where it is not legal, the forward
algorithm is (Rabiner, Proc. IEEE 77 (1989) 257, section V.A)::

    u_1 = exp(a) e_1,    u_t = (P^T v_(t-1)) e_t,    c_t = max u_t,    v_t = u_t / c_t
    log Z = log(v_T exp(b)) + sum over t of (log c_t + max x_t) + (T - 1) max M + ...

K products of numbers for each tag, where log space has K exponentials. The backward algorithm is
the same from the end; the probability of a tag is its share in ``v_t w_t``.

Nothing may get lost on the way: a tag that looks hopeless can be the only one that the next step
allows. Let D be the least number of steps in which each tag leads to each other. Then a tag's share
in ``v_t`` is at least ``K^(1-D) exp(-D (s + m))``, with the spreads s of one step's emissions and m
of the legal transitions (plus that of the start): all ways through the D steps before lead to it.
As long as that is a float64, all is as exact as in log space. :func:`room` says how large s may be;
what goes beyond, or has no D, belongs to log space.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import torch
from torch import Tensor

from sequela.ops.linear import linear
from sequela.ops.reduce import exp

__all__ = ["Ways", "backwards", "forwards", "mixing_steps", "room", "shares", "spread", "ways"]

#: exp(-700) is the smallest normal float64, but for a factor of a thousand.
_RANGE = 700.0
#: Tags that need more steps to meet are left to log space.
_MOST_STEPS = 6


class Ways(NamedTuple):
    """The scores of a chain as factors, float64.

    Args:
        start, end: ``[K]``; transitions: ``[K, K]``; 0 is not legal, 1 the greatest.
        logs: of what was divided by: of start, transitions and end.
    """

    start: Tensor
    transitions: Tensor
    end: Tensor
    logs: tuple[Tensor, Tensor, Tensor]


def mixing_steps(legal: Tensor) -> int | None:
    """D, in which each tag leads to each other one; None if there is none or it is large.

    Args:
        legal: bool ``[K, K]``.
    """
    step = legal.double()
    reached = step.clone()
    for count in range(1, _MOST_STEPS + 1):
        if bool((reached > 0).all()):
            return count
        reached = ((reached @ step) > 0).double()
    return None


def ways(start: Tensor, transitions: Tensor, end: Tensor) -> Ways:
    """Factors from scores, minus infinity where it is not legal; some of each are legal."""
    (a, a_log), (m, m_log), (b, b_log) = map(_factors, (start, transitions, end))
    return Ways(a, m, b, (a_log, m_log, b_log))


def _factors(scores: Tensor) -> tuple[Tensor, Tensor]:
    scores = scores.double()
    log = scores.detach().amax()
    return exp(scores - log), log


def room(start: Tensor, transitions: Tensor, end: Tensor, steps: int | None) -> float:
    """How far the emissions of one step may lie apart, see above; minus infinity for never.

    Args:
        start, transitions, end: scores, minus infinity where it is not legal.
        steps: of :func:`mixing_steps`.
    """
    spreads = []
    for part in (start, transitions, end):
        known = part.detach()[part.detach().isfinite()].double()
        if steps is None or not len(known):
            return -math.inf
        spreads.append(float(known.max() - known.min()))
    assert steps is not None
    count = math.log(len(start))
    return (_RANGE - max(spreads[0], spreads[2])) / steps - spreads[1] - count


def spread(x: Tensor) -> Tensor:
    """``[N]``: how far the emissions ``[N, K]`` of each step lie apart; NaN where one is NaN."""
    x = x.detach()
    return x.amax(1) - x.amin(1)


def forwards(e: Tensor, sizes: list[int], chain: Ways) -> tuple[Tensor, Tensor]:
    """``v [N, K]`` and ``c [N]`` of the steps, in packed order; ``e [N, K]`` as above."""
    into = chain.transitions.T.contiguous()
    found, scales = [], []
    for x in e.split(sizes):
        u = x * (linear(found[-1][: len(x)], into) if found else chain.start)
        scale = u.detach().amax(1, keepdim=True)
        found.append(u / scale)
        scales.append(scale)
    return torch.cat(found), torch.cat(scales).squeeze(1)


def backwards(e: Tensor, sizes: list[int], chain: Ways) -> Tensor:
    """``w [N, K]``, the ways from each tag on, the greatest 1, in packed order."""
    each = e.split(sizes)
    found = [chain.end.expand(sizes[-1], -1)]
    for size, x in zip(sizes[-2::-1], each[:0:-1], strict=True):
        going = linear(x * found[-1], chain.transitions)
        going = going / going.detach().amax(1, keepdim=True)
        found.append(torch.cat([going, chain.end.expand(size - len(x), -1)]))
    return torch.cat(found[::-1])


def shares(v: Tensor, w: Tensor) -> Tensor:
    """``[N, K]``, the probability of each tag: its share in ``v w``."""
    both = v * w
    return both / linear(both, both.new_ones(1, both.shape[1]))
