"""The input product of a recurrent layer that reads visits, without a product for each visit.

A visit is the sum of its codes' vectors, and numbers beside it. Its product with ``w_ih`` is then
the sum of the codes' products, of which there are no more than different codes: a vocabulary of a
hundred is multiplied once where a batch has a thousand visits. It costs the gathering of rows that
are ``G*H`` wide, and rounds in another order: the codes' products one by one, then their sum.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

import torch
from torch import Tensor, nn
from torch.autograd import Function

from sequela.ops import native_score
from sequela.ops.linear import linear
from sequela.ops.reduce import bag_sum

__all__ = ["code_products", "computes", "held_products"]

computes = native_score.computes

# Codes of which all are multiplied: to find those that are there would take as long.
_FEW = 128


# By the numbers of a table and a weight, which are kept, so that no others get these numbers.
_Held = dict[tuple[int, int], tuple[Tensor, ...]]
_held: ContextVar[_Held | None] = ContextVar("held", default=None)


@contextmanager
def held_products() -> Iterator[None]:
    """While it lasts no weight changes: products of codes are made once, and batches share them.

    For asking a finished model batch by batch, without gradients. Bits are the same.
    """
    token = _held.set({})
    try:
        yield
    finally:
        _held.reset(token)


def _of_all_codes(held: _Held, table: Tensor, weight: Tensor) -> tuple[Tensor, ...]:
    """The products of all codes, and the weights of the values."""
    key = id(table), id(weight)
    if key not in held:
        of_codes, of_values = _two_weights(table, weight)
        held[key] = native_score.product(table, of_codes, None), of_values, table, weight
    return held[key][:2]


class _CodeProducts(Function):
    @staticmethod
    def forward(
        ctx: Any, table: Tensor, weight: Tensor, codes: Tensor, offsets: Tensor, values: Tensor
    ) -> Tensor:
        found, of_codes, of_values, chosen, places = _parts(table, weight, codes)
        products = native_score.product(chosen, of_codes, None)
        ctx.save_for_backward(
            *(table, weight, codes, offsets, values),
            *(found, of_codes, of_values, chosen, places),
        )
        return native_score.bag(products, places, offsets, values, of_values)

    @staticmethod
    # pyrefly: ignore [bad-override]
    def backward(ctx: Any, gradient: Tensor) -> Any:
        table, weight, codes, offsets, values, *kept = ctx.saved_tensors
        if torch.is_grad_enabled():  # the gradient is to be differentiated again
            return _again(ctx, (table, weight, codes, offsets, values), gradient)
        found, of_codes, of_values, chosen, places = kept
        reached = native_score.bag_gradient(gradient, places, offsets, len(found))
        dtable = dweight = dvalues = None
        if ctx.needs_input_grad[0]:
            dtable = reached @ of_codes
            if len(found) < len(table):
                dtable = torch.zeros_like(table).index_copy_(0, found, dtable)
        if ctx.needs_input_grad[1]:
            dweight = torch.cat([reached.T @ chosen, (values.T @ gradient).T], 1)
        if ctx.needs_input_grad[4]:
            dvalues = gradient @ of_values.T
        return dtable, dweight, None, None, dvalues


def _two_weights(table: Tensor, weight: Tensor) -> tuple[Tensor, Tensor]:
    """Of the codes' vectors ``[O, E]``, and of the values ``[K, O]``."""
    size = table.shape[1]
    return weight[:, :size].contiguous(), weight[:, size:].T.contiguous()


def _parts(table: Tensor, weight: Tensor, codes: Tensor) -> tuple[Tensor, ...]:
    """The different codes, the weights of vectors and values, these vectors, codes as places."""
    weights = _two_weights(table, weight)
    if len(table) <= _FEW:
        return torch.arange(len(table)), *weights, table, codes
    if len(codes) and not 0 <= int(codes.min()) <= int(codes.max()) < len(table):
        raise IndexError("a code is outside the table")
    there = torch.zeros(len(table), dtype=torch.bool)
    there[codes] = True
    places = (there.cumsum(0) - 1)[codes]
    found = there.nonzero().squeeze(1)
    return found, *weights, table[found], places


def _again(ctx: Any, given: tuple[Tensor, ...], gradient: Tensor) -> Any:
    """The gradients by operators that have gradients themselves."""
    table, weight, codes, offsets, values = (
        part.view_as(part) if part.is_floating_point() else part for part in given
    )
    size = table.shape[1]
    result = bag_sum(linear(table, weight[:, :size]), codes, offsets)
    result = result + linear(values, weight[:, size:])
    wanted = [ctx.needs_input_grad[place] for place in (0, 1, 4)]
    inputs = [part for part, want in zip((table, weight, values), wanted, strict=True) if want]
    found = iter(torch.autograd.grad(result, inputs, gradient, create_graph=True))
    dtable, dweight, dvalues = (next(found) if want else None for want in wanted)
    return dtable, dweight, None, None, dvalues


def code_products(
    table: Tensor, weight: Tensor, codes: Tensor, offsets: Tensor, values: Tensor
) -> Tensor:
    """``[N, O]``: ``weight [sum of a visit's rows of the table, its values]`` for each visit.

    A visit's result depends on its own codes, values and the weights alone, to the last bit. Where
    :func:`computes` is true of the floating arguments.

    Args:
        table: ``[V, E]``.
        weight: ``[O, E + K]``.
        codes: int64 ``[M]``, the codes of all visits behind each other.
        offsets: int64 ``[N]``, where the codes of each visit begin; they do not fall.
        values: ``[N, K]``; K may be 0.

    Raises:
        IndexError: a code is outside the table, or offsets do not fit.
        RuntimeError: shapes or types do not fit.
    """
    held = _held.get()
    if (
        held is not None
        and type(table) is type(weight) is nn.Parameter
        and not torch.is_grad_enabled()
    ):
        products, of_values = _of_all_codes(held, table, weight)
        return native_score.bag(products, codes, offsets, values, of_values)
    return _CodeProducts.apply(table, weight, codes, offsets, values)
