"""The same bits each time, where that is free."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

import torch
import torch.utils.deterministic

__all__ = ["deterministic", "limited_threads", "seed_device"]


@contextlib.contextmanager
def deterministic(device: torch.device) -> Iterator[None]:
    """Reproducible algorithms where they cost nothing, and the caller's generators untouched.

    Args:
        device: where the run computes. On the CPU torch's deterministic algorithms are on; on a GPU
            those of cuDNN are, and operations that torch lists as non-deterministic stay so.
    """
    deterministic_options: Any = torch.utils.deterministic
    enabled = torch.are_deterministic_algorithms_enabled()
    warn_only = torch.is_deterministic_algorithms_warn_only_enabled()
    filled = deterministic_options.fill_uninitialized_memory
    cudnn = torch.backends.cudnn.deterministic
    devices = [device] if device.type == "cuda" else []
    with torch.random.fork_rng(devices=devices):
        try:
            torch.backends.cudnn.deterministic = True
            if device.type == "cpu":
                torch.use_deterministic_algorithms(True)
                # It would fill every new tensor, for code that reads what it never wrote.
                deterministic_options.fill_uninitialized_memory = False
            yield
        finally:
            torch.use_deterministic_algorithms(enabled, warn_only=warn_only)
            deterministic_options.fill_uninitialized_memory = filled
            torch.backends.cudnn.deterministic = cudnn


@contextlib.contextmanager
def limited_threads(count: int | None) -> Iterator[None]:
    """torch computes with so many threads on the CPU meanwhile; None changes nothing."""
    before = torch.get_num_threads()
    if count is not None:
        torch.set_num_threads(count)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def seed_device(seed: int, device: torch.device) -> None:
    """Seeds the generators that a step on this device draws from (dropout and the like).

    Not ``torch.manual_seed``: where no GPU is in use, that notes the call with its stack for later,
    a millisecond and some memory in every step.

    Args:
        seed: 63 bits.
        device: where the step computes.
    """
    torch.default_generator.manual_seed(seed)
    if device.type == "cuda":
        torch.cuda.manual_seed(seed)
    elif device.type == "mps":
        torch.mps.manual_seed(seed)
