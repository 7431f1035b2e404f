"""How long until the next visit: what a model says beside the codes of it, and its rivals.

All of it is log(1 + days), on which Doctor AI learns.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import torch
from torch import nn

from sequela import evaluate
from sequela.batches import Samples
from sequela.batches.running import RunningSamples
from sequela.batches.stretches import StretchSamples
from sequela.nn.ragged import ragged_of, repacked
from sequela.train.prepared import Prepared

__all__ = ["days_ahead", "with_days"]


def days_ahead(model: nn.Module, samples: Samples, batch_size: int = 256) -> np.ndarray | None:
    """``[n]``, what a model with ``next_visit`` says after the last visit; None of others.

    Of records that are asked on their way, for each question in the order of their samples.

    A sample without a visit has 0: nothing was seen that something could follow.

    Args:
        model: in any mode; it is left as it was.
        samples: n.
        batch_size: samples at a time; speed only.
    """
    foretell = getattr(model, "next_visit", None)
    if foretell is None:
        return None
    found, was_training = np.zeros(len(samples.target)), model.training
    order = np.argsort(-samples.lengths, kind="stable")
    parameter = next(model.parameters())
    model.eval()
    try:
        with torch.no_grad():
            for first in range(0, len(order), batch_size):
                rows = order[first : first + batch_size]
                batch = samples.batch(rows).to(parameter.device)
                days = ragged_of(repacked(batch.steps, foretell(batch).days[:, None]))
                last = days.at("last") if batch.asked is None else days.after(batch.asked)
                places = samples.places(rows) if isinstance(samples, RunningSamples) else rows
                found[places] = last[:, 0].double().cpu().numpy()
    finally:
        model.train(was_training)
    return found


def with_days(prepared: Prepared, scores: Sequence[evaluate.Scores]) -> list[evaluate.Scores]:
    """The same scores, and what the rivals among them say of the days.

    Who names the most frequent codes says the median of the training part, logistic regression has
    ridge regression beside it, and the codes seen last go with the time since the visit before the
    last one.

    Args:
        prepared: its parts have ``days``.
        scores: the model first.
    """
    train, held_out = prepared.parts["train"], prepared.parts["held_out"]
    assert train.days is not None
    middle = float(np.nanmedian(train.days))
    found = {"most frequent": lambda: np.full(len(held_out.samples), middle)}
    found["logistic regression"] = lambda: _ridge(prepared)
    found["seen last"] = lambda: _last_gap(held_out.samples, middle)
    if held_out.best_days is not None:
        best = held_out.best_days
        found["best possible"] = lambda: best
    return [
        replace(one, days=found[one.name]()) if one.role != "model" and one.name in found else one
        for one in scores
    ]


def _ridge(prepared: Prepared) -> np.ndarray:
    train, tuning, held_out = (prepared.parts[name] for name in ("train", "tuning", "held_out"))
    assert train.days is not None
    assert tuning.days is not None
    given = (train.features, train.days[:, None], tuning.features, tuning.days[:, None])
    return evaluate.ridge_numbers(*given, (0.5,)).predict(held_out.features)[:, 0, 0]


def _last_gap(samples: Samples, otherwise: float) -> np.ndarray:
    """From the visit before the last one to the last; ``otherwise`` where there is one alone."""
    if not isinstance(samples, StretchSamples) or not len(samples.since):
        return np.full(len(samples), otherwise)
    several = samples.lengths > 1
    last = np.where(several, samples.starts + samples.lengths - 1, 0)
    return np.where(several, samples.since[last], otherwise)
