"""The command line, called in this process."""

from __future__ import annotations

import sys

from sequela.cli import main as entry


def call(*words: object) -> int:
    """The exit status of ``sequela WORDS``."""
    before = sys.argv
    sys.argv = ["sequela", *map(str, words)]
    try:
        entry.main()
    except SystemExit as stop:
        return int(stop.code or 0)
    finally:
        sys.argv = before
    return 0
