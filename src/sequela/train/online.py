"""Scores of a running stay: what may be trained for them, and how they fare as time goes on."""

from __future__ import annotations

from typing import Any

import numpy as np
from torch import nn

from sequela import recipes
from sequela.batches.stretches import StretchSamples
from sequela.batches.tables import MICROSECONDS_PER_DAY
from sequela.errors import ConfigError
from sequela.evaluate import auroc
from sequela.nn import Pool
from sequela.train.prepared import Prepared
from sequela.train.settings import TrainingSettings

__all__ = ["by_hour", "check_online"]

_HOURS = (0, 6, 12, 24, 48, 96, 168)
# As in the table of subgroups: fewer patients, or fewer of either kind, must not be told apart.
_FEWEST_PEOPLE, _FEWEST = 20, 10


def check_online(
    recipe: str, model: nn.Module, prepared: Prepared, settings: TrainingSettings
) -> None:
    """Refuses models whose score of an hour would see a later one; nothing for other samples.

    Args:
        recipe: its name.
        model: built.
        prepared: with online samples, or others.
        settings: of the training.

    Raises:
        ConfigError: a layer that reads from the end, a recipe or a pooling that cannot be asked on
            the way, or classes that the sampler is to balance.
    """
    if not _online(prepared.parts["train"].samples):
        return
    can = " or ".join(name for name in recipes.names() if recipes.reads_forward(name))
    where = f"recipe '{recipe}' on online samples"
    for layer in model.modules():
        both = getattr(layer, "bidirectional", False)
        if both or getattr(layer, "go_backwards", False):
            kind = "a bidirectional layer" if both else "a layer that reads from the end"
            raise ConfigError(
                where,
                got=f"{kind}, by which the score of an hour sees the hours after it",
                wanted="layers that read forward alone",
                todo=f"Leave model.bidirectional out, or choose model.recipe={can}.",
            )
        if isinstance(layer, Pool) and layer.kinds != ("last",):
            raise ConfigError(
                "setting 'model.pooling' on online samples",
                got="+".join(layer.kinds),
                wanted="last: the state after the last step before each prediction",
            )
    if not recipes.reads_forward(recipe):
        raise ConfigError(
            where,
            got="one that cannot be asked on the way",
            wanted=can,
            todo="Or leave encoding.online out.",
        )
    if settings.balance == "sampler":
        raise ConfigError(
            "setting 'balance' of training",
            got="'sampler', which draws predictions one by one",
            wanted="'weights' or 'none', where a record is read once for all its predictions",
        )


def _online(samples: Any) -> bool:
    return isinstance(samples, StretchSamples) and samples.online


def by_hour(prepared: Prepared, scores: np.ndarray) -> dict[str, Any] | None:
    """How a model's risks of the held-out part fare by the hours that the record then has.

    Args:
        prepared: of a yes-or-no outcome.
        scores: the model's risks ``[n]``.

    Returns:
        ``{title, heads, rows [{name, cells}], note}``, or None for samples that are not online.
    """
    part = prepared.parts["held_out"]
    samples = part.samples
    if not _online(samples):
        return None
    assert isinstance(samples, StretchSamples)
    seen = samples.lengths > 0
    hours = np.zeros(len(samples))
    away = samples.predicted[seen] - samples.time[samples.starts[seen]]
    hours[seen] = away * (24 / MICROSECONDS_PER_DAY)
    rows = []
    for low, high in zip(_HOURS, (*_HOURS[1:], np.inf), strict=True):
        chosen = (hours >= low) & (hours < high)
        if chosen.any():
            name = f"from {low} h on" if high == np.inf else f"{low} to {high} h"
            rows.append({"name": name, "cells": _cells(part, chosen, scores)})
    return {
        "title": "By the hours since the first event that is read",
        "heads": ["Predictions", "Patients", "Mean risk, outcome", "Mean risk, none", "AUROC"],
        "rows": rows,
        "note": "Of the first model; no figures where fewer than "
        f"{_FEWEST} patients have the outcome or have not.",
    }


def _cells(part: Any, chosen: np.ndarray, scores: np.ndarray) -> list[Any]:
    label, groups, risk = part.target[chosen] == 1, part.samples.groups[chosen], scores[chosen]
    people = len(np.unique(groups))
    if people < _FEWEST_PEOPLE:
        return [None] * 5
    if min(len(np.unique(groups[label])), len(np.unique(groups[~label]))) < _FEWEST:
        return [int(chosen.sum()), people, None, None, None]
    means = [float(risk[rows].mean()) for rows in (label, ~label)]
    return [int(chosen.sum()), people, *means, float(auroc(label.astype(np.int64), risk))]
