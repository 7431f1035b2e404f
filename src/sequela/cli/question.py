"""What a verb is asked about: a task, or the experiment that asks it, by one word."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from sequela import experiments, tasks
from sequela.errors import ConfigError
from sequela.settings import nearest, read_yaml

__all__ = ["declared", "settings_of"]


def settings_of(word: str) -> dict[str, Any]:
    """The settings that training takes for the same word; of a task alone, ``task``.

    An experiment goes before the task of its name, so that every verb asks the same question.

    Args:
        word: a built-in experiment, a task, or a YAML file with either.

    Raises:
        ConfigError: no such name or file, or a file with mistakes.
    """
    if word.endswith((".yaml", ".yml")):
        is_experiment = "task" in read_yaml(Path(word))
    else:
        is_experiment = word in experiments.names()
        if not is_experiment and word not in tasks.names():
            known = {*tasks.names(), *experiments.names()}
            raise ConfigError(f"task '{word}'", got="no such task", todo=nearest(word, known))
    if is_experiment:
        return experiments.load(word).model_dump(exclude_none=True)
    return {"task": {"name": word}}


def declared(task: Mapping[str, Any]) -> dict[str, Any]:
    """What a table of settings with the ``name`` of a task on events declares.

    Raises:
        ConfigError: no name, no such task, one on signals, or a wrong key.
    """
    changes = dict(task)
    name = changes.pop("name", None)
    if not isinstance(name, str):
        raise ConfigError("setting 'task'", wanted="a table with the key 'name'")
    values = tasks.declaration(name, **changes)
    kinds = {
        "signal": "a task on signals, whose samples hold nothing but their own window",
        "text": "a task on texts, which have no history",
        "stream": "a task on one long text",
        "pairs": "a task on pairs of texts",
    }
    if values.get("kind") in kinds:
        raise ConfigError(f"task {name}", got=kinds[values["kind"]], wanted="a task on events")
    return values
