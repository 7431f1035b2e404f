"""Declarations of what is predicted: a room for each task, a table of plain data.

A room is a folder with ``task.yaml``, ``README.md`` and ``example/``. Where it has a folder
``outcomes``, the key ``outcome`` may name a file there.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from sequela.errors import ConfigError
from sequela.settings import nearest, read_yaml

__all__ = ["declaration", "names", "outcomes"]

_FOLDER = Path(__file__).parent


def names() -> list[str]:
    """The tasks there are."""
    return sorted(file.parent.name for file in _FOLDER.glob("*/task.yaml"))


def outcomes(name: str) -> list[str]:
    """The outcomes that a task offers by name; none for a task with one fixed outcome."""
    return sorted(file.stem for file in (_FOLDER / name / "outcomes").glob("*.yaml"))


def declaration(name: str, **overrides: Any) -> dict[str, Any]:
    """What a task's ``task.yaml`` says, with changes.

    Args:
        name: one of :func:`names`.
        overrides: values by key, such as ``gap_days=90``; a key with dots reaches into a table
            (``**{"index.days": 365}``), and so does a table (``index={"days": 365}``).
            ``outcome="heart_failure"`` stands for the code set in that file of the room.

    Returns:
        Plain data; whoever uses the task checks the keys.

    Raises:
        ConfigError: no such task or outcome, or a key that reaches into something that is no table.
    """
    if name not in names():
        raise ConfigError(f"task '{name}'", got="no such task", todo=nearest(name, names()))
    result = read_yaml(_FOLDER / name / "task.yaml")
    # The named code set comes first, so that further keys can change it.
    if "outcome" in overrides:
        result["outcome"] = overrides.pop("outcome")
    result = _with_outcome(result, name)
    for key, value in overrides.items():
        result = _merged(result, key.split("."), value, f"setting '{key}' of task {name}")
    return result


def _merged(table: dict[str, Any], path: list[str], value: Any, what: str) -> dict[str, Any]:
    head, *rest = path
    old = table.get(head)
    if rest:
        if not isinstance(old, (Mapping, type(None))):
            raise ConfigError(what, got=f"'{head}' is no table of settings")
        value = _merged(dict(old or {}), rest, value, what)
    elif isinstance(old, Mapping) and isinstance(value, Mapping):
        merged = dict(old)
        for key, inner in value.items():
            merged = _merged(merged, [str(key)], inner, what)
        value = merged
    return {**table, head: value}


def _with_outcome(values: dict[str, Any], name: str) -> dict[str, Any]:
    known = outcomes(name)
    chosen = values.get("outcome")
    if not known or not isinstance(chosen, str):
        return values
    if chosen not in known:
        todo = f"{nearest(chosen, known)} Or give a table with exact, prefix or regex codes."
        raise ConfigError(f"outcome '{chosen}' of task {name}", got="no such outcome", todo=todo)
    content = read_yaml(_FOLDER / name / "outcomes" / f"{chosen}.yaml")
    return {**values, "outcome": {"name": chosen, **content}}
