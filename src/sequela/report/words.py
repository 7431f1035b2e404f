"""Numbers and sentences as the report writes them, in one place so that they agree everywhere.

A proportion is written ``.846``, its interval ``.829 to .862``, an undefined one as a dash. The
minus sign is the real one, which has the width of a digit.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

__all__ = [
    "DASH",
    "binary_sentences",
    "count",
    "decimal",
    "duration",
    "few_cases",
    "few_of_a_class",
    "interval",
    "multiclass_sentences",
    "number_or_text",
    "outcome_sentences",
    "per_thousand",
    "percent",
]

DASH = "–"
_MINUS = "−"
_PLAIN_POSITIVES = {"1", "positive", "true", "yes", "outcome"}


def decimal(value: float | None, places: int = 3) -> str:
    """``.846``, ``1.000``, ``−.012``; a dash for None."""
    if value is None:
        return DASH
    text = f"{abs(value):.{places}f}"
    text = text[1:] if text.startswith("0.") else text
    return f"{_MINUS}{text}" if value < 0 and float(text) else text


def interval(estimate: Mapping[str, float | None] | None, places: int = 3) -> str:
    """``.829 to .862``; empty where there is none."""
    if estimate is None or estimate.get("low") is None or estimate.get("high") is None:
        return ""
    return f"{decimal(estimate['low'], places)} to {decimal(estimate['high'], places)}"


def count(value: int | str | None) -> str:
    """``12,345``; words such as "fewer than 20" stay as they are; a dash for None."""
    if value is None:
        return DASH
    return value if isinstance(value, str) else f"{value:,}"


def percent(value: float | None) -> str:
    """``10.5 %``, two digits below one per cent."""
    if value is None:
        return DASH
    hundredfold = 100 * value
    places = 2 if 0 < hundredfold < 1 else 1
    return f"{hundredfold:.{places}f} %"


def duration(seconds: float) -> str:
    """``48 s``, ``3 min 20 s``, ``2 h 5 min``."""
    whole = round(seconds)
    if whole < 60:
        return f"{seconds:.1f} s" if seconds < 10 else f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60} s"
    return f"{whole // 3600} h {whole % 3600 // 60} min"


def number_or_text(value: Any) -> str:
    """A setting's value: numbers as they were typed, lists joined, None as "none"."""
    if value is None:
        return "none"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:g}"
    if isinstance(value, list | tuple):
        return ", ".join(number_or_text(item) for item in value)
    return str(value)


def per_thousand(held_out: Mapping[str, Any]) -> dict[str, int]:
    """Found, false alarms, missed and rightly left alone, of 1,000; they add up to 1,000.

    Flagged and positive are rounded first, so that they agree with the other tables.
    """
    names = ("true_positives", "false_positives", "false_negatives", "true_negatives")
    found, false_alarms, missed, left_alone = (held_out[name] for name in names)
    share = 1000 / (found + false_alarms + missed + left_alone)
    flagged, positives = round(share * (found + false_alarms)), round(share * (found + missed))
    # Where nobody is left alone, rounding up both could count more than 1,000.
    both = max(round(share * found), flagged + positives - 1000)
    return {
        "found": both,
        "false_alarms": flagged - both,
        "missed": positives - both,
        "left_alone": 1000 - flagged - positives + both,
    }


# With fewer events, or fewer without one, a validation says little (Vergouwe 2005; Collins 2016).
_FEW = 100


def few_cases(unit: str, positive: str, n: int, positives: int) -> list[str]:
    """What all figures rest on, where that is little; nothing where it is enough.

    Args:
        unit: what a row is, in the plural.
        positive: the name of the positive class.
        n: held-out rows.
        positives: those of the positive class.
    """
    if min(positives, n - positives) >= _FEW:
        return []
    whom = "whom" if unit == "patients" else "which"
    return [
        f"All this rests on {count(n)} held-out {unit}, of {whom} {count(positives)} "
        f"{_have(positives, positive)}: so few that only the intervals below can be relied on."
    ]


