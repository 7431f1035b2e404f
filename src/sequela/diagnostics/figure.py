"""The figures of the gradient's flow, as matplotlib figures.

matplotlib is an extra (``sequela[report]``) and is imported when a figure is made. Colours are
those of Okabe and Ito, which colour-blind readers can tell apart; line styles repeat the
distinction for grey prints. A figure is saved by :func:`save`.
"""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from sequela.diagnostics.gradient_flow import Flow
from sequela.errors import ConfigError, MissingDependencyError, install_line
from sequela.files import atomic_write

__all__ = ["flow_figure", "save", "training_figure"]

_COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9")
_DASHES = ("-", (0, (6, 2)), (0, (1.5, 1.5)), (0, (7, 2, 1.5, 2)), (0, (3, 2)), (0, (9, 3)))
_INK = "#2b3138"
_STYLE = {
    "svg.fonttype": "none",
    "svg.hashsalt": "sequela",
    "font.size": 11,
    "axes.titlesize": 11,
    "axes.edgecolor": "#8d969e",
    "axes.labelcolor": _INK,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.axisbelow": True,
    "axes.grid": True,
    "grid.color": "#e7eaed",
    "text.color": _INK,
    "xtick.color": "#6a737b",
    "ytick.color": "#6a737b",
    "xtick.labelcolor": _INK,
    "ytick.labelcolor": _INK,
    "legend.frameon": False,
    "legend.fontsize": 10.5,
    "lines.linewidth": 2.0,
}


def _require_matplotlib() -> Any:
    try:
        import matplotlib
    except ImportError as error:
        raise MissingDependencyError(
            "the figure",
            got="matplotlib not installed",
            todo=f"Run: {install_line('report')}",
        ) from error
    return matplotlib


def _look(number: int) -> dict[str, Any]:
    return {
        "color": _COLOURS[number % len(_COLOURS)],
        "linestyle": _DASHES[number % len(_DASHES)],
    }


def _panels(count: int) -> tuple[Any, Any]:
    from matplotlib.figure import Figure

    figure = Figure(figsize=(4.6 * count + 0.4, 3.9), layout="constrained", facecolor="white")
    return figure, figure.subplots(1, count, sharey=True, squeeze=False)[0]


def _lines(flows: Mapping[str, Flow]) -> dict[str, list[float]]:
    lines = {}
    for name, flow in flows.items():
        for part, ending in (("h", ""), ("c", ", c")):
            if part == "h" or flow.c is not None:
                values = flow.by_distance(part)[-1].double()
                lines[name + ending] = (values / values[0]).tolist()
    return lines


def flow_figure(panels: Mapping[str, Mapping[str, Flow]], *, floor: float = 1e-12) -> Any:
    """|dL/dh_t| against the step, cells side by side in one panel, one panel for each case.

    Each line is the mean over the rows by the distance from the last processed step (so rows of
    different length end together), of the upper layer, relative to that last step. An LSTM has a
    second line, |dL/dc_t|.

    Args:
        panels: title of each panel -> name of each line -> its flow. The same name has the same
            colour in every panel.
        floor: where the axis ends; a line that falls below it has vanished for any training.

    Returns:
        A ``matplotlib.figure.Figure``.

    Raises:
        MissingDependencyError: matplotlib is not installed.
        ConfigError: there is nothing to draw.
    """
    matplotlib = _require_matplotlib()
    if not panels or not all(panels.values()):
        raise ConfigError("the figure of the flow", got="no flow", wanted="at least one a panel")
    drawn = {title: _lines(flows) for title, flows in panels.items()}
    names = list(dict.fromkeys(name for lines in drawn.values() for name in lines))
    top = 1.0
    with matplotlib.rc_context(_STYLE):
        figure, axes = _panels(len(panels))
        for area, (title, lines) in zip(axes, drawn.items(), strict=True):
            for name, values in lines.items():
                steps = [-distance for distance in range(len(values))]
                area.plot(steps, values, label=name, **_look(names.index(name)))
                top = max([top, *(value for value in values if value < float("inf"))])
            area.set_title(title, loc="left")
            area.set_xlabel("t − T (steps before the last one)")
            area.legend(loc="best")
        axes[0].set_yscale("log")
        axes[0].set_ylim(floor, 10 * top)
        axes[0].set_ylabel("|dL/dh$_t$| / |dL/dh$_T$|  (no unit)")
    return figure


def training_figure(
    panels: Mapping[str, Mapping[str, Sequence[float]]],
    ylabel: str,
    *,
    reference: tuple[str, float] | None = None,
) -> Any:
    """Training loss against the optimiser's step, one panel for each case, logarithmic.

    Args:
        panels: title of each panel -> name of each line -> loss at each step. A line that ends
            before the others is marked there: that training could not go on.
        ylabel: what the loss is, with its unit.
        reference: name and value of a level to compare with.

    Returns:
        A ``matplotlib.figure.Figure``.

    Raises:
        MissingDependencyError: matplotlib is not installed.
    """
    matplotlib = _require_matplotlib()
    names = list(dict.fromkeys(name for lines in panels.values() for name in lines))
    with matplotlib.rc_context(_STYLE):
        figure, axes = _panels(len(panels))
        for area, (title, lines) in zip(axes, panels.items(), strict=True):
            longest = max(map(len, lines.values()), default=0)
            for name, losses in lines.items():
                look = {**_look(names.index(name)), "linewidth": 1.3}
                area.plot(range(1, len(losses) + 1), losses, label=name, **look)
                if len(losses) < longest:
                    area.plot([len(losses)], [losses[-1]], "X", color=look["color"], markersize=9)
                    area.annotate(
                        f"{name}: ends",
                        (len(losses), losses[-1]),
                        xytext=(9, -3),
                        textcoords="offset points",
                    )
            if reference is not None:
                area.axhline(reference[1], color=_INK, linewidth=1, label=reference[0])
            area.set_title(title, loc="left")
            area.set_xlabel("step of the optimiser")
            area.legend(loc="best")
        axes[0].set_yscale("log")
        axes[0].set_ylabel(ylabel)
    return figure


def save(figure: Any, path: Path | str) -> Path:
    """Writes a figure whole or not at all; the ending says how: ``.svg`` or ``.png`` (150 dpi).

    The same figure gives the same bytes.

    Raises:
        ConfigError: another ending.
        OutputError: the place cannot be written.
    """
    matplotlib = _require_matplotlib()
    path = Path(path)
    kind = path.suffix.removeprefix(".").lower()
    if kind not in ("svg", "png"):
        raise ConfigError(
            "the figure's file", got=path.suffix or "no ending", wanted=".svg or .png"
        )
    buffer = io.BytesIO()
    with matplotlib.rc_context(_STYLE):
        options = {"metadata": {"Date": None}} if kind == "svg" else {"dpi": 150}
        figure.savefig(buffer, format=kind, **options)
    return atomic_write(path, buffer.getvalue())
