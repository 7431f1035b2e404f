"""Checkpoints: what a killed run needs to go on with the same bits.

    checkpoints/step-00000123/
        model.safetensors       the weights after step 123
        optimiser.safetensors   what the optimiser keeps for each weight
        best.safetensors        the weights of the best epoch so far, once there is one
        state.json              where in the run this is, and the figures so far
        manifest.json           size and SHA-256 of each file

A checkpoint is written beside its place and renamed when it is whole and on the disk, so a kill at
any moment leaves the one before. The order of samples, dropout and the learning rate are functions
of the seed and the step number: there is no generator and no schedule to save.
"""

from __future__ import annotations

import contextlib
import json
import re
import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from safetensors import SafetensorError
from safetensors.torch import load as parse_tensors
from safetensors.torch import save as tensor_bytes
from torch import Tensor

from sequela.bundle import DamagedError, parse_json, read_verified, write_verified
from sequela.errors import BundleError
from sequela.files import publish_directory, translated

__all__ = ["KEPT", "Checkpoint", "checkpoint_folders", "load_newest", "remove_leftovers", "save"]

KEPT = 2  # the newest, and one to fall back on when it is damaged
_FORMAT = 1
_STATE = "state.json"
_NAME = re.compile(r"step-(\d{8,})")


@dataclass(frozen=True)
class Checkpoint:
    """A checkpoint that was read.

    Args:
        folder: where it is.
        tensors: for each file ("model", "optimiser", "best"), its tensors by name.
        state: the content of ``state.json``.
    """

    folder: Path
    tensors: dict[str, dict[str, Tensor]]
    state: dict[str, Any]


def checkpoint_folders(root: Path) -> list[Path]:
    """The checkpoints of a run, the oldest first.

    Args:
        root: the folder ``checkpoints``; may be missing.
    """
    found = [
        (int(match[1]), path)
        for path in (root.iterdir() if root.is_dir() else ())
        if (match := _NAME.fullmatch(path.name))
    ]
    return [path for _, path in sorted(found)]


def remove_leftovers(root: Path) -> None:
    """Removes what a kill in the middle of :func:`save` left; only the run that owns it may."""
    for path in root.iterdir() if root.is_dir() else ():
        if path.name.startswith(".step-"):
            shutil.rmtree(path, ignore_errors=True)


def save(
    root: Path, step: int, tensors: Mapping[str, Mapping[str, Tensor]], state: Mapping[str, Any]
) -> Path:
    """Publishes a checkpoint and removes all but the last two.

    Args:
        root: the folder ``checkpoints``.
        step: steps done over all epochs.
        tensors: for each file, its tensors by name.
        state: plain data.

    Raises:
        OutputError: the disk is full, or the place cannot be written; the older ones stay.
    """
    contents = {
        f"{name}.safetensors": tensor_bytes(
            {key: tensor.detach().to("cpu", copy=True).contiguous() for key, tensor in part.items()}
        )
        for name, part in tensors.items()
    }
    text = json.dumps({"format": _FORMAT, **state}, indent=1, allow_nan=False)
    contents[_STATE] = (text + "\n").encode()
    folder = root / f"step-{step:08d}"
    with publish_directory(folder, replace=True) as temporary:
        write_verified(temporary, contents)
    for old in checkpoint_folders(root)[:-KEPT]:
        # A half-removed checkpoint is older than two whole ones, so nobody will ask for it.
        with contextlib.suppress(OSError):
            shutil.rmtree(old)
    return folder


def _read(folder: Path) -> Checkpoint:
    contents = read_verified(folder, (_STATE, "model.safetensors", "optimiser.safetensors"))
    state = parse_json(contents.pop(_STATE), folder / _STATE)
    if not isinstance(state, dict) or state.get("format") != _FORMAT:
        raise BundleError(
            f"file {folder / _STATE}",
            got="another format version",
            wanted=f"format {_FORMAT}",
            todo="Use the version of Sequela that wrote it.",
        )
    try:
        tensors = {
            name.removesuffix(".safetensors"): parse_tensors(content)
            for name, content in contents.items()
        }
    except (SafetensorError, ValueError, KeyError) as error:  # KeyError: a type torch lacks
        raise BundleError(f"folder {folder}", got="damaged tensors") from error
    return Checkpoint(folder, tensors, state)


def load_newest(root: Path, say: Callable[[str], None]) -> Checkpoint | None:
    """The newest whole checkpoint; damaged ones that are newer are removed, and it is said.

    Only what is certainly damaged is removed: a checkpoint that cannot be read now, or is of
    another format, may be whole, and stops the run.

    Args:
        root: the folder ``checkpoints``; may be missing.
        say: takes a line for the user.

    Returns:
        The checkpoint, or None when there is none at all.

    Raises:
        BundleError: there are checkpoints, and every one is damaged; or the newest that is not
            damaged cannot be read, or is of another format.
    """
    damaged: list[Path] = []
    reason: DamagedError | None = None
    for folder in reversed(checkpoint_folders(root)):
        try:
            found = _read(folder)
        except DamagedError as error:
            damaged, reason = [*damaged, folder], error
            continue
        for broken in damaged:
            # It would count as one of the last two and push a whole one out.
            say(f"checkpoint {broken.name} is damaged and was removed; going on from {folder.name}")
            with translated(broken):
                shutil.rmtree(broken)
        return found
    if reason is not None:
        raise BundleError(
            f"checkpoints in {root}",
            got=f"{len(damaged)}, all damaged (newest: {reason})",
            todo="Remove the folder to start from the beginning.",
        ) from reason
    return None
