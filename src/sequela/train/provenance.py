"""What a run was made with: versions, machine, commit. Nothing that names a user or a path."""

from __future__ import annotations

import importlib.metadata
import os
import platform
import subprocess
from pathlib import Path

import torch

from sequela import __version__

__all__ = ["commit", "machine", "versions"]

_PACKAGES = ("torch", "numpy", "polars", "pyarrow", "scikit-learn", "lightning-fabric", "meds")


def versions() -> dict[str, str]:
    """The versions of Sequela, Python and the packages that a result may depend on."""
    found = {"sequela": __version__, "python": platform.python_version()}
    return found | {name: importlib.metadata.version(name) for name in _PACKAGES}


def _processor() -> str:
    try:
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    except OSError:
        pass
    return platform.processor() or platform.machine()


def machine() -> dict[str, str | int]:
    """The processor, its cores, and the threads torch uses."""
    return {
        "system": f"{platform.system()} {platform.machine()}",
        "processor": _processor(),
        "cores": os.cpu_count() or 1,
        "threads": torch.get_num_threads(),
    }


def commit() -> str | None:
    """The commit of the source checkout, with '+' when it holds changes; None when installed."""
    folder = Path(__file__).resolve().parent
    command = ["git", "describe", "--always", "--dirty=+", "--abbrev=12", "--exclude=*"]
    try:
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=5)
    except (OSError, subprocess.TimeoutExpired):
        return None
    inside = "site-packages" not in str(folder)
    return done.stdout.strip() if done.returncode == 0 and inside else None
