"""docs/results.md, from the stored runs of experiments: `make results`.

The shape of a stored run, and what must be explained, are in benchmarks/stored.py.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "benchmarks"))

import stored  # noqa: E402

from sequela.report.words import decimal, interval  # noqa: E402

__all__ = [
    "PAGE",
    "case_rows",
    "figure",
    "machine_words",
    "measure_words",
    "page",
    "processor_seconds",
]

PAGE = Path("docs") / "results.md"
_ABBREVIATIONS = {
    "auroc": "AUROC",
    "auprc": "AUPRC",
    "macro_auroc": "macro AUROC",
    "macro_auprc": "macro AUPRC",
    "macro_f1": "macro-F1",
    "f1": "F1",
    "mae": "mean absolute error",
    "pinball": "quantile loss",
    "deviance": "Poisson deviance",
    "harrell": "concordance",
    "integrated_brier": "integrated Brier score",
    "r2": "R²",
    "jaccard": "Jaccard",
    "nats": "nats per symbol",
    "bits": "bits per symbol",
    "chrf": "chrF",
    "bleu": "BLEU",
    "exact": "exact matches",
    "error_rate": "word error rate",
}
_WHY = "Where a simple rival is above the recurrent model, and why"
_HEAD = """# Results of the experiments

Written by `make results` from the stored runs in `benchmarks/results`; do not edit. Each block is
one way of asking one data set: first the **recurrent model**, then its rivals, which are fitted on
the same training part and read aggregates of the same histories. All are judged on the same
held-out patients or recordings, and intervals (95 %) come from resampling these. With several seeds
every seed splits and trains anew; figures and ends of intervals are means over them, so that an
interval is that of one split and not the narrower one of the mean. *Model less this* is the paired
difference in the first measure, in the model's favour where it is above 0 (below 0 for measures
marked ↓, of which less is better). Time and memory are those of a whole run, raw data to figures
with all rivals, in one process: seconds of the processor (those by the clock, on a machine that
other work shared, are in the stored run) and the largest resident memory.

Simulated and synthetic data show that a pipeline works, not what holds for patients. Where a simple
rival is above the model, by however little, the reason stands below the table."""


def measure_words(measure: str) -> str:
    """``AUROC``; ``recall@10`` for recall_at_10; an arrow where less is better."""
    name, at, number = measure.rpartition("_at_")
    words = f"{name.replace('_', ' ')}@{number}" if at else measure.replace("_", " ")
    return _ABBREVIATIONS.get(measure, words) + (" ↓" if measure in stored.LOWER else "")


def figure(estimate: dict[str, Any] | None) -> str:
    """``.866 (.857 to .875)``; a dash for nothing."""
    if estimate is None or estimate["value"] is None:
        return decimal(None)
    ends = interval(estimate)
    return decimal(estimate["value"]) + (f" ({ends})" if ends else "")


def _shown(row: dict[str, Any], measures: list[str]) -> list[str]:
    cells = [f"{measure_words(name)} {figure(row.get(name))}" for name in measures[:2]]
    return cells + [decimal(None)] * (2 - len(cells))


def case_rows(case: dict[str, Any]) -> list[list[str]]:
    """For each score of a case: its name, two measures, and the model's difference from it."""
    model, leading = case["table"][0]["name"], case["measures"][0]
    gaps = {
        row["other"]: row
        for row in case["differences"]
        if row["metric"] == leading and row["model"] == model
    }
    rows = []
    for row in case["table"]:
        # All that the majority shows is how frequent the outcome is.
        if row["name"] == "majority":
            continue
        name = f"**{row['name']}**" if row["role"] == "model" else row["name"]
        gap = figure(gaps[row["name"]]) if row["name"] in gaps else ""
        rows.append([name, *_shown(row, case["measures"]), gap])
    return rows


def _line(cells: list[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _table(results: dict[str, dict[str, Any]]) -> list[str]:
    heads = ["experiment, data, held out", "score", "first measure", "second measure"]
    heads += ["model less this", "processor seconds, MB"]
    lines = [_line(heads), "|---" * len(heads) + "|"]
    for result in results.values():
        for case in result["cases"]:
            peak = case["peak_megabytes"]
            size = (
                f"{processor_seconds(case):.0f}, {decimal(None) if peak is None else f'{peak:,}'}"
            )
            held = f"{case['groups']:,} {case['group_name']}"
            held = held if case["n"] == case["groups"] else f"{case['n']:,} samples of {held}"
            begin = f"**{result['title']}**, {case['data']}; {held}, {_seeds(case)}"
            for place, cells in enumerate(case_rows(case)):
                ends = (begin, size) if place == 0 else ("", "")
                lines.append(_line([ends[0], *cells, ends[1]]))
    return lines


def processor_seconds(case: dict[str, Any]) -> float:
    """Of a whole run; those by the clock where no others were taken."""
    return case["seconds"].get("processor", case["seconds"]["whole"])


def _seeds(case: dict[str, Any]) -> str:
    count = len(case["seeds"])
    return "one seed" if count == 1 else f"{count} seeds"


def _lost(case: dict[str, Any]) -> str:
    leading = case["measures"][0]
    said = []
    for loss in stored.losses(case):
        ends = (loss["low"], loss["high"])
        apart = None not in ends and (ends[0] > 0 or ends[1] < 0)
        said.append(
            f"{loss['name']} ({measure_words(leading)}, model less this {figure(loss)}, "
            f"{'told apart' if apart else 'not told apart'})"
        )
    return "; ".join(said)


def _explained(name: str, result: dict[str, Any], folder: Path) -> list[str]:
    words = stored.reasons(name, result, folder)
    if not words:
        return []
    lines = [f"### {result['title']} (`{name}`)", ""]
    lines += [f"- {case['data']}: {lost}" for case in result["cases"] if (lost := _lost(case))]
    return [*lines, "", words, ""]


def machine_words(machine: dict[str, Any]) -> str:
    """The machine in a few words."""
    return f"{machine['cores']} cores of {machine['processor']}"


def _made(results: dict[str, dict[str, Any]]) -> list[str]:
    heads = ["stored run", "experiment", "seeds", "commit", "machine", "day", "command"]
    lines = [_line(heads), "|---" * len(heads) + "|"]
    for name, result in results.items():
        seeds = sorted({seed for case in result["cases"] for seed in case["seeds"]})
        cells = [f"`{name}`", result["experiment"], ", ".join(map(str, seeds))]
        cells += [result["commit"] or decimal(None), machine_words(result["machine"])]
        lines.append(_line([*cells, result["measured"][:10], f"`{result['command']}`"]))
    return lines


def _said(results: dict[str, dict[str, Any]], key: str) -> list[str]:
    return [f"- {one['title']}: {words}" for one in results.values() for words in one[key]]


def page(folder: Path = stored.RESULTS) -> str:
    """The page of all stored results of a folder.

    Raises:
        ValueError: a baseline is above a model and nobody has said why, or the other way round.
    """
    results = stored.load(folder)
    lines = [_HEAD, "", *_table(results)]
    why = [line for name, one in results.items() for line in _explained(name, one, folder)]
    if why:
        lines += [
            "",
            "## Where a simple rival is above the recurrent model, and why",
            "",
            *why[:-1],
        ]
    for heading, key in (("What others published, on other data", "published"), ("Notes", "notes")):
        if said := _said(results, key):
            lines += ["", f"## {heading}", "", *said]
    lines += ["", "## How they were made", "", *_made(results)]
    return "\n".join(lines) + "\n"


def main() -> None:
    """Writes the page."""
    (ROOT / PAGE).write_text(page())


if __name__ == "__main__":
    main()
