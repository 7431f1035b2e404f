"""From labels and scores to the numbers of ``evaluation.json``.

The table has one row per model, baseline and (where the truth is known) best possible score. All
rows are measured on the same bootstrap resamples of whole patients or recordings, thresholds come
from the tuning part, and everything returned is ready for JSON: no NaN, None where undefined.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from sequela.errors import ConfigError, LabelError
from sequela.evaluate.bootstrap import LEVEL, REPLICATES
from sequela.evaluate.classes import MulticlassMetrics, confusion_matrix, per_class
from sequela.evaluate.compare import bootstrap_notes, compare, numbers
from sequela.evaluate.curves import calibration_points, precision_recall_points, roc_points
from sequela.evaluate.metrics import BinaryMetrics, at_threshold
from sequela.evaluate.parts import Part, Scores, check_parts, check_scores
from sequela.evaluate.subgroups import evaluate_subgroups
from sequela.evaluate.threshold import UnreachableTarget, choose_threshold

__all__ = [
    "BINARY_MEASURES",
    "MULTICLASS_MEASURES",
    "evaluate_binary",
    "evaluate_multiclass",
    "tells",
]

BINARY_MEASURES = (
    "auroc",
    "auprc",
    "brier",
    "calibration_error",
    "calibration_slope",
    "calibration_intercept",
    "sensitivity",
    "specificity",
    "ppv",
    "npv",
    "accuracy",
)
MULTICLASS_MEASURES = ("accuracy", "macro_f1", "macro_auroc")

# With a rarer class the accuracy praises whoever never names it.
_COMMON = 0.25

# Shares of the tuning part that a clinic might be able to look at.
_FLAGGED_SHARES = (0.01, 0.02, 0.05, 0.1, 0.2, 0.3, 0.5)


def tells(evaluation: Mapping[str, Any], measure: str) -> bool:
    """Whether a measure is to be shown: some row has it, and it does not mislead.

    Args:
        evaluation: of any kind.
        measure: its key in the table.
    """
    if measure == "accuracy" and evaluation["kind"] == "binary":
        share = evaluation["prevalence"]
        if min(share, 1 - share) < _COMMON:
            return False
    return any(measure in row for row in evaluation["table"])


def _threshold_of(entry: Scores, tuning: Part, rule: str, target: float | None, notes: list[str]):
    try:
        return choose_threshold(tuning.labels, entry.tuning, rule, target)
    except UnreachableTarget as error:
        notes.append(f"{entry.name}: {error.what} is {error.got}; no threshold is given.")
        return None


def _threshold_block(entry, threshold, tuning: Part, held_out: Part, rule, target) -> dict:
    block = {"value": threshold, "rule": rule, "target": target, "chosen_on": "tuning"}
    if threshold is None:
        return {**block, "tuning": None, "held_out": None}
    flagged, positive = entry.held_out >= threshold, held_out.labels == 1
    counts = {
        "true_positives": int((flagged & positive).sum()),
        "false_positives": int((flagged & ~positive).sum()),
        "false_negatives": int((~flagged & positive).sum()),
        "true_negatives": int((~flagged & ~positive).sum()),
    }
    return {
        **block,
        "tuning": numbers(at_threshold(tuning.labels, entry.tuning, threshold)),
        "held_out": {
            **numbers(at_threshold(held_out.labels, entry.held_out, threshold)),
            **counts,
        },
    }


def _threshold_table(entry: Scores, chosen: float | None, held_out: Part) -> list[dict]:
    # Thresholds, like everything else, from the tuning part: those that flag a given share of it.
    falling = np.sort(entry.tuning)[::-1]
    candidates = {}
    for share in _FLAGGED_SHARES:
        candidates.setdefault(float(falling[int(share * len(falling))]), False)
    if chosen is not None:
        candidates[chosen] = True
    return [
        {
            "threshold": threshold,
            "chosen": candidates[threshold],
            **numbers(at_threshold(held_out.labels, entry.held_out, threshold)),
        }
        for threshold in sorted(candidates)
    ]


def _curves(entries: Sequence[Scores], held_out: Part) -> dict:
    labels, groups = held_out.labels, held_out.groups
    return {
        "roc": {entry.name: roc_points(labels, entry.held_out) for entry in entries},
        "pr": {entry.name: precision_recall_points(labels, entry.held_out) for entry in entries},
        "calibration": {
            entry.name: calibration_points(labels, entry.held_out, groups) for entry in entries
        },
    }


def evaluate_binary(
    scores: Sequence[Scores],
    tuning: Part,
    held_out: Part,
    *,
    group_name: str = "patients",
    rule: str = "youden",
    target: float | None = None,
    replicates: int = REPLICATES,
    seed: int = 0,
    level: float = LEVEL,
    notes: Sequence[str] = (),
) -> dict:
    """Everything that is said about risks of a yes-or-no outcome.

    Args:
        scores: the model first, then baselines and the best possible score, each on both parts.
        tuning: labels and groups of the part where thresholds are chosen.
        held_out: labels, groups and, where known, ages and sexes of the part that is reported.
        group_name: what a group is, "patients" or "recordings".
        rule: how the threshold is chosen; see :func:`sequela.evaluate.choose_threshold`.
        target: the rule's target.
        replicates: bootstrap resamples.
        seed: the run's seed.
        level: the coverage of the intervals.
        notes: what the reader should know of the data, kept in front of the notes made here.

    Returns:
        A dict ready for JSON; ``E`` stands for ``{"value", "low", "high"}``, each may be None::

            kind "binary", n, positives, prevalence, group_name, groups,
            bootstrap    {replicates, level, unit, undefined}
            threshold    {value, rule, target, chosen_on, tuning {...}, held_out {..., counts}}
            table        [{name, role, threshold, auroc E, auprc E, brier E, calibration_error E,
                           calibration_slope E, calibration_intercept E, sensitivity E,
                           specificity E, ppv E, npv E, accuracy E}]
            differences  [{name "A - B", model, other, metric auroc|auprc|brier|accuracy, value,
                           low, high}]
            curves       {roc|pr|calibration: {name: {x, y}}}; calibration also has low, high, n
            thresholds   [{threshold, chosen, sensitivity, specificity, ppv, npv, flagged_per_1000}]
            subgroups    [{name, n, positives, auroc E or None, note}]
            notes        [text]

    Raises:
        LabelError: labels outside {0, 1}, or one class only in a part.
        DataError: NaN scores, scores that are not probabilities, lengths that differ.
        LeakageError: a group is in both parts.
        ConfigError: no model, a name twice, an unknown rule or an impossible target.
    """
    tuning, held_out = check_parts(tuning, held_out, 2)
    entries = check_scores(scores, tuning, held_out, 2)
    said: list[str] = list(notes)
    thresholds = {e.name: _threshold_of(e, tuning, rule, target, said) for e in entries}
    statistics = {
        e.name: BinaryMetrics(held_out.labels, e.held_out, thresholds[e.name]) for e in entries
    }
    table, differences, undefined = compare(
        statistics,
        {entry.name: entry.role for entry in entries},
        held_out.groups,
        ("auroc", "auprc", "brier", "accuracy"),
        (replicates, seed, level),
    )
    for row in table:
        row["threshold"] = thresholds[row["name"]]
    model = entries[0]
    chosen = thresholds[model.name]
    n, positives = len(held_out.labels), int(held_out.labels.sum())
    return {
        "kind": "binary",
        "n": n,
        "positives": positives,
        "prevalence": positives / n,
        "group_name": group_name,
        "groups": len(np.unique(held_out.groups)),
        "bootstrap": {
            "replicates": replicates,
            "level": level,
            "unit": group_name,
            "undefined": undefined,
        },
        "threshold": _threshold_block(model, chosen, tuning, held_out, rule, target),
        "table": table,
        "differences": differences,
        "curves": _curves(entries, held_out),
        "thresholds": _threshold_table(model, chosen, held_out),
        "subgroups": evaluate_subgroups(held_out, model.held_out, replicates, seed, level),
        "notes": said + bootstrap_notes(held_out.groups, group_name, undefined, replicates),
    }


def _missing_notes(labels: np.ndarray, classes: Sequence[str]) -> list[str]:
    missing = [name for k, name in enumerate(classes) if not (labels == k).any()]
    if not missing:
        return []
    return [f"Not among the held-out labels, so not in any mean: {', '.join(missing)}."]


def _class_rows(
    classes: Sequence[str], labels: np.ndarray, scores: np.ndarray, row: dict
) -> list[dict]:
    """What is said of each class; the intervals of its F1 are taken out of the table's row."""
    found = []
    for k, (name, measures) in enumerate(zip(classes, per_class(labels, scores), strict=True)):
        interval = row.pop(f"f1 {k}")
        ends = {f"f1_{end}": interval[end] for end in ("low", "high")}
        found.append({"class": name, **numbers(measures), **ends, "n": measures["n"]})
    return found


