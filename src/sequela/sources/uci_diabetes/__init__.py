"""Glucose and insulin logs of the UCI diabetes data set."""

from __future__ import annotations

from sequela.sources.uci_diabetes.read import read

__all__ = ["read"]
