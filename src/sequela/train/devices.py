"""What a run wants to compute on must be there, before data are read for one that cannot begin."""

from __future__ import annotations

import os

import torch

from sequela.errors import ConfigError
from sequela.train.settings import TrainingSettings

__all__ = ["check_devices"]


def check_devices(settings: TrainingSettings) -> None:
    """Refuses a GPU that is not there, and more processes than GPUs or cores.

    Raises:
        ConfigError: the settings ask for what this machine lacks.
    """
    count = torch.cuda.device_count()
    there = {"cuda": count > 0, "mps": torch.backends.mps.is_available()}
    there["gpu"] = there["cuda"] or there["mps"]
    wanted = settings.accelerator
    if not there.get(wanted, True):
        what = "setting 'training.accelerator'"
        raise ConfigError(what, got=f"{wanted}, which is not here", todo="Use accelerator=auto.")
    on_gpu = count > 0 and wanted in ("auto", "cuda", "gpu")
    most, kind = (count, "GPUs") if on_gpu else (os.cpu_count() or 1, "cores")
    if settings.devices > most:
        wanted_devices = f"at most {most}, the number of {kind}"
        raise ConfigError("setting 'training.devices'", got=settings.devices, wanted=wanted_devices)
