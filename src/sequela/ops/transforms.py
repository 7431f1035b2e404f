"""The operator under ``torch.func``: ``grad``, ``vjp``, ``jacrev`` and ``vmap``.

``vmap`` over the data or the state, with the weights shared, is one call of the kernels: rows are
independent, so the mapped axis becomes more rows. Gradients of the weights, and weights that are
mapped themselves, take one call for each element of the axis.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor

from sequela.ops.native_call import TENSORS

__all__ = ["transformed"]

_ROWS = ("x", "h0", "c0")


def transformed(
    cell: str, sizes: Tensor, reverse: bool, *given: Tensor | None
) -> tuple[Tensor, ...]:
    """As :func:`sequela.ops.operator.recurrent`, where a transform of ``torch.func`` is active."""
    output, h_n, c_n, _ = _Forward.apply(cell, sizes, reverse, *given)
    return (output, h_n, c_n) if cell == "lstm" else (output, h_n)


class _Forward(torch.autograd.Function):
    @staticmethod
    # pyrefly: ignore [bad-override]
    def forward(cell: str, sizes: Tensor, reverse: bool, *given: Tensor | None) -> Any:
        return torch.ops.sequela.recurrent(cell, sizes, reverse, True, *given)

    @staticmethod
    def setup_context(ctx: Any, inputs: Sequence[Any], output: Any) -> None:
        ctx.cell, sizes, ctx.reverse, *given = inputs
        ctx.mark_non_differentiable(output[3])
        ctx.set_materialize_grads(False)
        ctx.save_for_backward(sizes, output[0], output[3], *given)

    @staticmethod
    # pyrefly: ignore [bad-override]
    def backward(ctx: Any, *late: Any) -> Any:
        sizes, output, workspace, *given = ctx.saved_tensors
        d_output, d_h_n, d_c_n, _ = late
        late = (d_output, d_h_n, d_c_n if ctx.cell == "lstm" else None)
        wanted = tuple(bool(want) for want in ctx.needs_input_grad[3:])
        plain = (ctx.cell, sizes, ctx.reverse, wanted)
        found = iter(_Backward.apply(*plain, *given, output, workspace, *late))
        return None, None, None, *(next(found) if want else None for want in wanted)

    @staticmethod
    def vmap(info: Any, in_dims: Any, *args: Any) -> Any:
        cell, sizes, reverse, *given = args
        dims, count = in_dims[3:], info.batch_size
        if not _rows_alone(dims):
            return _one_by_one(count, in_dims, _Forward.apply, (cell, sizes, reverse, *given))
        folded = _folded(given, dims, count)
        *found, workspace = _Forward.apply(cell, sizes * count, reverse, *folded)
        parts = [_unfolded(part, count) if part.dim() > 1 else part for part in found]
        out_dims = tuple(1 if part.dim() > 2 else None for part in parts)
        return (*parts, _unfolded(workspace, count)), (*out_dims, 1)


class _Backward(torch.autograd.Function):
    @staticmethod
    # pyrefly: ignore [bad-override]
    def forward(cell: str, sizes: Tensor, reverse: bool, wanted: Any, *rest: Any) -> Any:
        return tuple(
            torch.ops.sequela.recurrent_backward(cell, sizes, reverse, list(wanted), *rest)
        )

    @staticmethod
    def setup_context(ctx: Any, inputs: Sequence[Any], output: Any) -> None:
        ctx.cell, sizes, ctx.reverse, ctx.wanted, *rest = inputs
        ctx.save_for_backward(sizes, *rest[: len(TENSORS)], *rest[len(TENSORS) + 2 :])

    @staticmethod
    # pyrefly: ignore [bad-override]
    def backward(ctx: Any, *grads: Any) -> Any:
        raise RuntimeError(
            "torch.func: a gradient of a gradient through the native kernels is not offered. "
            'Compute it within sequela.ops.force("reference"), or by torch.autograd.grad'
        )

    @staticmethod
    def vmap(info: Any, in_dims: Any, *args: Any) -> Any:
        cell, sizes, reverse, wanted, *rest = args
        count, number, dims = info.batch_size, len(TENSORS), in_dims[4:]
        # Folded rows keep their workspace together: one sample's part of it says nothing.
        together = _rows_alone(dims[:number]) and dims[number + 1] is not None
        if not together:
            arguments = (cell, sizes, reverse, wanted, *rest)
            return _one_by_one(count, in_dims, _Backward.apply, arguments)
        by_row = [want and name in _ROWS for want, name in zip(wanted, TENSORS, strict=True)]
        by_weight = [want and not row for want, row in zip(wanted, by_row, strict=True)]
        rows, weights = iter(()), iter(())
        if any(by_row):
            folded = _folded(rest, dims, count)
            parts = _Backward.apply(cell, sizes * count, reverse, tuple(by_row), *folded)
            rows = iter([_unfolded(part, count) for part in parts])
        if any(by_weight):
            # Without a workspace each call computes its own.
            workspace, axis = rest[number + 1], dims[number + 1]
            alone = (*rest[: number + 1], workspace[..., :0], *rest[number + 2 :])
            where = (*in_dims[: number + 5], axis, *in_dims[number + 6 :])
            arguments = (cell, sizes, reverse, tuple(by_weight), *alone)
            weights = iter(_one_by_one(count, where, _Backward.apply, arguments)[0])
        taken = [name in _ROWS for want, name in zip(wanted, TENSORS, strict=True) if want]
        parts = tuple(next(rows) if row else next(weights) for row in taken)
        return parts, tuple(1 if row else 0 for row in taken)


def _rows_alone(dims: Sequence[int | None]) -> bool:
    """Whether the data or the state are mapped and no weight is."""
    mapped = {name for name, dim in zip(TENSORS, dims, strict=True) if dim is not None}
    return bool(mapped) and mapped <= set(_ROWS)


def _folded(parts: Sequence[Any], dims: Sequence[int | None], count: int) -> list[Any]:
    """Rows ``[R, ...]`` of each element of the axis as ``[R * count, ...]``; weights stay."""
    names = (*TENSORS, *("row",) * (len(parts) - len(TENSORS)))
    folded = []
    for name, part, dim in zip(names, parts, dims, strict=True):
        if part is not None and name in (*_ROWS, "row"):
            if dim is None:
                part = part.unsqueeze(1).expand(part.shape[0], count, *part.shape[1:])
            else:
                part = part.movedim(dim, 1)
            part = part.flatten(0, 1)
        folded.append(part)
    return folded


def _unfolded(part: Tensor, count: int) -> Tensor:
    return part.reshape(part.shape[0] // count, count, *part.shape[1:])


def _one_by_one(
    count: int, dims: Sequence[int | None], function: Callable[..., Any], arguments: Sequence[Any]
) -> Any:
    """A call for each element of the mapped axis."""
    results = []
    for i in range(count):
        taken = [
            part.select(dim, i) if isinstance(part, Tensor) and dim is not None else part
            for part, dim in zip(arguments, dims, strict=True)
        ]
        results.append(function(*taken))
    parts = tuple(torch.stack(found) for found in zip(*results, strict=True))
    return parts, (0,) * len(parts)
