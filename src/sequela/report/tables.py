"""The tables of the report: rows and cells as texts, in the order in which they are shown."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sequela.evaluate.evaluate import tells
from sequela.report import figures, words
from sequela.report.record import RunRecord

__all__ = [
    "MEASURES",
    "breakdown",
    "cell",
    "cohort",
    "confusion",
    "differences",
    "interactions",
    "results",
    "subgroups",
    "thresholds",
]

MEASURES = {
    "binary": (
        ("auroc", "AUROC"),
        ("auprc", "AUPRC"),
        ("brier", "Brier score"),
        ("calibration_error", "Calibration error"),
        ("sensitivity", "Sensitivity"),
        ("specificity", "Specificity"),
        ("ppv", "PPV"),
        ("accuracy", "Accuracy"),
    ),
    "multiclass": (
        ("accuracy", "Accuracy"),
        ("macro_f1", "Macro F1"),
        ("macro_auroc", "Macro AUROC"),
    ),
    "multilabel": (
        ("macro_auroc", "Macro AUROC"),
        ("micro_auroc", "Micro AUROC"),
        ("macro_auprc", "Macro AUPRC"),
        ("micro_auprc", "Micro AUPRC"),
        ("macro_f1", "Macro F1"),
        ("micro_f1", "Micro F1"),
        ("brier", "Brier score"),
    ),
    "sets": (
        ("recall_at_10", "Recall@10"),
        ("new_recall_at_10", "Recall@10, new codes"),
        ("recall_at_30", "Recall@30"),
        ("precision_at_10", "Precision@10"),
        ("new_precision_at_10", "Precision@10, new codes"),
        ("auprc", "AUPRC"),
        ("jaccard", "Jaccard"),
        ("f1", "F1"),
        ("codes", "Codes named"),
        ("days_error", "Error of log days"),
        ("days_r2", "R² of log days"),
    ),
    "count": (("deviance", "Poisson deviance"), ("mae", "MAE"), ("bias", "Bias")),
    "time_to_event": (
        ("harrell", "Harrell’s C"),
        ("uno", "Uno’s C"),
        ("integrated_brier", "Integrated Brier score"),
    ),
    "quantile": (
        ("pinball", "Pinball loss"),
        ("mae", "MAE of the median"),
        ("coverage", "Coverage"),
        ("width", "Width of the interval"),
    ),
    "likelihood": (("nats", "Nats per symbol"), ("bits", "Bits per symbol")),
    "written": (
        ("chrf", "chrF"),
        ("bleu", "BLEU"),
        ("exact", "Exact"),
        ("error_rate", "Word error rate"),
    ),
}
_NAMES = {key: name for measures in MEASURES.values() for key, name in measures}
_LOWER = ("brier", "integrated_brier", "deviance", "mae", "pinball", "nats", "error_rate")
_PARTS = {"train": "Training", "tuning": "Tuning", "held_out": "Held out"}


def cell(estimate: Mapping[str, Any] | None, places: int = 3) -> dict[str, str]:
    """An estimate as two texts, ``value`` and ``interval``."""
    value = (estimate or {}).get("value")
    return {
        "value": words.decimal(value, places),
        "interval": words.interval(estimate, places) if value is not None else "",
    }


def results(evaluation: Mapping[str, Any]) -> dict[str, Any]:
    """The models, baselines and best possible score with every measure, and their figure."""
    measures = [(key, head) for key, head in MEASURES[evaluation["kind"]] if tells(evaluation, key)]
    looks = figures.styles(evaluation["table"])
    rows = [
        {
            "name": row["name"],
            "role": row["role"],
            "is_model": position == 0,
            "colour": looks[row["name"]]["color"],
            "cells": [cell(row.get(key)) for key, _ in measures],
        }
        for position, row in enumerate(evaluation["table"])
    ]
    key, name = measures[1] if evaluation["kind"] == "multiclass" else measures[0]
    spots = [
        (row["name"], row.get(key), looks[row["name"]]["color"]) for row in evaluation["table"]
    ]
    shown = [spot for spot in spots if spot[0] != "majority"]
    return {
        "heads": [head for _, head in measures],
        "rows": rows,
        "figure": figures.forest_figure(shown, f"{name} on the held-out part", lines=len(shown)),
        "figure_name": name,
        "note": _results_note(evaluation["kind"]),
        "slopes": _slopes(evaluation),
    }


_NOTES = {
    "binary": "Lower is better for the Brier score and the calibration error. Sensitivity, "
    "specificity and PPV are at each row's own threshold, chosen by the same rule on the tuning "
    "part, the accuracy, where it is given, at one half.",
    "multiclass": "Macro: the plain mean over the classes.",
    "multilabel": "Macro: the plain mean over the labels; micro: every label of every row as one "
    "question. F1 at thresholds chosen on the tuning part. Lower is better for the Brier score.",
    "sets": "Recall@10: of the true codes, the share among the ten most likely; of new codes: of "
    "those not in the history. Jaccard and F1 at one threshold, chosen on the tuning part; with "
    "a list of interactions a search is judged by the sets it names. Days: "
    "until the next visit, on the scale of log(1 + days); beside the rivals stand the median, "
    "ridge regression and the gap before the last visit.",
    "count": "Lower is better for deviance and MAE, the mean absolute error. Bias: the expected "
    "minus the observed count.",
    "time_to_event": "C: the share of comparable pairs in the right order; Uno's allows for how "
    "long people were followed. Lower is better for the Brier score over time.",
    "quantile": "Lower is better for the pinball loss and the MAE, the mean absolute error. "
    "Coverage: the share of values inside the interval.",
    "likelihood": "Lower is better. Nats: minus the natural logarithm of the probability of the "
    "symbol that came, on average; bits: the same with the logarithm of base 2.",
    "written": "chrF and BLEU run from 0 to 100 and are of all texts together; exact: the share of "
    "texts that equal one of those that stand there, but for blanks. Lower is better for the word "
    "error rate: words left out, put in or changed, over those that stand there.",
}


def _results_note(kind: str) -> str:
    return _NOTES[kind]


def _slopes(evaluation: Mapping[str, Any]) -> list[dict[str, Any]]:
    return [
        {
            "name": row["name"],
            "slope": cell(row["calibration_slope"], 2),
            "intercept": cell(row.get("calibration_intercept"), 2),
        }
        for row in evaluation["table"]
        if (row.get("calibration_slope") or {}).get("value") is not None
    ]


def _verdict(row: Mapping[str, Any]) -> tuple[str, str]:
    # Of errors and losses the lower one is the better.
    sign = -1 if row["metric"] in _LOWER else 1
    low, high = row["low"], row["high"]
    if low is None or high is None or low <= 0 <= high:
        return "unsure", "no clear difference"
    return ("better", "better") if sign * low > 0 else ("worse", "worse")


def differences(evaluation: Mapping[str, Any]) -> dict[str, Any] | None:
    """The model minus each other, measure by measure, with a verdict; None without others."""
    found = [row for row in evaluation["differences"] if tells(evaluation, row["metric"])]
    if not found:
        return None
    metrics = list(dict.fromkeys(row["metric"] for row in found))
    rows: dict[str, dict[str, Any]] = {}
    for row in found:
        kind, verdict = _verdict(row)
        shown = {**cell(row), "kind": kind, "verdict": verdict}
        rows.setdefault(row["other"], {})[row["metric"]] = shown
    looks = figures.styles(evaluation["table"])
    spots = [
        (f"− {row['other']}", row, looks[row["other"]]["color"])
        for row in found
        if row["metric"] == metrics[0] and row["other"] != "majority"
    ]
    model, name = evaluation["table"][0]["name"], _NAMES.get(metrics[0], metrics[0])
    label, height = f"{name}: {model} minus the other", len(spots) + 1
    return {
        "heads": [_NAMES.get(metric, metric) for metric in metrics],
        "rows": [
            {"name": other, "colour": looks[other]["color"], "cells": [cells[m] for m in metrics]}
            for other, cells in rows.items()
        ],
        "figure": figures.forest_figure(spots, label, lines=height, zero=True) if spots else "",
        "side": "left" if metrics[0] in _LOWER else "right",
    }


def interactions(evaluation: Mapping[str, Any]) -> dict[str, Any] | None:
    """How often what is named together does not go together; None without a list of pairs."""
    found = evaluation.get("interactions")
    if found is None:
        return None
    rows = [{"name": row["name"], "cell": cell(row)} for row in found["rates"]]
    return {"pairs": words.count(found["pairs"]), "rows": rows, "less": cell(found["difference"])}


def thresholds(evaluation: Mapping[str, Any]) -> list[dict[str, Any]]:
    """What each threshold flags and finds."""
    values = [row["threshold"] for row in evaluation.get("thresholds", [])]
    # Risks near 0 or 1 need more places before they differ.
    places = next((p for p in (3, 4, 5) if len({f"{v:.{p}f}" for v in values}) == len(values)), 6)
    return [
        {
            "chosen": bool(row.get("chosen")),
            "threshold": words.decimal(row["threshold"], places),
            "flagged": words.count(round(row["flagged_per_1000"])),
            "cells": [
                words.decimal(row.get(key)) for key in ("sensitivity", "specificity", "ppv", "npv")
            ],
        }
        for row in evaluation.get("thresholds", [])
    ]


def _group_name(name: str) -> str:
    shown = name.removeprefix("sex ") if name != "sex unknown" else name
    return shown[:1].upper() + shown[1:].replace("-", "–")


def subgroups(evaluation: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Each age band and sex, with its interval on an axis from .5 to 1."""
    return [
        {
            "name": _group_name(row["name"]),
            "n": words.count(row["n"]),
            "positives": words.count(row["positives"]),
            **cell(row["auroc"]),
            "note": row.get("note") or "",
            # Where the interval lies on the axis from .5 to 1, in per cent.
            "bar": _bar(row["auroc"]),
        }
        for row in evaluation.get("subgroups", [])
    ]


