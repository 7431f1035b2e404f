"""`sequela report`: the HTML report of a run, written again."""

from __future__ import annotations

from pathlib import Path

__all__ = ["run"]


def run(folder: Path) -> None:
    """Renders the report and prints its path."""
    from sequela.report import render

    print(render(folder))
