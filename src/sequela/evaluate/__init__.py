"""Arrays in, numbers out: measures, intervals, calibration, subgroups and honest baselines."""

from __future__ import annotations

from sequela.evaluate.baselines import (
    Baseline,
    gradient_boosting,
    logistic_regression,
    majority,
    single_feature,
)
from sequela.evaluate.bootstrap import estimate, interval, replicate, resample
from sequela.evaluate.classes import MulticlassMetrics, confusion_matrix, per_class
from sequela.evaluate.curves import calibration_points, precision_recall_points, roc_points
from sequela.evaluate.evaluate import evaluate_binary, evaluate_multiclass
from sequela.evaluate.fixed import evaluate_fixed
from sequela.evaluate.metrics import (
    BinaryMetrics,
    at_threshold,
    auprc,
    auroc,
    brier,
    calibration_error,
    calibration_line,
)
from sequela.evaluate.parts import Part, Scores
from sequela.evaluate.subgroups import evaluate_subgroups
from sequela.evaluate.threshold import UnreachableTarget, choose_threshold

__all__ = [
    "Baseline",
    "BinaryMetrics",
    "MulticlassMetrics",
    "Part",
    "Scores",
    "UnreachableTarget",
    "at_threshold",
    "auprc",
    "auroc",
    "brier",
    "calibration_error",
    "calibration_line",
    "calibration_points",
    "choose_threshold",
    "confusion_matrix",
    "estimate",
    "evaluate_binary",
    "evaluate_fixed",
    "evaluate_multiclass",
    "evaluate_subgroups",
    "gradient_boosting",
    "interval",
    "logistic_regression",
    "majority",
    "per_class",
    "precision_recall_points",
    "replicate",
    "resample",
    "roc_points",
    "single_feature",
]
