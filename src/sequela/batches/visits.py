"""Visits: what happened to a patient at one time, as the steps of a sequence.

The events of a sample with the same timestamp are one visit (on a grid, those of the same cell; or
each event is a step of its own). A step holds the visit's codes and two numbers, ``log1p`` of the
days since the visit before and ``log1p`` of the days until the prediction. The codes of
measurements are read, their values are not (see :mod:`sequela.batches.values`). A patient without a
visit is a sequence of length 0.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
import polars as pl

from sequela.batches.groups import CodeGroups
from sequela.batches.learning import Learnt
from sequela.batches.people import StaticEncoder
from sequela.batches.stretches import StretchSamples
from sequela.batches.tables import (
    arrange,
    check_tables,
    dated,
    distinct_codes,
    grid_width,
    target_of,
)
from sequela.cohort import Observations
from sequela.errors import BundleError, ConfigError
from sequela.events import Vocabulary

__all__ = ["VisitEncoder", "VisitSamples"]

_UNKNOWN_CODE = "unknown code"
_STEPS = ("time", "event")
_KEYS = {"vocabulary", "static", "grid", "step", "groups", "online"}


@dataclass(frozen=True)
class VisitSamples(StretchSamples):
    """Samples whose steps are visits; made by :meth:`VisitEncoder.encode`."""


@dataclass(frozen=True)
class VisitEncoder:
    """From tables of events to visits; fitted on the training part alone.

    Args:
        vocabulary: the known codes; every other code becomes number 0, so that a visit of unknown
            codes is still a visit.
        static: age, sex and undated facts.
        grid: "1h", "1d": a visit holds what happened in one cell of the clock, and is known at its
            last event. None for one visit per distinct time.
        step: "time" or "event"; with "event" each event is a step (and a grid is refused).
        groups: which group stands for a code; the vocabulary is of groups.
        online: see :class:`~sequela.batches.stretches.StretchSamples`.
    """

    vocabulary: Vocabulary
    static: StaticEncoder
    grid: str | None = None
    step: Literal["time", "event"] = "time"
    groups: CodeGroups = field(default_factory=CodeGroups.of)
    online: bool = False

    @classmethod
    def fit(
        cls,
        events: pl.DataFrame | Observations,
        labels: pl.DataFrame,
        subgroups: pl.DataFrame,
        *,
        rows: np.ndarray | None = None,
        min_subjects: int = 11,
        grid: str | None = None,
        step: Literal["time", "event"] = "time",
        facts: bool = False,
        groups: CodeGroups | None = None,
        parents: CodeGroups | None = None,
        online: bool = False,
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
            grid: see the class.
            step: see the class.
            facts: use undated facts beside age and sex. Off by default: what a hospital writes
                without a date (race, language) should be asked for.
            groups: a user's map of codes; it is kept whole.
            parents: a data set's own groups, which stand behind the user's; kept for the codes of
                ``min_subjects`` training subjects.
            online: see the class.

        Raises:
            ConfigError: a wrong grid or kind of step.
            SchemaError: a column is missing.
            DataError: no labels, or tables that do not fit each other.
        """
        grid_width(grid)
        _check_step(step, grid)
        observed = check_tables(events, labels, subgroups)
        learnt = Learnt.of(observed, labels, rows)
        kept = CodeGroups.kept(groups, parents, lambda: learnt.vocabulary(min_subjects).codes)
        joined = CodeGroups.joined(groups, parents)
        if len(joined):
            learnt = Learnt.of(joined.stand_for(observed), labels, rows)
        return cls(
            vocabulary=learnt.vocabulary(min_subjects),
            static=StaticEncoder.fit(
                observed.static() if facts else None,
                labels,
                subgroups,
                rows=rows,
                min_subjects=min_subjects,
            ),
            grid=grid,
            step=step,
            groups=kept,
            online=online,
        )

    def encode(
        self,
        events: pl.DataFrame | Observations,
        labels: pl.DataFrame,
        subgroups: pl.DataFrame,
        *,
        parents: CodeGroups | None = None,
    ) -> VisitSamples:
        """The samples of these labels, in their order.

        Args:
            events: ``sample`` (row of ``labels``), ``time``, ``code``; any order.
            labels: ``subject_id``, ``prediction_time`` and, where known, ``boolean_value``; the
                target is all zeros without it. The subjects are the groups.
            subgroups: ``age`` and ``sex``, a row for each label, in order. An unknown age counts
                as the mean of the training part.
            parents: groups of codes of this data set; those of the encoder come first.

        Raises:
            SchemaError: a column is missing.
            DataError: tables that do not fit each other.
            LeakageError: an event after its prediction time.
        """
        observed = check_tables(events, labels, subgroups)
        happened = CodeGroups.joined(self.groups, parents).stand_for(dated(observed))
        steps = arrange(happened, labels, grid_width(self.grid), single=self.step == "event")
        size = len(self.vocabulary)
        number = self.vocabulary.encode(steps.observed.names)[steps.observed.code]
        codes, code_offsets = distinct_codes(steps.step, number, len(steps.time), size)
        samples = VisitSamples(
            time=steps.time,
            since=steps.since,
            codes=codes,
            code_offsets=code_offsets,
            starts=steps.starts,
            lengths=steps.lengths,
            predicted=steps.predicted,
            target=target_of(labels),
            groups=labels["subject_id"].to_numpy(),
            static=self.static.encode(observed.static(), subgroups),
            rows=np.arange(labels.height, dtype=np.int64),
            vocabulary_size=size,
            code_names=(_UNKNOWN_CODE, *self.vocabulary.codes),
            static_names=self.static.names,
            online=False,
        )
        return samples.for_online() if self.online else samples

    def knows(self, codes: pl.Series, parents: CodeGroups | None = None) -> int:
        """How many of some distinct codes mean anything to the encoder."""
        rows = pl.DataFrame({"code": codes}).with_row_index("row")
        grouped = CodeGroups.joined(self.groups, parents).apply(rows)
        known = pl.Series(self.vocabulary.encode(grouped["code"]) > 0)
        return grouped.filter(known)["row"].n_unique()

    def to_dict(self) -> dict[str, Any]:
        """What JSON can hold; :meth:`from_dict` reads it."""
        return {
            "vocabulary": self.vocabulary.to_dict(),
            "static": self.static.to_dict(),
            "grid": self.grid,
            "step": self.step,
            "groups": self.groups.to_dict(),
            "online": self.online,
        }

    @classmethod
    def from_dict(cls, content: Mapping[str, Any]) -> VisitEncoder:
        """The encoder of :meth:`to_dict`.

        Raises:
            BundleError: a key is missing, unknown or of the wrong type.
        """
        sound = isinstance(content, Mapping) and set(content) == _KEYS
        sound = sound and type(content["online"]) is bool
        try:
            grid_width(content["grid"] if sound else None)
            _check_step(content["step"] if sound else "time", content["grid"] if sound else None)
        except ConfigError:
            sound = False
        if not sound or not isinstance(content["vocabulary"], Mapping):
            raise BundleError(
                "the bundle's visit encoding",
                got="keys or values that do not fit each other",
                wanted="what VisitEncoder.to_dict wrote",
            )
        return cls(
            vocabulary=Vocabulary.from_dict(content["vocabulary"]),
            static=StaticEncoder.from_dict(content["static"]),
            grid=content["grid"],
            step=content["step"],
            groups=CodeGroups.from_dict(content["groups"]),
            online=content["online"],
        )


def _check_step(step: Any, grid: Any) -> None:
    if step not in _STEPS or not isinstance(step, str):
        what = "setting 'step' of encoding"
        raise ConfigError(what, got=repr(step)[:40], wanted=" or ".join(_STEPS))
    if step == "event" and grid is not None:
        raise ConfigError("setting 'grid' of encoding", got="a grid", wanted="null with step=event")
