"""De-identification: finding what identifies a patient in notes, and taking it out."""

from __future__ import annotations

__all__: list[str] = []
