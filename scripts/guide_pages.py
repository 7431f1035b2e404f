"""The tables and figures of the guides that come from stored results."""

import json
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
RESULTS, IMAGES = ROOT / "benchmarks" / "results", ROOT / "docs" / "images"
MODEL, RIVAL, BEST = "#0b62a4", "#d55e00", "#2b3138"


def figure(value: float | None) -> str:
    return "–" if value is None else f"{value:.3f}".replace("0.", ".", 1)


def interval(entry: dict[str, Any]) -> str:
    return f"{figure(entry['value'])} ({figure(entry['low'])} to {figure(entry['high'])})"


def stored(name: str) -> dict[str, Any] | None:
    path = RESULTS / f"{name}.json"
    return json.loads(path.read_text()) if path.exists() else None


def drawn(name: str, svg: str) -> str:
    """Writes an inline figure of the report as a file, on white, and says how a page shows it."""
    from sequela.report.figures import standalone

    (IMAGES / name).write_text(standalone(svg))
    return f"../images/{name}"


def transfer() -> str:
    from sequela.report.figures import growth_figure

    result = stored("transfer")
    assert result is not None
    lines = ["| map of codes | patients | warm start | from scratch | difference, paired |"]
    lines.append("|---|---|---|---|---|")
    for name, found in result["map"].items():
        curve = found["curve"]
        lines.append(f"| {name} | 0, as it is | {interval(curve['as_it_is'])} | | |")
        for row in curve["sizes"]:
            starts = (interval(row[key]) for key in ("warm start", "from scratch", "difference"))
            lines.append(f"| {name} | {row['n']:,} | {' | '.join(starts)} |")
    shares = {
        name: 1 - sum(found["overlap"]["kinds"][kind]["events"] for kind in ("new", "unknown"))
        for name, found in result["map"].items()
    }
    known = ", ".join(f"{share:.0%} {name}" for name, share in shares.items())
    curve = next(iter(result["map"].values()))["curve"]
    rows = curve["sizes"]
    starts = [(name, [row[name] for row in rows]) for name in ("warm start", "from scratch")]
    level = curve["as_it_is"]["value"]
    svg = growth_figure([row["n"] for row in rows], starts, "AUROC", level)
    lines += [
        "",
        f"AUROC on {curve['held_out']:,} held-out patients, heart failure, {curve['draws']} draws; "
        f"the model was trained on {result['patients']['first']:,} patients. It knows of the "
        f"events: {known}. `python benchmarks/transfer.py simulated` repeats it in "
        f"{result['seconds']:.0f} s.",
        "",
        f"![AUROC by patients, with the map]({drawn('transfer.svg', svg)})",
    ]
    return "\n".join(lines) + "\n" + _yaib()


def _yaib() -> str:
    result = stored("transfer_yaib")
    if result is None:
        return ""
    splits, home = result["splits"], result["home"]
    sizes = [row["n"] for row in splits[0]["curve"]["sizes"]]
    heads = "".join(f" {n}: warm start | {n}: from scratch | {n}: difference |" for n in sizes)
    lines = ["", f"| split | as it is |{heads}", "|---|---|" + "---|" * (3 * len(sizes))]
    for split in splits:
        curve = split["curve"]
        cells = [
            interval(row[key])
            for row in curve["sizes"]
            for key in ("warm start", "from scratch", "difference")
        ]
        start = f"| {split['seed']} | {interval(curve['as_it_is'])} |"
        lines.append(f"{start} {' | '.join(cells)} |")
    means = [
        sum(split["curve"]["sizes"][place]["difference"]["value"] for split in splits) / len(splits)
        for place in range(len(sizes))
    ]
    shared, own = splits[0]["overlap"]["kinds"]["shared"]["events"], home["table"][0]["auroc"]
    told = ", ".join(f"{mean:+.3f} at {n}" for mean, n in zip(means, sizes, strict=True))
    return "\n".join(
        [
            "",
            "**From eICU to MIMIC** (the YAIB demos, hourly values of 24 hours, mortality "
            f"in intensive care). At home the model has an AUROC of {interval(own)} on "
            f"{home['n']:,} stays; of the other's events it knows {shared:.0%}. AUROC on "
            f"{splits[0]['curve']['held_out']} held-out stays of the 99, in {len(splits)} splits:",
            *lines,
            "",
            f"Mean difference of the splits: {told}; the splits share patients, so it has no "
            "interval. `python benchmarks/transfer.py yaib` repeats it.",
            "",
        ]
    )


