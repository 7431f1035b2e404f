"""From a run's record to what the template shows: plain dicts of texts and figures."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sequela.report import figures, tables, transferred, words
from sequela.report.record import RunRecord, damage_named

__all__ = ["build_view"]

_WAFFLE = {
    "found": "#0b62a4",
    "missed": "#d55e00",
    "false_alarms": "#9ecae9",
    "left_alone": "#e6e9ec",
}
_METRICS = {
    "auroc": "AUROC",
    "auprc": "AUPRC",
    "macro_f1": "macro F1",
    "macro_auroc": "macro AUROC",
}
_RULES = {
    "youden": "the largest sensitivity + specificity (Youden)",
    "sensitivity": "a sensitivity of at least",
    "specificity": "a specificity of at least",
}


def _unit(record: RunRecord) -> str:
    # A patient may have several rows; only where each has one may a row be called a patient.
    parts = record.cohort["parts"].values()
    same = all(part["rows"] == part["groups"] for part in parts)
    return str(record.cohort["group_name"]) if same else "samples"


def _threshold_words(threshold: Mapping[str, Any]) -> str:
    rule = _RULES.get(threshold.get("rule", ""), str(threshold.get("rule")))
    target = threshold.get("target")
    return f"{rule} {words.decimal(target, 2)}" if target is not None else rule


def _headline(record: RunRecord, unit: str) -> dict[str, Any]:
    evaluation, table = record.evaluation, record.evaluation["table"]
    model = table[0]["name"]
    if evaluation["kind"] == "multiclass":
        confusion, classes = evaluation["confusion"][model], evaluation["classes"]
        said = words.multiclass_sentences(unit, confusion, classes)
        said += words.few_of_a_class(unit, dict(zip(classes, map(sum, confusion), strict=True)))
        return {"sentences": said, "waffle": None}
    if evaluation["kind"] != "binary":
        said = words.outcome_sentences(evaluation)
        return {"sentences": said, "waffle": None}
    positive = str((record.experiment.get("classes") or ["no", "yes"])[-1])
    few = words.few_cases(unit, positive, evaluation["n"], evaluation["positives"])
    held_out = evaluation["threshold"].get("held_out")
    if not held_out:
        said = ["The target of the threshold could not be reached, so nobody is flagged."]
        return {"sentences": said + few, "waffle": None}
    cells = words.per_thousand(held_out)
    said = words.binary_sentences(unit, positive, cells) + few
    ordered = {name: cells[name] for name in _WAFFLE}
    legend = [
        ("found", "flagged, rightly"),
        ("missed", "missed"),
        ("false_alarms", "flagged, a false alarm"),
        ("left_alone", "rightly not flagged"),
    ]
    return {
        "sentences": said,
        "waffle": figures.waffle_figure(ordered, _WAFFLE, " ".join(said)),
        "legend": [(_WAFFLE[key], text, words.count(cells[key])) for key, text in legend],
        "threshold": words.decimal(evaluation["threshold"]["value"]),
        "rule": _threshold_words(evaluation["threshold"]),
    }


def _tiles(record: RunRecord, unit: str) -> list[dict[str, str]]:
    evaluation = record.evaluation
    row = evaluation["table"][0]
    leading = tables.MEASURES[evaluation["kind"]]
    leading = leading[: 3 if evaluation["kind"] in ("multiclass", "time_to_event") else 2]
    tiles = [{"label": name, **tables.cell(row[key])} for key, name in leading]
    groups = evaluation.get("groups")
    note = ""
    if groups and groups != evaluation["n"]:
        note = f"of {words.count(groups)} {evaluation.get('group_name', 'groups')}"
    tiles.append(
        {"label": f"Held-out {unit}", "value": words.count(evaluation["n"]), "interval": note}
    )
    if evaluation["kind"] == "binary":
        tiles.append(
            {
                "label": "Prevalence",
                "value": words.percent(evaluation["prevalence"]),
                "interval": f"{words.count(evaluation['positives'])} positive",
            }
        )
    return tiles


def _curves(evaluation: Mapping[str, Any]) -> dict[str, str] | None:
    if evaluation["kind"] != "binary":
        return None
    looks, curves = figures.styles(evaluation["table"]), evaluation["curves"]
    held_out = evaluation["threshold"].get("held_out")
    roc_point = pr_point = None
    if held_out and held_out.get("ppv") is not None:
        roc_point = ([1 - held_out["specificity"]], [held_out["sensitivity"]])
        pr_point = ([held_out["sensitivity"]], [held_out["ppv"]])
    return {
        "roc": figures.roc_figure(curves["roc"], looks, roc_point),
        "pr": figures.pr_figure(curves["pr"], looks, evaluation["prevalence"], pr_point),
        "calibration": figures.calibration_figure(curves["calibration"], looks),
    }


def _learning(record: RunRecord) -> list[str]:
    epochs = record.epochs
    if not epochs:
        return []
    numbers = [epoch["epoch"] for epoch in epochs]
    best = [epoch["epoch"] for epoch in epochs if epoch.get("best")]
    kept = best[-1] if best else None
    losses = [
        ("training", [epoch.get("train_loss") for epoch in epochs]),
        ("tuning", [epoch.get("tuning_loss") for epoch in epochs]),
    ]
    drawn = [figures.epoch_figure(numbers, losses, "loss", kept)]
    metric = epochs[-1].get("metric_name")
    values = [epoch.get("tuning_metric") for epoch in epochs]
    if metric and any(value is not None for value in values):
        shown = _METRICS.get(metric, metric.replace("_", " "))
        drawn.append(
            figures.epoch_figure(numbers, [(f"tuning {shown}", values)], f"tuning {shown}", kept)
        )
    return drawn


def _flattened(settings: Mapping[Any, Any], prefix: str = "") -> list[tuple[str, str]]:
    rows: list[tuple[str, str]] = []
    for key, value in settings.items():
        if isinstance(value, Mapping):
            rows += _flattened(value, f"{prefix}{key}.")
        elif isinstance(value, list) and any(isinstance(item, Mapping) for item in value):
            rows += _flattened(dict(enumerate(value)), f"{prefix}{key}.")
        else:
            rows.append((f"{prefix}{key}", words.number_or_text(value)))
    return rows


def _facts(record: RunRecord) -> list[dict[str, Any]]:
    experiment = record.experiment
    run = [(key, experiment.get(key)) for key in ("name", "seed", "created", "commit", "command")]
    blocks = [
        ("Run", [(key, words.number_or_text(value)) for key, value in run if value is not None]),
        ("Settings", _flattened(experiment["settings"])),
        ("Versions", _flattened(experiment.get("versions") or {})),
        ("Machine", _flattened(experiment.get("machine") or {})),
        ("Time", [(key, words.duration(value)) for key, value in record.seconds.items()]),
    ]
    return [{"title": title, "rows": rows} for title, rows in blocks if rows]


def _notes(record: RunRecord) -> list[str]:
    gathered = [*(record.cohort.get("notes") or []), *record.evaluation["notes"]]
    note = record.experiment.get("data_note")
    # The data note may join notes that stand on their own already.
    if note and note != " ".join(gathered[: len(record.cohort.get("notes") or [])]):
        gathered.insert(0, note)
    return list(dict.fromkeys(text for text in gathered if text))


def build_view(record: RunRecord) -> dict[str, Any]:
    """All that the template shows.

    Args:
        record: the content of a run's folder.

    Raises:
        DataError: a file's content is not what ``sequela train`` writes; the message names it.
    """
    evaluation = record.evaluation
    with damage_named(record.folder / "cohort.json"):
        unit, cohort = _unit(record), tables.cohort(record)
    with damage_named(record.folder / "metrics.jsonl"):
        learning = _learning(record)
    with damage_named(record.folder / "transfer.json"):
        transfer = transferred.view(record.transfer, _METRICS)
    with damage_named(record.folder / "experiment.json"):
        facts, created = _facts(record), str(record.experiment.get("created") or "")[:10]
    with damage_named(record.folder / "evaluation.json"):
        level = round(100 * (evaluation.get("bootstrap") or {}).get("level", 0.95))
        return {
            "title": str(record.experiment.get("title") or record.experiment["name"]),
            "model": evaluation["table"][0]["name"],
            "created": created,
            "kind": evaluation["kind"],
            "level": level,
            "unit": unit,
            "headline": _headline(record, unit),
            "tiles": _tiles(record, unit),
            "results": tables.results(evaluation),
            "differences": tables.differences(evaluation),
            "curves": _curves(evaluation),
            "thresholds": tables.thresholds(evaluation),
            "subgroups": tables.subgroups(evaluation),
            "confusion": tables.confusion(evaluation),
            "breakdown": tables.breakdown(evaluation),
            "interactions": tables.interactions(evaluation),
            "cohort": cohort,
            "learning": learning,
            "transfer": transfer,
            "facts": facts,
            "notes": _notes(record),
        }
