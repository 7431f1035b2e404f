"""`sequela doctor`: what is installed, who computes what and why, which promises hold here."""

from __future__ import annotations

import json
import os
import platform
import re
from importlib import metadata
from typing import Any

from sequela.errors import install_line

__all__ = ["examine", "run"]

_CELLS = ("rnn_tanh", "lstm", "gru_after", "gru_before")
# In a pipe a line stays a line, whatever paths stand in it.
_UNFOLDED = 2000
_REQUIREMENT = re.compile(
    r"^(?P<name>[A-Za-z0-9._-]+)[^;]*(?:;.*extra\s*==\s*['\"](?P<extra>[\w-]+)['\"].*)?$"
)


def _requirements() -> dict[str, list[str]]:
    """Package names by extra; "" holds those that are always needed."""
    found: dict[str, list[str]] = {}
    try:
        lines = metadata.requires("sequela") or []
    except metadata.PackageNotFoundError:  # run from a folder of sources
        lines = []
    for line in lines:
        match = _REQUIREMENT.match(line)
        if match and match["name"] != "sequela":
            found.setdefault(match["extra"] or "", []).append(match["name"])
    return found


def _version(package: str) -> str | None:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return None


def _packages() -> tuple[dict[str, str | None], dict[str, Any]]:
    requirements = _requirements()
    needed = {name: _version(name) for name in requirements.pop("", ["torch", "numpy"])}
    extras = {}
    for extra, names in requirements.items():
        versions = {name: _version(name) for name in names}
        whole = None not in versions.values()
        extras[extra] = {
            "packages": versions,
            "installed": whole,
            "install": None if whole else install_line(extra),
        }
    return needed, extras


def _explained(cell: str) -> str:
    from sequela.errors import ConfigError
    from sequela.ops.backends import explain

    try:
        return explain(cell)
    except ConfigError as error:  # a backend is forced that cannot do it
        return str(error)


def _promises() -> dict[str, dict[str, Any]]:
    from sequela.ops import native
    from sequela.ops.backends import VARIABLE

    on = False
    if native.library() is None:
        why = "the native library is absent; torch's kernels change bits with the batch"
    elif os.environ.get(VARIABLE) not in (None, "", "native"):
        why = f"{VARIABLE} forces another backend than the native one"
    else:
        on = True
        why = (
            "up to the score, on the CPU in float32 and float64, in evaluation; not for layers "
            "that 'who computes' leaves to torch"
        )
    return {
        "same patient, same bits": {"on": on, "why": why},
        "kill it anywhere, resume, same bits": {
            "on": True,
            "why": "on one machine with one number of threads",
        },
        "no code in data": {"on": True, "why": None},
        "no network but for sequela fetch": {"on": True, "why": None},
    }


def _data() -> dict[str, Any]:
    from sequela.cli.fetch import catalogue, data_folder

    folder = data_folder()
    return {
        "folder": str(folder),
        "chosen_by": "SEQUELA_DATA" if os.environ.get("SEQUELA_DATA") else "default",
        "exists": folder.is_dir(),
        "present": [name for name in catalogue() if (folder / name).is_dir()],
    }


def examine() -> dict[str, Any]:
    """Everything that ``sequela doctor`` says, as plain data."""
    import torch

    from sequela import __version__
    from sequela.ops import native

    needed, extras = _packages()
    return {
        "sequela": __version__,
        "python": platform.python_version(),
        "system": f"{platform.system()} {platform.machine()}",
        "packages": needed,
        "extras": extras,
        "processor": {
            "instruction_set": torch.backends.cpu.get_cpu_capability(),
            "cores": os.cpu_count(),
            "threads": torch.get_num_threads(),
            "gpu": torch.cuda.is_available(),
        },
        "native_library": native.status(),
        "backends": {cell: _explained(cell) for cell in _CELLS},
        "promises": _promises(),
        "data": _data(),
    }


def _lines(found: dict[str, Any]) -> list[tuple[str, str, str]]:
    """Section, name, what is said."""
    processor, data = found["processor"], found["data"]
    lines = [
        ("machine", "sequela", found["sequela"]),
        ("machine", "python", f"{found['python']} on {found['system']}"),
        (
            "machine",
            "processor",
            f"{processor['instruction_set']}, {processor['cores']} cores, "
            f"{processor['threads']} threads in use, "
            f"{'a' if processor['gpu'] else 'no'} GPU that torch can use",
        ),
        ("machine", "native library", found["native_library"]),
    ]
    lines += [("who computes", cell, words) for cell, words in found["backends"].items()]
    for name, promise in found["promises"].items():
        why = f": {promise['why']}" if promise["why"] else ""
        lines.append(("promises", name, ("on" if promise["on"] else "OFF") + why))
    lines += [
        ("packages", name, version or f"missing: {install_line()}")
        for name, version in found["packages"].items()
    ]
    for name, extra in found["extras"].items():
        missing = [package for package, version in extra["packages"].items() if version is None]
        words = f"missing {', '.join(missing)}: {extra['install']}" if missing else "installed"
        lines.append(("extras", name, words))
    where = data["folder"] + ("" if data["exists"] else " (not there yet)")
    lines.append(("data", data["chosen_by"], where))
    lines.append(("data", "data sets", ", ".join(data["present"]) or "none; see sequela fetch"))
    return lines


def run(*, as_json: bool = False) -> None:
    """Prints what :func:`examine` finds."""
    found = examine()
    if as_json:
        print(json.dumps(found, indent=2))
        return
    from rich.table import Table

    from sequela.cli.tables import wide_console

    table = Table(box=None, show_header=False, padding=(0, 2, 0, 0))
    last = ""
    for section, name, words in _lines(found):
        if section != last:
            if last:
                table.add_row("", "")
            table.add_row(f"[bold]{section}[/bold]", "")
            last = section
        table.add_row(f"  {name}", words.replace("[", r"\["))
    wide_console(_UNFOLDED).print(table)