def _bar(estimate: Mapping[str, Any] | None) -> dict[str, float] | None:
    if not estimate or estimate.get("low") is None:
        return None
    place = {key: min(max(200 * (estimate[key] - 0.5), 0), 100) for key in ("low", "value", "high")}
    return {
        "left": round(place["low"], 1),
        "width": round(max(place["high"] - place["low"], 0.5), 1),
        "dot": round(place["value"], 1),
    }


def confusion(evaluation: Mapping[str, Any]) -> dict[str, Any] | None:
    """Confusion matrices and the measures of each class; None for a yes-or-no outcome."""
    if evaluation["kind"] != "multiclass":
        return None
    matrices = []
    for row in evaluation["table"]:
        matrix = evaluation["confusion"].get(row["name"])
        if matrix is None or row["name"] == "majority":
            continue
        lines = []
        for k, counts in enumerate(matrix):
            total = max(sum(counts), 1)
            lines.append(
                [
                    {"text": words.count(c), "share": round(c / total, 3), "hit": j == k}
                    for j, c in enumerate(counts)
                ]
            )
        matrices.append({"name": row["name"], "lines": lines})
    others = [row["name"] for row in evaluation["table"][1:]]
    per_class = [
        {
            "name": row["class"],
            "n": words.count(row["n"]),
            "cells": [
                *(words.decimal(row.get(key)) for key in ("precision", "recall", "auroc")),
                _f1(row),
                *(_f1(evaluation["per_class_all"][name][place]) for name in others),
            ],
        }
        for place, row in enumerate(evaluation["per_class"])
    ]
    return {
        "classes": evaluation["classes"],
        "matrices": matrices,
        "per_class": per_class,
        "heads": ["Precision", "Recall", "AUROC", "F1", *(f"F1, {name}" for name in others)],
    }


