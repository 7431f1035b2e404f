"""Sizes and probabilities that come from a settings file, checked before a layer is made."""

from __future__ import annotations

from sequela.errors import ConfigError

__all__ = ["at_least", "probability"]


def at_least(smallest: int, **sizes: float) -> None:
    """Raises a :class:`ConfigError` for the first size below ``smallest``."""
    for name, size in sizes.items():
        if size < smallest:
            raise ConfigError(f"argument '{name}'", got=str(size), wanted=f"at least {smallest}")


def probability(**values: float) -> None:
    """Raises a :class:`ConfigError` for the first value outside ``[0, 1)``."""
    for name, value in values.items():
        if not 0 <= value < 1:
            raise ConfigError(f"argument '{name}'", got=str(value), wanted="at least 0, below 1")
