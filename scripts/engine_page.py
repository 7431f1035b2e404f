"""docs/benchmarks.md and its figure, from benchmarks/results/engine.json and build.json.

Why a target is missed is written by hand, in docs/engine-notes.md under the heading of
:data:`REASONS`: a line for each, beginning with the target's first words, in bold.
"""

import json
import math
import re
import sys
from collections import defaultdict
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT / "benchmarks"), str(ROOT / "scripts")]

from engine_figure import FIGURE, PLAYERS, Rows, draw  # noqa: E402
from engine_parts.others import DISTURBED  # noqa: E402
from engine_parts.plan import (  # noqa: E402
    GRID,
    STEP,
    SWEEP,
    TABLE,
    VARIABLE,
)
from engine_parts.problem import Case  # noqa: E402
from engine_parts.store import best_rival, case_of, load  # noqa: E402
from engine_parts.targets import NAMES  # noqa: E402

__all__ = ["FIGURE", "build", "draw", "load", "page", "reasons"]
MOST_MISSES, WORST = 30, 3
REASONS = "## Targets that are missed, and why"
NO_REASON = "not known yet"


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
        counts = f"{row['rows']} of {row['planned']}" if row.get("planned") else "–"
        cells = [row["target"], row["wanted"], row["figure"], words[row["met"]], counts]
        lines.append("| " + " | ".join(cells) + " |")
    return lines


def reasons(notes: str) -> dict[str, str]:
    """What docs/engine-notes.md says about missed targets, by their first words."""
    part = notes.partition(f"{REASONS}\n")[2].partition("\n## ")[0]
    lines = re.findall(r"^- \*\*(.+?)\*\*:\s*(.+?)(?=\n- \*\*|\n\n|\Z)", part, re.M | re.S)
    return {words: " ".join(why.split()) for words, why in lines}


def missed(result: dict, why: dict[str, str]) -> list[str]:
    """Each missed target with its worst rows and the reason that the notes give."""
    rows = [row for row in result["targets"] if row["met"] is False]
    if not rows:
        return ["None of those that were measured."]
    lines = ["| target | rows that miss it | the worst | why |", "|---|---|---|---|"]
    for row in rows:
        known = [text for words, text in why.items() if row["target"].startswith(words)]
        worst = "; ".join(f"{key}: {value:g}" for key, value in row["misses"][:WORST])
        cells = [row["target"], str(len(row["misses"])), worst, " ".join(known) or NO_REASON]
        lines.append("| " + " | ".join(cells) + " |")
    return lines


def steps(rows: Rows, threads: int) -> list[str]:
    """Microseconds of one call that makes one step."""
    names = ("ours", "torch", "onnxruntime")
    heads = " | ".join(f"{PLAYERS[name][0]}, us" for name in names)
    lines = [f"| call | cell | {heads} |", "|---|---|" + "---|" * len(names)]
    for mode, words in (("step", "cell"), ("stepper", "`layer.stepper`")):
        for cell in NAMES:
            row = rows.get(Case(cell, *STEP, "dense", mode, "float32", threads))
            if row is None:
                continue
            players = {"ours": row["ours"], **row["rivals"]}
            found = [players.get(name) for name in names]
            times = [
                f"{1e3 * f[0]:.1f} ({1e3 * f[1]:.1f} to {1e3 * f[2]:.1f})" if f else "–"
                for f in found
            ]
            lines.append(f"| {words} | {NAMES[cell]} | " + " | ".join(times) + " |")
    return lines if len(lines) > 2 else ["No row of this kind was measured."]


def beside_base(rows: Rows, threads: int) -> list[str]:
    """Rows with what they are compared with, measured in the same turns."""
    lines = ["| row | compared with | row, ms | the other, ms | ratio |", "|---|---|---|---|---|"]
    for case, row in rows.items():
        if row.get("base") and case.threads == threads and case[1:5] in (*TABLE, *VARIABLE):
            other = "float32" if case.dtype == "bfloat16" else "padded"
            ratio = row["ours"][0] / row["base"][0]
            cells = [case.key, other, spread(row["ours"]), spread(row["base"]), f"{ratio:.2f}"]
            lines.append("| " + " | ".join(cells) + " |")
    return lines if len(lines) > 2 else ["No row of this kind was measured."]


def memory(result: dict) -> list[str]:
    found = result.get("memory")
    if not found:
        return ["Not measured."]
    shape = ", ".join(str(found["layers"][0][letter]) for letter in "BTDH")
    lines = [
        f"What the highest mark of a fresh process rises by, one thread; B, T, D, H = {shape}:",
        "",
        "| training step | Sequela, MiB | torch, MiB |",
        "|---|---|---|",
    ]
    for row in found["layers"]:
        sides = [f"{row[f'{side}_kib'] / 1024:.1f}" for side in ("sequela", "torch")]
        lines.append(f"| {row['cell']} | {sides[0]} | {sides[1]} |")
    lines += ["", "An LSTM of 32 units on 4 sequences of 100,000 steps, forward and backward:", ""]
    lines += ["| way | MiB | budget |", "|---|---|---|"]
    for row in found["streams"]:
        lines.append(f"| {row['way']} | {row['mib']:.1f} | {row['budget_mib'] or '–'} |")
    return lines


def build(path: Path) -> list[str]:
    """Wheel, compilation and import, of benchmarks/results/build.json."""
    if not path.exists():
        return ["Not measured."]
    found = json.loads(path.read_text())
    times, machine = found["import_seconds"], found["machine"]
    line = (
        f"`benchmarks/build.py`, commit {found['commit']}, {machine['cores']} logical processors "
        f"of {machine['processor']}, {found['compiler']}. The library in the wheel has "
        f"{found['library_bytes'] / 1e6:.1f} MB; imports took {times['least']:.2f} to "
        f"{times['most']:.2f} s."
    )
    words = {True: "yes", False: "**no**"}
    lines = [line + (f" Note: {found['note']}." if found["note"] else ""), ""]
    lines += ["| target | wanted | figure | met |", "|---|---|---|---|"]
    for row in found["targets"]:
        cells = [row["target"], row["wanted"], row["figure"], words[row["met"]]]
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
        shares = [
            row["others"]
            for row in result["rows"]
            if row["session"] == number - 1 and row.get("others") is not None
        ]
        if shares:
            disturbed = sum(share > DISTURBED for share in shares)
            line += f"; others kept more than {DISTURBED:g} of a processor busy in {disturbed} of "
            line += f"{len(shares)} rows, at most {max(shares):g}"
        lines.append(line + (f". Note: {session['note']}." if session.get("note") else "."))
    return lines


def page(result: dict, notes: str, built: list[str]) -> str:
    """The whole page.

    ``notes`` is the text of docs/engine-notes.md; ``built`` is what :func:`build` returns.
    """
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
        "## Missed",
        *missed(result, reasons(notes)),
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
        "Padded data with `lengths=`:",
        "",
        *shapes(rows, VARIABLE[:1], "padded", "float32", first),
        "",
        f"## bf16, dense, threads: {first}",
        "The part of the peak is that of float32's peak, so that both can be compared.",
        "",
        *shapes(rows, wide, "dense", "bfloat16", first, measured=True),
        "",
        "## Twice the padding, twice the batch, bf16",
        "Each beside ours on what it is compared with, in the same turns: the same lengths padded "
        "to T, or float32.",
        "",
        *beside_base(rows, first),
        "",
        f"## Single steps, B = 1, D = 64, H = 128, threads: {first}",
        *steps(rows, first),
        "",
        "## Memory",
        *memory(result),
        "",
        "## Wheel, compilation, import",
        *built,
    ]
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