def _f1(row: Mapping[str, Any]) -> str:
    ends = {"low": row.get("f1_low"), "high": row.get("f1_high")}
    shown = words.interval(ends, 2)
    return words.decimal(row.get("f1"), 2) + (f" ({shown})" if shown else "")


def cohort(record: RunRecord) -> dict[str, Any]:
    """The attrition and what each part holds."""
    counted = record.cohort
    steps = [
        {
            "step": step["step"],
            "subjects": words.count(step["subjects"]),
            "samples": ""
            if step.get("samples") in (None, step["subjects"])
            else words.count(step["samples"]),
            "excluded": words.count(step["excluded"]) if step.get("excluded") else "",
        }
        for step in counted.get("attrition") or []
    ]
    kind = record.evaluation["kind"]
    heads = ["Positive", "Share"]
    if kind != "binary":
        heads = list(record.experiment.get("classes") or record.evaluation.get("classes") or [])
    parts = []
    for key, part in counted["parts"].items():
        if kind == "binary":
            share = words.percent(part["positives"] / part["rows"] if part["rows"] else None)
            cells = [words.count(part["positives"]), share]
        elif kind == "multiclass":
            cells = [words.count(n) for n in part["class_counts"]]
        else:
            heads = [str(name).capitalize() for name in part["facts"]]
            cells = [_plain(value) for value in part["facts"].values()]
        parts.append(
            {
                "name": _PARTS.get(key, key),
                "rows": words.count(part["rows"]),
                "groups": words.count(part["groups"]),
                "cells": cells,
            }
        )
    return {
        "description": counted.get("description") or "",
        "steps": steps,
        "parts": parts,
        "heads": heads,
        "group_name": str(counted["group_name"]),
    }


def _plain(value: float | int | None) -> str:
    return words.count(value) if isinstance(value, int) else words.decimal(value, 3)


def breakdown(evaluation: Mapping[str, Any]) -> dict[str, Any] | None:
    """What stands behind the figures, label by label or horizon by horizon; None without it."""
    found = evaluation.get("breakdown")
    if found is None:
        return None
    rows = [
        {"name": row["name"], "cells": [_plain(value) for value in row["cells"]]}
        for row in found["rows"]
    ]
    return {"title": found["title"], "heads": found["heads"], "rows": rows, "note": found["note"]}
