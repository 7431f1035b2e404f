"""The operators: one recurrent layer over packed ragged data, and the choice of who computes it."""

from __future__ import annotations

from sequela.ops.backends import explain, force
from sequela.ops.recurrent import Result, run

__all__ = ["Result", "explain", "force", "run"]
