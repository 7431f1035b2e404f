"""Texts in a column of a table."""

from __future__ import annotations

from sequela.sources.notes_table.read import read

__all__ = ["read"]
