"""Recordings in the European Data Format: EDF, EDF+ and BDF."""

from __future__ import annotations

from sequela.sources.edf.read import read

__all__ = ["read"]
