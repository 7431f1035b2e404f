"""`sequela label`: the samples of a task and their labels, with the account of exclusions."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict

from sequela import ingest
from sequela.cli.question import declared, settings_of
from sequela.cohort import Cohort, build_cohort, parse_declaration, write_cohort
from sequela.errors import ConfigError
from sequela.files import refuse_existing
from sequela.settings import checked, override

__all__ = ["LabelSettings", "run"]


class LabelSettings(BaseModel):
    """What ``sequela label`` takes as ``KEY=VALUE``.

    Args:
        data: the data set.
        source: which reader turns the data into events.
        reading: what that reader takes beside the path.
        task: changes of the task, as for training.
        out: the new folder; without it the account is printed and nothing written.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    data: Path | None = None
    source: str = "meds"
    reading: dict[str, Any] = {}
    task: dict[str, Any]
    out: Path | None = None


def run(name: str, words: Sequence[str], *, as_json: bool) -> None:
    """Builds the cohort of a task, writes it where ``out`` is given, and prints the account.

    Args:
        name: a task or an experiment of ``sequela list``, or a YAML file with one (a task may be of
            ACES). Of an experiment its task is taken, as training does; the data are read as the
            words say.
        words: see :class:`LabelSettings`.
        as_json: print JSON.
    """
    values = override({"task": settings_of(name)["task"]}, words, ("source", "data", "out"))
    settings = checked(LabelSettings, values, "label")
    if settings.data is None:
        raise ConfigError("setting 'data'", got="nothing", todo=f"sequela label {name} data=PATH")
    if settings.out is not None:
        refuse_existing(settings.out)
    declaration = parse_declaration(declared(settings.task))
    data = ingest.opened(settings.source, settings.data, **settings.reading)
    cohort = build_cohort(data, declaration)
    if settings.out is not None:
        write_cohort(settings.out, cohort)
    said = _said(cohort)
    print(json.dumps(said, indent=2, ensure_ascii=False) if as_json else _text(said))
    if settings.out is not None and not as_json:
        print(f"labels: {settings.out / 'labels'}")


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
