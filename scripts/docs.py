"""Writes the parts of the documentation that come from stored results: `make docs`."""

import json
import re
from pathlib import Path

import engine_page
import pipeline_page

ROOT = Path(__file__).resolve().parent.parent
RESULTS = ROOT / "benchmarks" / "results"
BLOCK = re.compile(r"(<!-- results:[^>]*-->\n).*?(<!-- end of results -->)", re.DOTALL)
ORDER = ("heart_failure", "seizure", "seizure_five")


def figure(value: float | None) -> str:
    return "–" if value is None else f"{value:.3f}".replace("0.", ".", 1)


def interval(entry: dict) -> str:
    return f"{figure(entry['value'])} ({figure(entry['low'])} to {figure(entry['high'])})"


def rows(result: dict) -> list[str]:
    binary = result["kind"] == "binary"
    measures = ("auroc", "auprc") if binary else ("macro_f1", "accuracy")
    heading = "AUROC, AUPRC" if binary else "macro-F1, accuracy"
    lines = []
    for place, row in enumerate(result["table"]):
        if row["name"] == "majority":
            continue
        name = f"**{row['name']}**" if row["role"] == "model" else row["name"]
        first = f"{result['title']} ({result['data']}): {heading}" if place == 0 else ""
        cells = " | ".join(interval(row[measure]) for measure in measures)
        lines.append(f"| {first} | {name} | {cells} |")
    return lines


def table() -> str:
    found = [RESULTS / f"{name}.json" for name in ORDER]
    results = [json.loads(path.read_text()) for path in found if path.exists()]
    lines = [
        "| experiment | score on the held-out part | AUROC or macro-F1 | AUPRC or accuracy |",
        "|---|---|---|---|",
    ]
    for result in results:
        lines += rows(result)
    machines = sorted(
        {f"{r['machine']['cores']} cores of {r['machine']['processor']}" for r in results}
    )
    seconds = ", ".join(f"{r['seconds']['whole']:.0f} s" for r in results)
    lines.append("")
    lines.append(
        "95 % bootstrap intervals over patients or recordings; whole runs from raw data: "
        f"{seconds} on {'; '.join(machines)}. `benchmarks/experiments.py` repeats them."
    )
    return "\n".join(lines) + "\n"


def short(value: float) -> str:
    return f"{value:.2g}" if value < 0.001 else f"{value:.3g}"


def task(name: str, result: dict) -> list[str]:
    sizes = ", ".join(f"{key} {value}" for key, value in result["sizes"].items())
    lines = [
        f"**{name}** ({sizes}):",
        "",
        "| cell | held-out loss | without a memory | right answers | seconds of one core |",
        "|---|---|---|---|---|",
    ]
    for cell, row in result["cells"].items():
        loss, base = short(row["loss"]), short(row["without_memory"])
        lines.append(f"| {cell} | {loss} | {base} | {row['right']:.0%} | {row['seconds']:.0f} |")
    return [*lines, ""]


def gradients() -> str:
    result = json.loads((RESULTS / "gradients.json").read_text())
    lines = task("Adding problem", result["adding"]) + task("Copy memory", result["copy"])
    lines += ["| weights | cell | flow | spectral radius of w_hh |", "|---|---|---|---|"]
    for stage, cells in result["flow"].items():
        for cell, row in cells.items():
            radii = ", ".join(f"{gate} {value:.2f}" for gate, value in row["radius"].items())
            lines.append(f"| {stage} | {cell} | {row['verdict']} | {radii} |")
    lines += ["", "| planted explosion | steps done | first loss | first norm | last loss |"]
    lines += ["|---|---|---|---|---|"]
    for name, row in result["explosion"].items():
        end = short(row["last_loss"]) if row["finite"] else "not finite"
        first = f"{row['first_loss']:.0f} | {row['first_norm']:.2g}"
        lines.append(f"| {name} | {row['steps']} | {first} | {end} |")
    lines += [
        "",
        f"One thread of {result['machine']['processor']}; last loss: median of the last 100",
    ]
    lines[-1] += " steps. `python benchmarks/gradients.py` repeats it all."
    return "\n".join(lines) + "\n"


def main() -> None:
    readme = ROOT / "README.md"
    text = readme.read_text()
    readme.write_text(BLOCK.sub(lambda match: match[1] + table() + match[2], text))
    guide = ROOT / "docs" / "guides" / "gradients.md"
    guide.write_text(BLOCK.sub(lambda match: match[1] + gradients() + match[2], guide.read_text()))
    engine = engine_page.load(RESULTS / "engine.json")
    notes = (ROOT / "docs" / "engine-notes.md").read_text()
    page = engine_page.page(engine, notes, engine_page.build(RESULTS / "build.json"))
    (ROOT / "docs" / "benchmarks.md").write_text(page)
    engine_page.draw(engine, ROOT / "docs" / engine_page.FIGURE)
    measured = RESULTS / "pipeline.json"
    if measured.exists():
        result = json.loads(measured.read_text())
        (ROOT / "docs" / "pipeline.md").write_text(pipeline_page.page(result))
        if any(name.startswith("scaling ") for name in result["jobs"]):
            pipeline_page.draw(result, ROOT / "docs" / pipeline_page.FIGURE)


if __name__ == "__main__":
    main()
