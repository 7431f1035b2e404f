"""The model in each age band and each sex, without a figure where few people stand behind it."""

from __future__ import annotations

import numpy as np

from sequela.evaluate.bootstrap import estimate, replicate
from sequela.evaluate.metrics import Ranking
from sequela.evaluate.parts import Part

__all__ = ["AGE_BANDS", "MINIMUM_POSITIVES", "MINIMUM_ROWS", "evaluate_subgroups", "subgroup_rows"]

# Ages of 90 and more must not be told apart (HIPAA), so the last band is open.
AGE_BANDS = ((0, 18), (18, 45), (45, 55), (55, 65), (65, 75), (75, 85), (85, np.inf))

MINIMUM_ROWS = 20
# An AUROC over fewer than ten positives moves by a tenth when one of them does.
MINIMUM_POSITIVES = 10

_SEXES = {"f": "female", "female": "female", "m": "male", "male": "male"}
_MAXIMUM_SEXES = 6


def _band_name(low: float, high: float) -> str:
    if low == 0:
        return f"under {high:g}"
    return f"{low:g} and over" if np.isinf(high) else f"{low:g}-{high - 1:g}"


def _by_age(ages: np.ndarray) -> dict[str, np.ndarray]:
    rows = {f"age {_band_name(*band)}": (ages >= band[0]) & (ages < band[1]) for band in AGE_BANDS}
    return {**rows, "age unknown": ~(ages >= 0)}


def _by_sex(sexes: np.ndarray) -> dict[str, np.ndarray]:
    # Codes such as "GENDER//F" keep their meaning in the last piece.
    texts = ["" if sex is None else str(sex).split("//")[-1].strip() for sex in sexes.tolist()]
    names = np.array([_SEXES.get(text.lower(), text) for text in texts])
    known = [name for name in np.unique(names) if name not in ("", "nan", "None")]
    # A column with many values is not a sex; its values must not reach a report.
    known = known if len(known) <= _MAXIMUM_SEXES else []
    rows = {f"sex {name}": names == name for name in known}
    return {**rows, "sex unknown": ~np.isin(names, known)}


def subgroup_rows(part: Part) -> dict[str, np.ndarray]:
    """Boolean rows [n] of each age band and sex that occurs ("age 65-74", "sex female")."""
    rows: dict[str, np.ndarray] = {}
    if part.ages is not None:
        rows.update(_by_age(part.ages))
    if part.sexes is not None:
        rows.update(_by_sex(part.sexes))
    return {name: chosen for name, chosen in rows.items() if chosen.any()}


def _suppressed(name: str, n: int, positives: int) -> dict | None:
    few = f"fewer than {MINIMUM_POSITIVES}"
    if n < MINIMUM_ROWS:
        return {
            "name": name,
            "n": f"fewer than {MINIMUM_ROWS}",
            "positives": None,
            "auroc": None,
            "note": f"fewer than {MINIMUM_ROWS} samples",
        }
    if positives < MINIMUM_POSITIVES:
        return {
            "name": name,
            "n": n,
            "positives": few,
            "auroc": None,
            "note": f"{few} positives",
        }
    if n - positives < MINIMUM_POSITIVES:
        return {
            "name": name,
            "n": n,
            "positives": f"more than {n - MINIMUM_POSITIVES}",
            "auroc": None,
            "note": f"{few} negatives",
        }
    return None


def _area(labels: np.ndarray, scores: np.ndarray):
    ranking = Ranking(labels, scores)

    def statistic(weights: np.ndarray) -> dict[str, np.ndarray]:
        return {"auroc": ranking(weights)[0]}

    return statistic


def evaluate_subgroups(
    part: Part, scores: np.ndarray, replicates: int, seed: int, level: float
) -> list[dict]:
    """AUROC with interval in each age band and sex.

    Args:
        part: the held-out part; without ages and sexes the answer is empty.
        scores: the model's risks there, [n].
        replicates: bootstrap resamples of the subgroup's own groups.
        seed: the run's seed.
        level: the coverage of the intervals.

    Returns:
        Dicts of ``name, n, positives, auroc, note``. Below 20 rows no count and no figure is given,
        below 10 positives or negatives no figure; ``note`` then says why, otherwise it is None.
    """
    answers = []
    for name, chosen in subgroup_rows(part).items():
        labels = part.labels[chosen]
        n, positives = len(labels), int(labels.sum())
        suppressed = _suppressed(name, n, positives)
        if suppressed is not None:
            answers.append(suppressed)
            continue
        statistic = _area(labels, scores[chosen])
        value = float(statistic(np.ones((1, n)))["auroc"][0])
        drawn = replicate({"model": statistic}, part.groups[chosen], replicates, seed)
        area = estimate(value, drawn["model"]["auroc"], level)
        row = {"name": name, "n": n, "positives": positives, "auroc": area, "note": None}
        answers.append(row)
    return answers
