"""The figures of the report as inline SVG: text stays text, so it prints sharp and is read aloud.

Colours are those of Okabe and Ito, which colour-blind readers can tell apart; line styles repeat
the distinction for grey prints.
"""

from __future__ import annotations

import functools
import html
import io
import re
from collections.abc import Mapping, Sequence
from typing import Any

__all__ = [
    "MODEL_COLOUR",
    "attention_figure",
    "calibration_figure",
    "epoch_figure",
    "forest_figure",
    "growth_figure",
    "pr_figure",
    "roc_figure",
    "standalone",
    "styles",
    "waffle_figure",
]

MODEL_COLOUR = "#0b62a4"
_BASELINE_COLOURS = ("#d55e00", "#009e73", "#8c6bb1", "#e69f00", "#56b4e9", "#a65628")
_BASELINE_DASHES = ((0, (6, 2)), (0, (1.5, 1.5)), (0, (7, 2, 1.5, 2)), (0, (3, 2)))
_QUIET = "#9aa3ab"
_INK = "#2b3138"

_STYLE = {
    "svg.fonttype": "none",
    "font.size": 9,
    "axes.titlesize": 9,
    "axes.edgecolor": "#8d969e",
    "axes.labelcolor": _INK,
    "axes.linewidth": 0.7,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.axisbelow": True,
    "axes.grid": True,
    "grid.color": "#e7eaed",
    "grid.linewidth": 0.7,
    "text.color": _INK,
    "xtick.color": "#6a737b",
    "ytick.color": "#6a737b",
    "xtick.labelcolor": _INK,
    "ytick.labelcolor": _INK,
    "xtick.major.width": 0.7,
    "ytick.major.width": 0.7,
    "legend.frameon": False,
    "legend.fontsize": 8.5,
    "lines.solid_capstyle": "round",
}


def styles(table: Sequence[Mapping[str, Any]]) -> dict[str, dict[str, Any]]:
    """How each row of the table is drawn in every figure: colour, line style, width, order."""
    drawn: dict[str, dict[str, Any]] = {}
    baselines = 0
    for position, row in enumerate(table):
        if position == 0:
            look: dict[str, Any] = {"color": MODEL_COLOUR, "linestyle": "-", "linewidth": 2.2}
        elif row["role"] == "best possible":
            look = {"color": _INK, "linestyle": (0, (1, 1.2)), "linewidth": 1.4}
        elif row["name"] == "majority":
            look = {"color": _QUIET, "linestyle": "-", "linewidth": 1.1}
        else:
            look = {
                "color": _BASELINE_COLOURS[baselines % len(_BASELINE_COLOURS)],
                "linestyle": _BASELINE_DASHES[baselines % len(_BASELINE_DASHES)],
                "linewidth": 1.5,
            }
            baselines += 1
        drawn[row["name"]] = {**look, "zorder": 10 - position}
    return drawn


def _literal(text: str) -> str:
    # matplotlib reads $...$ as a formula; a name is never one.
    return text.replace("$", r"\$")


def _inline(figure, salt: str, description: str) -> str:
    # Identifiers are salted so that two figures of one page never share one.
    import matplotlib

    buffer = io.StringIO()
    with matplotlib.rc_context({**_STYLE, "svg.hashsalt": salt}):
        figure.savefig(buffer, format="svg", transparent=True, metadata={"Date": None})
    svg = buffer.getvalue()
    svg = svg[svg.index("<svg") :]
    svg = re.sub(r"<metadata>.*?</metadata>", "", svg, flags=re.DOTALL)
    svg = re.sub(r'<g id="[^"]*"', "<g", svg)
    svg = re.sub(r"<!--.*?-->\n?", "", svg, flags=re.DOTALL)
    view = re.search(r'viewBox="[^"]*"', svg)
    head = f'<svg xmlns:xlink="http://www.w3.org/1999/xlink" {view.group() if view else ""} '
    head += f'role="img" aria-label="{html.escape(description)}">'
    return head + svg[svg.index(">") + 1 :]


def _axes(width: float, height: float) -> tuple[Any, Any]:
    import matplotlib
    from matplotlib.figure import Figure

    with matplotlib.rc_context(_STYLE):
        figure = Figure(figsize=(width, height), layout="constrained")
        return figure, figure.add_subplot()


