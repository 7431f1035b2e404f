"""How well spans were found: the views of i2b2 2014, and what would have leaked.

Stubbs, Kotfila, Uzuner, J Biomed Inform 58 (2015), judge de-identification by token, strictly (both
ends and the type) and relaxed (an end within two characters), for all types and for those that
HIPAA names; binary asks by token whether it was found at all, whatever its type. Scores are micro
(all spans alike) and macro (the mean over notes).
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from sequela.errors import DataError
from sequela.evaluate.bootstrap import REPLICATES, estimate, replicate

__all__ = ["HIPAA_LABELS", "VIEWS", "JudgedNote", "judge_spans"]

HIPAA_LABELS = frozenset(
    (
        *("PATIENT", "CITY", "STREET", "ZIP", "ORGANIZATION", "DATE", "AGE"),
        *("PHONE", "FAX", "EMAIL", "URL", "IPADDR", "SSN", "MEDICALRECORD", "HEALTHPLAN"),
        *("ACCOUNT", "LICENSE", "VEHICLE", "DEVICE", "BIOID", "IDNUM"),
    )
)
"""The types of i2b2 2014 that HIPAA names. The task's own script leaves out URL and IPADDR, and by
a blank too many IDNUM; the paper's table has them."""

_Span = tuple[int, int, str]
_Key = tuple[Any, ...]


@dataclass(frozen=True)
class JudgedNote:
    """A note with what is true and what was found.

    Args:
        text: unchanged.
        truth: start, end and label of each true span.
        found: of each span that was found.

    Raises:
        DataError: a span lies outside the text.
    """

    text: str = field(repr=False)
    truth: Sequence[_Span] = field(repr=False)
    found: Sequence[_Span] = field(repr=False)

    def __post_init__(self) -> None:
        """Checks the places."""
        for start, end, _ in (*self.truth, *self.found):
            if not 0 <= start < end <= len(self.text):
                wanted = f"a place in a text of {len(self.text)} characters"
                raise DataError("span", got=f"characters {start} to {end}", wanted=wanted)


# A token is a run of letters and digits, as the task's script takes it.
_TOKEN = re.compile(r"[^\W_]+")


def _tokens(text: str, spans: Iterable[_Span], binary: bool = False) -> set[_Key]:
    return {
        (start + match.start(), start + match.end(), "" if binary else label)
        for start, end, label in spans
        for match in _TOKEN.finditer(text[start:end])
    }


_Counts = tuple[Counter[str], Counter[str], Counter[str]]


def _strict(note: JudgedNote, truth: Sequence[_Span], found: Sequence[_Span]) -> _Counts:
    wanted, given = set(truth), set(found)
    return _labels(wanted & given), _labels(given), _labels(wanted)


def _relaxed(note: JudgedNote, truth: Sequence[_Span], found: Sequence[_Span]) -> _Counts:
    """Each true span is met by one found span at most, the one with the nearest end first."""
    wanted, given = set(truth), set(found)
    ends: dict[tuple[int, str], list[int]] = {}
    for start, end, label in given:
        ends.setdefault((start, label), []).append(end)
    pairs = sorted(
        (abs(end - other), start, label, end, other)
        for start, end, label in wanted
        for other in ends.get((start, label), ())
        if abs(end - other) <= 2
    )
    right: Counter[str] = Counter()
    used: set[tuple[str, _Span]] = set()
    for _, start, label, end, other in pairs:
        one, two = ("truth", (start, end, label)), ("found", (start, other, label))
        if one not in used and two not in used:
            used |= {one, two}
            right[label] += 1
    return right, _labels(given), _labels(wanted)


def _token(note: JudgedNote, truth: Sequence[_Span], found: Sequence[_Span]) -> _Counts:
    wanted, given = _tokens(note.text, truth), _tokens(note.text, found)
    return _labels(wanted & given), _labels(given), _labels(wanted)


def _binary(note: JudgedNote, truth: Sequence[_Span], found: Sequence[_Span]) -> _Counts:
    wanted, given = _tokens(note.text, truth, True), _tokens(note.text, found, True)
    return _labels(wanted & given), _labels(given), _labels(wanted)


def _labels(keys: Iterable[_Key]) -> Counter[str]:
    return Counter(key[2] for key in keys)


_BASES: Mapping[str, Callable[[JudgedNote, Sequence[_Span], Sequence[_Span]], _Counts]] = {
    "token": _token,
    "strict": _strict,
    "relaxed": _relaxed,
    "binary token": _binary,
}
VIEWS = (*_BASES, *(f"{name}, HIPAA" for name in _BASES))
"""The ways to judge; with HIPAA, spans of other types count on neither side."""


