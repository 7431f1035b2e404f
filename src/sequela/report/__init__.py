"""One self-contained HTML file from what a run wrote: no network, no script, ready to print."""

from __future__ import annotations

from sequela.report.render import render

__all__ = ["render"]
