"""Probabilities brought back to the true prevalence after training on balanced classes.

Bayes' rule says how: a model that learnt with class shares ``q`` in place of the true ``p`` has
logits that are off by ``log q - log p``, whatever the input. The correction is exact when balancing
changed how often classes come and nothing within them, and needs no data.

Source: Saerens, Latinne, Decaestecker, "Adjusting the outputs of a classifier to new a priori
probabilities", Neural Computation 14 (2002), equation 2.4.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch

from sequela.ops.reduce import sigmoid, softmax

__all__ = ["logit_shift", "probabilities"]


def logit_shift(true_shares: Sequence[float], trained_shares: Sequence[float]) -> list[float]:
    """What to add to the logits.

    Args:
        true_shares: the share of each class where the model is used, ``[C]``, above 0.
        trained_shares: the share each class had in the loss, ``[C]``, above 0.

    Returns:
        One number for yes/no (``C = 2``: the log odds of class 1) and ``C`` otherwise.
    """
    shift = np.log(np.asarray(true_shares, float)) - np.log(np.asarray(trained_shares, float))
    return [float(shift[1] - shift[0])] if len(shift) == 2 else shift.tolist()


def probabilities(logits: np.ndarray, shift: Sequence[float] = ()) -> np.ndarray:
    """Probabilities of logits, in float64; with the native library a row's bits are its own.

    Args:
        logits: ``[n]`` for yes/no, ``[n, C]`` for classes.
        shift: what :func:`logit_shift` gave; empty for none. One number moves class 1 of two.

    Returns:
        ``[n]``, or ``[n, C]`` with rows that sum to 1.
    """
    logits = np.asarray(logits, dtype=np.float64)
    if len(shift):
        moved = np.asarray(shift, dtype=np.float64)
        two_columns = logits.ndim == 2 and len(moved) == 1
        logits = logits + (np.array([0.0, moved[0]]) if two_columns else moved)
    given = torch.from_numpy(np.ascontiguousarray(logits))
    return (sigmoid(given) if logits.ndim == 1 else softmax(given)).numpy()
