"""What is evaluated: labels and groups of a part, scores of each model, and their checks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from sequela.errors import ConfigError, DataError, LabelError, LeakageError

__all__ = ["Part", "Scores", "check_part", "check_parts", "check_scores", "check_scores_of"]

_ROLES = ("model", "baseline", "best possible")

# A float32 softmax or sigmoid may leave [0, 1], or sum to 1, only by rounding.
_ROUNDING = 1e-5


@dataclass(frozen=True)
class Part:
    """One part of the data (tuning or held out), row by row.

    Args:
        labels: 0 or 1, or class numbers 0 .. C - 1, [n].
        groups: the patient or recording of each row, [n]; any integers or strings.
        ages: years at prediction, [n], NaN where unknown; None when there are no ages.
        sexes: [n], None or "" where unknown; None when there are none.
    """

    labels: np.ndarray
    groups: np.ndarray
    ages: np.ndarray | None = None
    sexes: np.ndarray | None = None


@dataclass(frozen=True)
class Scores:
    """What one model, baseline or the true risk says about both parts.

    Args:
        name: as the tables show it.
        tuning: risks in [0, 1], [n] (several classes: probabilities, [n, C]).
        held_out: the same for the held-out part.
        role: "model", "baseline" or "best possible".
        decided: of sets, from which score on a code is named, where the model itself decides it (a
            search); None to choose it on the tuning part.
        days: of sets, log(1 + days) until the next visit as foretold on the held-out part, [n];
            None where nothing is said of it.
    """

    name: str
    tuning: np.ndarray
    held_out: np.ndarray
    role: str = "model"
    decided: float | None = None
    days: np.ndarray | None = None


def _row_report(bad) -> str:
    rows = np.flatnonzero(bad)
    return f"row {rows[0]}" if len(rows) == 1 else f"{len(rows)} rows, the first is row {rows[0]}"


def _checked_labels(labels: np.ndarray, where: str, classes: int) -> np.ndarray:
    wanted = "0 or 1" if classes == 2 else f"whole numbers from 0 to {classes - 1}"
    labels = np.asarray(labels)
    if labels.ndim != 1 or labels.dtype.kind not in "biuf":
        raise LabelError(
            f"labels of the {where} part",
            got=f"shape {labels.shape} of type {labels.dtype}",
            wanted=f"one number per row, {wanted}",
        )
    if len(labels) == 0:
        raise LabelError(f"labels of the {where} part", got="no rows", wanted="at least one")
    bad = ~np.isin(labels, np.arange(classes))
    if bad.any():
        raise LabelError(
            f"labels of the {where} part", got=f"other values in {_row_report(bad)}", wanted=wanted
        )
    labels = labels.astype(np.int64)
    if len(np.unique(labels)) < 2:
        raise LabelError(
            f"labels of the {where} part",
            got="one class only",
            wanted="at least two classes",
            todo="Use more data, or split so that each part has every class.",
        )
    return labels


def check_part(part: Part, where: str, classes: int) -> Part:
    """A part with arrays of known types, once it is known to be usable.

    Raises:
        LabelError: labels outside 0 .. classes - 1, one class only, or no rows.
        DataError: columns of differing lengths.
    """
    labels = _checked_labels(part.labels, where, classes)

    def column(name: str, values: np.ndarray) -> np.ndarray:
        values = np.asarray(values)
        if values.shape != labels.shape:
            raise DataError(
                f"{name} of the {where} part", got=f"shape {values.shape}", wanted=labels.shape
            )
        return values

    return Part(
        labels,
        column("groups", part.groups),
        None if part.ages is None else column("ages", part.ages).astype(np.float64),
        None if part.sexes is None else column("sexes", part.sexes),
    )


def check_parts(tuning: Part, held_out: Part, classes: int) -> tuple[Part, Part]:
    """Both parts with arrays of known types, once they are known to be usable and disjoint.

    Raises:
        LabelError: labels outside 0 .. classes - 1, one class only, or no rows.
        DataError: columns of differing lengths.
        LeakageError: a group is in both parts.
    """
    tuning = check_part(tuning, "tuning", classes)
    held_out = check_part(held_out, "held-out", classes)
    shared = np.intersect1d(tuning.groups, held_out.groups)
    if len(shared):
        raise LeakageError(
            "groups of the tuning and the held-out part",
            got=f"{len(shared)} groups in both",
            wanted="no group in two parts",
            todo="Split by patient or recording before anything is fitted.",
        )
    return tuning, held_out


def check_scores_of(scores: np.ndarray, where: str, rows: int, classes: int) -> np.ndarray:
    """Scores as float64 in [0, 1]: ``[rows]`` for two classes, ``[rows, classes]`` for more.

    Raises:
        DataError: another shape, NaN, infinite, or not probabilities.
    """
    shape = (rows,) if classes == 2 else (rows, classes)
    scores = np.asarray(scores)
    if scores.dtype.kind not in "biuf" or scores.shape != shape:
        raise DataError(
            where, got=f"shape {scores.shape} of type {scores.dtype}", wanted=f"numbers {shape}"
        )
    scores = scores.astype(np.float64)
    flat = scores.reshape(len(scores), -1)
    bad = np.any(~np.isfinite(flat), axis=1)
    if bad.any():
        raise DataError(
            where, got=f"NaN or infinite in {_row_report(bad)}", wanted="finite numbers"
        )
    bad = np.any((flat < -_ROUNDING) | (flat > 1 + _ROUNDING), axis=1)
    if bad.any():
        raise DataError(
            where, got=f"outside [0, 1] in {_row_report(bad)}", wanted="probabilities, not logits"
        )
    if scores.ndim == 2:
        bad = np.abs(scores.sum(axis=1) - 1) > 100 * _ROUNDING
        if bad.any():
            raise DataError(where, got=f"sum is not 1 in {_row_report(bad)}", wanted="sums of 1")
    return np.clip(scores, 0.0, 1.0)


def check_scores(
    scores: Sequence[Scores], tuning: Part, held_out: Part, classes: int
) -> list[Scores]:
    """The scores as float64 in [0, 1], the first of role "model" foremost.

    Raises:
        ConfigError: no model among them, an unknown role, or a name twice.
        DataError: another length than the labels', NaN, infinite, or not probabilities.
    """
    names = [entry.name for entry in scores]
    if len(set(names)) != len(names):
        raise ConfigError("names of the models", got=f"{len(names)} names, some twice")
    for entry in scores:
        if entry.role not in _ROLES:
            raise ConfigError(f"role of {entry.name!r}", got=repr(entry.role), wanted=_ROLES)
    if not any(entry.role == "model" for entry in scores):
        raise ConfigError("scores to evaluate", got="no model", wanted="at least one")
    checked = []
    for entry in sorted(scores, key=lambda entry: _ROLES.index(entry.role)):
        arrays = [
            check_scores_of(array, f"scores of {entry.name!r} on the {where} part", n, classes)
            for array, where, n in (
                (entry.tuning, "tuning", len(tuning.labels)),
                (entry.held_out, "held-out", len(held_out.labels)),
            )
        ]
        checked.append(Scores(entry.name, arrays[0], arrays[1], entry.role))
    return checked