def _style_only(function):
    # Ticks and legends take their look when they are made, so making is under the style too.
    @functools.wraps(function)
    def styled(*arguments, **options):
        import matplotlib

        with matplotlib.rc_context(_STYLE):
            return function(*arguments, **options)

    return styled


def _unit_square(axes, xlabel: str, ylabel: str) -> None:
    axes.set(xlim=(-0.01, 1.01), ylim=(-0.01, 1.01), xlabel=xlabel, ylabel=ylabel)
    axes.set_aspect("equal")
    ticks = [0, 0.2, 0.4, 0.6, 0.8, 1]
    axes.set_xticks(ticks, ["0", ".2", ".4", ".6", ".8", "1"])
    axes.set_yticks(ticks, ["0", ".2", ".4", ".6", ".8", "1"])


def _legend(axes, first: str | None = None, **options) -> None:
    handles, names = axes.get_legend_handles_labels()
    order = sorted(range(len(names)), key=lambda k: names[k] != first)
    shown = [handles[k] for k in order], [names[k] for k in order]
    axes.legend(*shown, handlelength=2.4, **options)


def _plain_number(value: float, _position: int | None = None) -> str:
    # As in the text: no zero before the point, a real minus sign, no trailing zeros.
    text = f"{abs(value):.4f}".rstrip("0").rstrip(".") or "0"
    text = text[1:] if text.startswith("0.") else text
    return f"−{text}" if value < 0 and text != "0" else text


@_style_only
def roc_figure(curves: Mapping[str, Any], looks: Mapping[str, Any], point=None) -> str:
    """Sensitivity against the false positive rate; ``point`` is the model's chosen threshold."""
    figure, axes = _axes(4.0, 3.9)
    axes.plot([0, 1], [0, 1], color="#c9ced3", linewidth=0.9, zorder=1)
    for name, look in looks.items():
        curve = curves.get(name)
        if curve and name != "majority":
            axes.plot(curve["x"], curve["y"], label=_literal(name), **look)
    if point is not None:
        style = {"markeredgecolor": "white", "markeredgewidth": 1.2, "zorder": 20}
        axes.plot(*point, "o", color=MODEL_COLOUR, markersize=8, label="chosen threshold", **style)
    _unit_square(axes, "1 − specificity", "sensitivity")
    _legend(axes, loc="lower right")
    words = "ROC curves: sensitivity against one minus specificity; the areas are in the table."
    return _inline(figure, "roc", words)


@_style_only
def pr_figure(
    curves: Mapping[str, Any], looks: Mapping[str, Any], prevalence: float, point=None
) -> str:
    """Precision against recall, with the prevalence as the line of no information."""
    figure, axes = _axes(4.0, 3.9)
    axes.axhline(prevalence, color="#c9ced3", linewidth=0.9, zorder=1)
    axes.annotate(
        "prevalence",
        (0.01, prevalence),
        xytext=(0, 3),
        textcoords="offset points",
        fontsize=8,
        color="#6a737b",
    )
    for name, look in looks.items():
        curve = curves.get(name)
        if curve and name != "majority":
            axes.plot(curve["x"], curve["y"], label=_literal(name), **look)
    if point is not None:
        style = {"markeredgecolor": "white", "markeredgewidth": 1.2, "zorder": 20}
        axes.plot(*point, "o", color=MODEL_COLOUR, markersize=8, label="chosen threshold", **style)
    _unit_square(axes, "recall (sensitivity)", "precision (PPV)")
    model = curves[next(iter(looks))]
    middle = [y for x, y in zip(model["x"], model["y"], strict=True) if x > 0.5]
    # A good curve leaves no room above it.
    _legend(axes, loc="upper right" if middle[0] < 0.6 else "center left")
    words = "Precision-recall curves; the areas are in the table."
    return _inline(figure, "pr", words)


