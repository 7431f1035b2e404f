"""Which torch the tests run on: a few words and limits they look for are those of newer ones."""

from __future__ import annotations

import torch

__all__ = ["NEWEST", "TORCH"]

TORCH = tuple(int(part) for part in torch.__version__.split("+")[0].split(".")[:2])
# The release whose words ours are. Whatever depends on them is asked of it and of newer ones; all
# else is asked of every torch from the oldest that pyproject.toml allows.
NEWEST = (2, 13)
