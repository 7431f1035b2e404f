"""Labelled series in the format of sktime and the UCR archive."""

from __future__ import annotations

from sequela.sources.digits.read import read

__all__ = ["read"]
