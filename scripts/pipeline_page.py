"""docs/pipeline.md and its figure, from benchmarks/results/pipeline.json."""

from __future__ import annotations

from pathlib import Path

__all__ = ["FIGURE", "TARGETS", "draw", "page"]
FIGURE = "images/pipeline-scaling.svg"
PARTS = {
    "ingest": ("ingest, 2 processes", "#d55e00"),
    "read": ("read", "#7f7f7f"),
    "label": ("label", "#009e73"),
    "batches": ("batches", "#0072b2"),
}
NAMES = {
    "sequela": "**Sequela**",
    "pyhealth": "PyHealth 1.1.6",
    "meds-torch-data: files": "meds-torch-data, MEDS to its files (once a data set)",
    "meds-torch-data: batches": "meds-torch-data, its files to batches",
    "1 process(es)": "one process",
    "2 process(es)": "two processes",
}
#: Words, what is wanted, in which unit, and whether more is better.
TARGETS = {
    "batches": ("MEDS into batches, events in them a second", 1_000_000.0, True),
    "csv": ("CSV to MEDS with 2 processes, events a second", 300_000.0, True),
    "peak": ("peak memory of any part, of CSV too, MB", 4_000.0, False),
    "linear": ("seconds per event, largest scale to smallest from 3 million", 1.3, False),
}


def _scales(result: dict) -> list[dict]:
    found = [job for name, job in result["jobs"].items() if name.startswith("scaling ")]
    return sorted(found, key=lambda job: job["events"])


def figures(result: dict) -> dict[str, float]:
    """What each target of :data:`TARGETS` came to, as far as it was measured."""
    scales, found = _scales(result), {}
    if scales:
        largest = scales[-1]
        made = largest["parts"]["batches"]
        found["batches"] = made["events_seen"] / made["seconds"]
    measured = [part for job in scales for part in job["parts"].values()]
    if "csv" in result["jobs"]:
        measured += result["jobs"]["csv"]["players"].values()
    if measured:
        found["peak"] = max(part["peak_megabytes"] for part in measured)
    # Below that, a shard is not full and the start weighs.
    usual = [job for job in scales if job["events"] >= 3_000_000]
    if len(usual) > 1:
        first, last = (
            sum(part["seconds"] for part in job["parts"].values()) / job["events"]
            for job in (usual[0], usual[-1])
        )
        found["linear"] = last / first
    if "csv" in result["jobs"]:
        job = result["jobs"]["csv"]
        found["csv"] = job["events"] / job["players"]["2 process(es)"]["seconds"]
    return found


def _number(value: float) -> str:
    return f"{value:.2f}" if value < 100 else f"{value:,.0f}"


def _targets(result: dict) -> list[str]:
    found = figures(result)
    lines = ["| target | wanted | figure | met |", "|---|---|---|---|"]
    for name, (words, wanted, more) in TARGETS.items():
        sign = "at least" if more else "at most"
        figure, met = "not measured", "–"
        if name in found:
            figure = _number(found[name])
            met = "yes" if (found[name] >= wanted) == more else "no"
        lines.append(f"| {words} | {sign} {_number(wanted)} | {figure} | {met} |")
    return lines


def _players(job: dict) -> list[str]:
    lines = [
        "| | seconds | processor seconds | events a second | peak MB |",
        "|---|---|---|---|---|",
    ]
    for name, row in job["players"].items():
        speed = job["events"] / row["seconds"]
        cells = [NAMES.get(name, name), f"{row['seconds']:.2f}", f"{row['processor_seconds']:.2f}"]
        lines.append(
            "| " + " | ".join([*cells, f"{speed:,.0f}", str(row["peak_megabytes"])]) + " |"
        )
    return lines


def _scaling(scales: list[dict]) -> list[str]:
    lines = ["| events | " + " | ".join(PARTS) + " | largest peak MB |"]
    lines.append("|---" * (len(PARTS) + 2) + "|")
    for job in scales:
        cells = [
            f"{job['parts'][name]['seconds']:.1f} s, {job['parts'][name]['peak_megabytes']} MB"
            for name in PARTS
        ]
        peak = max(part["peak_megabytes"] for part in job["parts"].values())
        lines.append(f"| {job['events']:,} | " + " | ".join([*cells, str(peak)]) + " |")
    return lines


