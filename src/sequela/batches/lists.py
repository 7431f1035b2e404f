"""Samples from plain Python: lists of sequences, and padded arrays with their lengths."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch

from sequela.batches.samples import RaggedSamples
from sequela.errors import DataError

__all__ = ["from_array", "from_lists"]

_HINT = "Fill or remove it; a missing value may be a feature of its own (0 or 1)."


def _as_array(value: Any, what: str) -> np.ndarray:
    if isinstance(value, torch.Tensor):
        value = value.detach().cpu().numpy()
    try:
        array = np.asarray(value)
    except ValueError as error:
        raise DataError(what, got="rows of different sizes", wanted="numbers [T, D]") from error
    if array.size == 0 and array.dtype.kind == "O":
        array = array.astype(np.float32)
    if array.dtype.kind not in "biuf":
        raise DataError(what, got=f"values of type {array.dtype}", wanted="numbers")
    return array


def _check_channels(array: np.ndarray, what: str) -> None:
    """Raises for an array whose steps hold nothing; how many steps there are does not matter."""
    if array.ndim > 1 and array.shape[-1] == 0:
        raise DataError(what, got=f"shape {list(array.shape)}", wanted="at least one channel")


def _check_finite(steps: np.ndarray, offsets: np.ndarray) -> None:
    """Raises for the first value that is not finite, by its place and never by its content."""
    finite = np.isfinite(steps)
    if finite.all():
        return
    row, channel = np.argwhere(~finite)[0]
    number = int(np.searchsorted(offsets, row, side="right")) - 1
    kind = "NaN" if np.isnan(steps[row, channel]) else "an infinite value"
    raise DataError(
        f"sequence {number}, channel {channel}, step {row - offsets[number]}",
        got=kind,
        wanted="a finite number that float32 can hold",
        todo=_HINT,
    )


def _single_precision(array: np.ndarray) -> np.ndarray:
    with np.errstate(over="ignore"):  # what becomes infinite is named by _check_finite
        return array.astype(np.float32)


def _labels(target: Any) -> np.ndarray | None:
    """The target as an array; text and the like are refused by the samples themselves."""
    if target is None:
        return None
    return target.detach().cpu().numpy() if isinstance(target, torch.Tensor) else np.asarray(target)


def from_lists(
    sequences: Sequence[Any],
    target: Any = None,
    *,
    groups: Any = None,
    static: Any = None,
) -> RaggedSamples:
    """Samples of sequences with different lengths.

    Args:
        sequences: ``n`` arrays, tensors or nested lists ``[T_i, D]``; ``[T_i]`` means ``D = 1``;
            ``T_i`` may be 0.
        target: ``[n]``; bool for yes/no, integers for classes, floats for regression. Without it
            the samples are for prediction.
        groups: ``[n]``, the patient or recording of each sequence; each its own by default.
        static: ``[n, S]``, features that do not change with time; none by default.

    Raises:
        DataError: a sequence is a single number, has no channels or another number of them than
            the first, or holds something that is no number, NaN or an infinite value.
    """
    arrays = []
    for number, sequence in enumerate(sequences):
        array = _as_array(sequence, f"sequence {number}")
        if array.ndim not in (1, 2):
            found = f"{array.ndim} dimensions" if array.ndim else "a single number"
            raise DataError(f"sequence {number}", got=found, wanted="[T, D] or [T]")
        _check_channels(array, f"sequence {number}")
        arrays.append(array)
    # An empty list says nothing about channels; an empty array [0, D] does.
    widths = [
        (number, array.shape[1] if array.ndim == 2 else 1)
        for number, array in enumerate(arrays)
        if array.ndim == 2 or array.size
    ]
    width = widths[0][1] if widths else 1
    for number, found in widths:
        if found != width:
            raise DataError(
                f"sequence {number}",
                got=f"{found} channel(s)",
                wanted=f"{width}, as in sequence {widths[0][0]}",
            )
    lengths = np.array([len(np.atleast_1d(array)) for array in arrays], dtype=np.int64)
    offsets = np.concatenate([np.zeros(1, np.int64), np.cumsum(lengths)])
    flat = [_single_precision(array).reshape(-1, width) for array in arrays]
    steps = np.concatenate(flat) if flat else np.zeros((0, width), np.float32)
    _check_finite(steps, offsets)
    return RaggedSamples.from_flat(
        steps, offsets, target=_labels(target), groups=_labels(groups), static=_static(static)
    )


def _static(static: Any) -> np.ndarray | None:
    if static is None:
        return None
    array = _single_precision(_as_array(static, "the static features"))
    if array.ndim != 2:
        raise DataError(
            "the static features", got=f"shape {list(array.shape)}", wanted="[samples, features]"
        )
    finite = np.isfinite(array)
    if not finite.all():
        row, column = np.argwhere(~finite)[0]
        raise DataError(
            f"sample {row}, static feature {column}",
            got="NaN or an infinite value",
            wanted="a finite number that float32 can hold",
            todo=_HINT,
        )
    return array


def from_array(
    x: Any,
    lengths: Any = None,
    target: Any = None,
    *,
    groups: Any = None,
    static: Any = None,
) -> RaggedSamples:
    """Samples of one array, padded or of equal lengths.

    Args:
        x: ``[n, T, D]``, or ``[n, T]`` for one channel.
        lengths: integers ``[n]`` in ``[0, T]``; all ``T`` by default. What lies beyond a length is
            padding: it is dropped unread, whatever it holds. Lengths are never guessed from values.
        target: ``[n]``; see :func:`from_lists`.
        groups: ``[n]``; see :func:`from_lists`.
        static: ``[n, S]``; see :func:`from_lists`.

    Raises:
        DataError: wrong shapes or lengths, or NaN or an infinite value within a length.
    """
    array = _as_array(x, "the array")
    if array.ndim == 2:
        array = array[:, :, None]
    if array.ndim != 3:
        raise DataError(
            "the array", got=f"shape {list(array.shape)}", wanted="[n, T, D], or [n, T]"
        )
    _check_channels(array, "the array")
    count, longest, _ = array.shape
    sizes = np.full(count, longest) if lengths is None else _as_array(lengths, "the lengths")
    if sizes.shape != (count,) or (count and sizes.dtype.kind not in "iu"):
        raise DataError(
            "the lengths",
            got=f"{sizes.dtype} of shape {list(sizes.shape)}",
            wanted=f"{count} whole numbers",
        )
    outside = np.flatnonzero((sizes < 0) | (sizes > longest))
    if len(outside):
        raise DataError(
            f"the length of sequence {outside[0]}", got="a number outside", wanted=f"0 to {longest}"
        )
    sizes = sizes.astype(np.int64)
    offsets = np.concatenate([np.zeros(1, np.int64), np.cumsum(sizes)])
    inside = np.arange(longest)[None, :] < sizes[:, None]
    steps = _single_precision(array[inside])
    _check_finite(steps, offsets)
    return RaggedSamples.from_flat(
        steps, offsets, target=_labels(target), groups=_labels(groups), static=_static(static)
    )
