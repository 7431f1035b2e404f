"""Sums, maxima and softmax over the steps of each row, and the functions of a single number.

On the CPU, in float32 and float64 and with the native library, each row's result depends on its own
steps in their own order, to the last bit: not on the other rows, on where the steps lie or on the
threads. Everywhere else torch computes it, whose vectors round differently at the end of an array
and whose sums follow the batch. Gradients are torch's formulas and can be differentiated again.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.autograd import Function
from torch.nn import functional

from sequela.ops import native_score

__all__ = [
    "bag_sum",
    "exp",
    "log_softmax",
    "row_max",
    "row_softmax",
    "row_sum",
    "sigmoid",
    "softmax",
    "tanh",
]


def _by_row(values: Tensor, rows: Tensor, count: int) -> Tensor:
    return values.new_zeros(count, *values.shape[1:]).index_add(0, rows, values)


def _carries(*parts: Tensor | None) -> bool:
    return torch.is_grad_enabled() and any(p is not None and p.requires_grad for p in parts)


class _Sum(Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, weights: Tensor | None, rows: Tensor, count: int) -> Tensor:
        ctx.save_for_backward(x, weights, rows)
        return native_score.pool("sum", x, rows, count, weights=weights)

    @staticmethod
    # pyrefly: ignore [bad-override]
    def backward(ctx: Any, gradient: Tensor) -> Any:
        x, weights, rows = ctx.saved_tensors
        reached = gradient[rows]
        dx = reached if weights is None else reached * weights[:, None]
        dweights = (reached * x).sum(1) if ctx.needs_input_grad[1] else None
        return dx, dweights, None, None


class _Max(Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, rows: Tensor, count: int) -> Tensor:
        greatest = native_score.pool("max", x, rows, count)
        ctx.save_for_backward(x, greatest, rows)
        return greatest

    @staticmethod
    # pyrefly: ignore [bad-override]
    def backward(ctx: Any, gradient: Tensor) -> Any:
        x, greatest, rows = ctx.saved_tensors
        # Steps that tie share the gradient, as in torch's amax.
        ties = (x == greatest[rows]).to(x.dtype)
        return gradient[rows] * ties / _by_row(ties, rows, len(greatest))[rows], None, None


class _Softmax(Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, rows: Tensor, count: int) -> Tensor:
        shares = native_score.softmax(x, rows, count)
        ctx.count = count
        ctx.save_for_backward(shares, rows)
        return shares

    @staticmethod
    # pyrefly: ignore [bad-override]
    def backward(ctx: Any, gradient: Tensor) -> Any:
        shares, rows = ctx.saved_tensors
        carried = gradient * shares
        return carried - shares * _by_row(carried, rows, ctx.count)[rows], None, None


class _Bag(Function):
    @staticmethod
    def forward(ctx: Any, table: Tensor, places: Tensor, offsets: Tensor) -> Tensor:
        ctx.save_for_backward(places, offsets)
        ctx.size = table.shape[0]
        return native_score.bag(table, places, offsets)

    @staticmethod
    # pyrefly: ignore [bad-override]
    def backward(ctx: Any, gradient: Tensor) -> Any:
        places, offsets = ctx.saved_tensors
        if not torch.is_grad_enabled() and native_score.computes(gradient):
            return native_score.bag_gradient(gradient, places, offsets, ctx.size), None, None
        ends = torch.cat([offsets[1:], offsets.new_full((1,), len(places))])
        bags = torch.repeat_interleave(ends[: len(offsets)] - offsets, output_size=len(places))
        return _by_row(gradient[bags], places, ctx.size), None, None


class _Elementwise(Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, name: str) -> Tensor:
        y = native_score.elementwise(name, x)
        ctx.save_for_backward(y)
        ctx.name = name
        return y

    @staticmethod
    # pyrefly: ignore [bad-override]
    def backward(ctx: Any, gradient: Tensor) -> Any:
        (y,) = ctx.saved_tensors
        slope = {"exp": y, "sigmoid": y * (1 - y), "tanh": 1 - y * y}[ctx.name]
        return gradient * slope, None


def row_sum(x: Tensor, rows: Tensor, count: int, weights: Tensor | None = None) -> Tensor:
    """``[count, F]``, the sum of the steps of each row in the order in which they lie.

    Args:
        x: ``[N, F]``, the steps.
        rows: int64 ``[N]``, the row of each step.
        count: rows of the result; those without steps are zero.
        weights: ``[N]``, a factor for each step; ones by default.

    Raises:
        IndexError: a row is out of range (RuntimeError where torch computes).
        RuntimeError: shapes or types do not fit.
    """
    if native_score.computes(*((x,) if weights is None else (x, weights))):
        if not _carries(x, weights):
            return native_score.pool("sum", x, rows, count, weights=weights)
        return _Sum.apply(x, weights, rows, count)
    return _by_row(x if weights is None else x * weights[:, None], rows, count)


def row_max(x: Tensor, rows: Tensor, count: int) -> Tensor:
    """``[count, F]``, the greatest value of each row, feature by feature; NaN where one is NaN.

    Arguments and errors as in :func:`row_sum`.
    """
    if native_score.computes(x):
        if not _carries(x):
            return native_score.pool("max", x, rows, count)
        return _Max.apply(x, rows, count)
    start = x.new_zeros(count, x.shape[1])
    places = rows[:, None].expand(-1, x.shape[1])
    return start.scatter_reduce(0, places, x, "amax", include_self=False)


def row_softmax(scores: Tensor, rows: Tensor, count: int) -> Tensor:
    """``[N]``: the softmax of ``scores [N]`` within each row; arguments as in :func:`row_sum`."""
    if native_score.computes(scores):
        if not _carries(scores):
            return native_score.softmax(scores, rows, count)
        return _Softmax.apply(scores, rows, count)
    # The softmax does not depend on the peak; it only keeps exp in range.
    peak = scores.new_zeros(count).scatter_reduce(
        0, rows, scores.detach(), "amax", include_self=False
    )
    powers = torch.exp(scores - peak[rows])
    return powers / _by_row(powers, rows, count)[rows]


def bag_sum(table: Tensor, places: Tensor, offsets: Tensor) -> Tensor:
    """``[N, F]``, for each bag the sum of its rows of a table, in their order; empty bags are zero.

    Args:
        table: ``[V, F]``.
        places: int64 ``[M]``, the rows of all bags behind each other.
        offsets: int64 ``[N]``, where each bag begins; they begin with 0 and do not fall.

    Raises:
        RuntimeError: a place is outside the table, or shapes or types do not fit (torch's own); or
            offsets fall. Where torch computes it does not look: by the type it refuses them, or
            sorts them and sums other bags.
    """
    plain = places.dtype is offsets.dtype is torch.int64 and places.is_cpu and offsets.is_cpu
    if plain and places.dim() == offsets.dim() == 1 and native_score.computes(table):
        try:
            if not _carries(table):
                return native_score.bag(table, places, offsets)
            return _Bag.apply(table, places, offsets)
        except IndexError:
            if (offsets[1:] < offsets[:-1]).any():
                raise RuntimeError(
                    "offsets must not fall: a bag ends where the next begins"
                ) from None
            # The rest torch says in its own words.
    return functional.embedding_bag(places, table, offsets, mode="sum")


def _dense(x: Tensor, logarithm: bool) -> Tensor:
    if x.dim() and x.numel() and not _carries(x) and native_score.computes(x):
        count = x.numel() // x.shape[-1]
        return native_score.softmax(x.reshape(-1), None, count, logarithm=logarithm).view(x.shape)
    return torch.log_softmax(x, -1) if logarithm else torch.softmax(x, -1)


def softmax(x: Tensor) -> Tensor:
    """The softmax over the last axis; torch's where a gradient is wanted."""
    return _dense(x, False)


def log_softmax(x: Tensor) -> Tensor:
    """The logarithm of the softmax over the last axis; torch's where a gradient is wanted."""
    return _dense(x, True)


def _function(name: str, x: Tensor) -> Tensor:
    return _Elementwise.apply(x, name) if _carries(x) else native_score.elementwise(name, x)


def exp(x: Tensor) -> Tensor:
    """``e`` to the power of each element, within 2 ulp."""
    return _function("exp", x) if native_score.computes(x) else torch.exp(x)


def sigmoid(x: Tensor) -> Tensor:
    """``1 / (1 + exp(-x))`` of each element, within 2 ulp."""
    return _function("sigmoid", x) if native_score.computes(x) else torch.sigmoid(x)


def tanh(x: Tensor) -> Tensor:
    """The hyperbolic tangent of each element, within 2 ulp."""
    return _function("tanh", x) if native_score.computes(x) else torch.tanh(x)
