"""What stands behind a figure: label by label, horizon by horizon, tenth by tenth, time by time."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from sequela.evaluate.labels import per_label
from sequela.evaluate.means import SHORT_LISTS, quantile_rows, set_rows
from sequela.evaluate.survival import at_times, brier_rows, kaplan_meier
from sequela.evaluate.written import WrittenMetrics

__all__ = ["About", "breakdown"]

_PARTS = 10
_TIMES = 6
_PARTS_OF_LENGTH = 4


@dataclass(frozen=True)
class About:
    """What the outcome is.

    Args:
        kind: "multilabel", "sets", "count", "time_to_event", "quantile", "likelihood" or
            "written".
        names: of the labels, codes, intervals or numbers.
        levels: of the quantiles.
        edges: the ends of the intervals of time, rising.
        unit: of the time or the number; "" for none.
    """

    kind: str
    names: tuple[str, ...] = ()
    levels: tuple[float, ...] = ()
    edges: tuple[float, ...] = ()
    unit: str = ""


def breakdown(
    about: About,
    labels: np.ndarray,
    answers: Mapping[str, np.ndarray],
    thresholds: Sequence[float],
) -> dict[str, Any]:
    """A table of the model's figures by what they are made of, ready for JSON.

    Args:
        about: the outcome.
        labels: of the rows, as :func:`sequela.evaluate.evaluate_outcome` takes them.
        answers: of each model by name, the judged one first.
        thresholds: of the judged model.

    Returns:
        ``title``, ``heads``, ``rows`` (``name``, ``cells``: whole numbers, others, None), ``note``.
    """
    model = next(iter(answers.values()))
    if about.kind == "multilabel":
        return _labels(about, labels, model, thresholds)
    if about.kind == "sets":
        return _sets(labels, answers)
    if about.kind == "count":
        return _counts(labels, model)
    if about.kind == "quantile":
        return _numbers(about, labels, answers)
    if about.kind == "likelihood":
        return _blocks(labels, answers)
    if about.kind == "written":
        return _lengths(labels, answers)
    return _times(about, labels, model)


def _table(title: str, heads: Sequence[str], rows: Sequence[tuple], note: str) -> dict[str, Any]:
    return {
        "title": title,
        "heads": list(heads),
        "rows": [
            {"name": str(row[0]), "cells": [_cell(value) for value in row[1:]]} for row in rows
        ],
        "note": note,
    }


def _cell(value: Any) -> float | int | None:
    if isinstance(value, (int, np.integer)):
        return int(value)
    return float(value) if np.isfinite(value) else None


def _labels(
    about: About, labels: np.ndarray, scores: np.ndarray, thresholds: Sequence[float]
) -> dict[str, Any]:
    keys = ("n", "positives", "auroc", "auprc", "f1", "brier")
    found = per_label(labels, scores, np.asarray(thresholds))
    rows = [
        (name, *(one[key] for key in keys)) for name, one in zip(about.names, found, strict=True)
    ]
    heads = ("n", "Positive", "AUROC", "AUPRC", "F1", "Brier score")
    note = "F1 at a threshold of each label, chosen on the tuning part."
    return _table("Label by label", heads, rows, note)


def _sets(labels: np.ndarray, answers: Mapping[str, np.ndarray]) -> dict[str, Any]:
    rows = []
    for name, scores in answers.items():
        found = set_rows(labels, scores)
        rows.append((name, *(np.nanmean(found[f"recall_at_{k}"]) for k in SHORT_LISTS)))
    size = (labels[:, :-1] > 0).sum(axis=1) + labels[:, -1]
    note = f"A set has {size.mean():.1f} codes on average."
    return _table("Recall by length of the list", [f"first {k}" for k in SHORT_LISTS], rows, note)


def _counts(truth: np.ndarray, mean: np.ndarray) -> dict[str, Any]:
    order = np.argsort(mean, kind="stable")
    parts = [part for part in np.array_split(order, _PARTS) if len(part)]
    rows = [
        (f"part {number}", len(part), float(mean[part].mean()), float(truth[part].mean()))
        for number, part in enumerate(parts, start=1)
    ]
    note = "Rows in the order of the expected count, in parts of equal size."
    return _table("Expected and observed", ("n", "Expected", "Observed"), rows, note)


def _blocks(asked: np.ndarray, answers: Mapping[str, np.ndarray]) -> dict[str, Any]:
    parts = [part for part in np.array_split(np.arange(len(asked)), _PARTS) if len(part)]
    rows = [
        (
            f"part {number}",
            int(asked[part].sum()),
            *(float(a[part].mean()) for a in answers.values()),
        )
        for number, part in enumerate(parts, start=1)
    ]
    heads = ("Symbols", *(f"Nats of {name}" for name in answers))
    return _table("From beginning to end", heads, rows, "Blocks in the order of the text.")


def _lengths(references: np.ndarray, answers: Mapping[str, np.ndarray]) -> dict[str, Any]:
    length = np.array([len(others[0].split()) for others in references])
    order = np.argsort(length, kind="stable")
    rows = []
    for part in (one for one in np.array_split(order, _PARTS_OF_LENGTH) if len(one)):
        name = f"{length[part].min()} to {length[part].max()} words"
        ones, cells = np.ones((1, len(part))), []
        for answer in answers.values():
            found = WrittenMetrics(references[part], answer[part])(ones)
            cells += [float(found["chrf"][0]), float(found["exact"][0])]
        rows.append((name, len(part), *cells))
    heads = ["n"]
    for name in answers:
        heads += [f"chrF of {name}", f"Exact of {name}"]
    return _table("Length by length", heads, rows, "Length of the first reference.")


def _numbers(about: About, truth: np.ndarray, answers: Mapping[str, np.ndarray]) -> dict[str, Any]:
    rows = []
    for place, name in enumerate(about.names):
        known = ~np.isnan(truth[:, place])
        mine: list[Any] = [name, int(known.sum())]
        for number, answer in enumerate(answers.values()):
            chosen = np.s_[known, place : place + 1]
            found = quantile_rows(truth[chosen], answer[chosen], about.levels)
            keys = ("coverage", "mae") if number == 0 else ("mae",)
            mine += [_mean(found[key]) for key in keys]
        rows.append(tuple(mine))
    heads = ["n", "Coverage", *(f"MAE of {name}" for name in answers)]
    wanted = about.levels[-1] - about.levels[0]
    note = f"The interval is meant to cover {wanted:.2g}; MAE: of the median."
    return _table("Horizon by horizon", heads, rows, note)


def _mean(values: np.ndarray) -> float:
    return float(values.mean()) if len(values) else float("nan")


def _times(about: About, labels: np.ndarray, curves: np.ndarray) -> dict[str, Any]:
    time, event, edges = labels[:, 0], labels[:, 1] == 1, np.asarray(about.edges)
    scores, grid = brier_rows(time, event, curves, edges)
    chosen = np.unique(np.linspace(0, len(grid) - 1, _TIMES).round().astype(int))
    at = grid[chosen]
    times, survival = kaplan_meier(time, event)
    observed = np.append(1.0, survival)[np.searchsorted(times, at, side="right")]
    predicted = at_times(curves, edges, at).mean(axis=0)
    rows = [
        (
            f"{moment:.3g} {about.unit}".strip(),
            int((time > moment).sum()),
            observed[place],
            predicted[place],
            float(scores[:, chosen[place]].mean()),
        )
        for place, moment in enumerate(at)
    ]
    heads = ("Under observation", "Observed survival", "Expected survival", "Brier score")
    note = "Observed: Kaplan and Meier's curve. Survival is the share without the event so far."
    return _table("Time by time", heads, rows, note)
