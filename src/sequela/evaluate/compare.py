"""Models beside each other on the same resamples: the table, the differences, what to say."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from sequela.evaluate.bootstrap import estimate, replicate

__all__ = ["bootstrap_notes", "compare", "number", "numbers"]

# Below this many groups a percentile interval is too short to be trusted.
_FEW_GROUPS = 30


def number(value: float) -> float | None:
    """A number ready for JSON; None where it is not finite."""
    return float(value) if np.isfinite(value) else None


def numbers(values: dict) -> dict:
    """Several of :func:`number`."""
    return {name: number(value) for name, value in values.items()}


def compare(
    statistics: dict, roles: dict[str, str], groups: np.ndarray, differing: Sequence[str], options
) -> tuple[list[dict], list[dict], int]:
    """Every statistic on the same resamples.

    Args:
        statistics: by name, the model first: functions of weights [R, n] that give measures [R].
        roles: "model", "baseline" or "best possible", by name.
        groups: the patient or recording of each row, [n].
        differing: measures whose paired differences from the model are wanted.
        options: replicates, seed and level of the bootstrap.

    Returns:
        The table, the paired differences, and the number of resamples that left the model without
        a figure.
    """
    replicates, seed, level = options
    ones = np.ones((1, len(groups)))
    points = {
        name: {measure: float(value[0]) for measure, value in statistic(ones).items()}
        for name, statistic in statistics.items()
    }
    drawn = replicate(statistics, groups, replicates, seed)
    table = []
    for name in statistics:
        measures = {
            measure: estimate(
                value, drawn[name][measure], level, centred=measure == "calibration_error"
            )
            for measure, value in points[name].items()
        }
        table.append({"name": name, "role": roles[name], **measures})
    model = next(iter(statistics))
    differences = []
    for other in list(statistics)[1:]:
        for measure in differing:
            gap = points[model][measure] - points[other][measure]
            paired = drawn[model][measure] - drawn[other][measure]
            row = {"name": f"{model} - {other}", "model": model, "other": other}
            differences.append({**row, "metric": measure, **estimate(gap, paired, level)})
    undefined = int((~np.isfinite(drawn[model][differing[0]])).sum())
    return table, differences, undefined


def bootstrap_notes(groups: np.ndarray, group_name: str, undefined: int, replicates: int):
    """What must be said of the intervals."""
    count = len(np.unique(groups))
    notes = [
        f"Intervals: percentiles of {replicates:,} resamples of the {count:,} held-out "
        f"{group_name}; differences are paired."
    ]
    if count < _FEW_GROUPS:
        notes.append(f"Only {count} {group_name} are held out: the intervals are too short.")
    if undefined:
        notes.append(
            f"{undefined:,} of {replicates:,} resamples lacked a class and were left out of the "
            "intervals."
        )
    return notes
