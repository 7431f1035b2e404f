"""The same bits each time, where that is free."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

import torch
import torch.utils.deterministic

__all__ = ["deterministic"]


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
