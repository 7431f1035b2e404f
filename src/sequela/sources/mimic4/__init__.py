"""MIMIC-IV, as published: tables in CSV, in the folders hosp and icu."""

from __future__ import annotations

from sequela.sources.mimic4.read import read

__all__ = ["read"]
