"""The step of the optimiser: which one, how fast, how far at most.

The learning rate is a function of the step number and nothing else, so that there is no schedule
to save; what the optimiser keeps is turned into tensors and numbers, never into a pickle.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

import torch
from torch import Tensor, nn

from sequela.errors import BundleError
from sequela.train.settings import TrainingSettings

__all__ = ["clip", "learning_rate", "load_state", "make_optimiser", "state_tensors"]


def make_optimiser(model: nn.Module, settings: TrainingSettings) -> torch.optim.Optimizer:
    """The optimiser of the settings, over all weights that are to be trained.

    Args:
        model: its parameters with ``requires_grad``.
        settings: the settings of the run.
    """
    parameters = [parameter for parameter in model.parameters() if parameter.requires_grad]
    # One fused pass over all weights: small recurrent models spend much of a step here.
    common: dict[str, Any] = {"lr": settings.learning_rate, "weight_decay": settings.weight_decay}
    common["fused"] = all(parameter.device.type in ("cpu", "cuda") for parameter in parameters)
    if settings.optimiser == "sgd":
        momentum = settings.momentum
        return torch.optim.SGD(parameters, momentum=momentum, nesterov=momentum > 0, **common)
    kind = torch.optim.AdamW if settings.optimiser == "adamw" else torch.optim.Adam
    return kind(parameters, **common)


def learning_rate(step: int, steps_per_epoch: int, settings: TrainingSettings) -> float:
    """The learning rate of a step.

    Args:
        step: steps done before, over all epochs.
        steps_per_epoch: of the sampler.
        settings: the schedule.
    """
    total = steps_per_epoch * settings.epochs
    if settings.schedule == "constant":
        return settings.learning_rate
    if settings.schedule == "step":
        falls = (step // steps_per_epoch) // settings.step_epochs
        return settings.learning_rate * settings.step_factor**falls
    rising = settings.schedule == "warmup_cosine"
    warmup = math.ceil(total * settings.warmup_fraction) if rising else 0
    if step < warmup:
        return settings.learning_rate * (step + 1) / warmup
    done = (step - warmup) / max(1, total - warmup)
    return settings.learning_rate * 0.5 * (1 + math.cos(math.pi * min(1.0, done)))


def clip(parameters: Iterable[Tensor], settings: TrainingSettings) -> float:
    """Clips the gradients in place, by value and then by norm.

    Returns:
        The norm of the gradient as it was before.
    """
    parameters = [parameter for parameter in parameters if parameter.grad is not None]
    if not parameters:
        return 0.0
    limit = settings.clip_norm if settings.clip_norm is not None else math.inf
    if settings.clip_value is None:
        return float(nn.utils.clip_grad_norm_(parameters, limit))
    norm = float(nn.utils.clip_grad_norm_(parameters, math.inf))
    nn.utils.clip_grad_value_(parameters, settings.clip_value)
    if settings.clip_norm is not None:
        nn.utils.clip_grad_norm_(parameters, limit)
    return norm


def state_tensors(optimiser: torch.optim.Optimizer) -> dict[str, Tensor]:
    """What the optimiser keeps, as ``NUMBER_OF_WEIGHT.NAME`` -> tensor."""
    return {
        f"{number}.{name}": value
        for number, entries in optimiser.state_dict()["state"].items()
        for name, value in entries.items()
        if isinstance(value, Tensor)
    }


def load_state(optimiser: torch.optim.Optimizer, tensors: dict[str, Tensor]) -> None:
    """Gives an optimiser back what :func:`state_tensors` took.

    Raises:
        BundleError: the state belongs to other weights.
    """
    parameters = [item for group in optimiser.param_groups for item in group["params"]]
    state: dict[int, dict[str, Tensor]] = {}
    for key, tensor in tensors.items():
        number, _, name = key.partition(".")
        fits = number.isdecimal() and int(number) < len(parameters)
        if not fits or (tensor.dim() and tensor.shape != parameters[int(number)].shape):
            raise BundleError("the optimiser's state", got="the state of other weights")
        state.setdefault(int(number), {})[name] = tensor
    groups = optimiser.state_dict()["param_groups"]
    optimiser.load_state_dict({"state": state, "param_groups": groups})
