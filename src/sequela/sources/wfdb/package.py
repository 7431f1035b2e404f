"""Calls of the wfdb package, without its warnings and its words."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

from sequela.errors import DataError, MissingDependencyError, install_line

__all__ = ["package", "quietly"]


def package() -> Any:
    """The wfdb package.

    Raises:
        MissingDependencyError: it is not installed.
    """
    try:
        with warnings.catch_warnings():
            # It uses what pandas will drop, and says so at import.
            warnings.simplefilter("ignore")
            import wfdb
    except ImportError as error:
        raise MissingDependencyError(
            "reading WFDB files", wanted="wfdb", todo=f"Run: {install_line('signals')}"
        ) from error
    return wfdb


def quietly(path: Path, call: Callable[[], Any]) -> Any:
    """What the package gives; its own messages may quote the file and are not passed on."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return call()
    except Exception as error:
        raise DataError(
            f"file {path}",
            got=f"something that wfdb cannot read ({type(error).__name__})",
            todo="The file is damaged, or of another kind.",
        ) from None
