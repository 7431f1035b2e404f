"""The operator under ``torch.func``: ``grad``, ``vjp``, ``jacrev`` and ``vmap``.

``vmap`` over the data or the state, with the weights shared, is one call of the kernels: rows are
independent, so the mapped axis becomes more rows. So is the gradient of each sample: the backward
pass sums the weights' gradients over the rows of each element of the axis apart. Weights that are
mapped themselves take one call for each element.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor

from sequela.ops.native_layer import EVERY_TENSOR, WITH_ROWS
from sequela.ops.operator import named, reached

__all__ = ["transformed"]

_COUNT = len(EVERY_TENSOR)
# What follows the layer's tensors in the backward pass, and the axis of each one's rows.
_AXES = {"output": 0, "workspace": 0, "d_output": 0, "d_h_n": 0, "d_c_n": 0, "d_handed": 1}


def transformed(
    cell: str, sizes: Tensor, reverse: bool, *given: Tensor | float | None
) -> tuple[Tensor, ...]:
    """As :func:`sequela.ops.operator.recurrent`, where a transform of ``torch.func`` is active.

    All that it names must be given.
    """
    plain = (cell, reverse, given[_COUNT:])
    return named(cell, *_Forward.apply(plain, sizes, *given[:_COUNT]))


# The cell, the direction and the numbers of a layer.
_Plain = tuple[str, bool, tuple[Any, ...]]


class _Forward(torch.autograd.Function):
    @staticmethod
    # pyrefly: ignore [bad-override]
    def forward(plain: _Plain, sizes: Tensor, *given: Tensor | None) -> Any:
        cell, reverse, numbers = plain
        return torch.ops.sequela.recurrent(cell, sizes, reverse, True, *given, *numbers)

    @staticmethod
    def setup_context(ctx: Any, inputs: Sequence[Any], output: Any) -> None:
        ctx.plain, sizes, *given = inputs
        ctx.mark_non_differentiable(output[3])
        ctx.set_materialize_grads(False)
        ctx.save_for_backward(sizes, output[0], output[3], *given)

    @staticmethod
    # pyrefly: ignore [bad-override]
    def backward(ctx: Any, *late: Any) -> Any:
        sizes, output, workspace, *given = ctx.saved_tensors
        wanted = tuple(bool(want) for want in ctx.needs_input_grad[2:])
        rest = (*given, output, workspace, *reached(ctx.plain[0], late))
        found = iter(_Backward.apply(ctx.plain, sizes, wanted, 0, *rest))
        return None, None, *(next(found) if want else None for want in wanted)

    @staticmethod
    def vmap(info: Any, in_dims: Any, *args: Any) -> Any:
        plain, sizes, *given = args
        dims, count = in_dims[2:], info.batch_size
        if not _rows_alone(dims):
            return _one_by_one(count, in_dims, _Forward.apply, args)
        folded = _folded(EVERY_TENSOR, given, dims, count)
        *found, handed = _Forward.apply(plain, sizes * count, *folded)
        parts = [_unfolded(part, count) if part.dim() > 1 else part for part in found]
        out_dims = [1 if part.dim() > 2 else None for part in parts]
        if handed.dim() > 1:
            handed = _unfolded(handed, count, axis=1)
        return (*parts, handed), (*out_dims, 2 if handed.dim() > 1 else None)


class _Backward(torch.autograd.Function):
    @staticmethod
    # pyrefly: ignore [bad-override]
    def forward(plain: _Plain, sizes: Tensor, wanted: Any, samples: int, *rest: Any) -> Any:
        cell, reverse, numbers = plain
        given, late = rest[:_COUNT], rest[_COUNT:]
        arguments = (cell, sizes, reverse, list(wanted), *given, *numbers, samples, *late)
        return tuple(torch.ops.sequela.recurrent_backward(*arguments))

    @staticmethod
    def setup_context(ctx: Any, inputs: Sequence[Any], output: Any) -> None:
        # The tensors only tell autograd that there would be a gradient.
        ctx.save_for_backward(*(part for part in inputs if isinstance(part, Tensor)))

    @staticmethod
    # pyrefly: ignore [bad-override]
    def backward(ctx: Any, *grads: Any) -> Any:
        raise RuntimeError(
            "torch.func: a gradient of a gradient through the native kernels is not offered. "
            'Compute it within sequela.ops.force("reference"), or by torch.autograd.grad'
        )

    @staticmethod
    def vmap(info: Any, in_dims: Any, *args: Any) -> Any:
        plain, sizes, wanted, samples, *rest = args
        count, dims = info.batch_size, in_dims[4:]
        # Folded rows keep their workspace together: one sample's part of it says nothing.
        if not _rows_alone(dims[:_COUNT]) or dims[_COUNT + 1] is None:
            return _one_by_one(count, in_dims, _Backward.apply, args)
        folded = _folded((*EVERY_TENSOR, *_AXES), rest, dims, count)
        # The samples of an axis mapped before lie within each element of this one.
        apart = count * (samples or 1)
        found = iter(_Backward.apply(plain, sizes * count, wanted, apart, *folded))
        parts, out_dims = [], []
        for name, want in zip(EVERY_TENSOR, wanted, strict=True):
            if want and name in WITH_ROWS:
                parts.append(_unfolded(next(found), count))
                out_dims.append(1)
            elif want:
                part = next(found)
                parts.append(part.unflatten(0, (samples, count)) if samples else part)
                out_dims.append(1 if samples else 0)
        return tuple(parts), tuple(out_dims)


def _rows_alone(dims: Sequence[int | None]) -> bool:
    """Whether the data or the state are mapped and no weight is."""
    mapped = {name for name, dim in zip(EVERY_TENSOR, dims, strict=True) if dim is not None}
    return bool(mapped) and mapped <= set(WITH_ROWS)


def _folded(
    names: Sequence[str], parts: Sequence[Any], dims: Sequence[int | None], count: int
) -> list[Any]:
    """Rows ``[R, ...]`` of each element of the axis as ``[R * count, ...]``; weights stay."""
    folded = []
    for name, part, dim in zip(names, parts, dims, strict=True):
        if part is not None and (name in WITH_ROWS or name in _AXES):
            axis = _AXES.get(name, 0)
            if dim is None:
                shape = list(part.shape)
                shape.insert(axis + 1, count)
                part = part.unsqueeze(axis + 1).expand(shape)
            else:
                part = part.movedim(dim, axis + 1)
            part = part.flatten(axis, axis + 1)
        folded.append(part)
    return folded


def _unfolded(part: Tensor, count: int, axis: int = 0) -> Tensor:
    return part.unflatten(axis, (part.shape[axis] // count, count))


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
