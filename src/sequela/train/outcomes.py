"""What a task asks, as a model learns it and as its judges read it.

A declaration says of what kind a label is. What else is needed (which codes a set may hold, where
the intervals of time end, the scale of a number) is learnt from the training part alone and goes
with the model.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np
import polars as pl

from sequela.cohort import CohortDeclaration, OnsetDeclaration
from sequela.cohort.durations import words
from sequela.cohort.targets import (
    Binary,
    Count,
    Length,
    Multiclass,
    Multilabel,
    Series,
    TimeToEvent,
    Value,
)
from sequela.errors import BundleError
from sequela.evaluate import About
from sequela.evaluate.survival import kaplan_meier
from sequela.events.lists import unfolded

__all__ = ["CLASS_KINDS", "Outcome", "Truth", "asked", "truth_of"]

#: Kinds of which a row has one class.
CLASS_KINDS = ("binary", "multiclass")

#: What is known of each row: an array, or lists of codes.
Truth = np.ndarray | pl.Series

# More intervals than this are told apart by few events each; fewer where events are few.
_INTERVALS, _EVENTS_EACH = 20, 5
_MOST_CODES = 1000
_SETS, _YES_OR_NO = "sets", ("no", "yes")


@dataclass(frozen=True)
class Outcome:
    """What is predicted.

    Args:
        kind: "binary", "multiclass", "multilabel", "sets" (of codes), "count", "time_to_event",
            "quantile" (one or more numbers), "likelihood" (of what is read itself) or "written"
            (a text).
        names: of the classes, labels, codes, intervals or numbers.
        unit: of a time or number; "" for none.
        levels: of quantiles.
        edges: the ends of the intervals of time, rising.
        centre: of a number, its median in the training part.
        spread: of a number, its mean absolute distance from there.
    """

    kind: str
    names: tuple[str, ...] = ()
    unit: str = ""
    levels: tuple[float, ...] = ()
    edges: tuple[float, ...] = ()
    centre: float = 0.0
    spread: float = 1.0

    @property
    def loss(self) -> str:
        """The kind as the training loop knows it."""
        return {_SETS: "multilabel", "written": "likelihood"}.get(self.kind, self.kind)

    @property
    def about(self) -> About:
        """The same for the evaluation."""
        return About(self.kind, self.names, self.levels, self.edges, self.unit)

    @property
    def sizes(self) -> dict[str, Any]:
        """The arguments of a recipe that it decides."""
        if self.kind in CLASS_KINDS:
            return {"classes": len(self.names)}
        if self.loss == "likelihood":
            return {"answer": self.loss}
        sizes = {"classes": max(len(self.names), 1), "answer": self.loss}
        return {**sizes, "quantiles": len(self.levels)} if self.levels else sizes

    def fitted(
        self, truth: Truth, subjects: np.ndarray, min_subjects: int, levels: Sequence[float]
    ) -> Outcome:
        """The same with what is learnt from the training part.

        Args:
            truth: of the training rows.
            subjects: of the training rows.
            min_subjects: codes of fewer subjects are no part of a set.
            levels: of quantiles.
        """
        if isinstance(truth, pl.Series):
            return replace(self, names=_codes(truth, subjects, min_subjects))
        if self.kind == "time_to_event":
            edges = _edges(truth)
            ends = [f"{edge:.4g} {self.unit}" for edge in edges]
            return replace(self, edges=tuple(edges), names=tuple(ends))
        if self.kind == "quantile":
            known = truth[~np.isnan(truth)]
            centre = float(np.median(known)) if len(known) else 0.0
            spread = float(np.abs(known - centre).mean()) if len(known) else 0.0
            return replace(self, levels=tuple(levels), centre=centre, spread=spread or 1.0)
        return self

    def target(self, truth: Truth) -> np.ndarray:
        """What the loss is of: see :mod:`sequela.train.losses`."""
        if isinstance(truth, pl.Series):
            return self._members(truth)[:, :-1] > 0
        if self.kind == "time_to_event":
            return _intervals(truth, np.asarray(self.edges))
        if self.kind == "quantile":
            return ((truth - self.centre) / self.spread).astype(np.float32)
        return truth

    def labels(self, truth: Truth) -> np.ndarray:
        """What the evaluation takes, see :func:`sequela.evaluate.evaluate_outcome`."""
        if isinstance(truth, pl.Series):
            return self._members(truth)
        if self.kind in CLASS_KINDS:
            return truth.astype(np.int64)
        if self.kind == "time_to_event":
            return np.stack([truth[:, 0], truth[:, 1] == 1], axis=1)
        return truth if self.kind == "written" else truth.astype(np.float64)

    def _members(self, truth: pl.Series) -> np.ndarray:
        known = pl.DataFrame({"code": self.names, "place": range(len(self.names))})
        lists = unfolded(pl.DataFrame({"row": range(len(truth)), "code": truth}), "code")
        pairs = lists.unique().join(known, on="code", how="left")
        place = pairs["place"].fill_null(len(self.names)).to_numpy().astype(np.int64)
        found = np.zeros((len(truth), len(self.names) + 1), np.int32)
        np.add.at(found, (pairs["row"].to_numpy(), place), 1)
        return found

    def restored(self, answers: np.ndarray) -> np.ndarray:
        """Answers of a model in the unit of the data."""
        return answers * self.spread + self.centre if self.kind == "quantile" else answers

    def strata(self, truth: Truth) -> np.ndarray:
        """What is to be spread evenly over the parts, ``[n]``: classes, events, the rarest label
        of a row; nothing for numbers and sets.
        """
        if self.kind in CLASS_KINDS:
            return np.asarray(truth)
        if self.kind == "time_to_event":
            return np.asarray(truth)[:, 1] == 1
        if self.kind == "multilabel":
            held = np.asarray(truth)
            order = np.argsort(held.sum(axis=0), kind="stable")
            return np.where(held.any(axis=1), held[:, order].argmax(axis=1), len(order))
        return np.zeros(len(truth), np.int64)

    def counts(self, truth: Truth) -> dict[str, Any]:
        """What a part holds, JSON-ready."""
        if self.kind == "binary":
            return {"positives": int(np.asarray(truth).sum())}
        if self.kind == "multiclass":
            numbers = np.asarray(truth).astype(np.int64)
            return {"class_counts": np.bincount(numbers, minlength=len(self.names)).tolist()}
        if self.kind == "likelihood":
            return {"facts": {"symbols asked for": int(np.asarray(truth).sum())}}
        if self.kind == "written":
            return {"facts": {"texts beside them": sum(map(len, truth))}}
        if isinstance(truth, pl.Series):
            mean = truth.list.len().mean() if len(truth) else None
            return {"facts": {"codes of a set": mean}}
        if self.kind == "time_to_event":
            return {"facts": {"events": int((truth[:, 1] == 1).sum())}}
        if self.kind == "multilabel":
            return {"facts": {"labels of a row": float(truth.sum(axis=1).mean())}}
        known = truth[~np.isnan(truth)] if self.kind == "quantile" else truth
        middle = "median" if self.kind == "quantile" else "mean"
        value = float(getattr(np, middle)(known)) if len(known) else None
        return {"facts": {f"{middle} {self.unit}".strip(): value}}

    def to_dict(self) -> dict[str, Any]:
        """What JSON can hold; :meth:`from_dict` reads it."""
        found = asdict(self)
        return {key: list(one) if isinstance(one, tuple) else one for key, one in found.items()}

    @classmethod
    def from_dict(cls, content: Any) -> Outcome:
        """The outcome of :meth:`to_dict`.

        Raises:
            BundleError: a key is missing, unknown or of the wrong type.
        """
        usual = cls("count").to_dict()
        sound = isinstance(content, Mapping) and set(content) == set(usual)
        if sound:
            texts = (content["kind"], content["unit"], *_list(content["names"]))
            numbers = [*_list(content["levels"]), *_list(content["edges"])]
            numbers += [content["centre"], content["spread"]]
            sound = all(isinstance(text, str) for text in texts) and all(
                type(one) in (int, float) and math.isfinite(one) for one in numbers
            )
            sound = sound and all(isinstance(content[key], list) for key in _LISTS)
        if not sound:
            raise BundleError("the bundle's outcome", got="keys or values that do not fit")
        values: dict[str, Any] = dict(content)
        values.update((key, tuple(values[key])) for key in _LISTS)
        return cls(**values)


_LISTS = ("names", "levels", "edges")


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [None]


def _codes(truth: pl.Series, subjects: np.ndarray, least: int) -> tuple[str, ...]:
    """The codes of enough subjects, the most frequent first."""
    lists = unfolded(pl.DataFrame({"subject": subjects, "code": truth}), "code")
    counts = lists.unique().group_by("code").len().filter(pl.col("len") >= least)
    ordered = counts.sort(["len", "code"], descending=[True, False])
    return tuple(ordered["code"].head(_MOST_CODES).to_list())


def _edges(truth: np.ndarray) -> list[float]:
    """Ends of intervals in which the survival of the training part falls by equal steps."""
    event = truth[:, 1] == 1
    if not event.any():
        return []
    times, survival = kaplan_meier(truth[:, 0], event)
    count = int(np.clip(event.sum() // _EVENTS_EACH, 1, _INTERVALS))
    wanted = 1 - (1 - survival[-1]) * np.arange(1, count + 1) / count
    place = np.searchsorted(-survival, -wanted - 1e-12, side="left")
    edges = np.unique(times[np.minimum(place, len(times) - 1)])
    return [float(edge) for edge in edges[edges > 0]]


def _intervals(truth: np.ndarray, edges: np.ndarray) -> np.ndarray:
    """How many intervals each row came through, and whether it had its event in the next.

    Who is lost to follow-up came through an interval when it was seen for half of it or more
    (Gensheimer and Narasimhan 2019). An event after the last end is none.
    """
    time, event = truth[:, 0], truth[:, 1] == 1
    place = np.searchsorted(edges, time, side="left")
    event &= place < len(edges)
    middle = (edges + np.append(0.0, edges[:-1])) / 2
    through = np.where(event, place, np.searchsorted(middle, time, side="right"))
    return np.stack([through, event], axis=1).astype(np.float32)


def asked(task: CohortDeclaration | OnsetDeclaration) -> Outcome:
    """What a declaration asks, before anything is learnt."""
    declared = Binary(predicate="outcome") if isinstance(task, OnsetDeclaration) else task.label
    if isinstance(declared, Binary):
        return Outcome("binary", _YES_OR_NO)
    if isinstance(declared, Multiclass):
        return _of_classes((*declared.classes, declared.otherwise))
    if isinstance(declared, Length) and declared.bins:
        edges = [f"{edge:g}" for edge in declared.bins]
        middle = [f"{low} to {high}" for low, high in itertools.pairwise(edges)]
        spans = (f"below {edges[0]}", *middle, f"{edges[-1]} or more")
        return _of_classes(tuple(f"{span} {declared.unit}" for span in spans))
    if isinstance(declared, Length):
        return Outcome("quantile", ("length",), declared.unit)
    if isinstance(declared, Value):
        return Outcome("quantile", ("value",))
    if isinstance(declared, Series):
        return Outcome("quantile", _spans(task, declared))
    if isinstance(declared, TimeToEvent):
        return Outcome("time_to_event", unit=declared.unit)
    if isinstance(declared, Multilabel):
        return Outcome("multilabel", declared.classes)
    return Outcome("count" if isinstance(declared, Count) else _SETS)


def _spans(task: Any, declared: Series) -> tuple[str, ...]:
    """What each part of a series is called: where it ends, if that is always as long ahead."""
    window = task.prediction if declared.window == "prediction" else None
    bounds = (window.start, window.end) if window else ()
    if not bounds or any(one is None or one.moment != "index" or one.arrow for one in bounds):
        return tuple(f"part {part}" for part in range(1, declared.parts + 1))
    start, end = (one.shift for one in bounds)
    step = (end - start) / declared.parts
    return tuple(f"up to {words(start + part * step)}" for part in range(1, declared.parts + 1))


def _of_classes(names: tuple[str, ...]) -> Outcome:
    return Outcome("binary" if len(names) == 2 else "multiclass", names)


def truth_of(
    outcome: Outcome, labels: pl.DataFrame, beside: pl.DataFrame | None, declared: Any
) -> Truth:
    """What the labels of a cohort say, row by row.

    Args:
        outcome: what :func:`asked` gave.
        labels: of the cohort.
        beside: of the cohort.
        declared: the table ``label`` of the declaration, or None.

    Returns:
        Bool ``[n]`` for two classes, else their numbers; labels ``[n, C]``; counts ``[n]``; time
        and event ``[n, 2]``; numbers ``[n, H]``; lists of codes.
    """
    if outcome.kind in CLASS_KINDS:
        return _class_numbers(labels, outcome.names)
    if outcome.kind == "count":
        return labels["integer_value"].to_numpy()
    if isinstance(declared, (Value, Length)):
        return labels["float_value"].cast(pl.Float64).to_numpy()[:, None]
    assert beside is not None
    if outcome.kind == _SETS:
        return beside["codes"]
    if outcome.kind == "time_to_event":
        return np.stack([labels["float_value"].to_numpy(), beside["event"].to_numpy()], axis=1)
    columns = outcome.names if outcome.kind == "multilabel" else declared.columns
    found = beside.select(columns)
    if outcome.kind == "multilabel":
        return found.to_numpy().astype(bool)
    return found.cast(pl.Float64).fill_null(np.nan).to_numpy()


def _class_numbers(labels: pl.DataFrame, classes: tuple[str, ...]) -> np.ndarray:
    if "boolean_value" in labels.columns:
        return labels["boolean_value"].to_numpy()
    if "categorical_value" in labels.columns:
        numbers = {name: number for number, name in enumerate(classes)}
        column = labels["categorical_value"].replace_strict(numbers, return_dtype=pl.Int64())
    else:
        column = labels["integer_value"]
    found = column.to_numpy()
    return found == 1 if len(classes) == 2 else found
