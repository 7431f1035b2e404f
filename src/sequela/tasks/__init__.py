"""Declarations of what is predicted: a room for each task, a table of plain data.

A room is a folder with ``task.yaml``, ``README.md`` and ``example/``. Where it has a folder
``outcomes``, the key ``outcome`` may name a file there. Where ``task.yaml`` has a table
``options``, its keys can be given like other settings (``after=24h``), and ``{after}`` in any text
of the file stands for the value.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from sequela.errors import ConfigError
from sequela.settings import nearest, read_yaml

__all__ = ["declaration", "names", "outcomes"]

_FOLDER = Path(__file__).parent

_CODES = ("exact", "prefix", "regex", "descendants")


def names() -> list[str]:
    """The tasks there are."""
    return sorted(file.parent.name for file in _FOLDER.glob("*/task.yaml"))


def outcomes(name: str) -> list[str]:
    """The outcomes that a task offers by name; none for a task with one fixed outcome."""
    return sorted(file.stem for file in (_FOLDER / name / "outcomes").glob("*.yaml"))


def declaration(name: str, **overrides: Any) -> dict[str, Any]:
    """What a task's ``task.yaml`` says, with changes.

    Args:
        name: one of :func:`names`, or the path of a file (``.yaml``) that holds a task of your own,
            or one of ACES, which has the key ``trigger`` and gets the kind ``aces``.
        overrides: values by key, such as ``gap_days=90``; a key with dots reaches into a table
            (``**{"index.days": 365}``), and so does a table (``index={"days": 365}``).
            ``outcome="heart_failure"`` stands for the code set in that file of the room; a table
            with that name, or with none, changes keys of the set, one with another name is a set
            of its own. A set with other codes than its file is called ``<name>_changed``, so that
            nothing takes it for the one of that name.

    Returns:
        Plain data; whoever uses the task checks the keys.

    Raises:
        ConfigError: no such task or outcome, or a key that reaches into something that is no table.
    """
    if Path(name).suffix in (".yaml", ".yml"):
        return _own_file(Path(name), overrides)
    if name not in names():
        raise ConfigError(f"task '{name}'", got="no such task", todo=nearest(name, names()))
    result = read_yaml(_FOLDER / name / "task.yaml")
    known = outcomes(name)
    if known:
        # The named code set comes first, so that further keys can change it.
        result["outcome"] = _outcome(name, result["outcome"], overrides.pop("outcome", {}), known)
    options = result.pop("options", {})
    options |= {key: overrides.pop(key) for key in list(overrides) if key in options}
    result = _filled(result, options)
    for key, value in overrides.items():
        result = _merged(result, key.split("."), value, f"setting '{key}' of task {name}")
    return _renamed(result, name) if known else result


def _own_file(path: Path, overrides: Mapping[str, Any]) -> dict[str, Any]:
    result: dict[str, Any] = {"name": path.stem, **read_yaml(path)}
    if "trigger" in result and "kind" not in result:
        result["kind"] = "aces"
    options = result.pop("options", {})
    options |= {key: value for key, value in overrides.items() if key in options}
    result = _filled(result, options)
    for key, value in overrides.items():
        if key not in options:
            result = _merged(result, key.split("."), value, f"setting '{key}' of task {path}")
    return result


def _filled(value: Any, options: Mapping[str, Any]) -> Any:
    """Plain data with the options in their places."""
    if isinstance(value, Mapping):
        return {key: _filled(inner, options) for key, inner in value.items()}
    if isinstance(value, list):
        return [_filled(inner, options) for inner in value]
    for name, option in options.items() if isinstance(value, str) else ():
        place = "{" + name + "}"
        # A place that is all of the text keeps the kind of the option, such as a number.
        value = option if value == place else value.replace(place, str(option))
        if not isinstance(value, str):
            break
    return value


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


def _named(task: str, outcome: str) -> dict[str, Any]:
    content = read_yaml(_FOLDER / task / "outcomes" / f"{outcome}.yaml")
    return {"name": outcome, **content}


def _outcome(task: str, usual: str, chosen: Any, known: list[str]) -> Any:
    if isinstance(chosen, Mapping):
        base = chosen.get("name", usual)
        return {**_named(task, base), **chosen} if base in known else chosen
    if not isinstance(chosen, str):
        return chosen
    if chosen not in known:
        todo = f"{nearest(chosen, known)} Or give a table with exact, prefix or regex codes."
        raise ConfigError(f"outcome '{chosen}' of task {task}", got="no such outcome", todo=todo)
    return _named(task, chosen)


def _renamed(values: dict[str, Any], task: str) -> dict[str, Any]:
    outcome = values["outcome"]
    if not isinstance(outcome, Mapping) or outcome.get("name") not in outcomes(task):
        return values
    named = _named(task, outcome["name"])
    if all((outcome.get(key) or []) == named.get(key, []) for key in _CODES):
        return values
    renamed = {**outcome, "name": f"{outcome['name']}_changed"}
    if "title" in named and outcome.get("title") == named["title"]:
        renamed["title"] = f"{named['title']} (changed codes)"
    return {**values, "outcome": renamed}
