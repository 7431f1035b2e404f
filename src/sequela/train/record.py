"""The figures of a run, one JSON line each: ``metrics.jsonl``."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from sequela.files import atomic_write, translated

__all__ = ["MetricsFile"]


class MetricsFile:
    """Lines of figures that agree with the checkpoints.

    A checkpoint knows how many lines there were when it was made; a run that goes on from it drops
    the lines after, so that none comes twice.

    Args:
        path: the file, or None to keep nothing.
        lines: how many lines of an existing file stay.

    Raises:
        OutputError: the file cannot be written.
    """

    def __init__(self, path: Path | None, lines: int = 0):
        self._path = path
        self.lines = 0
        self._file = None
        if path is None:
            return
        with translated(path):
            kept = path.read_bytes().splitlines(keepends=True)[:lines] if path.is_file() else []
        # A crash of the whole machine can lose the end of the file: the rest is still right.
        kept = [line for line in kept if line.endswith(b"\n")]
        atomic_write(path, b"".join(kept))
        self.lines = len(kept)
        with translated(path):
            self._file = open(path, "ab", buffering=0)  # noqa: SIM115 - closed by close()

    def add(self, line: Mapping[str, Any]) -> None:
        """Appends one line.

        Raises:
            OutputError: the disk is full.
        """
        if self._file is None or self._path is None:
            return
        content = (json.dumps(line, allow_nan=False) + "\n").encode()
        with translated(self._path):
            # One unbuffered write: a kill leaves whole lines.
            if self._file.write(content) != len(content):
                raise OSError(28, "no space left")
        self.lines += 1

    def synchronise(self) -> None:
        """Brings the lines to the disk; before a checkpoint that counts on them is published."""
        if self._file is not None and self._path is not None:
            with translated(self._path):
                os.fsync(self._file.fileno())

    def close(self) -> None:
        """Closes the file."""
        if self._file is not None:
            self._file.close()
