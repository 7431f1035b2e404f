"""The pictures of the guides, from stored results; `make results` draws them anew."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import matplotlib
from matplotlib.figure import Figure

__all__ = ["PICTURES", "draw"]

ROOT = Path(__file__).resolve().parent.parent
RESULTS, IMAGES = ROOT / "benchmarks" / "results", ROOT / "docs" / "images"
_COLOURS = ("#0b62a4", "#d55e00", "#009e73", "#8c6bb1", "#e69f00")
_STYLE = {
    "svg.hashsalt": "sequela",
    "svg.fonttype": "path",
    "font.size": 9,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "grid.color": "#e7eaed",
    "axes.axisbelow": True,
    "legend.frameon": False,
}

_Dots = Sequence[tuple[str, Sequence[tuple[str, Mapping[str, Any], int]]]]


def _save(figure: Figure, name: str) -> None:
    figure.savefig(IMAGES / f"{name}.svg", facecolor="white", metadata={"Date": None})


def _dots(name: str, blocks: _Dots, label: str) -> None:
    """Blocks of dots with their intervals, from top to bottom; each has a name and a colour."""
    lines = sum(len(rows) + 1 for _, rows in blocks)
    figure = Figure(figsize=(6.6, 0.7 + 0.21 * lines), layout="constrained")
    axes, place = figure.add_subplot(), 0
    ticks: list[tuple[int, str, str]] = []
    for heading, rows in blocks:
        ticks.append((place, heading, "bold"))
        for who, estimate, colour in rows:
            place += 1
            ticks.append((place, who, "normal"))
            shade = _COLOURS[colour % len(_COLOURS)]
            if estimate.get("low") is not None:
                ends = [estimate["low"], estimate["high"]]
                axes.plot(ends, [place] * 2, color=shade, linewidth=2, alpha=0.7)
            axes.plot(estimate["value"], place, "o", color=shade, markersize=5)
        place += 1
    axes.set_yticks([tick for tick, _, _ in ticks], [words for _, words, _ in ticks])
    for text, (_, _, weight) in zip(axes.get_yticklabels(), ticks, strict=True):
        text.set_fontweight(weight)
    axes.set_ylim(place - 0.3, -0.7)
    axes.tick_params(axis="y", length=0)
    axes.grid(False, axis="y")
    axes.set_xlabel(label)
    _save(figure, name)


def _rows(case: Mapping[str, Any], measure: str) -> list[tuple[str, Mapping[str, Any], int]]:
    shown = [row for row in case["table"] if row["name"] != "majority"]
    return [(row["name"], row[measure], place) for place, row in enumerate(shown)]


def _stored(name: str) -> dict[str, Any]:
    return json.loads((RESULTS / f"{name}.json").read_text())


def _seizure() -> None:
    blocks = [("whole recordings held out", _rows(_stored("seizure_five")["cases"][0], "macro_f1"))]
    if (RESULTS / "seizure_leak.json").exists():
        leaking = _rows(_stored("seizure_leak")["cases"][1], "macro_f1")
        blocks.append(("random rows: this split leaks", leaking))
    label = "macro-F1 of five classes on the held-out part, with 95 % intervals"
    _dots("guide-seizure", blocks, label)


def _mortality() -> None:
    names = [
        name for name in ("mortality", "mortality_gru_d") if (RESULTS / f"{name}.json").exists()
    ]
    blocks = []
    for name in names:
        found = _stored(name)
        case = found["cases"][0]
        heading = f"{found['title']}: {len(case['seeds'])} splits by patient"
        blocks.append((heading, _rows(case, "auroc")))
    _dots("guide-mortality", blocks, "AUROC on the held-out part, with 95 % intervals")


def _beats() -> None:
    found = _stored("beats")["cases"][0]["runs"][0]["per_class_all"]
    blocks = []
    for place, held in enumerate(next(iter(found.values()))):
        rows = []
        for number, (who, classes) in enumerate(
            one for one in found.items() if one[0] != "majority"
        ):
            row = classes[place]
            ends = {end: row[f"f1_{end}"] for end in ("low", "high")}
            rows.append((who, {"value": row["f1"], **ends}, number))
        blocks.append((f"{held['class']}, {held['n']:,} beats", rows))
    _dots("guide-beats", blocks, "F1, each of six records held out once, with 95 % intervals")


def _deterioration() -> None:
    case = _stored("deterioration")["cases"][0]
    blocks = [("asked every four hours", _rows(case, "auroc"))]
    runs = [run["breakdown"]["rows"] for run in case["runs"]]
    # Means over the splits; a band in which some split had too few has no figure.
    for place, band in enumerate(runs[0]):
        found = [rows[place]["cells"][4] for rows in runs]
        if all(value is not None for value in found):
            mean = {"value": sum(found) / len(found)}
            blocks.append((f"in hours {band['name']}", [(case["table"][0]["name"], mean, 0)]))
    _dots("guide-deterioration", blocks, "AUROC on the held-out part, with 95 % intervals")


def _glucose() -> None:
    case = _stored("glucose")["cases"][0]
    blocks = [(words, _rows(case, key)) for key, words in _LOSSES]
    _dots("guide-glucose", blocks, "mg/dl on the held-out people (less is better)")


_LOSSES = (("pinball", "quantile loss"), ("mae", "mean absolute error of the median"))


def _windows() -> None:
    """A panel for each window ahead: figures by how much was seen."""
    cases = _stored("heart_failure_windows")["cases"]
    found = {tuple(map(int, _NUMBER.findall(case["data"])[-2:])): case for case in cases}
    ahead = sorted({days for _, days in found})
    figure = Figure(figsize=(7.6, 2.7), layout="constrained")
    panels = figure.subplots(1, len(ahead), sharey=True)
    names = [row["name"] for row in cases[0]["table"] if row["name"] != "majority"]
    for panel, days in zip(panels, ahead, strict=True):
        seen = sorted(past for past, later in found if later == days)
        for place, name in enumerate(names):
            rows = [
                next(row for row in found[past, days]["table"] if row["name"] == name)["auroc"]
                for past in seen
            ]
            shade = _COLOURS[place] if name != "best possible" else "#7f7f7f"
            values = [row["value"] for row in rows]
            panel.plot(range(len(seen)), values, "o-", color=shade, markersize=4, label=name)
            ends = [[row[end] for row in rows] for end in ("low", "high")]
            panel.fill_between(range(len(seen)), *ends, color=shade, alpha=0.12, linewidth=0)
        panel.set_xticks(range(len(seen)), [f"{past}" for past in seen])
        panel.set_title(f"{days} days ahead", fontsize=9)
        panel.set_xlabel("days seen")
    panels[0].set_ylabel("AUROC, held-out part")
    figure.legend(*panels[0].get_legend_handles_labels(), loc="outside lower center", ncols=4)
    _save(figure, "guide-heart-failure")


_NUMBER = re.compile(r"[0-9]+")


def _visit_risk() -> None:
    """Mean risk of both sides along two years, and the visits of a few simulated patients."""
    found = _stored("visit_risk")
    figure = Figure(figsize=(7.6, 2.7), layout="constrained")
    mean, single = figure.subplots(1, 2)
    looks = {"cases": ("#d55e00", "-"), "others": ("#0b62a4", (0, (6, 2)))}
    words = {"cases": "heart failure within the window", "others": "none"}
    for side, (colour, dashes) in looks.items():
        days = [row["day"] for row in found["along"]]
        risks = [row[side] for row in found["along"]]
        mean.plot(days, risks, "o", color=colour, linestyle=dashes, markersize=3, label=words[side])
    for one in found["some"]:
        colour, dashes = looks[one["side"]]
        single.step(one["day"], one["risk"], where="post", color=colour, linestyle=dashes)
    mean.set_ylabel("mean risk at the last visit")
    single.set_ylabel("risk of single patients")
    for panel in (mean, single):
        panel.set_xlabel("days since the first event")
        panel.set_ylim(bottom=0)
    mean.legend(fontsize=8)
    _save(figure, "guide-visit-risk")


def _recipes() -> None:
    cases = _stored("recipes")["cases"]
    models = [(case["table"][0]["name"], case["table"][0]["auroc"], 0) for case in cases]
    rivals = [row for row in cases[0]["table"][1:] if row["name"] != "majority"]
    others = [(row["name"], row["auroc"], place) for place, row in enumerate(rivals, 1)]
    blocks = [("recurrent models", models), ("beside them", others)]
    _dots("guide-progression", blocks, "AUROC on the held-out part, with 95 % intervals")


PICTURES: dict[str, Callable[[], None]] = {
    "mortality": _mortality,
    "seizure_five": _seizure,
    "beats": _beats,
    "deterioration": _deterioration,
    "glucose": _glucose,
    "heart_failure_windows": _windows,
    "recipes": _recipes,
    "visit_risk": _visit_risk,
}


def draw() -> None:
    """All pictures whose results are stored."""
    with matplotlib.rc_context(_STYLE):
        for name, picture in PICTURES.items():
            if (RESULTS / f"{name}.json").exists():
                picture()


if __name__ == "__main__":
    draw()
