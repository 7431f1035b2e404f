"""A finished model on data it has never met: nothing is chosen, everything is only measured."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from sequela.errors import ConfigError
from sequela.evaluate.bootstrap import LEVEL, REPLICATES, estimate, replicate
from sequela.evaluate.classes import MulticlassMetrics
from sequela.evaluate.metrics import BinaryMetrics
from sequela.evaluate.parts import Part, check_part, check_scores_of

__all__ = ["evaluate_fixed"]


def evaluate_fixed(
    part: Part,
    scores: np.ndarray,
    classes: Sequence[str],
    *,
    name: str = "model",
    threshold: float | None = None,
    group_name: str = "patients",
    replicates: int = REPLICATES,
    seed: int = 0,
    level: float = LEVEL,
) -> dict:
    """Figures with intervals of given scores, at the threshold that was chosen in training.

    Args:
        part: labels and groups of the new data.
        scores: probabilities ``[n]`` (two classes) or ``[n, C]``.
        classes: the names of the classes, in the order of the labels.
        name: as the table shows it.
        threshold: the operating point; None leaves sensitivity and the like out.
        group_name: what a group is.
        replicates: bootstrap resamples.
        seed: of the resamples.
        level: the coverage of the intervals.

    Returns:
        A part of what :func:`evaluate_binary` and :func:`evaluate_multiclass` give: ``kind``,
        ``n``, ``positives`` or ``counts``, ``groups``, ``table`` with one row, ``differences``
        (none), ``notes``.

    Raises:
        LabelError: labels outside the classes, or one class only.
        DataError: scores that are not probabilities, or lengths that differ.
    """
    if len(classes) < 2:
        raise ConfigError("classes", got=len(classes), wanted="two or more")
    part = check_part(part, "new", len(classes))
    scores = check_scores_of(scores, "scores on the new data", len(part.labels), len(classes))
    binary = len(classes) == 2
    statistic = (
        BinaryMetrics(part.labels, scores, threshold)
        if binary
        else MulticlassMetrics(part.labels, scores)
    )
    point = statistic(np.ones((1, len(part.labels))))
    drawn = replicate({name: statistic}, part.groups, replicates, seed)[name]
    row = {
        measure: estimate(
            float(value[0]), drawn[measure], level, centred=measure == "calibration_error"
        )
        for measure, value in point.items()
    }
    counts = np.bincount(part.labels, minlength=len(classes)).tolist()
    shares = {"positives": counts[1], "prevalence": counts[1] / len(part.labels)}
    groups = len(np.unique(part.groups))
    return {
        "kind": "binary" if binary else "multiclass",
        "classes": list(classes),
        "n": len(part.labels),
        **(shares if binary else {"counts": counts}),
        "group_name": group_name,
        "groups": groups,
        "table": [{"name": name, "role": "model", "threshold": threshold, **row}],
        "differences": [],
        "notes": [
            f"Intervals: percentiles of {replicates} resamples of {groups} {group_name}; model and "
            "threshold are as trained."
        ],
    }
