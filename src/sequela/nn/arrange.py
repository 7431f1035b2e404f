"""Which layout a padded input has, by what the call says about its steps."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from sequela.nn.checks import check_flags, check_lengths, check_sequence_length
from sequela.nn.layout import DenseLayout, Layout, LengthsLayout, RaggedLayout, TracedLayout
from sequela.ops.padded import copies

__all__ = ["arrange"]


def arrange(
    x: Tensor, batched: bool, batch_first: bool, lengths: Any, mask: Any, reset: Any
) -> Layout:
    """The layout of a padded input with what the call says about its steps.

    Args:
        x: with its batch axis.
        batched: whether that axis was given; else ``mask`` and ``reset`` have none.
        batch_first: ``[B, T, D]`` or ``[T, B, D]``; so are ``mask`` and ``reset``.
        lengths: of the call, as the others; None where not given.
        mask: bool, false where a step is held.
        reset: bool, true where the state is cleared first.

    Raises:
        TypeError: one of them is of the wrong kind.
        RuntimeError: one of them does not fit the input.
    """
    batch, steps = x.shape[:2] if batch_first else (x.shape[1], x.shape[0])
    check_sequence_length(steps, lengths is not None or mask is not None)
    if lengths is None and mask is None and reset is None:
        return DenseLayout(batch, steps, batch_first)
    if lengths is not None:
        lengths = check_lengths(lengths, batch, steps).to(x.device)
        if mask is None and reset is None and copies(x):
            return LengthsLayout(lengths, steps, batch_first)
    present = torch.ones(batch, steps, dtype=torch.bool, device=x.device)
    if lengths is not None:
        present = torch.arange(steps, device=x.device) < lengths[:, None]
    valid = present
    if mask is not None:
        valid = present & _flags(mask, "mask", present, batched, batch_first)
    if reset is not None:
        reset = present & _flags(reset, "reset", present, batched, batch_first)
    kind = TracedLayout if torch.compiler.is_compiling() else RaggedLayout
    return kind(valid, present, reset, batch_first)


def _flags(flags: Tensor, name: str, present: Tensor, batched: bool, batch_first: bool) -> Tensor:
    """Flags given in the layout of the input, as ``[B, T]``."""
    batch, steps = present.shape
    if not batched:
        check_flags(flags, (steps,), name)
        return flags.to(present.device)[None]
    check_flags(flags, (batch, steps) if batch_first else (steps, batch), name)
    flags = flags.to(present.device)
    return flags if batch_first else flags.t()
