"""The UCI Epileptic Seizure Recognition table."""

from __future__ import annotations

from sequela.sources.uci_seizure.read import read

__all__ = ["read"]
