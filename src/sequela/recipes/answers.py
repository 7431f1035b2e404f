"""The last layer of a recipe, by the kind of outcome that the data bring."""

from __future__ import annotations

from typing import Literal

from torch import nn

from sequela.nn.heads import Classify
from sequela.nn.outcomes import Count, Hazards, MultiLabel, Quantiles

__all__ = ["AnswerName", "answer_layer"]

#: What a recipe answers; see :func:`answer_layer`.
AnswerName = Literal["classes", "multilabel", "count", "time_to_event", "quantile"]


def answer_layer(
    answer: AnswerName, size: int, outputs: int, quantiles: int, dropout: float
) -> nn.Module:
    """The layer from a vector to an answer.

    Args:
        answer: "classes" (:class:`~sequela.nn.Classify`), "multilabel"
            (:class:`~sequela.nn.MultiLabel`), "count" (:class:`~sequela.nn.Count`),
            "time_to_event" (:class:`~sequela.nn.Hazards`) or "quantile"
            (:class:`~sequela.nn.Quantiles`).
        size: the width of the vector.
        outputs: how many classes, labels, intervals of time or numbers ahead; 1 for a count.
        quantiles: of each number ahead; other answers have none.
        dropout: in training, of the vector.
    """
    if answer == "multilabel":
        return MultiLabel(size, outputs, dropout=dropout)
    if answer == "count":
        return Count(size, dropout=dropout)
    if answer == "time_to_event":
        return Hazards(size, outputs, dropout=dropout)
    if answer == "quantile":
        return Quantiles(size, quantiles, outputs, dropout=dropout)
    return Classify(size, outputs, dropout=dropout)
