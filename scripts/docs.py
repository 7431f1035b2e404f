"""Writes the parts of the documentation that come from stored results: `make docs`."""

import json
import re
from pathlib import Path

import comparison_page
import engine_page
import guide_pages
import pipeline_page
import results_page
import visits_page

ROOT = Path(__file__).resolve().parent.parent
RESULTS = ROOT / "benchmarks" / "results"
BLOCK = re.compile(r"(<!-- results:[^>]*-->\n).*?(<!-- end of results -->)", re.DOTALL)
ORDER = ("heart_failure", "seizure", "seizure_five")


def rows(result: dict) -> list[str]:
    case = result["cases"][0]
    words = ", ".join(results_page.measure_words(name) for name in case["measures"][:2])
    lines = []
    for row in case["table"]:
        if row["name"] == "majority":
            continue
        name = f"**{row['name']}**" if row["role"] == "model" else row["name"]
        begin = "" if lines else f"{result['title']} ({case['data']}): {words}"
        cells = " | ".join(results_page.figure(row[name]) for name in case["measures"][:2])
        lines.append(f"| {begin} | {name} | {cells} |")
    return lines


def table() -> str:
    stored = results_page.stored.load()
    results = [stored[name] for name in ORDER if name in stored]
    lines = [
        "| experiment | score on the held-out part | AUROC or macro-F1 | AUPRC or accuracy |",
        "|---|---|---|---|",
    ]
    for result in results:
        lines += rows(result)
    machines = sorted({results_page.machine_words(result["machine"]) for result in results})
    spent = [results_page.processor_seconds(result["cases"][0]) for result in results]
    lines.append("")
    lines.append(
        "95 % bootstrap intervals over patients or recordings; whole runs from raw data take "
        f"{', '.join(f'{seconds:.0f}' for seconds in spent)} seconds of the processor "
        f"({'; '.join(machines)}). All "
        "experiments, with their rivals, times and memory: [docs/results.md](docs/results.md)."
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
    results_page.main()
    compared = RESULTS / "comparison.json"
    if compared.exists():
        found = json.loads(compared.read_text())
        (ROOT / "docs" / "comparison.md").write_text(comparison_page.page(found))
        comparison_page.draw(found, ROOT / "docs" / comparison_page.FIGURE)
    guide = ROOT / "docs" / "guides" / "gradients.md"
    guide.write_text(BLOCK.sub(lambda match: match[1] + gradients() + match[2], guide.read_text()))
    for name, lines in (
        ("transfer", guide_pages.transfer),
        ("prescription", guide_pages.prescription),
        ("texts", guide_pages.texts),
        ("next_visit", guide_pages.next_visit),
    ):
        guide = ROOT / "docs" / "guides" / f"{name}.md"
        text, made = guide.read_text(), lines()
        guide.write_text(BLOCK.sub(lambda match, made=made: match[1] + made + match[2], text))
    engine = engine_page.load(RESULTS / "engine.json")
    notes = (ROOT / "docs" / "engine-notes.md").read_text()
    page = engine_page.page(engine, notes, engine_page.build(RESULTS / "build.json"))
    (ROOT / "docs" / "benchmarks.md").write_text(page)
    engine_page.draw(engine, ROOT / "docs" / engine_page.FIGURE)
    measured = RESULTS / "pipeline.json"
    if measured.exists():
        result = json.loads(measured.read_text())
        page, visits = pipeline_page.page(result), RESULTS / "visits.json"
        if visits.exists():
            page += visits_page.section(json.loads(visits.read_text()))
        (ROOT / "docs" / "pipeline.md").write_text(page)
        if any(name.startswith("scaling ") for name in result["jobs"]):
            pipeline_page.draw(result, ROOT / "docs" / pipeline_page.FIGURE)


if __name__ == "__main__":
    main()
