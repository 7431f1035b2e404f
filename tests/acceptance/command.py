"""The command line as its users have it: a process of its own, from raw files to figures."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any


def sequela(*words: object, status: int = 0) -> tuple[str, str]:
    """What ``sequela WORDS`` printed and what it complained of, once its exit status is right."""
    command = [sys.executable, "-m", "sequela", *map(str, words)]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == status, done.stderr
    assert "internal error" not in done.stderr
    return done.stdout, done.stderr


def read(path: Path) -> Any:
    """The content of a JSON file."""
    return json.loads(path.read_text())


def rows(evaluation: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """The table of an evaluation, by the models' names."""
    return {row["name"]: row for row in evaluation["table"]}
