"""The folder of a run: opened once, written file by file, never mixed with another run."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from sequela.errors import ConfigError, OutputError
from sequela.files import atomic_write, publish_directory, translated
from sequela.lock import locked
from sequela.train.leftovers import remove_leftovers

__all__ = ["choose_folder", "open_folder", "write_json"]

_EXPERIMENT = "experiment.json"
# What a run writes here; a report is written by another command.
_WRITTEN = (
    _EXPERIMENT,
    "cohort.json",
    "metrics.jsonl",
    "predictions.parquet",
    "scores.parquet",
    "evaluation.json",
    "seconds.json",
    "model",
)


def write_json(path: Path, content: Any) -> None:
    """JSON-ready content, written whole or not at all; NaN is refused."""
    atomic_write(path, json.dumps(content, indent=1, allow_nan=False) + "\n")


def choose_folder(out: Path | None, name: str, *, resume: bool) -> Path:
    """The run folder: the one asked for, or the first free ``runs/NAME-k``.

    Raises:
        OutputError: the folder exists already and ``resume`` is off; found before any data is read.
        ConfigError: ``resume`` without a folder to go on with.
    """
    if out is None and resume:
        raise ConfigError(
            "--resume", got="no run", todo="Write out=FOLDER of the run to go on with."
        )
    if out is not None:
        with translated(out):
            there = out.exists()
        if there and not resume:
            _refuse(out)
        if resume and not there:
            raise ConfigError(
                f"folder {out}",
                got="no run to go on with",
                todo="Check the path, or leave --resume out to begin a run there.",
            )
        return out
    number = 1
    while (folder := Path("runs") / f"{name}-{number}").exists():
        number += 1
    return folder


def _refuse(folder: Path) -> None:
    begun = (folder / _EXPERIMENT).is_file()
    raise OutputError(
        f"{'folder' if folder.is_dir() else 'file'} {folder}",
        got="one that exists already",
        todo="Choose another out=, or add --resume to go on with the run in it."
        if begun
        else "Choose another out=.",
    )


def _first_difference(old: dict[str, Any], new: dict[str, Any], prefix: str = "") -> str | None:
    for key in sorted(old.keys() | new.keys()):
        before, after = old.get(key), new.get(key)
        if isinstance(before, dict) and isinstance(after, dict):
            if found := _first_difference(before, after, f"{prefix}{key}."):
                return found
        elif before != after:
            return f"{prefix}{key}"
    return None


def _check_same(folder: Path, description: dict[str, Any]) -> None:
    try:
        stored = json.loads((folder / _EXPERIMENT).read_text())
        settings, held_out = stored["settings"], stored["held_out"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ConfigError(
            f"folder {folder}", got="no readable experiment.json", wanted="a run to go on with"
        ) from error
    given = json.loads(json.dumps(description["settings"]))
    if difference := _first_difference(settings, given):
        raise ConfigError(
            f"setting '{difference}'",
            got="another value than the run was started with",
            todo="Give the settings of the first call, or start a new run in another folder.",
        )
    if held_out != description["held_out"]:
        raise ConfigError(
            "the held-out part",
            got="other data than the run was started with",
            todo="Give the data of the first call, or start a new run in another folder.",
        )


def open_folder(folder: Path, description: dict[str, Any], *, resume: bool) -> None:
    """Makes the run folder, or checks that an existing one holds the same run.

    With ``resume``, what a kill left half-written in it is removed.

    Args:
        folder: the run folder.
        description: what goes to ``experiment.json``; its ``settings`` and
            ``held_out`` (a hash of the held-out samples) identify the run.
        resume: go on with an existing run.

    Raises:
        OutputError: the folder exists (and ``resume`` is off), cannot be made, or another run is
            at work in it.
        ConfigError: the folder's run was started with other settings, or is no run.
    """
    if folder.exists() and not resume:
        _refuse(folder)
    if resume:
        remove_leftovers(folder.parent, [folder.name])
    if folder.exists():
        _check_same(folder, description)
        # Another run may be training or judging there just now.
        with locked(folder), locked(folder / "checkpoints"):
            remove_leftovers(folder, _WRITTEN)
        return
    # Published whole: a folder without its experiment.json could never be resumed.
    with publish_directory(folder) as temporary:
        write_json(temporary / _EXPERIMENT, description)
