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
from sequela.evaluate.breakdowns import About
from sequela.evaluate.classes import MulticlassMetrics, confusion_matrix, per_class
from sequela.evaluate.curves import calibration_points, precision_recall_points, roc_points
from sequela.evaluate.evaluate import evaluate_binary, evaluate_multiclass
from sequela.evaluate.fixed import evaluate_fixed
from sequela.evaluate.label_rivals import (
    label_boosting,
    label_neighbours,
    label_rates,
    label_regression,
)
from sequela.evaluate.leading import LOWER_IS_BETTER, leading_name, leading_statistic
from sequela.evaluate.metrics import (
    BinaryMetrics,
    at_threshold,
    auprc,
    auroc,
    brier,
    calibration_error,
    calibration_line,
)
from sequela.evaluate.number_rivals import (
    boosted_numbers,
    constant_quantiles,
    count_boosting,
    mean_count,
    poisson_regression,
    ridge_numbers,
    with_errors,
)
from sequela.evaluate.outcomes import evaluate_outcome
from sequela.evaluate.parts import Part, Scores
from sequela.evaluate.stream_rivals import symbol_counts
from sequela.evaluate.subgroups import evaluate_subgroups
from sequela.evaluate.survival_rivals import cox_regression, same_curve
from sequela.evaluate.text_rivals import nearest_text, text_regression
from sequela.evaluate.threshold import UnreachableTarget, choose_threshold
from sequela.evaluate.written import WrittenMetrics
from sequela.evaluate.written_rivals import (
    collapsed_frames,
    nearest_row,
    usual_text,
    words_by_place,
)

__all__ = [
    "LOWER_IS_BETTER",
    "About",
    "Baseline",
    "BinaryMetrics",
    "MulticlassMetrics",
    "Part",
    "Scores",
    "UnreachableTarget",
    "WrittenMetrics",
    "at_threshold",
    "auprc",
    "auroc",
    "boosted_numbers",
    "brier",
    "calibration_error",
    "calibration_line",
    "calibration_points",
    "choose_threshold",
    "collapsed_frames",
    "confusion_matrix",
    "constant_quantiles",
    "count_boosting",
    "cox_regression",
    "estimate",
    "evaluate_binary",
    "evaluate_fixed",
    "evaluate_multiclass",
    "evaluate_outcome",
    "evaluate_subgroups",
    "gradient_boosting",
    "interval",
    "label_boosting",
    "label_neighbours",
    "label_rates",
    "label_regression",
    "leading_name",
    "leading_statistic",
    "logistic_regression",
    "majority",
    "mean_count",
    "nearest_row",
    "nearest_text",
    "per_class",
    "poisson_regression",
    "precision_recall_points",
    "replicate",
    "resample",
    "ridge_numbers",
    "roc_points",
    "same_curve",
    "single_feature",
    "symbol_counts",
    "text_regression",
    "usual_text",
    "with_errors",
    "words_by_place",
]
