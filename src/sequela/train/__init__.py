"""Training: the loop, its checkpoints, and what a trained model says."""

from __future__ import annotations

from sequela.train.loop import fit
from sequela.train.predict import outputs, predict
from sequela.train.recalibrate import logit_shift, probabilities
from sequela.train.settings import TrainingSettings
from sequela.train.state import History

__all__ = [
    "History",
    "TrainingSettings",
    "fit",
    "logit_shift",
    "outputs",
    "predict",
    "probabilities",
]
