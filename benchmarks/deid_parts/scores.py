"""Strict scores of spans with intervals, and those of a difference on the same resamples."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from sequela.evaluate.bootstrap import REPLICATES, estimate, replicate
from sequela.notes import Document

__all__ = ["compared", "strict"]


def strict(documents: Sequence[Document], found: Iterable[Iterable[Any]]) -> np.ndarray:
    """By document how many spans are right (both ends and the label), found and true."""
    rows = []
    for one, spans in zip(documents, found, strict=True):
        truth = {(span.start, span.end, span.type) for span in one.spans}
        given = {tuple(span[:3]) for span in spans}
        rows.append((len(truth & given), len(given), len(truth)))
    return np.array(rows, dtype=float)


def _scores(rows: np.ndarray) -> dict[str, np.ndarray]:
    right, found, truth = rows.T
    with np.errstate(invalid="ignore", divide="ignore"):
        return {
            "precision": right / found,
            "recall": right / truth,
            "f1": 2 * right / (found + truth),
        }


def compared(
    rows: Mapping[str, np.ndarray], groups: np.ndarray, first: str, second: str
) -> dict[str, Any]:
    """Scores of each system, and F1 of the first less that of the second.

    Args:
        rows: by system, of :func:`strict`.
        groups: of each document; they are resampled whole.
        first, second: systems.
    """
    names = list(rows)
    both = np.concatenate([rows[name] for name in names], axis=1)

    def statistic(weights: np.ndarray) -> dict[str, np.ndarray]:
        summed = weights @ both
        found = {}
        for place, name in enumerate(names):
            for score, values in _scores(summed[:, 3 * place : 3 * place + 3]).items():
                found[f"{name}|{score}"] = values
        found["difference"] = found[f"{first}|f1"] - found[f"{second}|f1"]
        return found

    whole = statistic(np.ones((1, len(both))))
    drawn = replicate({"": statistic}, groups, REPLICATES)[""]
    each = {name: estimate(float(value[0]), drawn[name]) for name, value in whole.items()}
    return {
        **{name: {s: each[f"{name}|{s}"] for s in ("precision", "recall", "f1")} for name in names},
        f"f1 of {first} less that of {second}": each["difference"],
    }
