"""`sequela label`: the samples of a task and their labels, with the account of exclusions."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from sequela import ingest, tasks
from sequela.cohort import Cohort, build_cohort, parse_declaration, write_cohort
from sequela.errors import ConfigError
from sequela.settings import nearest, override

__all__ = ["run"]

_SETTINGS = {"source": "meds", "data": None, "out": None, "task": {}}


def run(name: str, words: Sequence[str], *, as_json: bool) -> None:
    """Builds the cohort of a task, writes it where ``out`` is given, and prints the account.

    Args:
        name: a task of ``sequela list``, or a YAML file with one (ours or of ACES).
        words: ``data=PATH``, ``source=NAME``, ``out=FOLDER`` and ``task.KEY=VALUE``.
        as_json: print JSON.
    """
    settings = override(_SETTINGS, words, texts=("source", "data", "out"))
    for key in settings:
        if key not in _SETTINGS:
            todo = nearest(key, _SETTINGS)
            raise ConfigError(f"setting '{key}'", got="an unknown key", todo=todo)
    if not settings["data"]:
        raise ConfigError("setting 'data'", got="nothing", todo=f"sequela label {name} data=PATH")
    declared = parse_declaration(tasks.declaration(name, **settings["task"]))
    data = ingest.opened(settings["source"], Path(settings["data"]))
    cohort = build_cohort(data, declared)
    if settings["out"]:
        write_cohort(Path(settings["out"]).expanduser(), cohort)
    said = _said(cohort)
    print(json.dumps(said, indent=2, ensure_ascii=False) if as_json else _text(said))
    if settings["out"] and not as_json:
        print(f"labels: {Path(settings['out']) / 'labels'}")


def _said(cohort: Cohort) -> dict[str, Any]:
    labels = cohort.labels
    said = {
        "description": cohort.description,
        "attrition": cohort.attrition,
        "samples": labels.height,
        "subjects": labels["subject_id"].n_unique(),
        "notes": list(cohort.notes),
    }
    if "boolean_value" in labels.columns:
        said["with the outcome"] = int(labels["boolean_value"].sum())
    return said


def _text(said: Mapping[str, Any]) -> str:
    lines = [said["description"], "", f"{'subjects':>10}{'samples':>10}{'excluded':>10}  step"]
    for step in said["attrition"]:
        samples = "-" if step["samples"] is None else step["samples"]
        counts = f"{step['subjects']:>10}{samples:>10}{step['excluded']:>10}"
        lines.append(f"{counts}  {step['step']}")
    cases = f", {said['with the outcome']:,} with the outcome" if "with the outcome" in said else ""
    lines += ["", f"{said['samples']:,} samples of {said['subjects']:,} subjects{cases}."]
    return "\n".join([*lines, *said["notes"]])