SETS = (("jaccard", "Jaccard"), ("f1", "F1"), ("auprc", "AUPRC"), ("recall_at_10", "Recall@10"))


def _rates(case: dict[str, Any]) -> dict[str, Any]:
    return {row["name"]: row for row in case.get("interactions", {}).get("rates", [])}


def _sets(cases: list[dict[str, Any]]) -> list[str]:
    """The models of some cases on the same held-out part, then the rivals of the first."""
    own = _rates(cases[0])
    heads = [*(title for _, title in SETS), "drugs named", *(["interaction rate"] if own else [])]
    lines = [f"| | {' | '.join(heads)} |", "|---|" + "---|" * len(heads)]
    rows = [(f"**{one['table'][0]['name']}**", one["table"][0], _rates(one)) for one in cases]
    rows += [(row["name"], row, own) for row in cases[0]["table"][1:]]
    for name, row, known in rows:
        cells = [interval(row[key]) for key, _ in SETS] + [f"{row['codes']['value']:.1f}"]
        cells += [interval(known[row["name"]])] if own else []
        lines.append(f"| {name} | {' | '.join(cells)} |")
    if own:
        blank = " | " * len(SETS)
        lines.append(f"| what was ordered | {blank} | {interval(own['truth'])} |")
    return lines


def prescription() -> str:
    from sequela.report.figures import forest_figure

    result = stored("prescription")
    if result is None:
        return ""
    stays = [case for case in result["cases"] if case["data"].startswith("simulated")]
    demo = [case for case in result["cases"] if case not in stays]
    first = stays[0]
    shown = [(case["table"][0]["name"], case["table"][0]["jaccard"], MODEL) for case in stays]
    for row in first["table"][1:]:
        colour = BEST if row["role"] == "best possible" else RIVAL
        shown.append((row["name"], row["jaccard"], colour))
    svg = forest_figure(shown, "Jaccard", lines=len(shown))
    lines = [
        f"Simulated stays, {first['n']:,} held out of {first['groups']:,} patients, 95 % intervals "
        "over patients:",
        "",
        *_sets(stays),
        "",
        f"*Best possible* knows the law and what was chosen before. `{result['command']}` repeats "
        f"it; the whole run of LEAP took {first['seconds']['processor']:.0f} s of a processor.",
        "",
        f"![Jaccard of each model]({drawn('prescription.svg', svg)})",
    ]
    if demo:
        lines += [
            "",
            f"MIMIC-III demo, {demo[0]['n']} held-out stays of {demo[0]['groups']} patients, "
            "which shows that it runs on real tables, and no more:",
            "",
            *_sets(demo),
        ]
    return "\n".join(lines) + "\n"


#: Experiments on texts, and the measure by which each is told.
TEXTS = {
    "sentiment": "accuracy",
    "names": "accuracy",
    "abstracts": "macro_f1",
    "sections": "macro_f1",
    "shakespeare": "nats",
    "phrases": "chrf",
    "translation": "bleu",
}


def _text_row(name: str, measure: str, result: dict[str, Any]) -> str:
    from results_page import figure as shown
    from results_page import measure_words

    case = result["cases"][0]
    model, *rivals = (row for row in case["table"] if row["name"] != "majority")
    key = min if measure == "nats" else max
    rival = key(rivals, key=lambda row: row[measure]["value"])
    cells = [
        f"`{name}`: {case['data']}",
        measure_words(measure),
        shown(model[measure]),
        f"{shown(rival[measure])}, {rival['name']}",
        f"{case['seconds']['whole'] / 60:.0f}",
    ]
    return f"| {' | '.join(cells)} |"


def _drawn_text(stream: dict[str, Any]) -> list[str]:
    options = f"--length {stream['length']} --temperature {stream['temperature']}"
    options += f" --top-k {stream['top_k']} --seed {stream['seed']}"
    return [
        f'`sequela write runs/shakespeare/model "{stream["prompt"]}" {options}`:',
        "",
        "```text",
        *(stream["prompt"] + stream["written"]).rstrip().split("\n"),
        "```",
        "",
    ]


