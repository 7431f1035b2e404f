"""Reading what a run wrote, with an error that names the file when it is missing or damaged."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sequela.errors import DataError

__all__ = ["RunRecord", "damage_named", "read_run"]

_NEEDED = {
    "experiment.json": {"name": str, "kind": str, "settings": dict},
    "evaluation.json": {"kind": str, "n": int, "table": list, "differences": list, "notes": list},
    "cohort.json": {"parts": dict, "group_name": str},
}
_BY_KIND = {
    "binary": {"curves": dict, "threshold": dict, "thresholds": list, "positives": int},
    "multiclass": {"classes": list, "confusion": dict, "per_class": list},
    "multilabel": {"breakdown": dict},
    "sets": {"breakdown": dict},
    "count": {"breakdown": dict},
    "time_to_event": {"breakdown": dict},
    "quantile": {"breakdown": dict},
    "likelihood": {"breakdown": dict},
    "written": {"breakdown": dict},
}


@dataclass(frozen=True)
class RunRecord:
    """The content of a run's folder.

    Args:
        folder: where it was read.
        experiment: ``experiment.json``: name, settings, versions, machine.
        evaluation: ``evaluation.json``, as :mod:`sequela.evaluate` makes it.
        cohort: ``cohort.json``: attrition and the counts of each part.
        epochs: the lines of kind "epoch" of ``metrics.jsonl``; empty without that file.
        seconds: how long each stage took.
        transfer: ``transfer.json``: overlap of the codes and learning curve; None without it.
    """

    folder: Path
    experiment: dict[str, Any]
    evaluation: dict[str, Any]
    cohort: dict[str, Any]
    epochs: list[dict[str, Any]]
    seconds: dict[str, float]
    transfer: dict[str, Any] | None = None


@contextlib.contextmanager
def damage_named(path: Path) -> Iterator[None]:
    """Turns a surprise in the content of ``path`` into a :class:`DataError` that names the file."""
    try:
        yield
    except DataError:
        raise
    except (AttributeError, IndexError, KeyError, TypeError, ValueError) as error:
        # The message of the surprise may hold content of the file; its type does not.
        raise DataError(
            str(path),
            got=f"content of an unexpected shape ({type(error).__name__})",
            wanted="what `sequela train` wrote",
            todo="Write the file again with the same command, or remove the run.",
        ) from error


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except FileNotFoundError as error:
        raise DataError(
            str(path),
            got="no such file",
            wanted="the folder of a finished run",
            todo="Give the folder that `sequela train` printed; resume it if it was stopped.",
        ) from error
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(
            str(path), got=f"unreadable ({type(error).__name__})", wanted="a text file in UTF-8"
        ) from error


def _parsed(text: str, where: str) -> dict[str, Any]:
    def refuse(constant: str):
        raise ValueError(constant)

    try:
        content = json.loads(text, parse_constant=refuse)
    except (ValueError, RecursionError) as error:
        raise DataError(
            where, got="damaged JSON", wanted="what `sequela train` wrote", todo="Run it again."
        ) from error
    if not isinstance(content, dict):
        raise DataError(where, got=f"a {type(content).__name__}", wanted="an object")
    return content


def _checked(path: Path, content: dict[str, Any], needed: dict[str, type]) -> dict[str, Any]:
    for key, kind in needed.items():
        if not isinstance(content.get(key), kind):
            got = f"a {type(content[key]).__name__}" if key in content else "nothing"
            raise DataError(f"{key!r} of {path}", got=got, wanted=f"a {kind.__name__}")
    return content


def _epochs(path: Path) -> list[dict[str, Any]]:
    if not path.exists():
        return []
    lines = _text(path).split("\n")
    # A run that was killed may have left half a line at the very end; what follows the last line
    # feed was never finished.
    found = [
        _parsed(line, f"line {number} of {path}")
        for number, line in enumerate(lines[:-1], start=1)
        if line.strip()
    ]
    return [line for line in found if line.get("kind") == "epoch"]


def read_run(folder: Path | str) -> RunRecord:
    """The content of a run's folder.

    Args:
        folder: holds experiment.json, evaluation.json and cohort.json; metrics.jsonl and
            seconds.json may be absent.

    Raises:
        DataError: a file is missing or damaged; the message names it.
    """
    folder = Path(folder)
    try:
        is_folder, there = folder.is_dir(), folder.exists()
    except OSError as error:
        todo = "Check the path."
        raise DataError(f"run folder {folder}", got=error.strerror, todo=todo) from error
    if not is_folder:
        raise DataError(
            f"run folder {folder}",
            got="a file" if there else "no such folder",
            wanted="the folder of a run",
            todo="Give the folder that `sequela train` printed.",
        )
    contents = {}
    for name, needed in _NEEDED.items():
        path = folder / name
        contents[name] = _checked(path, _parsed(_text(path), str(path)), needed)
    evaluation = contents["evaluation.json"]
    if evaluation["kind"] not in _BY_KIND or not evaluation["table"]:
        raise DataError(
            str(folder / "evaluation.json"),
            got="an unknown kind or an empty table",
            wanted=f"kind {', '.join(_BY_KIND)} and a table",
        )
    _checked(folder / "evaluation.json", evaluation, _BY_KIND[evaluation["kind"]])
    seconds = contents["experiment.json"].get("seconds") or {}
    if (folder / "seconds.json").exists():
        path = folder / "seconds.json"
        seconds = {**seconds, **_parsed(_text(path), str(path))}
    path, transfer = folder / "transfer.json", None
    if path.exists():
        needed = {"overlap": dict, "settings": dict}
        transfer = _checked(path, _parsed(_text(path), str(path)), needed)
    return RunRecord(
        transfer=transfer,
        folder=folder,
        experiment=contents["experiment.json"],
        evaluation=evaluation,
        cohort=contents["cohort.json"],
        epochs=_epochs(folder / "metrics.jsonl"),
        seconds=seconds,
    )