@_style_only
def calibration_figure(curves: Mapping[str, Any], looks: Mapping[str, Any]) -> str:
    """Observed rate against mean predicted risk in ten bins, the model's with intervals."""
    figure, axes = _axes(4.0, 3.9)
    model = next(iter(looks))
    top = 0.0
    for name, look in looks.items():
        curve = curves.get(name)
        if not curve or name == "majority":
            continue
        top = max([top, *curve["x"], *curve["y"]])
        if name == model:
            spans = [
                [y - low for y, low in zip(curve["y"], curve["low"], strict=True)],
                [high - y for y, high in zip(curve["y"], curve["high"], strict=True)],
            ]
            axes.errorbar(
                curve["x"],
                curve["y"],
                yerr=[[max(value, 0) for value in span] for span in spans],
                marker="o",
                markersize=4.5,
                elinewidth=1.1,
                capsize=2.5,
                label=_literal(name),
                **look,
            )
            top = max([top, *curve["high"]])
        else:
            thin: dict[str, Any] = {**look, "linewidth": min(look["linewidth"], 1.2)}
            axes.plot(curve["x"], curve["y"], marker=".", label=_literal(name), **thin)
    top = min(1.0, 1.05 * top) or 1.0
    axes.plot([0, 1], [0, 1], color="#c9ced3", linewidth=0.9, zorder=1)
    axes.set(xlim=(-0.02 * top, 1.02 * top), ylim=(-0.02 * top, 1.02 * top))
    axes.set(xlabel="predicted risk", ylabel="observed rate")
    axes.set_aspect("equal")
    axes.xaxis.set_major_formatter(_plain_number)
    axes.yaxis.set_major_formatter(_plain_number)
    axes.locator_params(nbins=6)
    _legend(axes, _literal(model), loc="upper left")
    words = "Calibration: the observed rate against the predicted risk; perfect is the diagonal."
    return _inline(figure, "calibration", words)


@_style_only
def epoch_figure(
    epochs: Sequence[float],
    lines: Sequence[tuple[str, Sequence[float | None]]],
    ylabel: str,
    best: float | None,
) -> str:
    """One or two lines over the epochs, with the epoch that was kept."""
    figure, axes = _axes(4.9, 3.1)
    looks: tuple[dict[str, Any], ...] = (
        {"color": _QUIET, "linestyle": (0, (5, 2))},
        {"color": MODEL_COLOUR, "linestyle": "-"},
    )
    for (name, values), look in zip(lines, looks[-len(lines) :], strict=True):
        points = [(x, y) for x, y in zip(epochs, values, strict=True) if y is not None]
        if points:
            marker = "o" if len(points) < 25 else ""
            axes.plot(
                *zip(*points, strict=True),
                marker=marker,
                markersize=3.5,
                linewidth=1.8,
                label=_literal(name),
                **look,
            )
    if best is not None:
        axes.axvline(best, color="#d55e00", linewidth=1, linestyle=(0, (2, 2)), label="kept")
    axes.set(xlabel="epoch", ylabel=_literal(ylabel))
    axes.locator_params(axis="x", integer=True)
    axes.yaxis.set_major_formatter(_plain_number)
    _legend(axes, loc="best")
    words = f"Learning curve: {ylabel} over {len(epochs)} epochs."
    return _inline(figure, f"epoch {ylabel}", words)


@_style_only
def growth_figure(
    sizes: Sequence[int],
    lines: Sequence[tuple[str, Sequence[Mapping[str, Any]]]],
    ylabel: str,
    level: float | None,
) -> str:
    """Estimates with intervals over a growing number of patients, the first line the leading one.

    ``level`` is a line of its own, of a model that learnt from none of them.
    """
    figure, axes = _axes(5.4, 3.3)
    looks: tuple[dict[str, Any], ...] = (
        {"color": MODEL_COLOUR, "linestyle": "-", "marker": "o"},
        {"color": _BASELINE_COLOURS[0], "linestyle": (0, (6, 2)), "marker": "s"},
    )
    for shift, ((name, estimates), look) in enumerate(zip(lines, looks, strict=True)):
        # Side by side, or one interval would hide the other.
        x = [size * 1.03 ** (2 * shift - 1) for size in sizes]
        y = [one["value"] for one in estimates]
        axes.plot(x, y, markersize=5, linewidth=1.8, label=_literal(name), **look)
        for place, one in zip(x, estimates, strict=True):
            if one["low"] is not None:
                axes.plot([place] * 2, [one["low"], one["high"]], color=look["color"], alpha=0.6)
    if level is not None:
        axes.axhline(level, color=_QUIET, linewidth=1.1, label="as it is")
    axes.set_xscale("log")
    axes.set_xticks(list(sizes), [f"{size:,}" for size in sizes])
    axes.set_xticks([], minor=True)
    axes.set(xlabel="patients of the new institution", ylabel=_literal(ylabel))
    axes.yaxis.set_major_formatter(_plain_number)
    _legend(axes, loc="best")
    words = f"{ylabel} over the number of patients; the figures are in the table."
    return _inline(figure, "growth", words)


