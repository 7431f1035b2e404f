"""Events from any long tables, by a small file that says what their columns mean."""

from __future__ import annotations

from sequela.sources.csv_events.read import read

__all__ = ["read"]