def evaluate_multiclass(
    scores: Sequence[Scores],
    tuning: Part,
    held_out: Part,
    classes: Sequence[str],
    *,
    group_name: str = "patients",
    replicates: int = REPLICATES,
    seed: int = 0,
    level: float = LEVEL,
    notes: Sequence[str] = (),
) -> dict:
    """Everything that is said about probabilities of one of several classes.

    Args:
        scores: the model first, then baselines; arrays [n, C].
        tuning: labels 0 .. C - 1 and groups of the tuning part (checked for leakage only).
        held_out: labels and groups of the part that is reported.
        classes: the C names, in the order of the labels.
        group_name: what a group is, "patients" or "recordings".
        replicates: bootstrap resamples.
        seed: the run's seed.
        level: the coverage of the intervals.
        notes: what the reader should know of the data, kept in front of the notes made here.

    Returns:
        A dict ready for JSON; ``E`` stands for ``{"value", "low", "high"}``, each may be None::

            kind "multiclass", classes, n, counts [C], group_name, groups,
            bootstrap    {replicates, level, unit, undefined}
            table        [{name, role, accuracy E, macro_f1 E, macro_auroc E}]
            differences  [{name "A - B", model, other, metric, value, low, high}]
            confusion    {name: [[row = true class]]}
            per_class    [{class, n, precision, recall, f1, f1_low, f1_high, auroc}] of the model
            per_class_all {name: the same}
            notes        [text]

    Raises:
        LabelError: labels outside 0 .. C - 1, or one class only in a part.
        DataError: NaN scores, rows that do not sum to 1, lengths that differ.
        LeakageError: a group is in both parts.
        ConfigError: no model, a name twice, or fewer than three classes.
    """
    classes = [str(name) for name in classes]
    if len(classes) < 3:
        raise ConfigError("classes", got=len(classes), wanted="three or more")
    if len(set(classes)) != len(classes):
        raise LabelError("class names", got="a name twice", wanted="a name for each class")
    tuning, held_out = check_parts(tuning, held_out, len(classes))
    entries = check_scores(scores, tuning, held_out, len(classes))
    labels = held_out.labels
    table, differences, undefined = compare(
        {entry.name: MulticlassMetrics(labels, entry.held_out, each=True) for entry in entries},
        {entry.name: entry.role for entry in entries},
        held_out.groups,
        ("macro_f1", "accuracy", "macro_auroc"),
        (replicates, seed, level),
    )
    by_class = {
        entry.name: _class_rows(classes, labels, entry.held_out, row)
        for entry, row in zip(entries, table, strict=True)
    }
    confusion = {
        entry.name: confusion_matrix(labels, entry.held_out.argmax(axis=1), len(classes)).tolist()
        for entry in entries
    }
    said = [*notes, *_missing_notes(labels, classes)]
    return {
        "kind": "multiclass",
        "classes": classes,
        "n": len(labels),
        "counts": np.bincount(labels, minlength=len(classes)).tolist(),
        "group_name": group_name,
        "groups": len(np.unique(held_out.groups)),
        "bootstrap": {
            "replicates": replicates,
            "level": level,
            "unit": group_name,
            "undefined": undefined,
        },
        "table": table,
        "differences": differences,
        "confusion": confusion,
        "per_class": by_class[entries[0].name],
        "per_class_all": by_class,
        "notes": said + bootstrap_notes(held_out.groups, group_name, undefined, replicates),
    }
