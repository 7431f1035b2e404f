"""Visits: what happened to a patient at one time, as the steps of a sequence.

The events of a sample with the same timestamp are one visit (with ``day=True``, those of the same
calendar day). A step holds the visit's codes and two numbers, ``log1p`` of the days since the visit
before and ``log1p`` of the days until the prediction. The codes of measurements are read, their
values are not. A patient without a visit is a sequence of length 0.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import polars as pl

from sequela.batches.samples import RaggedSamples
from sequela.errors import BundleError, DataError, LeakageError, SchemaError
from sequela.events import BIRTH_CODE, Vocabulary

__all__ = ["VisitEncoder", "VisitSamples"]

_MICROSECONDS_PER_DAY = 86_400_000_000
_UNKNOWN_CODE = "unknown code"


@dataclass(frozen=True)
class VisitSamples(RaggedSamples):
    """Ragged samples whose steps are visits; made by :meth:`VisitEncoder.encode`.

    The two features of a step are ``log1p`` of the days since the visit before (0 for the first)
    and ``log1p`` of the days until the prediction. The codes of a visit are distinct and sorted.

    Args:
        code_names: ``V`` names; number 0 is the unknown code.
        static_names: ``S`` names of the static features.
    """

    code_names: tuple[str, ...] = ()
    static_names: tuple[str, ...] = ()


@dataclass(frozen=True)
class VisitEncoder:
    """From tables of events to visits; fitted on the training part alone.

    Args:
        vocabulary: the known codes; every other code becomes number 0, so that a visit of unknown
            codes is still a visit.
        age_mean: years, over the training samples.
        age_spread: their standard deviation in years, 1 where all are equal.
        sexes: the values of ``sex`` of enough training subjects, sorted; a sample has a 1 for its
            own, and only zeros for a rarer one.
        day: merge the events of a calendar day into one visit.
    """

    vocabulary: Vocabulary
    age_mean: float = 0.0
    age_spread: float = 1.0
    sexes: tuple[str, ...] = ()
    day: bool = False

    @classmethod
    def fit(
        cls,
        events: pl.DataFrame,
        labels: pl.DataFrame,
        subgroups: pl.DataFrame,
        *,
        rows: np.ndarray | None = None,
        min_subjects: int = 11,
        day: bool = False,
    ) -> VisitEncoder:
        """Learns the vocabulary and the scale of age.

        Args:
            events: what was observed of the samples: ``sample`` (row of ``labels``), ``time`` and
                ``code``. Rows without a time, and births, are no part of a visit.
            labels: the labels, with ``subject_id``.
            subgroups: ``age`` (years at prediction) and ``sex``, a row for each label, in order.
            rows: int64, the rows of the TRAINING part; nothing is learnt from the others. None
                where all rows are training rows.
            min_subjects: codes of fewer subjects stay unknown, see
                :class:`~sequela.events.Vocabulary`, and so do sexes: what is learnt is published
                with the model, and must not tell of single patients.
            day: one visit per calendar day in place of one per timestamp.

        Raises:
            SchemaError: a column is missing.
            DataError: no labels, or tables that do not fit each other.
        """
        _check_tables(events, labels, subgroups)
        if not labels.height:
            raise DataError("the training labels", got="none", wanted="at least one")
        events = _dated(events)
        if rows is not None:
            learnt = np.zeros(labels.height, dtype=bool)
            learnt[rows] = True
            events = events.filter(pl.Series(learnt[events["sample"].to_numpy()]))
            subgroups, people = subgroups[rows], labels["subject_id"][rows]
        else:
            people = labels["subject_id"]
        subject = labels["subject_id"].to_numpy()[events["sample"].to_numpy()]
        age = subgroups["age"].cast(pl.Float64).drop_nulls().drop_nans().to_numpy()
        spread = float(age.std()) if len(age) else 0.0
        return cls(
            vocabulary=Vocabulary.fit(
                pl.DataFrame({"code": events["code"], "subject_id": subject}), min_subjects
            ),
            age_mean=float(age.mean()) if len(age) else 0.0,
            age_spread=spread if spread > 0 else 1.0,
            sexes=_common(subgroups["sex"], people, min_subjects),
            day=day,
        )

    def encode(
        self, events: pl.DataFrame, labels: pl.DataFrame, subgroups: pl.DataFrame
    ) -> VisitSamples:
        """The samples of these labels, in their order.

        Args:
            events: ``sample`` (row of ``labels``), ``time``, ``code``; any order.
            labels: ``subject_id``, ``prediction_time`` and, where known, ``boolean_value``; the
                target is all zeros without it. The subjects are the groups.
            subgroups: ``age`` and ``sex``, a row for each label, in order. An unknown age counts
                as the mean of the training part.

        Raises:
            SchemaError: a column is missing.
            DataError: tables that do not fit each other.
            LeakageError: an event after its prediction time.
        """
        _check_tables(events, labels, subgroups)
        events = _dated(events)
        sample = events["sample"].to_numpy().astype(np.int64)
        time = _microseconds(events["time"])
        predicted = _microseconds(labels["prediction_time"])
        late = int((time > predicted[sample]).sum())
        if late:
            raise LeakageError(
                "the events of the samples",
                got=f"{late} event(s) after the prediction time",
                wanted="only what was known at the prediction time",
            )
        size = len(self.vocabulary)
        # A visit is known when its last event is: that is its time.
        key = time // _MICROSECONDS_PER_DAY if self.day else time
        order = np.lexsort((time, sample))
        sample, time, key = sample[order], time[order], key[order]
        first = _changes(sample) | _changes(key)
        visit = np.cumsum(first) - 1
        last = np.append(np.flatnonzero(first)[1:], len(first)) - 1 if len(first) else visit
        pairs = np.unique(visit * size + self.vocabulary.encode(events["code"])[order])
        offsets = np.searchsorted(sample[last], np.arange(labels.height + 1))
        samples = VisitSamples.from_flat(
            _step_features(sample[last], time[last], predicted),
            offsets,
            target=_target(labels),
            groups=labels["subject_id"].to_numpy(),
            static=self._static(subgroups),
            codes=(pairs % size).astype(np.int32),
            code_offsets=np.searchsorted(pairs // size, np.arange(len(last) + 1)),
            vocabulary_size=size,
        )
        return replace(
            samples,
            code_names=(_UNKNOWN_CODE, *self.vocabulary.codes),
            static_names=("age", *(f"sex {sex}" for sex in self.sexes)),
        )

    def _static(self, subgroups: pl.DataFrame) -> np.ndarray:
        age = subgroups["age"].cast(pl.Float64).fill_null(self.age_mean).fill_nan(self.age_mean)
        columns = [(age.to_numpy() - self.age_mean) / self.age_spread]
        sex = subgroups["sex"].cast(pl.String)
        columns += [(sex == value).fill_null(False).to_numpy() for value in self.sexes]
        return np.stack(columns, axis=1).astype(np.float32)

    def to_dict(self) -> dict[str, Any]:
        """What JSON can hold; :meth:`from_dict` reads it."""
        return {
            "vocabulary": self.vocabulary.to_dict(),
            "age_mean": self.age_mean,
            "age_spread": self.age_spread,
            "sexes": list(self.sexes),
            "day": self.day,
        }

    @classmethod
    def from_dict(cls, content: Mapping[str, Any]) -> VisitEncoder:
        """The encoder of :meth:`to_dict`.

        Raises:
            BundleError: a key is missing, unknown or of the wrong type.
        """
        vocabulary, sexes = content.get("vocabulary"), content.get("sexes")
        mean, spread = content.get("age_mean"), content.get("age_spread")
        if (
            set(content) != {"vocabulary", "age_mean", "age_spread", "sexes", "day"}
            or not isinstance(vocabulary, Mapping)
            or not isinstance(sexes, list)
            or not all(isinstance(sex, str) for sex in sexes)
            or not isinstance(mean, float)
            or not isinstance(spread, float)
            or not (math.isfinite(mean) and 0 < spread < math.inf)
            or type(content["day"]) is not bool
        ):
            raise BundleError(
                "the bundle's visit encoding",
                got="keys or values that do not fit each other",
                wanted="what VisitEncoder.to_dict wrote",
            )
        known = Vocabulary.from_dict(vocabulary)
        return cls(known, mean, spread, tuple(sexes), content["day"])


def _check_tables(events: pl.DataFrame, labels: pl.DataFrame, subgroups: pl.DataFrame) -> None:
    for where, table, names in (
        ("the events of the samples", events, ("sample", "time", "code")),
        ("the labels", labels, ("subject_id", "prediction_time")),
        ("the subgroups", subgroups, ("age", "sex")),
    ):
        for name in names:
            if name not in table.columns:
                raise SchemaError(f"column '{name}' of {where}", got="no such column")
    if subgroups.height != labels.height:
        raise DataError(
            "the subgroups",
            got=f"{subgroups.height} row(s)",
            wanted=f"{labels.height}, one a label",
        )
    if events.height:
        low, high = events["sample"].min(), events["sample"].max()
        if events["sample"].null_count() or low < 0 or high >= labels.height:  # type: ignore[operator]
            raise DataError(
                "column 'sample' of the events of the samples",
                got="a row number outside the labels",
                wanted=f"0 to {labels.height - 1}",
            )


def _dated(events: pl.DataFrame) -> pl.DataFrame:
    # Birth is told by the age, and what has no time belongs to no visit.
    return events.filter(pl.col("time").is_not_null() & (pl.col("code") != BIRTH_CODE))


def _common(values: pl.Series, subjects: pl.Series, min_subjects: int) -> tuple[str, ...]:
    """The values of at least ``min_subjects`` distinct subjects, sorted."""
    pairs = pl.DataFrame({"value": values.cast(pl.String), "subject": subjects}).unique()
    counts = pairs.drop_nulls("value").group_by("value").len()
    return tuple(counts.filter(pl.col("len") >= min_subjects)["value"].sort().to_list())


def _microseconds(times: pl.Series) -> np.ndarray:
    return times.cast(pl.Datetime("us")).to_physical().to_numpy()


def _changes(values: np.ndarray) -> np.ndarray:
    return np.concatenate([np.ones(min(1, len(values)), bool), values[1:] != values[:-1]])


def _step_features(sample: np.ndarray, time: np.ndarray, predicted: np.ndarray) -> np.ndarray:
    since = np.where(_changes(sample), 0, np.diff(time, prepend=time[:1]))
    until = predicted[sample] - time
    return np.log1p(np.stack([since, until], axis=1) / _MICROSECONDS_PER_DAY).astype(np.float32)


def _target(labels: pl.DataFrame) -> np.ndarray | None:
    if "boolean_value" not in labels.columns:
        return None
    if labels["boolean_value"].null_count():
        raise DataError("column 'boolean_value' of the labels", got="gaps", wanted="true or false")
    return labels["boolean_value"].cast(pl.Boolean).to_numpy()
