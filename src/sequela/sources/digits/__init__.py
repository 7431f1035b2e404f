"""Labelled series in the format of sktime and the UCR archive."""

from __future__ import annotations

from sequela.sources.ts.read import read

__all__ = ["read"]
