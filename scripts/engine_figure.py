"""The figure of docs/benchmarks.md: cost against T, B and H."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "benchmarks"))

from engine_parts.plan import SWEEP_CELLS, SWEEPS, sweep
from engine_parts.problem import Case
from engine_parts.store import case_of
from engine_parts.targets import NAMES

__all__ = ["FIGURE", "PLAYERS", "Rows", "draw"]
FIGURE = "images/engine-cost.svg"
PLAYERS = {
    "ours": ("Sequela", "#d55e00"),
    "torch": ("torch", "#0072b2"),
    "onnxruntime": ("ONNX Runtime", "#cc79a7"),
    "jax": ("JAX scan", "#009e73"),
    "keras": ("Keras on TensorFlow", "#7f7f7f"),
}
Rows = dict[Case, dict]


def draw(result: dict, path: Path) -> None:
    """Cost against T, B and H, one row of panels for each cell; the same bytes each time."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt
    from matplotlib.ticker import FixedLocator, FuncFormatter, NullFormatter, NullLocator

    rows = {case_of(row): row for row in result["rows"]}
    threads = result["threads"][0]
    style = {"svg.hashsalt": "sequela", "font.size": 9, "axes.spines.top": False}
    with plt.rc_context(style | {"axes.spines.right": False, "svg.fonttype": "path"}):
        figure, panels = plt.subplots(
            len(SWEEP_CELLS), len(SWEEPS), figsize=(9, 5.4), sharey="row", squeeze=False
        )
        for line, cell in zip(panels, SWEEP_CELLS, strict=True):
            for panel, letter in zip(line, SWEEPS, strict=True):
                _panel(panel, rows, cell, letter, threads)
                panel.set_xlim(SWEEPS[letter][0] / 1.2, SWEEPS[letter][-1] * 1.2)
                panel.xaxis.set_major_locator(FixedLocator(SWEEPS[letter]))
                panel.xaxis.set_minor_locator(NullLocator())
                panel.yaxis.set_minor_formatter(NullFormatter())
                panel.set_xticklabels([str(size) for size in SWEEPS[letter]])
            line[0].yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
            line[0].set_ylabel(f"{NAMES[cell]}\nms for a training step")
        for panel, letter in zip(panels[-1], SWEEPS, strict=True):
            panel.set_xlabel({"T": "T, steps", "B": "B, sequences", "H": "H, units"}[letter])
        found = {}
        for panel in panels.flat:
            handles, names = panel.get_legend_handles_labels()
            found |= dict(zip(names, handles, strict=True))
        names = [label for label, _ in PLAYERS.values() if label in found]
        if names:
            handles = [found[label] for label in names]
            columns = {"ncols": len(names), "frameon": False}
            figure.legend(handles, names, loc="upper center", **columns)
        figure.tight_layout(rect=(0, 0, 1, 0.94))
        path.parent.mkdir(parents=True, exist_ok=True)
        figure.savefig(path, metadata={"Date": None, "Creator": None})
        plt.close(figure)


def _panel(panel: object, rows: Rows, cell: str, letter: str, threads: int) -> None:
    for name, (label, colour) in reversed(PLAYERS.items()):
        points = []
        for size, shape in zip(SWEEPS[letter], sweep(letter), strict=True):
            row = rows.get(Case(cell, *shape, "dense", "training", "float32", threads))
            found = row and (row["ours"] if name == "ours" else row["rivals"].get(name))
            if found:
                points.append((size, *found[:3]))
        if points:
            sizes, middle, low, high = zip(*points, strict=True)
            width = 2.2 if name == "ours" else 1.3
            panel.plot(sizes, middle, "o-", ms=3, color=colour, lw=width, label=label)
            panel.fill_between(sizes, low, high, color=colour, alpha=0.15, lw=0)
    panel.set_xscale("log")
    panel.set_yscale("log")
    panel.grid(axis="y", color="#e5e5e5", lw=0.6)
