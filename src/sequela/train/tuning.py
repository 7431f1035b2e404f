"""The judgement of an epoch on the tuning part."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from sequela.batches import Batch, Samples
from sequela.errors import ConfigError, LabelError
from sequela.evaluate import auroc, per_class
from sequela.train.losses import Objective, sample_losses
from sequela.train.predict import outputs

__all__ = ["Tuning", "choose_metric", "is_better"]


def choose_metric(wanted: str, kind: str, target: np.ndarray) -> str:
    """The name of the metric; see ``TrainingSettings.metric``.

    Args:
        wanted: what the settings say.
        kind: of the target.
        target: of the tuning part.

    Raises:
        ConfigError: the metric does not fit the kind.
        LabelError: the AUROC is wanted, and the tuning part has one class only.
    """
    one_class = len(np.unique(target)) < 2
    if wanted == "auto":
        return "auroc" if kind == "binary" and not one_class else "loss"
    fitting = {"auroc": "binary", "macro_f1": "multiclass"}.get(wanted, kind)
    if fitting != kind:
        raise ConfigError(
            "setting 'metric' of training", got=wanted, wanted=f"one for a {kind} target"
        )
    if wanted == "auroc" and one_class:
        raise LabelError(
            "the tuning part",
            got="one class only",
            wanted="both, for the AUROC",
            todo="Use more data or metric=loss.",
        )
    return wanted


def is_better(value: float, best: float, metric_name: str) -> bool:
    """Whether a metric is strictly better: a lower loss, a higher anything else."""
    return value < best if metric_name == "loss" else value > best


class Tuning:
    """The tuning part and its metric.

    Args:
        samples: the tuning part.
        aim: the objective.
        metric_name: "loss", "auroc" or "macro_f1".
    """

    def __init__(self, samples: Samples, aim: Objective, metric_name: str):
        self._samples, self._metric_name = samples, metric_name
        self._aim = replace(aim, weights=aim.tuning_weights)

    def judge(self, model: nn.Module) -> tuple[float, float]:
        """The loss and the metric.

        The loss counts the classes as training does (whichever way they are balanced) and leaves
        the label smoothing out. The metric may be read as 0 when the loss is not finite. A set that
        is searched for is inside or outside, whatever the model thinks of the labels: of such a
        model the loss is the one that it learns by.
        """
        target = self._samples.target
        if hasattr(model, "hypotheses") and self._aim.kind == "multilabel":
            loss = float(outputs(_Own(model, self._aim), self._samples).astype(np.float64).mean())
            return loss, loss
        found = outputs(model, self._samples)
        losses = sample_losses(
            torch.from_numpy(found), torch.from_numpy(target.copy()), self._aim, smooth=False
        )
        loss = float(losses.double().mean())
        if self._metric_name == "loss" or not np.isfinite(loss):
            return loss, loss if self._metric_name == "loss" else 0.0
        labels = target.astype(np.int64)
        if self._metric_name == "auroc":
            return loss, float(auroc(labels, found))
        scores = [row["f1"] for row in per_class(labels, found) if row["n"] > 0]
        return loss, float(np.mean(scores))


class _Own(nn.Module):
    """The losses of a model that makes them up itself, as its answer."""

    def __init__(self, model: nn.Module, aim: Objective):
        super().__init__()
        self.model, self._aim = model, aim
        self.training = model.training

    def forward(self, batch: Batch) -> Tensor:
        own: Any = self.model
        return own.losses(batch, partial(sample_losses, aim=self._aim))