@_style_only
def forest_figure(
    rows: Sequence[tuple[str, Mapping[str, Any], str]],
    label: str,
    *,
    lines: int,
    zero: bool = False,
) -> str:
    """A dot and its interval for each ``(name, estimate, colour)``, from top to bottom.

    ``lines`` is the height in rows, so that figures beside each other can be equally high.
    """
    shown = [row for row in rows if row[1] and row[1].get("value") is not None]
    figure, axes = _axes(5.4, 0.62 + 0.3 * lines)
    for position, (_, estimate, colour) in enumerate(shown):
        if estimate.get("low") is not None:
            span = [estimate["low"], estimate["high"]]
            axes.plot(span, [position] * 2, color=colour, linewidth=2, alpha=0.75)
        axes.plot(estimate["value"], position, "o", color=colour, markersize=6)
    if zero:
        axes.axvline(0, color=_INK, linewidth=0.9, zorder=1)
    axes.set_yticks(range(len(shown)), [_literal(name) for name, _, _ in shown])
    axes.set_ylim(len(shown) - 0.5, -0.5)
    axes.grid(False, axis="y")
    axes.tick_params(axis="y", length=0)
    axes.spines["left"].set_visible(False)
    axes.xaxis.set_major_formatter(_plain_number)
    axes.set_xlabel(_literal(label))
    return _inline(
        figure, f"forest {label}", f"{label} with intervals; the figures are in the table."
    )


@_style_only
def attention_figure(read: Sequence[str], said: Sequence[str], shares: Any) -> str:
    """How much each step of a text counted for each token of what was written from it.

    Args:
        read: the S steps of the text.
        said: the T tokens, the last one may stand for the end.
        shares: [T, S]; rows sum to 1.
    """
    figure, axes = _axes(1.2 + 0.26 * len(read), 0.9 + 0.22 * len(said))
    axes.pcolormesh(shares, cmap="Blues", vmin=0, vmax=1, edgecolors="face", linewidth=0.1)
    # The mark of a blank before a token is no letter of it.
    read, said = ([_literal(one.replace("▁", "")) for one in names] for names in (read, said))
    columns, rows = ([k + 0.5 for k in range(len(names))] for names in (read, said))
    axes.set_xticks(columns, read, rotation=60, ha="left")
    axes.set_yticks(rows, said)
    axes.invert_yaxis()
    axes.xaxis.tick_top()
    axes.tick_params(length=0)
    axes.grid(visible=False)
    axes.spines[:].set_visible(False)
    words = f"Each of {len(said)} tokens written, and its shares of {len(read)} steps read."
    return _inline(figure, "attention", words)


def standalone(svg: str) -> str:
    """An inline figure as a file of its own, on white."""
    svg = svg.replace("<svg ", '<svg xmlns="http://www.w3.org/2000/svg" ', 1)
    return svg.replace(">", ' style="background: #fff; font-family: sans-serif">', 1)


def waffle_figure(cells: Mapping[str, int], colours: Mapping[str, str], words: str) -> str:
    """A thousand squares, 50 by 20, one colour for each cell of the confusion matrix."""
    paths: dict[str, list[str]] = {name: [] for name in cells}
    position = 0
    for name, number in cells.items():
        for _ in range(number):
            column, row = divmod(position, 20)
            paths[name].append(f"M{10 * column} {10 * row}h8v8h-8z")
            position += 1
    drawn = "".join(
        f'<path fill="{html.escape(colours[name])}" d="{"".join(parts)}"/>'
        for name, parts in paths.items()
        if parts
    )
    label = html.escape(words)
    return f'<svg viewBox="0 0 498 198" role="img" aria-label="{label}">{drawn}</svg>'