_WORDS = {
    "tables mimic3_demo": """## Parsing tables: the MIMIC-III demo

The same copy of the tables for both (admissions, patients, diagnoses, procedures, prescriptions,
laboratory results), without the rows that either passes over; both must come to the same number of
events in each table, or the measurement stops. Sequela writes MEDS 0.4 to disk, PyHealth makes its
objects in memory and writes its cache.""",
    "tables mimic4_demo": "## Parsing tables: the MIMIC-IV demo",
    "meds": """## MEDS into batches

The whole histories of the training part, 256 patients a batch, every event in a batch once.
meds-torch-data first turns MEDS into files of its own with a pipeline of processes, then makes
batches from these; Sequela reads MEDS itself. Its batches are ragged, those of meds-torch-data
padded.""",
    "csv": """## One CSV file to MEDS

Two processes share the file: each parses all of it, since only a parser knows which line ends lie
in quotes, and each makes the events of every second piece. The better of two runs.""",
}


def page(result: dict) -> str:
    """The page, from what was measured so far."""
    lines = ["# From tables to batches: speed and memory", ""]
    lines += ["Written by `make docs` from `benchmarks/results/pipeline.json`.", ""]
    lines += _targets(result)
    for name, words in _WORDS.items():
        if name in result["jobs"]:
            lines += ["", *words.split("\n"), "", *_players(result["jobs"][name])]
    scales = _scales(result)
    if scales:
        lines += ["", "## Up to 100 million events", ""]
        lines += [f"![Seconds and peak memory against events]({FIGURE})", ""]
        lines += [
            "Laboratory-like events made by a formula, 200 for each subject: written as MEDS,",
            "read, labelled (one prediction for each subject, one code within the following",
            "year), and made into batches of what each prediction may see. Every part is a",
            "process of its own.",
            "",
            *_scaling(scales),
        ]
    machine = result["machine"]
    days = sorted({job["measured"][:10] for job in result["jobs"].values()})
    load = max((job["load"] for job in result["jobs"].values()), default=0.0)
    lines += [
        "",
        f"{machine['cores']} cores of {machine['processor']}, commit {result['commit']}, "
        f"{', '.join(days)}; the highest load before a job began was {load:.1f}. Players run in",
        "turn, three times each, and the median counts; imports are not counted in seconds, but in",
        "memory. `python benchmarks/pipeline.py --rivals ...` repeats it all.",
    ]
    return "\n".join(lines) + "\n"


def draw(result: dict, path: Path) -> None:
    """Seconds and peak memory against events; the same bytes each time."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    scales = _scales(result)
    style = {"svg.hashsalt": "sequela", "font.size": 9, "axes.spines.top": False}
    with plt.rc_context(style | {"axes.spines.right": False, "svg.fonttype": "path"}):
        figure, panels = plt.subplots(1, 2, figsize=(9, 3.6))
        events = [job["events"] for job in scales]
        for name, (label, colour) in PARTS.items():
            for panel, key in zip(panels, ("seconds", "peak_megabytes"), strict=True):
                values = [job["parts"][name][key] for job in scales]
                panel.plot(events, values, "o-", ms=3, color=colour, label=label)
        _frame(panels[0], events, "seconds")
        # A line of one slope, to see what linear would be.
        middle = [job["parts"]["ingest"]["seconds"] for job in scales][:1]
        line = [middle[0] * size / events[0] for size in events]
        panels[0].plot(events, line, ":", color="#999999", lw=1, label="linear")
        _frame(panels[1], events, "peak memory, MB")
        panels[1].set_ylim(0, 4_300)
        panels[1].axhline(4_000, ls=":", color="#999999", lw=1)
        panels[1].text(events[0], 4_050, "the bound: 4 GB", color="#777777", fontsize=8)
        panels[0].set_yscale("log")
        panels[0].legend(frameon=False, fontsize=8)
        figure.tight_layout()
        path.parent.mkdir(parents=True, exist_ok=True)
        figure.savefig(path, metadata={"Date": None, "Creator": None})
        plt.close(figure)


def _frame(panel, events: list[int], label: str) -> None:
    from matplotlib.ticker import FixedLocator, NullLocator

    panel.set_xscale("log")
    panel.xaxis.set_major_locator(FixedLocator(events))
    panel.xaxis.set_minor_locator(NullLocator())
    panel.set_xticklabels([f"{size / 1e6:g}" for size in events])
    panel.set_xlabel("events, millions")
    panel.set_ylabel(label)
    panel.grid(axis="y", color="#e5e5e5", lw=0.6)
