"""The model in each age band and each sex, without a figure where few people stand behind it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from sequela.evaluate.bootstrap import estimate, replicate
from sequela.evaluate.metrics import Ranking
from sequela.evaluate.parts import Part

__all__ = [
    "AGE_BANDS",
    "MINIMUM_GROUPS",
    "MINIMUM_POSITIVES",
    "evaluate_subgroups",
    "subgroup_rows",
]

# Ages of 90 and more must not be told apart (HIPAA), so the last band is open.
AGE_BANDS = ((0, 18), (18, 45), (45, 55), (55, 65), (65, 75), (75, 85), (85, np.inf))

# People, not rows: one patient may stand behind many rows.
MINIMUM_GROUPS = 20
# An AUROC over fewer than ten positives moves by a tenth when one of them does.
MINIMUM_POSITIVES = 10

_SEXES = {"f": "female", "female": "female", "m": "male", "male": "male"}
_MAXIMUM_SEXES = 6

_Enough = Callable[[Sequence["_Size"]], bool]


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


def _families(part: Part) -> list[dict[str, np.ndarray]]:
    """Boolean rows by name; the cells of a family share out all rows among them."""
    families = [
        _by_age(part.ages) if part.ages is not None else {},
        _by_sex(part.sexes) if part.sexes is not None else {},
    ]
    return [{name: rows for name, rows in cells.items() if rows.any()} for cells in families]


def subgroup_rows(part: Part) -> dict[str, np.ndarray]:
    """Boolean rows [n] of each age band and sex that occurs ("age 65-74", "sex female")."""
    return {name: rows for cells in _families(part) for name, rows in cells.items()}


@dataclass(frozen=True)
class _Size:
    """Rows of a cell, and the patients behind them: one with both labels counts under both."""

    rows: int
    positive_rows: int
    people: int
    positive: int
    negative: int

    @classmethod
    def of(cls, labels: np.ndarray, groups: np.ndarray) -> _Size:
        people = [len(np.unique(groups[kept])) for kept in (labels >= 0, labels == 1, labels == 0)]
        return cls(len(labels), int(labels.sum()), *people)

    @property
    def rarer(self) -> int:
        return min(self.positive, self.negative)


def _with_cover(
    few: set[str], sizes: Mapping[str, _Size], key: Callable[[_Size], int], enough: _Enough
) -> set[str]:
    """Cells to hide so that the totals, less the cells that are shown, give away no small one.

    The difference is what the hidden cells have together. So there must be two of them at least,
    and together they must be no small group either.
    """
    hidden = set(few)
    others = sorted((name for name in sizes if name not in few), key=lambda name: key(sizes[name]))
    while hidden and others and not (len(hidden) > 1 and enough([sizes[name] for name in hidden])):
        hidden.add(others.pop(0))
    return hidden


def _many_people(cells: Sequence[_Size]) -> bool:
    return sum(cell.people for cell in cells) >= MINIMUM_GROUPS


def _many_of_both(cells: Sequence[_Size]) -> bool:
    positive, negative = (
        sum(getattr(cell, key) for cell in cells) for key in ("positive", "negative")
    )
    return min(positive, negative) >= MINIMUM_POSITIVES


def _suppressed(sizes: Mapping[str, _Size]) -> dict[str, dict]:
    """The cells of a family that are not shown, or not in full."""
    few = {name for name, size in sizes.items() if size.people < MINIMUM_GROUPS}
    uncounted = _with_cover(few, sizes, lambda size: size.people, _many_people)
    few = {name for name, size in sizes.items() if size.rarer < MINIMUM_POSITIVES}
    unsplit = _with_cover(uncounted | few, sizes, lambda size: size.rarer, _many_of_both)
    return {name: _hidden(name, sizes[name], name not in uncounted) for name in unsplit}


def _hidden(name: str, size: _Size, counted: bool) -> dict:
    few = f"fewer than {MINIMUM_POSITIVES}"
    covered = "hidden so that no smaller group can be found by subtraction"
    row = {"name": name, "n": size.rows if counted else None, "positives": None, "auroc": None}
    if size.people < MINIMUM_GROUPS:
        # The words stand for rows, as the other counts do: of a few people they may be many.
        words = f"fewer than {MINIMUM_GROUPS}" if size.rows < MINIMUM_GROUPS else None
        return {**row, "n": words, "note": f"fewer than {MINIMUM_GROUPS} people"}
    if not counted:
        return {**row, "note": covered}
    if size.positive < MINIMUM_POSITIVES:
        words = few if size.positive_rows < MINIMUM_POSITIVES else None
        return {**row, "positives": words, "note": f"{few} people with the outcome"}
    if size.negative < MINIMUM_POSITIVES:
        rare = size.rows - size.positive_rows < MINIMUM_POSITIVES
        words = f"more than {size.rows - MINIMUM_POSITIVES}" if rare else None
        return {**row, "positives": words, "note": f"{few} people without the outcome"}
    return {**row, "note": covered}


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
        Dicts of ``name, n, positives, auroc, note``; ``n`` and ``positives`` count rows. Below 20
        groups (patients) no count and no figure is given, below 10 groups with or 10 without the
        outcome no figure. A cell that would tell a hidden one, as the total less what is shown, is
        hidden too. ``note`` then says why, otherwise it is None.
    """
    answers = []
    for cells in _families(part):
        sizes = {
            name: _Size.of(part.labels[rows], part.groups[rows]) for name, rows in cells.items()
        }
        suppressed = _suppressed(sizes)
        for name, rows in cells.items():
            if name in suppressed:
                answers.append(suppressed[name])
                continue
            statistic = _area(part.labels[rows], scores[rows])
            value = float(statistic(np.ones((1, sizes[name].rows)))["auroc"][0])
            drawn = replicate({"model": statistic}, part.groups[rows], replicates, seed)
            answers.append(
                {
                    "name": name,
                    "n": sizes[name].rows,
                    "positives": sizes[name].positive_rows,
                    "auroc": estimate(value, drawn["model"]["auroc"], level),
                    "note": None,
                }
            )
    return answers
