"""Prefix beam search: the most probable sequence of labels where each step says a label or nothing.

Graves, Fernandez, Gomez, Schmidhuber: Connectionist temporal classification. ICML 2006 (section
3.2); Hannun, Maas, Jurafsky, Ng: First-pass large vocabulary continuous speech recognition using
bi-directional recurrent DNNs (2014). A path names one of V labels or the blank at each step; equal
neighbours are one label, then blanks fall away. Many paths spell one sequence, and their
probabilities are summed: the best path need not spell the best sequence. For a prefix y and step t,

    b_t(y) = p_t(blank) (b_{t-1}(y) + n_{t-1}(y))                    ends in a blank
    n_t(y) = p_t(last of y) n_{t-1}(y)                               its last label goes on
           + p_t(last of y) (b_{t-1}(z) + [last of z differs] n_{t-1}(z))     y = z and its last

and the K prefixes with the largest b + n are kept. Everything is added in double precision, row by
row: what is found for a row does not depend on the others.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from sequela.errors import ConfigError, DataError
from sequela.nn.search import Hypotheses

__all__ = ["prefix_search"]

_NEVER = -np.inf
_Prefix = tuple[int, ...]


def prefix_search(
    log_chances: Tensor, lengths: Tensor, *, beam: int = 10, never: Sequence[int] = ()
) -> Hypotheses:
    """The most probable sequences of each row.

    Args:
        log_chances: ``[T, B, V + 1]``, logarithms of probabilities; the blank is number V.
        lengths: int64 ``[B]``, the steps of each row.
        beam: K, prefixes of a row that are followed, and found; with as many as there are the
            answer is exact.
        never: labels that no sequence may have.

    Returns:
        Sequences with the logarithm of the probability that the search found for each.

    Raises:
        ConfigError: a beam below 1.
        DataError: chances of another shape, or lengths that do not fit.
    """
    if beam < 1:
        raise ConfigError("a search", got="a beam below 1", wanted="at least 1")
    if log_chances.dim() != 3 or lengths.shape != log_chances.shape[1:2]:
        raise DataError("the chances of labels", wanted="[T, B, V + 1], and a length for each row")
    if len(lengths) and not 0 <= int(lengths.min()) <= int(lengths.max()) <= len(log_chances):
        raise DataError("lengths", got="a number out of range", wanted="0 to T")
    rows = log_chances.detach().double().cpu().transpose(0, 1).numpy()
    allowed = [one for one in range(log_chances.shape[2] - 1) if one not in set(never)]
    found = [
        _best(row[:count], beam, allowed) for row, count in zip(rows, lengths.tolist(), strict=True)
    ]
    longest = max((len(one) for row in found for one, _ in row), default=0)
    tokens = torch.full((len(found), beam, longest), -1)
    counts = torch.zeros(len(found), beam, dtype=torch.int64)
    scores = torch.full((len(found), beam), _NEVER, dtype=torch.float64)
    for number, row in enumerate(found):
        for place, (prefix, score) in enumerate(row):
            tokens[number, place, : len(prefix)] = torch.tensor(prefix, dtype=torch.int64)
            counts[number, place], scores[number, place] = len(prefix), score
    return Hypotheses(tokens, counts, scores)


def _best(steps: np.ndarray, beam: int, allowed: list[int]) -> list[tuple[_Prefix, float]]:
    """The prefixes of one row, the best one first; steps are ``[T, V + 1]``."""
    kept: dict[_Prefix, tuple[float, float]] = {(): (0.0, _NEVER)}
    for chances in steps:
        after: dict[_Prefix, list[float]] = {}
        for prefix, (blank, label) in kept.items():
            whole = np.logaddexp(blank, label)
            mine = after.setdefault(prefix, [_NEVER, _NEVER])
            mine[0] = np.logaddexp(mine[0], chances[-1] + whole)
            if prefix:
                mine[1] = np.logaddexp(mine[1], chances[prefix[-1]] + label)
            for token in allowed:
                # The same label again is a new one only behind a blank.
                before = blank if prefix and prefix[-1] == token else whole
                longer = after.setdefault((*prefix, token), [_NEVER, _NEVER])
                longer[1] = np.logaddexp(longer[1], chances[token] + before)
        best = sorted(after.items(), key=lambda one: (-np.logaddexp(one[1][0], one[1][1]), one[0]))
        kept = {prefix: (pair[0], pair[1]) for prefix, pair in best[:beam]}
    found = [(prefix, float(np.logaddexp(*pair))) for prefix, pair in kept.items()]
    return [one for one in found if one[1] > _NEVER]
