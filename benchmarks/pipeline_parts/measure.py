"""One piece of work in a process of its own: seconds, processor seconds and peak memory."""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

__all__ = ["Peak", "alternating", "family", "measure", "resident"]

_CHILD = Path(__file__).parent / "child.py"
_EVERY = 0.02  # seconds between two looks at the memory


def resident(process: int) -> int:
    """Bytes of a process in memory, shared pages too; 0 where it is gone."""
    try:
        with open(f"/proc/{process}/statm") as file:
            return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except (OSError, ValueError, IndexError):
        return 0


def family(process: int) -> list[int]:
    """A process, its children and theirs."""
    try:
        children = Path(f"/proc/{process}/task/{process}/children").read_text().split()
    except OSError:
        children = []
    return [process, *(one for child in children for one in family(int(child)))]


class Peak(threading.Thread):
    """The largest resident memory of a process and its children together, sampled."""

    def __init__(self, process: int):
        super().__init__(daemon=True)
        self.process, self.bytes, self.on = process, 0, True

    def run(self) -> None:
        """Looks until it is told to stop."""
        while self.on:
            self.bytes = max(self.bytes, sum(map(resident, family(self.process))))
            time.sleep(_EVERY)


def measure(python: str | None, module: str, part: str, /, **options: Any) -> dict[str, Any]:
    """Runs one part in a new process; imports are done before the clock starts.

    Args:
        python: the interpreter; None for this one.
        module: beside this file.
        part: its function; called with the options it returns the work.
        options: what JSON can hold.

    Returns:
        ``seconds``, ``processor_seconds`` (of all cores), ``peak_megabytes`` (imports included) and
        what the work returned.
    """
    command = [python or sys.executable, str(_CHILD), module, part, json.dumps(options)]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    if python is not None:
        environment.pop("PYTHONPATH", None)
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment
    ) as child:
        peak = Peak(child.pid)
        peak.start()
        said, complaints = child.communicate()
        peak.on = False
        peak.join()
    if child.returncode:
        raise RuntimeError(f"{module}.{part} failed:\n{complaints[-3000:]}")
    found = json.loads(said.splitlines()[-1])
    return {**found, "peak_megabytes": round(peak.bytes / 1e6)}


def alternating(
    players: dict[str, tuple[str | None, str, str, dict[str, Any]]], rounds: int
) -> dict[str, dict[str, Any]]:
    """Runs the players in turn, several times: what slows the machine slows them alike.

    Args:
        players: by name the arguments of :func:`measure`, options last.
        rounds: how often.

    Returns:
        For each the medians, and all of its seconds under ``runs``.
    """
    runs: dict[str, list[dict[str, Any]]] = {name: [] for name in players}
    for _ in range(rounds):
        for name, (python, module, part, options) in players.items():
            runs[name].append(measure(python, module, part, **options))
    return {name: _median(found) for name, found in runs.items()}


def _median(found: list[dict[str, Any]]) -> dict[str, Any]:
    middle = {
        name: round(statistics.median(run[name] for run in found), 3)
        for name in ("seconds", "processor_seconds", "peak_megabytes")
    }
    return {**found[0], **middle, "runs": [round(run["seconds"], 3) for run in found]}
