"""What the report shows of a transfer: the overlap of the codes and the learning curve."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sequela.report import figures, tables, words

__all__ = ["view"]

_KINDS = {
    "shared": "known to the model",
    "mapped": "known by the map",
    "new": "new to it",
    "unknown": "too rare to be learnt",
}


def view(transfer: Mapping[str, Any] | None, metrics: Mapping[str, str]) -> dict[str, Any] | None:
    """The section, or None for a run that is no transfer.

    Args:
        transfer: ``transfer.json``.
        metrics: how measures are written.
    """
    if transfer is None:
        return None
    overlap, settings = transfer["overlap"], transfer["settings"]
    frozen = ", ".join(settings["freeze"])
    begins = "a fresh draw" if settings["rows"] == "first" else "the mean of the known ones"
    said = [
        "The model was trained at another institution and trained further here. Codes it knew kept "
        f"what it had learnt of them; a new code began with {begins}."
    ]
    said += [f"Frozen parts: {frozen}."] if frozen else []
    if overlap["unused"]:
        said.append(f"{words.count(overlap['unused'])} of its codes do not occur here.")
    kinds = [
        {"name": name, "codes": words.count(row["codes"]), "events": words.percent(row["events"])}
        for key, name in _KINDS.items()
        if (row := overlap["kinds"][key])["codes"]
    ]
    frequent = [f"{one['code']} {words.percent(one['events'])}" for one in overlap["frequent"]]
    return {
        "sentence": " ".join(said),
        "kinds": kinds,
        "frequent": ", ".join(frequent),
        "curve": _curve(transfer["curve"], metrics),
    }


def _curve(curve: Mapping[str, Any] | None, metrics: Mapping[str, str]) -> dict[str, Any] | None:
    if not curve or not curve["sizes"]:
        return None
    sizes, lines = curve["sizes"], ("warm start", "from scratch")
    metric = metrics.get(curve["metric"], curve["metric"].replace("_", " "))
    drawn = figures.growth_figure(
        [row["n"] for row in sizes],
        [(name, [row[name] for row in sizes]) for name in lines],
        metric,
        curve["as_it_is"]["value"],
    )
    rows = [
        {
            "n": words.count(row["n"]),
            "warm": tables.cell(row["warm start"]),
            "scratch": tables.cell(row["from scratch"]),
            "difference": tables.cell(row["difference"]),
        }
        for row in sizes
    ]
    less = " Less is better; differences are turned so that more is." * curve["lower_is_better"]
    note = (
        f"Of each size {curve['draws']} draws of patients, a fifth of them for tuning, the same "
        "for both starts; each start took the better of the learning rates "
        f"{', '.join(f'{rate:g}' for rate in curve['rates'])} on its tuning patients. Intervals "
        f"are of resamples of the held-out patients and of the draws, differences are paired.{less}"
    )
    if curve["left_out"]:
        left = ", ".join(words.count(size) for size in curve["left_out"])
        note += f" Not enough patients for {left}."
    caption = f"{metric} on the held-out part by the number of patients trained on."
    return {"figure": drawn, "caption": caption, "rows": rows, "note": note}
