"""Samples in a CSV of any shape, described by a small YAML file."""

from __future__ import annotations

from sequela.sources.csv_signals.read import read

__all__ = ["read"]
