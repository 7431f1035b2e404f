"""Recordings in the WaveForm DataBase format of PhysioNet."""

from __future__ import annotations

from sequela.sources.wfdb.read import read

__all__ = ["read"]
