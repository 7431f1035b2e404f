"""The command line: one file per verb, imported when the verb is used."""

from __future__ import annotations

__all__: list[str] = []
