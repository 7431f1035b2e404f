"""Texts with spans as lines of JSON."""

from __future__ import annotations

from sequela.sources.notes_jsonl.read import read

__all__ = ["read"]
