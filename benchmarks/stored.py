"""The one shape of a stored result of an experiment, which `make results` makes its page from.

A result is benchmarks/results/NAME.json. It says what was run and holds one entry for each *case*
(a data set, a way of splitting it, a window ...)::

    shape        "experiment 1", by which the page knows it
    experiment   the name of the built-in experiment, or of the program that ran it
    title        the heading of its rows
    command      what repeats it
    cases        [case]
    published    [text], figures of others on other data, with their source; may be empty
    notes        [text]
    commit, machine, versions, measured

    case:  data            what was read and how it was split, in a few words
           kind, group_name, n, groups     of the first run; a group is a patient or a recording
           measures        the leading one first: by it the page says who wins
           seeds           of the runs; each splits and trains anew
           table           [{name, role, MEASURE: {value, low, high}}], the model first
           differences     [{model, other, metric, value, low, high}], paired
           interactions    of the first run where a list was given: {pairs, rates, difference}
           seconds         {whole, ...}, the mean of the runs, from raw data to figures
           peak_megabytes  the largest of the runs, imports included
           runs            [{seed, n, groups, seconds, peak_megabytes, figures, differences}], and
                           of some kinds breakdown or per_class_all, as in evaluation.json

Roles are "model", "baseline" and "best possible". Figures of several seeds are means, and so are
the ends of their intervals: an interval of one split on the average, wider than that of the mean.

Where the first model is below a baseline (the majority aside) in its leading measure, by however
little, benchmarks/results/NAME.md must say why, or the page is not made.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

__all__ = [
    "LEADING",
    "LOWER",
    "RESULTS",
    "SHAPE",
    "case_of",
    "load",
    "losses",
    "reasons",
    "write",
]

RESULTS = Path(__file__).parent / "results"
SHAPE = "experiment 1"
#: By the kind of outcome, what the page shows; the first decides who wins.
LEADING = {
    "binary": ("auroc", "auprc"),
    "multiclass": ("macro_f1", "accuracy"),
    "multilabel": ("macro_auroc", "macro_auprc"),
    "sets": ("recall_at_10", "new_recall_at_10"),
    "count": ("deviance", "mae"),
    "time_to_event": ("harrell", "integrated_brier"),
    "quantile": ("pinball", "mae"),
    "likelihood": ("nats", "bits"),
    "written": ("chrf", "exact"),
}
#: Measures of which less is better.
LOWER = frozenset(
    {
        *("bits", "brier", "calibration_error", "deviance", "error_rate", "integrated_brier"),
        *("mae", "nats", "pinball"),
    }
)
_ENDS = ("value", "low", "high")


def _mean(values: Sequence[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    # An end that some run lacks would be of another set of runs than the value.
    return math.fsum(known) / len(known) if len(known) == len(values) else None


def mean_estimate(found: Sequence[Mapping[str, Any]]) -> dict[str, float | None]:
    return {end: _mean([one[end] for one in found]) for end in _ENDS}


def _is_estimate(value: Any) -> bool:
    return isinstance(value, Mapping) and "value" in value


def _table(runs: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    rows = []
    for place, row in enumerate(runs[0]["table"]):
        same = [run["table"][place] for run in runs]
        if {one["name"] for one in same} != {row["name"]}:
            raise ValueError(f"the runs have other rows than '{row['name']}' at place {place}")
        measures = [key for key, value in row.items() if _is_estimate(value)]
        figures = {key: mean_estimate([one[key] for one in same]) for key in measures}
        rows.append({"name": row["name"], "role": row["role"], **figures})
    return rows


def _differences(runs: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    found = []
    for place, row in enumerate(runs[0]["differences"]):
        about = {key: row[key] for key in ("model", "other", "metric")}
        found.append({**about, **mean_estimate([run["differences"][place] for run in runs])})
    return found


def case_of(
    data: str, runs: Sequence[Mapping[str, Any]], measures: Sequence[str] = ()
) -> dict[str, Any]:
    """The entry of a case.

    Args:
        data: what was read and how it was split, in a few words.
        runs: one for each seed, with ``seed``, ``kind``, ``group_name``, ``n``, ``groups``,
            ``table`` and ``differences`` (as in a run's ``evaluation.json``), ``seconds`` (a table
            with ``whole``) and ``peak_megabytes``.
        measures: the leading one first; those of the kind by default.
    """
    first = runs[0]
    shown = tuple(measures) or LEADING[first["kind"]]
    kept = ("seed", "n", "groups", "positives", "seconds", "peak_megabytes")
    kept += ("differences", "breakdown", "per_class_all")
    return {
        "data": data,
        **{key: first[key] for key in ("kind", "group_name", "n", "groups")},
        "measures": list(shown),
        "seeds": [run["seed"] for run in runs],
        "table": _table(runs),
        "differences": _differences(runs),
        **({"interactions": first["interactions"]} if "interactions" in first else {}),
        "seconds": {
            part: round(math.fsum(run["seconds"][part] for run in runs) / len(runs), 1)
            for part in first["seconds"]
        },
        "peak_megabytes": max(run["peak_megabytes"] for run in runs),
        "runs": [
            {
                **{key: run[key] for key in kept if key in run},
                "figures": {
                    row["name"]: {name: row[name]["value"] for name in shown if name in row}
                    for row in run["table"]
                },
            }
            for run in runs
        ],
    }


def write(
    name: str,
    *,
    experiment: str,
    title: str,
    command: str,
    cases: Sequence[Mapping[str, Any]],
    published: Sequence[str] = (),
    notes: Sequence[str] = (),
    folder: Path = RESULTS,
) -> Path:
    """Writes benchmarks/results/NAME.json; the arguments are its keys, see the head of this file.

    Returns:
        The file.
    """
    from sequela.files import atomic_write
    from sequela.train.provenance import commit, machine, versions

    result = {
        "shape": SHAPE,
        "experiment": experiment,
        "title": title,
        "command": command,
        "cases": list(cases),
        "published": list(published),
        "notes": list(notes),
        "commit": commit(),
        "machine": machine(),
        "versions": versions(),
        "measured": datetime.now(timezone.utc).isoformat(timespec="seconds"),
    }
    path = folder / f"{name}.json"
    atomic_write(path, json.dumps(result, indent=1, allow_nan=False) + "\n")
    return path


def load(folder: Path = RESULTS) -> dict[str, dict[str, Any]]:
    """All stored results of experiments, by the name of their file, in its order."""
    found = {}
    for path in sorted(folder.glob("*.json")):
        content = json.loads(path.read_text())
        if isinstance(content, dict) and content.get("shape") == SHAPE:
            found[path.stem] = content
    return found


def losses(case: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The baselines above the first model in the leading measure, and by how much.

    Returns:
        For each ``name``, and ``value``, ``low`` and ``high`` of the paired difference, model minus
        baseline, as stored; the ends are None where no difference was stored.
    """
    leading = case["measures"][0]
    sign = -1 if leading in LOWER else 1
    model = case["table"][0]
    paired = {
        row["other"]: row
        for row in case["differences"]
        if row["metric"] == leading and row["model"] == model["name"]
    }
    found = []
    for row in case["table"][1:]:
        if row["role"] != "baseline" or row["name"] == "majority" or leading not in row:
            continue
        mine, theirs = model[leading]["value"], row[leading]["value"]
        if mine is None or theirs is None:
            raise ValueError(f"no {leading} of the model or of {row['name']} in '{case['data']}'")
        gap = paired.get(row["name"], {"value": mine - theirs, "low": None, "high": None})
        if sign * gap["value"] < 0:
            found.append({"name": row["name"], **{end: gap[end] for end in _ENDS}})
    return found


def reasons(name: str, result: Mapping[str, Any], folder: Path = RESULTS) -> str:
    """Why a simple baseline is above the model in a result; empty where none is.

    Raises:
        ValueError: nobody has said why, or something is explained that is not so.
    """
    path = folder / f"{name}.md"
    losing = [case["data"] for case in result["cases"] if losses(case)]
    said = path.read_text().strip() if path.is_file() else ""
    if losing and not said:
        raise ValueError(
            f"{name}: a baseline is above the model in {'; '.join(losing)}. "
            f"Write why into benchmarks/results/{name}.md."
        )
    if said and not losing:
        raise ValueError(f"{name}: no baseline is above the model. Delete {name}.md.")
    return said
