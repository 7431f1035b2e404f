"""XML files of the de-identification task of i2b2 2014."""

from __future__ import annotations

from sequela.sources.i2b2.read import read

__all__ = ["read"]
