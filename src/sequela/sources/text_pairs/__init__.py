"""Pairs of texts: columns of one file, or parallel files."""

from __future__ import annotations

from sequela.sources.text_pairs.read import read

__all__ = ["read"]
