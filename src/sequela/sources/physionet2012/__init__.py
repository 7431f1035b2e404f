"""Intensive-care stays of the PhysioNet challenge of 2012."""

from __future__ import annotations

from sequela.sources.physionet2012.read import read

__all__ = ["read"]