def judge_spans(
    notes: Iterable[JudgedNote],
    *,
    groups: Iterable[str] | None = None,
    replicates: int = REPLICATES,
    seed: int = 0,
) -> dict[str, Any]:
    """All views, and the leaks, with intervals by resampling notes or groups of them.

    Args:
        notes: at least one.
        groups: the patient of each note; notes of one are drawn together. By default each note is
            of another one.
        replicates: of the bootstrap; 0 leaves the intervals out.
        seed: of the bootstrap.

    Returns:
        ``views``: by name, ``precision``, ``recall`` and ``f1`` (micro, as ``{"value", "low",
        "high"}``), ``macro`` (means over the notes in which they are defined) and ``labels``
        (by label: right, found, truth and the three scores). ``leaks``: of true spans, of all
        types and of HIPAA's, how many have a letter or digit that no found span covers, by 1,000
        notes, and the share of notes without one.

    Raises:
        DataError: no note, a span outside its text, or another number of groups than of notes.
    """
    listed = list(notes)
    if not listed:
        raise DataError("the notes", got="none", wanted="at least one")
    apart = np.arange(len(listed)) if groups is None else np.array(list(groups))
    if len(apart) != len(listed):
        raise DataError("the groups", got=len(apart), wanted=f"one for each of {len(listed)} notes")
    views = {name: _view(name, listed, apart, replicates, seed) for name in VIEWS}
    leaks = {
        name: _leaks(listed, hipaa, apart, replicates, seed)
        for name, hipaa in (("all", False), ("HIPAA", True))
    }
    return {"notes": len(listed), "views": views, "leaks": leaks}


def _view(
    name: str, notes: Sequence[JudgedNote], groups: np.ndarray, replicates: int, seed: int
) -> dict[str, Any]:
    base, _, hipaa = name.partition(", ")
    totals: _Counts = (Counter(), Counter(), Counter())
    rows = np.zeros((len(notes), 3))
    for place, note in enumerate(notes):
        counts = _BASES[base](note, _chosen(note.truth, hipaa), _chosen(note.found, hipaa))
        for total, count in zip(totals, counts, strict=True):
            total.update(count)
        rows[place] = [sum(count.values()) for count in counts]

    def scores(weights: np.ndarray) -> dict[str, np.ndarray]:
        return _scores(*(weights @ rows).T)

    by_note = _scores(*rows.T)
    return {
        **_with_intervals(scores, groups, replicates, seed),
        "macro": {name: _mean(values) for name, values in by_note.items()},
        "labels": {label: _of_label(totals, label) for label in sorted(totals[1] | totals[2])},
    }


def _chosen(spans: Sequence[_Span], hipaa: str | bool) -> list[_Span]:
    return [span for span in spans if not hipaa or span[2] in HIPAA_LABELS]


def _scores(right: np.ndarray, found: np.ndarray, truth: np.ndarray) -> dict[str, np.ndarray]:
    with np.errstate(invalid="ignore", divide="ignore"):
        return {
            "precision": right / found,
            "recall": right / truth,
            "f1": 2 * right / (found + truth),
        }


def _mean(values: np.ndarray) -> float | None:
    defined = values[np.isfinite(values)]
    return float(defined.mean()) if len(defined) else None


def _with_intervals(
    statistic: Callable[[np.ndarray], dict[str, np.ndarray]],
    groups: np.ndarray,
    replicates: int,
    seed: int,
) -> dict[str, Any]:
    whole = statistic(np.ones((1, len(groups))))
    drawn = {name: np.full(1, np.nan) for name in whole}
    if replicates:
        drawn = replicate({"": statistic}, groups, replicates, seed)[""]
    return {name: estimate(float(value[0]), drawn[name]) for name, value in whole.items()}


def _of_label(totals: _Counts, label: str) -> dict[str, Any]:
    right, found, truth = (total[label] for total in totals)
    values = _scores(np.array([right]), np.array([found]), np.array([truth]))
    return {
        "right": right,
        "found": found,
        "truth": truth,
        **{name: _mean(value) for name, value in values.items()},
    }


def _leaks(
    notes: Sequence[JudgedNote], hipaa: bool, groups: np.ndarray, replicates: int, seed: int
) -> dict[str, Any]:
    counts = np.array([_leaks_of(note, hipaa) for note in notes], dtype=float)
    rows = np.stack([counts, counts == 0], axis=1)

    def measures(weights: np.ndarray) -> dict[str, np.ndarray]:
        leaks, silent = (weights @ rows).T
        size = weights.sum(axis=1)
        return {"per_1000_notes": 1000 * leaks / size, "notes_without": silent / size}

    return {"leaks": int(counts.sum()), **_with_intervals(measures, groups, replicates, seed)}


def _leaks_of(note: JudgedNote, hipaa: bool) -> int:
    covered = np.zeros(len(note.text) + 1, dtype=bool)
    for start, end, _ in note.found:
        covered[start:end] = True
    return sum(
        any(note.text[place].isalnum() and not covered[place] for place in range(start, end))
        for start, end, _ in set(_chosen(note.truth, hipaa))
    )
