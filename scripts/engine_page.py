"""docs/benchmarks.md and its figure, from benchmarks/results/engine.json."""

import math
import sys
from collections import defaultdict
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "benchmarks"))

from engine_parts.plan import GRID, SWEEP, SWEEP_CELLS, SWEEPS, TABLE, VARIABLE, sweep  # noqa: E402
from engine_parts.problem import Case  # noqa: E402
from engine_parts.store import best_rival, case_of, load  # noqa: E402
from engine_parts.targets import NAMES  # noqa: E402

__all__ = ["FIGURE", "draw", "load", "page"]
FIGURE = "images/engine-cost.svg"
PLAYERS = {
    "ours": ("Sequela", "#d55e00"),
    "torch": ("torch", "#0072b2"),
    "onnxruntime": ("ONNX Runtime", "#cc79a7"),
    "jax": ("JAX scan", "#009e73"),
    "keras": ("Keras on TensorFlow", "#7f7f7f"),
}
MOST_MISSES = 30
Rows = dict[Case, dict]


def milliseconds(value: float) -> str:
    digits = 3 - len(str(int(value))) if value >= 1 else 3
    return f"{value:.{max(digits, 0)}f}"


def spread(found: list) -> str:
    return f"{milliseconds(found[0])} ({milliseconds(found[1])} to {milliseconds(found[2])})"


def cells_of(row: dict | None) -> list[str]:
    """Ours, the best rival, the ratio and the part of the peak."""
    if row is None:
        return ["not measured", "–", "–", "–"]
    best = best_rival(row)
    share = f"{row['of_peak']:.0%}" if row.get("of_peak") else "–"
    if best is None:
        return [spread(row["ours"]), "none", "–", share]
    name, ratio = best
    times = f"**{ratio:.2f}**" if ratio > 1 else f"{ratio:.2f}"
    rival = f"{PLAYERS[name][0]} {milliseconds(row['rivals'][name][0])}"
    return [spread(row["ours"]), rival, times, share]


def table(rows: Rows, cases: list[tuple[str, Case]]) -> list[str]:
    """One line for each case: forward, then training, for the case's sizes."""
    lines = [
        "| B, T, D, H | cell | forward ms | best rival | times | of peak "
        "| training ms | best rival | times | of peak |",
        "|---|---|---|---|---|---|---|---|---|---|",
    ]
    for words, case in cases:
        both = [cells_of(rows.get(case._replace(mode=mode))) for mode in ("forward", "training")]
        lines.append("| " + " | ".join([words, NAMES[case.cell], *both[0], *both[1]]) + " |")
    return lines


def shapes(
    rows: Rows, found: list[tuple], lengths: str, dtype: str, threads: int, measured: bool = False
) -> list[str]:
    """A table of shapes by cells; with ``measured`` only of cells that have a row."""
    cases = []
    for shape in found:
        words = ", ".join(map(str, shape))
        for cell in ("lstm", "gru_after", "gru_before", "rnn_tanh"):
            case = Case(cell, *shape, lengths, "forward", dtype, threads)
            there = any(case._replace(mode=mode) in rows for mode in ("forward", "training"))
            if there or not measured:
                cases.append((words, case))
                words = ""
    return table(rows, cases) if cases else ["No row of this kind was measured."]


def targets(result: dict) -> list[str]:
    words = {True: "yes", False: "**no**", None: "open"}
    lines = ["| target | wanted | figure | met | rows, of planned |", "|---|---|---|---|---|"]
    for row in result["targets"]:
        counts = f"{row['rows']} of {row['planned']}" if row["planned"] else "–"
        cells = [row["target"], row["wanted"], row["figure"], words[row["met"]], counts]
        lines.append("| " + " | ".join(cells) + " |")
    return lines


def geometric(values: list[float]) -> str:
    return f"{math.exp(sum(map(math.log, values)) / len(values)):.2f}" if values else "–"


def grid(rows: Rows) -> list[str]:
    """The grid by cell, mode, lengths, type and threads: geometric means against each rival."""
    groups = defaultdict(list)
    for case, row in rows.items():
        if case[1:5] in GRID:
            groups[case.dtype, case.threads, case.lengths, case.mode, case.cell].append(row)
    if not groups:
        return ["No row of the grid was measured."]
    names = [name for name in PLAYERS if name != "ours"]
    heads = [f"against {PLAYERS[name][0]}" for name in names]
    lines = [
        "| type, threads, lengths | mode | cell | rows | faster than all | " + " | ".join(heads)
    ]
    lines[0] += " | median of peak |"
    lines.append("|" + "---|" * (6 + len(names)))
    for (dtype, threads, lengths, mode, cell), found in sorted(groups.items(), reverse=True):
        best = [pair[1] for row in found if (pair := best_rival(row))]
        means = []
        for name in names:
            ratios = [r["rivals"][name][0] / r["ours"][0] for r in found if name in r["rivals"]]
            means.append(geometric(ratios))
        peaks = sorted(row["of_peak"] for row in found if row.get("of_peak"))
        share = f"{peaks[len(peaks) // 2]:.0%}" if peaks else "–"
        won = f"{sum(value > 1 for value in best)} of {len(best)}"
        first = f"{dtype}, {threads}, {lengths}"
        cells = [first, mode, NAMES[cell], str(len(found)), won, *means, share]
        lines.append("| " + " | ".join(cells) + " |")
    return lines


