"""The pictures of the guides, from stored results; `make results` draws them anew."""

from __future__ import annotations

import json
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


PICTURES: dict[str, Callable[[], None]] = {"mortality": _mortality, "seizure_five": _seizure}


def draw() -> None:
    """All pictures whose results are stored."""
    with matplotlib.rc_context(_STYLE):
        for name, picture in PICTURES.items():
            if (RESULTS / f"{name}.json").exists():
                picture()


if __name__ == "__main__":
    draw()
