"""The weights of a trained model in one of another vocabulary, and which of them stay frozen."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Literal

import numpy as np
import torch
from torch import Tensor, nn

from sequela import recipes, seeds
from sequela.errors import ConfigError, nearest

__all__ = ["freeze", "initialised", "vocabulary_axes", "warm_start"]


def _shapes(recipe: str, arguments: Mapping[str, Any]) -> dict[str, tuple[int, ...]]:
    with torch.random.fork_rng(devices=[]), torch.device("meta"):
        model = recipes.build(recipe, **arguments)
    return {name: tuple(tensor.shape) for name, tensor in model.state_dict().items()}


def vocabulary_axes(recipe: str, arguments: Mapping[str, Any]) -> dict[str, int]:
    """Which axis of which tensor is the vocabulary: what grows when the vocabulary does.

    Args:
        recipe: its name.
        arguments: what it is built with.

    Raises:
        ConfigError: an axis holds the vocabulary beside something else (codes as zeros and ones),
            so that it cannot be said where a code stands.
    """
    size = arguments.get("vocabulary_size", 0)
    if not size:
        return {}
    before = _shapes(recipe, arguments)
    after = _shapes(recipe, {**arguments, "vocabulary_size": size + 1})
    axes: dict[str, int] = {}
    for name, shape in before.items():
        grown = [axis for axis, length in enumerate(shape) if after[name][axis] != length]
        if not grown:
            continue
        if len(grown) > 1 or shape[grown[0]] != size or after[name][grown[0]] != size + 1:
            raise ConfigError(
                f"tensor '{name}' of recipe '{recipe}'",
                got="codes and other things side by side",
                wanted="a row for each code",
                todo="Train the model with an embedding (model.code_pooling=sum).",
            )
        axes[name] = grown[0]
    return axes


def initialised(recipe: str, arguments: Mapping[str, Any], seed: int) -> nn.Module:
    """A fresh model, a pure function of the arguments."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seeds.derive(seed, "initialisation"))
        return recipes.build(recipe, **arguments)


def warm_start(
    recipe: str,
    arguments: Mapping[str, Any],
    trained: Mapping[str, Tensor],
    rows: np.ndarray,
    fill: Literal["first", "mean"] = "first",
    seed: int = 0,
) -> nn.Module:
    """A model of another vocabulary that begins where a trained one ended.

    Args:
        recipe: its name.
        arguments: what the trained model was built with.
        trained: its weights.
        rows: int64 ``[V]``, the trained model's number of each code, -1 for a new one; number 0,
            the unknown code, stays.
        fill: what a new code begins with: "first", a fresh draw, or "mean", the mean of all codes
            of the trained model.
        seed: of the fresh draws.

    Raises:
        ConfigError: see :func:`vocabulary_axes`.
    """
    axes = vocabulary_axes(recipe, arguments)
    grown = {**arguments, "vocabulary_size": len(rows)} if axes else dict(arguments)
    model = initialised(recipe, grown, seed)
    place = torch.from_numpy(np.asarray(rows, np.int64))
    state = {
        name: _remapped(tensor, trained[name], axes[name], place, fill)
        if name in axes
        else trained[name]
        for name, tensor in model.state_dict().items()
    }
    model.load_state_dict(state)
    return model


def _remapped(fresh: Tensor, trained: Tensor, axis: int, place: Tensor, fill: str) -> Tensor:
    fresh, trained = fresh.clone().movedim(axis, 0), trained.movedim(axis, 0)
    there = place >= 0
    if fill == "mean":
        # Number 0 is the unknown code; what it has learnt is of no code.
        fresh[~there] = (trained[1:] if len(trained) > 1 else trained).mean(dim=0)
    fresh[there] = trained[place[there]]
    return fresh.movedim(0, axis)


def freeze(model: nn.Module, parts: Iterable[str]) -> int:
    """Keeps parts of a model from being trained.

    Args:
        model: changed in place.
        parts: names of its parts, as ``model.named_children()`` has them.

    Returns:
        How many weights stay as they are.

    Raises:
        ConfigError: an unknown part, or nothing is left to train.
    """
    children = dict(model.named_children())
    for part in parts:
        if part not in children:
            todo = nearest(part, children)
            raise ConfigError(f"part '{part}' of the model", got="no such part", todo=todo)
        children[part].requires_grad_(False)
    weights = list(model.parameters())
    if weights and not any(weight.requires_grad for weight in weights):
        raise ConfigError("setting 'freeze'", got="every part", wanted="something left to train")
    return sum(weight.numel() for weight in weights if not weight.requires_grad)