def misses(result: dict) -> list[str]:
    """The rows in which a rival is faster, the worst first."""
    by_key = {case_of(row).key: row for row in result["rows"]}
    found = next(
        row["misses"] for row in result["targets"] if row["target"].endswith(": every row")
    )
    if not found:
        return ["In no row that was measured."]
    lines = ["| row | ours, ms | fastest rival, ms | times |", "|---|---|---|---|"]
    for key, ratio in found[:MOST_MISSES]:
        row = by_key[key]
        name = best_rival(row)[0]
        rival = f"{PLAYERS[name][0]} {spread(row['rivals'][name])}"
        lines.append(f"| {key} | {spread(row['ours'])} | {rival} | {ratio:.2f} |")
    if len(found) > MOST_MISSES:
        lines += ["", f"And {len(found) - MOST_MISSES} more, in the JSON."]
    return lines


def circumstances(result: dict) -> list[str]:
    """Machine, versions, and what the machine reached in each session."""
    machine, versions = result["machine"], result["versions"]
    there = {
        name: versions[name]
        for name in ("torch", "onnxruntime", "jax", "keras", "tensorflow")
        if name in versions
    }
    lines = [
        f"- Machine: {machine['cores']} logical processors of {machine['processor']}, "
        f"{machine['system']}; instruction set {result['instruction_set']}; "
        f"commit {result['commit']}, library {result['library']}.",
        "- Versions: " + ", ".join(f"{name} {version}" for name, version in there.items()) + ".",
    ]
    absent = result["rivals_absent"]
    lines += [f"- **Absent: {PLAYERS[name][0]}** ({why})." for name, why in absent.items()]
    for number, session in enumerate(result["sessions"], 1):
        words = [
            f"{threads} thread{'s' * (threads != '1')} {low:.0f} to {high:.0f}, median {middle:.0f}"
            for threads, (low, middle, high, _) in sorted(session["peaks"].items())
        ]
        barriers = sorted(
            row["barrier_ns"]
            for row in result["rows"]
            if row["session"] == number - 1 and row.get("barrier_ns")
        )
        line = f"- Session {number} ({session.get('seconds', 0) / 60:.0f} minutes): "
        line += f"multiply-add peak in GFLOP/s, {'; '.join(words) or 'not measured'}"
        for when in ("before", "after"):
            if when in session:
                product = session[when]["product_gflops"].values()
                line += (
                    f"; {when}, torch's large product {' and '.join(f'{p:.0f}' for p in product)}"
                )
                halves = [p for p in session[when]["bfloat16_peak_gflops"].values() if p]
                line += f", bf16 peak {' and '.join(f'{p:.0f}' for p in halves)}" if halves else ""
                line += f", load {session[when]['load']:.1f}"
        if barriers:
            line += f"; barrier {barriers[0]:.0f} to {barriers[-1]:.0f} ns"
            line += f", median {barriers[len(barriers) // 2]:.0f}"
        lines.append(line + (f". Note: {session['note']}." if session.get("note") else "."))
    return lines


def page(result: dict) -> str:
    """The whole page."""
    rows = {case_of(row): row for row in result["rows"]}
    first, *others = result["threads"]
    wide = [shape for shape in TABLE if shape[3] >= 128]
    parts = [
        "<!-- written by `make docs` from benchmarks/results/engine.json -->",
        "# How fast the recurrent engine is",
        "",
        f"`benchmarks/engine.py` measured {len(rows)} rows. Milliseconds are medians, with the "
        'tenth and ninetieth percentile; "times" is how many times as fast as the fastest rival',
        "ours is.",
        "Training is forward plus backward of the output's sum, with gradients for weights and "
        "input, and counts as three products in the part of the peak.",
        "Each player has a process of its own; they take turns within one run, on the same weights "
        "and data, and agree in their results.",
        "",
        *circumstances(result),
        "",
        "## Targets",
        *targets(result),
        "",
        f"## Dense input, float32, threads: {first}",
        *shapes(rows, TABLE, "dense", "float32", first),
        "",
        "## Cost against T, B and H",
        f"![Milliseconds of a training step against T, B and H]({FIGURE})",
        "",
        f"Training, float32, threads: {first}; what does not vary is B, T, D, H = "
        f"{', '.join(map(str, SWEEP))}.",
        "",
        f"## Variable length, float32, threads: {first}",
        "Lengths log-normal(2.5, 1) clipped to [1, T], one row of T; a PackedSequence for ours and "
        "torch, padded data with lengths or a mask for the others.",
        "",
        *shapes(rows, VARIABLE, "packed", "float32", first),
        "",
        "Padded data with `lengths=`; the same padded to twice T; and each sequence twice:",
    ]
    for lengths in ("padded", "padded twice", "batch twice"):
        parts += ["", f"{lengths.capitalize()}:", ""]
        parts += shapes(rows, VARIABLE[:1], lengths, "float32", first)
    parts += ["", f"## bf16, dense, threads: {first}"]
    parts += shapes(rows, wide, "dense", "bfloat16", first, measured=True)
    for count in others:
        parts += ["", f"## Dense input, float32, threads: {count}"]
        parts += shapes(rows, TABLE, "dense", "float32", count, measured=True)
    parts += [
        "",
        "## The grid",
        "B {1, 8, 32, 128} x T {50, 400} x D {1, 64, 256} x H {32, 128, 512}; geometric means of "
        "how many times as fast ours is.",
        "",
        *grid(rows),
        "",
        "## Where a rival is faster",
        "Cell; B, T, D, H; lengths; mode; type; threads.",
        "",
        *misses(result),
        "",
        "## Not measured",
    ]
    unmeasured = result["not_measured"]
    parts += [f"- {reason}: {len(keys)} rows" for reason, keys in unmeasured.items()]
    parts += [] if unmeasured else ["Nothing that was planned."]
    lacks = defaultdict(int)
    for row in result["rows"]:
        for name, why in row["without"].items():
            lacks[name, why] += 1
    parts += [
        f"- {PLAYERS[name][0]}, in {count} rows: {why}"
        for (name, why), count in sorted(lacks.items())
    ]
    return "\n".join(parts) + "\n"


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