def _written(found: dict[str, Any]) -> list[str]:
    from sequela.report.figures import attention_figure

    first = found["pairs"][0]
    svg = attention_figure(first["read"], [*first["tokens"], "(end)"], first["attention"])
    return [
        *(_drawn_text(found["stream"]) if "stream" in found else ()),
        "Sentences of our own, and what the model of `translation` made of them:",
        "",
        "| read | written |",
        "|---|---|",
        *(f"| {one['text']} | {one['written']} |" for one in found["pairs"]),
        "",
        f"![What was looked at]({drawn('attention.svg', svg)})",
        "",
        "Each row is a piece that was written, each column one that was read; the darker, the more "
        "it counted.",
    ]


def _stream(found: dict[str, Any]) -> list[str]:
    marks = [row["mib"] for row in found["memory"]["rises"]]
    speeds = "; ".join(
        f"{row['sequela']:,} with {row['hidden_size']} units, {row['ratio']:.2f} times those of "
        f"`torch.nn.LSTM` in the same loop ({row['torch']:,})"
        for row in found["speed"]
    )
    return [
        f"Over {found['characters']:,} characters the highest mark of memory rises by {marks[0]} "
        f"MiB in the first tenth and by {marks[-1] - marks[0]:.1f} MiB in the other nine. "
        f"Characters a second, one thread: {speeds} (`{found['command']}`).",
    ]


def texts() -> str:
    known = {name: stored(name) for name in TEXTS}
    lines = ["| experiment | measure | model | best rival | minutes |", "|---|---|---|---|---|"]
    lines += [_text_row(name, TEXTS[name], found) for name, found in known.items() if found]
    if (found := stored("written")) is not None:
        lines += ["", *_written(found)]
    if (found := stored("stream")) is not None:
        lines += ["", *_stream(found)]
    return "\n".join(lines) + "\n"


_VISITS = (
    ("recall_at_10", "recall@10"),
    ("new_recall_at_10", "of new codes"),
    ("precision_at_10", "precision@10"),
    ("new_precision_at_10", "of new codes"),
    ("days_error", "error of log days ↓"),
    ("days_r2", "R² of log days"),
)


def _visits(cases: list[dict[str, Any]]) -> list[str]:
    """The models of some cases on the same held-out parts, then the rivals of the first."""
    lines = [f"| | {' | '.join(words for _, words in _VISITS)} |", "|---|" + "---|" * len(_VISITS)]
    rows = [(f"**{one['table'][0]['name']}**", one["table"][0]) for one in cases]
    rows += [(row["name"], row) for row in cases[0]["table"][1:] if row["name"] != "majority"]
    for name, row in rows:
        cells = [
            _visit_cell(row.get(measure), wide=place < 2)
            for place, (measure, _) in enumerate(_VISITS)
        ]
        lines.append(f"| {name} | {' | '.join(cells)} |")
    return lines


def _visit_cell(entry: dict[str, Any] | None, *, wide: bool) -> str:
    if entry is None or entry.get("value") is None:
        return "–"
    return interval(entry) if wide and entry.get("low") is not None else figure(entry["value"])


def next_visit() -> str:
    from sequela.report.figures import forest_figure

    result = stored("next_visit")
    if result is None:
        return ""
    drawn_of = [case for case in result["cases"] if case["data"].startswith("simulated")]
    groups = [drawn_of, *([case] for case in result["cases"] if case not in drawn_of)]
    lines = []
    for cases in groups:
        first, count = cases[0], len(cases[0]["seeds"])
        splits = "one split" if count == 1 else f"{count} splits"
        lines += [
            f"**{first['data']}**: {first['n']:,} held-out predictions of {first['groups']:,} "
            f"patients, {splits} by patient, 95 % intervals over patients; "
            f"{first['seconds']['processor']:.0f} s of a processor for a whole run.",
            "",
            *_visits(cases),
            "",
        ]
    rows = [(case["table"][0], MODEL) for case in drawn_of]
    rivals = [row for row in drawn_of[0]["table"][1:] if row["name"] != "majority"]
    rows += [(row, BEST if row["role"] == "best possible" else RIVAL) for row in rivals]
    shown = [(row["name"], row["recall_at_10"], colour) for row, colour in rows]
    svg = forest_figure(shown, "recall@10, simulated patients", lines=len(shown))
    lines += [
        f"![Recall@10 of each list]({drawn('next-visit.svg', svg)})",
        "",
        f"`{result['command']}` repeats it all; why a model loses where it does stands in "
        "`benchmarks/results/next_visit.md`.",
    ]
    return "\n".join(lines) + "\n"
