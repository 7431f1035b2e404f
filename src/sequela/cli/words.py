"""The ``key=value`` words of a verb that has no experiment file."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from sequela.errors import ConfigError
from sequela.settings import nearest, override

__all__ = ["parted", "paths"]


def parted(words: Iterable[str], table: str) -> tuple[list[str], list[str]]:
    """The words that reach into a table (``task.gap_days=0``), and the others."""
    inner, others = [], []
    for word in words:
        (inner if word.startswith(f"{table}.") else others).append(word)
    return inner, others


def paths(words: Iterable[str], known: tuple[str, ...], needed: tuple[str, ...]) -> dict[str, Path]:
    """Paths by key.

    Raises:
        ConfigError: an unknown key, or a needed one is missing.
    """
    values = override({}, words, known)
    for key in values:
        if key not in known:
            raise ConfigError(f"argument '{key}'", got="an unknown key", todo=nearest(key, known))
    for key in needed:
        if values.get(key) is None:
            raise ConfigError(f"argument '{key}'", got="nothing", todo=f"Write {key}=PATH.")
    return {key: Path(value) for key, value in values.items() if value is not None}
