"""Synthetic patients of Synthea, in its CSV form."""

from __future__ import annotations

from sequela.sources.synthea.read import read

__all__ = ["read"]
