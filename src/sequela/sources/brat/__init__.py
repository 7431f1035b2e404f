"""Texts annotated with brat."""

from __future__ import annotations

from sequela.sources.brat.read import read

__all__ = ["read"]
