"""Data sets in the MEDS standard."""

from __future__ import annotations

from sequela.sources.meds.read import read

__all__ = ["read"]
