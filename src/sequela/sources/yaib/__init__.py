"""Hourly tables of intensive-care stays, as the YAIB benchmark writes them."""

from __future__ import annotations

from sequela.sources.yaib.read import read

__all__ = ["read"]
