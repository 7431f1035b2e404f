"""The OMOP Common Data Model, 5.3 and 5.4: CSV, zip, Parquet, or a database of duckdb."""

from __future__ import annotations

from sequela.sources.omop.read import read

__all__ = ["read"]
