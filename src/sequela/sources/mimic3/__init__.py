"""MIMIC-III, as published: tables in CSV."""

from __future__ import annotations

from sequela.sources.mimic3.read import read

__all__ = ["read"]