def few_of_a_class(unit: str, counts: Mapping[str, int]) -> list[str]:
    """The same for several classes, by the smallest of them. See :func:`few_cases`.

    Args:
        unit: what a row is, in the plural.
        counts: held-out rows of each class.
    """
    smallest = min(counts, key=lambda name: counts[name])
    if counts[smallest] >= _FEW:
        return []
    return [
        f"All this rests on {count(sum(counts.values()))} held-out {unit}, {counts[smallest]} of "
        f"“{smallest}”: so few that only the intervals below can be relied on."
    ]


def _have(number: int, positive: str) -> str:
    if positive.strip().lower() in _PLAIN_POSITIVES:
        return "has the outcome" if number == 1 else "have the outcome"
    return f"is “{positive}”" if number == 1 else f"are “{positive}”"


def binary_sentences(unit: str, positive: str, cells: Mapping[str, int]) -> list[str]:
    """What the threshold means, for a reader who knows no measure.

    Args:
        unit: what a row is, in the plural.
        positive: the name of the positive class.
        cells: as :func:`per_thousand` gives them.
    """
    flagged = cells["found"] + cells["false_alarms"]
    positives = cells["found"] + cells["missed"]
    whom = "whom" if unit == "patients" else "which"
    of_whom = f"{count(cells['found'])} {_have(cells['found'], positive)}"
    return [
        f"Of 1,000 {unit}, the model flags {count(flagged)}, of {whom} {of_whom}.",
        f"It finds {cells['found']} of the {positives} that {_have(positives, positive)} and "
        f"misses {cells['missed']}; {count(cells['false_alarms'])} flags are false alarms.",
    ]


def _worst_confusion(confusion: list[list[int]], classes: list[str]) -> str:
    errors = [
        (row[j] / max(sum(row), 1), i, j)
        for i, row in enumerate(confusion)
        for j in range(len(row))
        if i != j
    ]
    share, true, said = max(errors)
    if share == 0:
        return "It confuses no two classes."
    error = f"{percent(share)} of “{classes[true]}” is called “{classes[said]}”"
    return f"Its most frequent error: {error}."


def multiclass_sentences(unit: str, confusion: list[list[int]], classes: list[str]) -> list[str]:
    """What the confusion means in words. See :func:`binary_sentences`."""
    right = sum(row[k] for k, row in enumerate(confusion))
    share = right / sum(map(sum, confusion))
    return [
        f"Of 1,000 {unit}, the model names the right one of {len(classes)} classes for "
        f"{count(round(1000 * share))}.",
        _worst_confusion(confusion, classes),
    ]


_LED = {
    "multilabel": ("macro_auroc", "a macro AUROC of", True),
    "sets": ("recall_at_10", "with ten codes named, this share of the true ones:", True),
    "count": ("deviance", "a Poisson deviance of", False),
    "time_to_event": ("harrell", "a concordance of", True),
    "quantile": ("mae", "a mean absolute error of", False),
    "likelihood": ("nats", "nats per symbol:", False),
    "written": ("chrf", "a chrF of", True),
}


def outcome_sentences(evaluation: Mapping[str, Any]) -> list[str]:
    """The leading figure, and how many rivals are clearly worse or better."""
    key, said, higher = _LED[evaluation["kind"]]
    model = evaluation["table"][0]
    unit = f" {evaluation['unit']}" if evaluation.get("unit") and key == "mae" else ""
    found = [f"{model['name']}: {said} {decimal((model.get(key) or {}).get('value'))}{unit}."]
    sides: dict[str, list[str]] = {
        "better than": [],
        "worse than": [],
        "not clearly different from": [],
    }
    for row in evaluation["differences"]:
        if row["metric"] != key:
            continue
        low, high = row["low"], row["high"]
        if low is None or high is None or low <= 0 <= high:
            sides["not clearly different from"].append(row["other"])
        else:
            sides["better than" if (low > 0) == higher else "worse than"].append(row["other"])
    parts = [f"{word} {', '.join(others)}" for word, others in sides.items() if others]
    return [*found, f"By it, {'; '.join(parts)}."] if parts else found
