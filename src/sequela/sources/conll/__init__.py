"""Tokens with tags in columns."""

from __future__ import annotations

from sequela.sources.conll.read import read

__all__ = ["read"]
