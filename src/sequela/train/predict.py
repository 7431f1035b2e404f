"""Predictions of a model, in the order of the samples."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import nn

from sequela.batches import Samples
from sequela.batches.running import RunningSamples
from sequela.ops.codes import held_products
from sequela.train.answers import answers

__all__ = ["outputs", "predict"]


def outputs(model: nn.Module, samples: Samples, batch_size: int = 256) -> np.ndarray:
    """What the model gives for each sample, float32 ``[n, ...]``: logits, or numbers.

    Of records that are asked on their way, for each question in the order of their samples. The
    model is in evaluation mode while this runs, and no gradient is kept. Samples are taken in
    the order of their lengths, so that a long one does not wait for short ones.

    Args:
        model: ``forward(batch)`` gives ``[B, ...]``.
        samples: what to predict.
        batch_size: samples at a time; speed only.
    """
    parameter = next(model.parameters(), None)
    device = torch.device("cpu") if parameter is None else parameter.device
    order = np.argsort(-samples.lengths, kind="stable")
    was_training = model.training
    model.eval()
    pieces, places = [], []
    try:
        with torch.no_grad(), held_products():
            for first in range(0, len(order), batch_size):
                chosen = order[first : first + batch_size]
                pieces.append(model(samples.batch(chosen).to(device)).float().cpu().numpy())
                if isinstance(samples, RunningSamples):
                    chosen = samples.places(chosen)
                places.append(chosen)
    finally:
        model.train(was_training)
    if not pieces:
        return np.zeros(0, np.float32)
    found = np.concatenate(pieces)
    result = np.empty_like(found)
    result[np.concatenate(places)] = found
    return result


def predict(
    model: nn.Module,
    samples: Samples,
    batch_size: int = 256,
    *,
    logit_shift: Sequence[float] = (),
    kind: str = "auto",
) -> np.ndarray:
    """Probabilities of the samples, or what else their outcome has, in their order.

    Args:
        model: ``forward(batch)`` gives logits ``[B]`` (yes/no) or ``[B, C]`` (classes), or what
            :mod:`sequela.nn.outcomes` has.
        samples: what to predict; their target is not looked at.
        batch_size: samples at a time; speed only.
        logit_shift: ``History.logit_shift`` or ``Bundle.logit_shift``.
        kind: of the target, ``History.kind`` or ``Bundle.kind``; "auto" is one class.

    Returns:
        float64, see :func:`sequela.train.answers.answers`: ``[n]``, the probability of yes; or
        ``[n, C]`` ...
    """
    return answers(outputs(model, samples, batch_size), kind, logit_shift)
