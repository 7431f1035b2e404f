"""Sequela: recurrent networks for clinical sequences.

Nothing is imported before it is used: ``import sequela.nn`` brings torch and no data library,
``import sequela.events`` brings polars and no torch.
"""

from __future__ import annotations

__all__ = ["__version__"]

__version__ = "0.1.0"
