"""Strict scores of spans with intervals, and those of a difference on the same resamples."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from sequela.evaluate.bootstrap import REPLICATES, estimate, replicate
from sequela.notes import Document

__all__ = ["by_label", "compared", "strict"]


def strict(documents: Sequence[Document], found: Iterable[Iterable[Any]]) -> np.ndarray:
    """By document how many spans are right (both ends and the label), found and true."""
    rows = []
    for one, spans in zip(documents, found, strict=True):
        truth = {(span.start, span.end, span.type) for span in one.spans}
        given = {tuple(span[:3]) for span in spans}
        rows.append((len(truth & given), len(given), len(truth)))
    return np.array(rows, dtype=float)


def by_label(
    documents: Sequence[Document], found: Iterable[Iterable[Any]]
) -> dict[str, dict[str, int]]:
    """Of each label what became of its true spans, and how many were found; the commonest first.

    A true span is ``right``; or marked whole as ``another label``; or ``another piece`` of its
    label lies upon it; or another piece of ``both`` kinds; or it is ``missed``. ``nothing there``
    are found spans that touch no true one.
    """
    counts: dict[str, Counter[str]] = {}
    for one, spans in zip(documents, found, strict=True):
        truth = {(span.start, span.end, span.type) for span in one.spans}
        given = {tuple(span[:3]) for span in spans}
        for span in truth:
            counts.setdefault(span[2], Counter()).update(["true", _fate(span, given)])
        for span in given:
            nothing = not any(one[0] < span[1] and span[0] < one[1] for one in truth)
            counts.setdefault(span[2], Counter()).update(["found"] + ["nothing there"] * nothing)
    order = sorted(counts, key=lambda label: (-counts[label]["true"], label))
    return {label: dict(sorted(counts[label].items())) for label in order}


def _fate(span: tuple[int, int, str], given: Iterable[tuple[Any, ...]]) -> str:
    upon = [one for one in given if one[0] < span[1] and span[0] < one[1]]
    if span in upon:
        return "right"
    if any(one[:2] == span[:2] for one in upon):
        return "another label"
    if any(one[2] == span[2] for one in upon):
        return "another piece"
    return "both" if upon else "missed"


def _scores(rows: np.ndarray) -> dict[str, np.ndarray]:
    right, found, truth = rows.T
    with np.errstate(invalid="ignore", divide="ignore"):
        return {
            "precision": right / found,
            "recall": right / truth,
            "f1": 2 * right / (found + truth),
        }


def compared(rows: Mapping[str, np.ndarray], groups: np.ndarray, first: str) -> dict[str, Any]:
    """Scores of each system, and F1 of the first less that of each other.

    Args:
        rows: by system, of :func:`strict`.
        groups: of each document; they are resampled whole.
        first: a system.
    """
    names = list(rows)
    others = [name for name in names if name != first]
    both = np.concatenate([rows[name] for name in names], axis=1)

    def statistic(weights: np.ndarray) -> dict[str, np.ndarray]:
        summed = weights @ both
        found = {}
        for place, name in enumerate(names):
            for score, values in _scores(summed[:, 3 * place : 3 * place + 3]).items():
                found[f"{name}|{score}"] = values
        for name in others:
            found[f"less|{name}"] = found[f"{first}|f1"] - found[f"{name}|f1"]
        return found

    whole = statistic(np.ones((1, len(both))))
    drawn = replicate({"": statistic}, groups, REPLICATES)[""]
    each = {name: estimate(float(value[0]), drawn[name]) for name, value in whole.items()}
    return {
        **{name: {s: each[f"{name}|{s}"] for s in ("precision", "recall", "f1")} for name in names},
        **{f"f1 of {first} less that of {name}": each[f"less|{name}"] for name in others},
    }
