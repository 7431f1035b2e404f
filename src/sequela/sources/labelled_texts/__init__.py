"""Texts with a label each, in the layouts that they are published in."""

from __future__ import annotations

from sequela.sources.labelled_texts.read import read

__all__ = ["read"]
