"""Sequela: recurrent networks for clinical sequences.

Nothing is imported before it is used: ``import sequela.nn`` brings torch and no data library,
``import sequela.events`` brings polars and no torch.
"""

from __future__ import annotations

import importlib
from typing import Any

__all__ = ["__version__", "accelerate"]

__version__ = "0.1.0"

_LATER = {"accelerate": "sequela.nn"}


def __getattr__(name: str) -> Any:
    if name not in _LATER:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(_LATER[name]), name)
