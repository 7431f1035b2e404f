"""The tables that verbs print: figures with their intervals, one row per model."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table

from sequela.errors import DataError
from sequela.evaluate.evaluate import tells

__all__ = ["print_evaluation", "read_evaluation", "show_evaluation", "wide_console"]

_COLUMNS = {
    "binary": {
        "auroc": "AUROC",
        "auprc": "AUPRC",
        "brier": "Brier",
        "sensitivity": "sensitivity",
        "specificity": "specificity",
        "ppv": "PPV",
        "accuracy": "accuracy",
    },
    "multiclass": {"accuracy": "accuracy", "macro_f1": "macro-F1", "macro_auroc": "macro AUROC"},
    "multilabel": {
        "macro_auroc": "macro AUROC",
        "macro_auprc": "macro AUPRC",
        "micro_auroc": "micro AUROC",
        "micro_auprc": "micro AUPRC",
        "macro_f1": "macro-F1",
        "brier": "Brier",
    },
    "sets": {
        "recall_at_10": "recall@10",
        "new_recall_at_10": "of new codes",
        "recall_at_30": "recall@30",
        "precision_at_10": "precision@10",
        "jaccard": "Jaccard",
        "f1": "F1",
        "days_r2": "R2 of log days",
    },
    "count": {"deviance": "deviance", "mae": "MAE", "bias": "bias"},
    "time_to_event": {
        "harrell": "Harrell's C",
        "uno": "Uno's C",
        "integrated_brier": "integrated Brier",
    },
    "quantile": {
        "pinball": "pinball loss",
        "mae": "MAE",
        "coverage": "coverage",
        "width": "width",
    },
    "written": {"chrf": "chrF", "bleu": "BLEU", "exact": "exact", "error_rate": "word error rate"},
    "likelihood": {"nats": "nats per symbol", "bits": "bits per symbol"},
}


def _figure(value: float | None) -> str:
    if value is None:
        return "-"
    text = f"{value:.3f}" if abs(value) < 100 else f"{value:.1f}"
    return text.replace("0.", ".", 1) if abs(value) < 1 else text


def _interval(entry: dict[str, Any] | None) -> str:
    if entry is None or entry["value"] is None:
        return "-"
    low, high = _figure(entry["low"]), _figure(entry["high"])
    return f"{_figure(entry['value'])} ({low} to {high})"


def read_evaluation(folder: Path) -> dict[str, Any]:
    """The figures of a run.

    Raises:
        DataError: the folder holds no readable ``evaluation.json``.
    """
    try:
        return json.loads((folder / "evaluation.json").read_text())
    except (OSError, ValueError) as error:
        raise DataError(
            f"folder {folder}", got="no readable evaluation.json", wanted="a finished run"
        ) from error


def show_evaluation(
    evaluation: dict[str, Any], console: Console, part: str = "held-out part"
) -> None:
    """Prints the table of models on a part, and the paired differences."""
    columns = {
        key: heading
        for key, heading in _COLUMNS[evaluation["kind"]].items()
        if tells(evaluation, key)
    }
    table = Table(box=SIMPLE_HEAD, pad_edge=False)
    table.add_column(part)
    for heading in columns.values():
        table.add_column(heading, justify="right")
    for row in evaluation["table"]:
        # Intervals for the leading figures; a table of nothing but intervals is not read.
        cells = [
            _interval(row.get(key))
            if place < 2 or len(columns) == 3
            else _figure((row.get(key) or {}).get("value"))
            for place, key in enumerate(columns)
        ]
        style = "bold" if row["role"] == "model" else "dim" if row["role"] != "baseline" else ""
        table.add_row(row["name"], *cells, style=style)
    console.print(table)
    for row in (evaluation.get("interactions") or {}).get("rates", ()):
        console.print(f"interactions, {row['name']}: {_interval(row)}")
    leading = "macro_f1" if evaluation["kind"] == "multiclass" else next(iter(columns))
    for row in evaluation["differences"]:
        if row["metric"] == leading:
            console.print(f"{row['name']}: {columns[leading]} {_interval(row)}, paired")


def wide_console(width: int = 120) -> Console:
    """A console that does not fold tables where nobody watches (a file, a pipe, a log).

    Args:
        width: the columns that there are then.
    """
    console = Console(highlight=False)
    return console if console.is_terminal else Console(highlight=False, width=width)


def print_evaluation(folder: Path) -> None:
    """Prints the figures of a run."""
    show_evaluation(read_evaluation(folder), wide_console())
