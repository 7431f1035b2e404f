"""From what a model puts out to what is said of a patient, by the kind of outcome."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch

from sequela.ops.reduce import sigmoid
from sequela.train.recalibrate import probabilities

__all__ = ["answers"]

# A count of more than exp(20) is no count of anything; infinity would end the evaluation.
_LARGEST_LOG = 20.0


def answers(outputs: np.ndarray, kind: str = "auto", shift: Sequence[float] = ()) -> np.ndarray:
    """What the outputs of a model mean, float64.

    Args:
        outputs: as the model gives them.
        kind: of the target, see ``TrainingSettings.kind``; "auto" is one class.
        shift: added to the outputs first, ``History.logit_shift`` or ``Bundle.logit_shift``.

    Returns:
        Probabilities ``[n]`` (yes/no) or ``[n, C]`` (classes, labels); the expected count ``[n]``;
        the probability ``[n, K]`` of no event by the end of each interval; quantiles
        ``[n, H, Q]``; numbers as they are (regression, likelihood).
    """
    if kind in ("auto", "binary", "multiclass"):
        return probabilities(outputs, shift)
    found = np.asarray(outputs, np.float64)
    if kind in ("regression", "quantile", "likelihood"):
        return found
    if kind == "count":
        mean = found[:, 0] + (shift[0] if len(shift) else 0.0)
        return np.exp(np.minimum(mean, _LARGEST_LOG))
    logits = found + np.asarray(shift if len(shift) else 0.0, np.float64)
    chances = sigmoid(torch.from_numpy(np.ascontiguousarray(logits))).numpy()
    return chances if kind == "multilabel" else np.cumprod(1 - chances, axis=1)
