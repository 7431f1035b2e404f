"""Series of numbers in columns, one row for each time."""

from __future__ import annotations

from sequela.sources.series.read import read

__all__ = ["read"]
