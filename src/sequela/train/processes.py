"""One process or several: Lightning Fabric, made quiet.

Several processes are spawned from the one that called and end with it, so that ``fit`` is an
ordinary function there: nothing before or after it runs twice. Each takes every ``n``-th sample of
a batch; the mean of their gradients is the gradient of the whole batch.
"""

from __future__ import annotations

import contextlib
import logging
import multiprocessing
import os
import signal
from collections.abc import Callable, Iterator
from typing import Any

import torch
from lightning_fabric import Fabric
from lightning_fabric.plugins.environments import LightningEnvironment
from lightning_fabric.strategies import DDPStrategy
from torch import nn

from sequela.errors import ConfigError, SequelaError, TrainingError
from sequela.train.settings import TrainingSettings
from sequela.train.stopping import handling

__all__ = ["run_in_processes", "single_process"]


def _silence() -> None:
    for name in ("lightning_fabric", "lightning.fabric"):
        logging.getLogger(name).setLevel(logging.ERROR)


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    loggers = [logging.getLogger(name) for name in ("lightning_fabric", "lightning.fabric")]
    levels = [logger.level for logger in loggers]
    _silence()
    try:
        yield
    finally:
        for logger, level in zip(loggers, levels, strict=True):
            logger.setLevel(level)


def _fabric(settings: TrainingSettings, **options: Any) -> Fabric:
    try:
        with _quiet():
            return Fabric(
                accelerator=settings.accelerator,
                devices=settings.devices,
                precision=settings.precision,
                **options,
            )
    except (RuntimeError, ValueError) as error:
        # Fabric says in several lines of its own what is missing; the first one is enough.
        raise ConfigError(
            "settings 'accelerator', 'devices' of training",
            got=str(error).strip().splitlines()[0][:120],
            todo="Choose accelerator=auto and devices=1.",
        ) from error


def single_process(settings: TrainingSettings) -> Fabric:
    """A launched Fabric for this process alone.

    Args:
        settings: accelerator and precision.

    Raises:
        ConfigError: there is no such accelerator here.
    """
    fabric = _fabric(settings, plugins=[LightningEnvironment()])
    fabric.launch()
    return fabric


class _Sealed:
    """Hides its content from Fabric, which walks through arguments and results."""

    def __init__(self, content: Any):
        self.content = content

    def __setstate__(self, state: dict[str, Any]) -> None:
        # The first of our lines that a spawned process runs: Fabric speaks before the next.
        _silence()
        self.__dict__.update(state)


def _in_process(fabric: Fabric, run: Callable[..., Any], model: nn.Module, job: _Sealed) -> _Sealed:
    try:
        found = run(fabric, model, job.content)
    except SequelaError as error:
        return _Sealed((error, {}))
    state = {name: tensor.cpu().numpy() for name, tensor in model.state_dict().items()}
    return _Sealed((found, state))


def _forward_stop(number: int, frame: Any) -> None:
    """SIGTERM to the process that waits becomes SIGTERM to those that work."""
    for child in multiprocessing.active_children():
        if child.pid is not None:
            os.kill(child.pid, signal.SIGTERM)


def run_in_processes(
    run: Callable[..., Any], model: nn.Module, job: Any, settings: TrainingSettings
) -> tuple[Any, dict[str, torch.Tensor]]:
    """Runs ``run(fabric, model, job)`` in ``settings.devices`` processes.

    Args:
        run: a function of a module.
        model: sent to each process.
        job: sent to each process.
        settings: accelerator, devices and precision.

    Returns:
        What the first process returned, and its model's state.

    Raises:
        SequelaError: what the first process raised.
        TrainingError: a process ended in another way.
    """
    environment = LightningEnvironment()
    strategy = DDPStrategy(start_method="spawn", cluster_environment=environment)
    fabric = _fabric(settings, strategy=strategy)
    try:
        with _quiet(), handling(_forward_stop):
            launch: Any = fabric.launch  # its type hints forget the further arguments
            found, state = launch(_in_process, run, model, _Sealed(job)).content
    except SequelaError:
        raise
    except Exception as error:
        raise TrainingError(
            "a training process",
            got=str(error).strip().splitlines()[-1][:200],
            wanted="all to end well",
            todo="Try devices=1.",
        ) from error
    if isinstance(found, SequelaError):
        raise found
    return found, {name: torch.from_numpy(item) for name, item in state.items()}
