"""One long text, for models of what comes next."""

from __future__ import annotations

from sequela.sources.text_stream.read import read

__all__ = ["read"]
