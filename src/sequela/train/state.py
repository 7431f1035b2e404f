"""What a run is asked to do, where it is, and what it found."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sequela.batches import Samples
from sequela.train.losses import Objective
from sequela.train.settings import TrainingSettings

__all__ = ["History", "Job", "Position"]


@dataclass(frozen=True)
class History:
    """What a run found.

    Args:
        kind: of the target, see ``TrainingSettings.kind``.
        metric_name: what chose the best epoch.
        epochs: the epoch lines of ``metrics.jsonl``; epochs count from 1.
        best_epoch: the epoch whose weights the model has now.
        best_metric: its tuning metric.
        logit_shift: what ``predict`` and ``bundle.save`` add to the outputs: the recalibration of
            balanced classes, or the offset of :class:`~sequela.train.losses.Objective`; empty for
            none.
        steps: steps done.
        stopped_early: the patience ran out before the epochs did.
        resumed_from: the step of the checkpoint this call went on from, or None.
        seconds: spent, over all calls.
    """

    kind: str
    metric_name: str
    epochs: list[dict[str, Any]]
    best_epoch: int
    best_metric: float
    logit_shift: list[float]
    steps: int
    stopped_early: bool
    resumed_from: int | None
    seconds: float


@dataclass(frozen=True)
class Job:
    """What :func:`fit` was asked to do, checked; the same in every process."""

    train: Samples
    tuning: Samples
    settings: TrainingSettings
    aim: Objective
    metric_name: str
    directory: Path | None
    resume: bool
    callback: Callable[[Mapping[str, Any]], None] | None


@dataclass
class Position:
    """Where a run is, in plain data: the part of a checkpoint that is no tensor."""

    epoch: int = 0
    step_in_epoch: int = 0
    step: int = 0
    loss_sum: float = 0.0
    loss_count: int = 0
    best_epoch: int = 0
    lines: int = 0
    seconds: float = 0.0
    epochs: list[dict[str, Any]] = field(default_factory=list)
