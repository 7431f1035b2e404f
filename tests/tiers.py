"""How often a property is tried: few times by default, many by ``make test-long``."""

from __future__ import annotations

import os

__all__ = ["EXPLORE", "examples"]

EXPLORE = os.environ.get("SEQUELA_LAWS") == "explore"


def examples(few: int, many: int | None = None) -> int:
    """How many examples.

    Args:
        few: by default.
        many: in the long tier; ten times as many where nothing is said.
    """
    return (many or 10 * few) if EXPLORE else few
