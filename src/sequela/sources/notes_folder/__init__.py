"""Text files in a folder."""

from __future__ import annotations

from sequela.sources.notes_folder.read import read

__all__ = ["read"]
