"""docs/comparison.md and its figure, from benchmarks/results/comparison.json."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from results_page import figure, machine_words

from sequela.report.words import decimal

__all__ = ["FIGURE", "WHY", "draw", "page", "verdict"]

FIGURE = "images/comparison.svg"
FAMILIES = {
    "recurrent": ("recurrent", "#0072b2", "o"),
    "memoryless": ("without memory", "#d55e00", "s"),
    "best possible": ("best possible", "#999999", "D"),
}
_HEAD = """# What recurrence adds, and where it adds nothing

Written by `make docs` from `benchmarks/results/comparison.json`.

Each task is learnt by recurrent models and by models without memory, from the same training part,
with the optimiser, epochs and widths of the built-in experiment: nothing is tuned to one of them,
and those settings were chosen for a GRU (for the seizures a bidirectional LSTM). The recurrent ones
differ in their cell alone (recipe `values_gru`); what is without memory is the recipe `mlp`, on as
many of the last steps as nine of ten histories have, side by side (*flattened*), on last, mean and
greatest of each input over the steps (*pooled*), or on the vector that logistic regression and
boosted trees read (*aggregates*: counts, recency, last, mean, least and greatest). Intervals (95 %)
resample held-out patients or recordings, the same ones for all models; figures and ends are means
over seeds, each with a split of its own."""
_ENDS = """The best model of each family is the one with the highest mean AUROC on the
*tuning* parts, so that the choice does not flatter it. *Adds* and *costs* are said where the
interval of the paired difference leaves 0 out; else nothing is shown, which on few patients is not
the same as nothing being there."""


#: Why, by task and verdict; nothing is said where the figures have turned out otherwise.
WHY = {
    ("heart_failure", "adds"): "The simulated risk hangs on the order of angina and its treatment, "
    "which counts and dates of the last mention do not hold (`src/sequela/simulate/README.md`).",
    ("mortality", "nothing shown"): "How extreme a variable was, and how often it was measured, "
    "stands in the aggregates already; the order of the values says little more to models that "
    "have 2,800 stays to learn it from.",
    ("mortality", "costs"): "How extreme a variable was, and how often it was measured, stands in "
    "the aggregates already, while a recurrent model has to learn them from 2,800 stays.",
    ("seizure", "nothing shown"): "A seizure's waves are large: the standard deviation of the "
    "second alone has an AUROC of .988 (`docs/results.md`), which leaves no room.",
    ("seizure", "adds"): "There is little room: the standard deviation of the second alone has an "
    "AUROC of .988 (`docs/results.md`).",
}


def verdict(pair: dict[str, Any]) -> str:
    """ "adds", "costs" or "nothing shown" by the interval of a difference."""
    if pair["low"] > 0:
        return "adds"
    return "costs" if pair["high"] < 0 else "nothing shown"


def _of(task: dict[str, Any], name: str) -> dict[str, Any]:
    return next(row for row in task["models"] if row["name"] == name)


def _held(task: dict[str, Any]) -> str:
    first = task["runs"][0]
    count, groups = len(task["runs"]), f"{first['groups']:,} {task['group_name']}"
    seeds = "one seed" if count == 1 else f"{count} seeds"
    return (
        f"{first['train']:,} histories to learn from; {first['n']:,} of {groups} held out, "
        f"{first['positives']:,} with the outcome; {seeds}"
    )


def _sentence(task: dict[str, Any]) -> str:
    """Recurrence against no memory, in words that follow from the difference."""
    pair = task["pairs"][0]
    said = verdict(pair)
    mine, theirs = _of(task, pair["model"]), _of(task, pair["other"])
    both = (
        f"{pair['model']} {figure(mine['auroc'])}, {pair['other']} {figure(theirs['auroc'])}, "
        f"difference {figure(pair)}"
    )
    if said == "adds":
        return f"**recurrence adds {decimal(pair['value'])} of AUROC**: {both}."
    if said == "costs":
        return f"**recurrence costs {decimal(-pair['value'])} of AUROC**: {both}."
    return f"**recurrence adds nothing that these data can show**: {both}."


def _table(task: dict[str, Any]) -> list[str]:
    of = task.get("seconds_of", "a clock, other work beside it")
    lines = [f"| model | parameters | seconds of {of} | AUROC | AUPRC |", "|---|---|---|---|---|"]
    for row in task["models"]:
        known = row["family"] == "best possible"
        count = row["size"] or (decimal(None) if known else f"{row['parameters']:,}")
        seconds = decimal(None) if known else f"{row['seconds']:.1f}"
        name = f"**{row['name']}**" if row["family"] == "recurrent" else row["name"]
        cells = [name, count, seconds, figure(row["auroc"]), figure(row["auprc"])]
        lines.append(f"| {' | '.join(cells)} |")
    return lines


def _pairs(tasks: dict[str, dict[str, Any]]) -> list[str]:
    lines = ["| what is added, to what | " + " | ".join(t["title"] for t in tasks.values()) + " |"]
    lines.append("|---" * (len(tasks) + 1) + "|")
    for place, pair in enumerate(next(iter(tasks.values()))["pairs"]):
        words = f"{pair['what']}, to {pair['other']}"
        cells = ["recurrence, to no memory" if place == 0 else words]
        for task in tasks.values():
            own = task["pairs"][place]
            said = verdict(own)
            said = said if said == "nothing shown" else f"**{said}**"
            cells.append(f"{said}: {figure(own)}")
        lines.append(f"| {' | '.join(cells)} |")
    return lines


def page(result: dict[str, dict[str, Any]]) -> str:
    """The page of all measured tasks."""
    lines = [_HEAD, "", f"![AUROC of all models on each task]({FIGURE})", ""]
    for name, task in result.items():
        why = WHY.get((name, verdict(task["pairs"][0])), "")
        lines.append(f"- {task['title']}: {_sentence(task)} {why}".rstrip())
    lines += ["", *_ENDS.split("\n")]
    for task in result.values():
        lines += ["", f"## {task['title']}", "", f"{task['data']}. {_held(task)}.", ""]
        lines += _table(task)
    lines += ["", "## What each part adds", "", "Paired differences of the AUROC.", ""]
    lines += [*_pairs(result), "", "## How it was made", ""]
    lines += ["`python benchmarks/comparison.py`, one thread; seconds are those of fitting.", ""]
    for task in result.values():
        seeds = ", ".join(str(run["seed"]) for run in task["runs"])
        lines.append(
            f"- {task['title']}: seeds {seeds}; {machine_words(task['machine'])}, commit "
            f"{task['commit']}, {task['measured'][:10]}, torch {task['versions']['torch']}."
        )
    return "\n".join(lines) + "\n"


def draw(result: dict[str, dict[str, Any]], path: Path) -> None:
    """AUROC with intervals, a panel for each task; the same bytes each time."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    style = {"svg.hashsalt": "sequela", "font.size": 9, "axes.spines.top": False}
    with plt.rc_context(style | {"axes.spines.right": False, "svg.fonttype": "path"}):
        names = list(dict.fromkeys(row["name"] for t in result.values() for row in t["models"]))
        figure_, panels = plt.subplots(
            1, len(result), figsize=(10, 3.8), sharey=True, squeeze=False
        )
        for panel, task in zip(panels[0], result.values(), strict=True):
            for row in task["models"]:
                _, colour, mark = FAMILIES[row["family"]]
                found, height = row["auroc"], -names.index(row["name"])
                panel.plot([found["low"], found["high"]], [height] * 2, color=colour, lw=1.2)
                panel.plot(found["value"], height, mark, color=colour, ms=5)
            panel.set_title(task["title"], fontsize=9)
            panel.set_xlabel("AUROC")
            panel.grid(axis="x", color="#e5e5e5", lw=0.6)
            panel.tick_params(axis="y", length=0)
        panels[0][0].set_yticks([-place for place in range(len(names))], names)
        marks = [plt.Line2D([], [], color=c, marker=m, lw=1.2) for _, c, m in FAMILIES.values()]
        words = [word for word, _, _ in FAMILIES.values()]
        figure_.legend(marks, words, loc="lower center", ncols=3, frameon=False, fontsize=8)
        figure_.tight_layout(rect=(0, 0.06, 1, 1))
        path.parent.mkdir(parents=True, exist_ok=True)
        figure_.savefig(path, metadata={"Date": None, "Creator": None})
        plt.close(figure_)
