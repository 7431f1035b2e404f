"""The one measure by which two models of an outcome are told apart, on any resample."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from sequela.evaluate.breakdowns import About
from sequela.evaluate.classes import MulticlassMetrics
from sequela.evaluate.metrics import Ranking
from sequela.evaluate.outcomes import LEADING, statistic_of
from sequela.evaluate.parts import Part

__all__ = ["LOWER_IS_BETTER", "leading_name", "leading_statistic"]

#: Leading measures of which less is better.
LOWER_IS_BETTER = ("deviance", "pinball")
_CLASSES = {"binary": "auroc", "multiclass": "macro_auroc"}


def leading_name(about: About) -> str:
    """The measure's name, as in the table of ``evaluation.json``."""
    return _CLASSES.get(about.kind) or LEADING[about.kind][0]


def leading_statistic(
    about: About, part: Part, scores: np.ndarray
) -> Callable[[np.ndarray], dict[str, np.ndarray]]:
    """A function of weights ``[R, n]`` that gives the leading measure by its name, ``[R]``.

    Args:
        about: the outcome.
        part: labels as :func:`sequela.evaluate.evaluate_outcome` takes them; classes as numbers.
        scores: as there.
    """
    name = leading_name(about)
    if about.kind == "binary":
        ranking = Ranking(part.labels, scores)
        return lambda weights: {name: ranking(weights)[0]}
    if about.kind == "multiclass":
        statistic = MulticlassMetrics(part.labels, scores)
    else:
        # No leading measure looks at the thresholds.
        statistic = statistic_of(about, part, scores, [0.5] * len(about.names) or [0.5], None)
    return lambda weights: {name: statistic(weights)[name]}
