"""Measurements: values, which of them are there, and how long ago each was last seen.

A step is a moment (or a cell of a grid) at which something was recorded. For each of the ``K``
variables that enough training subjects have, a step holds

    value     standardised; 0, the mean, where it is missing (``missing="mean"``), or the last one
              seen (``missing="forward"``; the mean before the first)
    mask      1 where it was measured in this step, else 0
    delta     log1p of the hours since the variable was seen before this step; since the first step
              where it never was (Che et al., Sci. Rep. 8 (2018) 6085, equation 2)

behind the two time features of a visit. Codes that come without a value are the step's codes. What
is kept is one number per measurement; the wide rows are made batch by batch.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
import polars as pl

from sequela.batches.batch import PackedOrder, gather_ragged, packed_order
from sequela.batches.groups import CodeGroups
from sequela.batches.learning import Learnt
from sequela.batches.people import StaticEncoder
from sequela.batches.scaling import Scales
from sequela.batches.stretches import StretchSamples
from sequela.batches.tables import (
    Steps,
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

__all__ = ["ValueEncoder", "ValueSamples"]

_UNKNOWN_CODE = "unknown code"
_MICROSECONDS_PER_HOUR = 3_600_000_000
_MISSING = ("mean", "forward")
_KEYS = {"scales", "vocabulary", "static", "grid", "missing", "groups", "online"}


@dataclass(frozen=True)
class ValueSamples(StretchSamples):
    """Samples whose steps hold measurements; made by :meth:`ValueEncoder.encode`.

    Args:
        value_offsets: int64 ``[N + 1]``; the measurements of step ``i`` are
            ``values[value_offsets[i]:value_offsets[i + 1]]``.
        variables: int32 ``[M]``, from 0 to K - 1, at most once in a step.
        values: float32 ``[M]``, standardised.
        variable_names: ``K`` names.
        forward: missing values are the last ones seen.
    """

    value_offsets: np.ndarray
    variables: np.ndarray
    values: np.ndarray
    variable_names: tuple[str, ...]
    forward: bool

    @property
    def step_size(self) -> int:
        """The number ``F`` of features of a step: 2 times, then K values, K masks, K deltas."""
        return 2 + 3 * len(self.variable_names)

    def _packed_features(self, indices: np.ndarray, order: PackedOrder) -> np.ndarray:
        # What was seen last is carried on along a sample, so the samples stand one by one first.
        lengths = self.lengths[indices]
        begin = np.cumsum(lengths) - lengths
        member = np.repeat(np.arange(len(indices)), lengths)
        steps = np.arange(len(member)) + (self.starts[indices] - begin)[member]
        times = self.features(steps, indices[member], begin[lengths > 0])
        packed = packed_order(begin, lengths).steps
        return self._dense(steps, times, begin[member])[packed]

    def _dense(self, chosen: np.ndarray, times: np.ndarray, first: np.ndarray) -> np.ndarray:
        """Float32 ``[N', F]``, the features of these steps.

        Args:
            chosen: int64 ``[N']``, steps of whole samples, one behind the other.
            times: float32 ``[N', 2]``, their time features.
            first: int64 ``[N']``, where in ``chosen`` the sample of each step begins.
        """
        count, width = len(chosen), len(self.variable_names)
        result = np.zeros((count, self.step_size), np.float32)
        result[:, :2] = times
        values, mask, delta = np.split(result[:, 2:], 3, axis=1)
        step, variable, value = self._measured(chosen)
        values[step, variable] = value
        mask[step, variable] = 1.0
        # The step at which each variable was seen last, carried on over the rows; what is carried
        # over from another sample lies before the first step of this one, and is cut off there.
        seen = np.full((count, width), -1, np.int32)
        seen[step, variable] = step
        np.maximum.accumulate(seen, axis=0, out=seen)
        np.maximum(seen, first[:, None], out=seen)
        before = np.concatenate([seen[:1], seen[:-1]]) if count else seen
        before = np.maximum(before, first[:, None])
        hours = self.time[chosen] / _MICROSECONDS_PER_HOUR
        np.log1p(hours[:, None] - hours[before], out=delta, casting="same_kind")
        if self.forward:
            # The first step has what it has, measured or 0, so it answers for "never seen" too.
            values[:] = np.take_along_axis(values, seen.astype(np.int64), axis=0)
        return result

    def _measured(self, chosen: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Place in ``chosen``, variable and value of each measurement of these steps."""
        counts = self.value_offsets[chosen + 1] - self.value_offsets[chosen]
        variable, _ = gather_ragged(self.variables, self.value_offsets, chosen)
        value, _ = gather_ragged(self.values, self.value_offsets, chosen)
        return np.repeat(np.arange(len(chosen)), counts), variable, value


@dataclass(frozen=True)
class ValueEncoder:
    """From tables of events to measurements; fitted on the training part alone.

    Args:
        scales: the variables, and how their values are clipped and standardised.
        vocabulary: the codes that come without a value.
        static: age, sex and undated facts.
        grid: "30m", "1h", "1d": a step holds what was recorded in one cell of the clock, and
            several values of a variable become their mean; empty cells are no step. None for one
            step per distinct time.
        missing: "mean" or "forward", what stands for a value that was not measured.
        groups: which group stands for a code; variables and vocabulary are of groups.
        online: see :class:`~sequela.batches.stretches.StretchSamples`.
    """

    scales: Scales
    vocabulary: Vocabulary
    static: StaticEncoder
    grid: str | None = None
    missing: Literal["mean", "forward"] = "forward"
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
        missing: Literal["mean", "forward"] = "forward",
        facts: bool = True,
        most: int = 256,
        groups: CodeGroups | None = None,
        parents: CodeGroups | None = None,
        online: bool = False,
    ) -> ValueEncoder:
        """Learns variables, scales and vocabulary.

        Args:
            events: what was observed of the samples: ``sample`` (row of ``labels``), ``time``,
                ``code``, ``numeric_value``.
            labels: the labels, with ``subject_id``.
            subgroups: ``age`` and ``sex``, a row for each label, in order.
            rows: int64, the rows of the TRAINING part; nothing is learnt from the others. None
                where all rows are training rows.
            min_subjects: variables and codes of fewer subjects stay unknown.
            grid: see the class.
            missing: see the class. The last value seen is the better guess for most measurements.
            facts: use undated facts (height, type of unit) beside age and sex.
            most: variables at most, those of the most subjects. A step is three numbers for each,
                so that 256 keep a batch of 64 patients with 100 steps below 20 MB; the values of
                the others are not read, their codes are.
            groups: a user's map of codes; it is kept whole. Only codes of one unit belong together.
            parents: a data set's own groups, which stand behind the user's; kept for the codes of
                ``min_subjects`` training subjects.
            online: see the class.

        Raises:
            ConfigError: a wrong grid or way to fill.
            SchemaError: a column is missing.
            DataError: no labels, or tables that do not fit each other.
        """
        grid_width(grid)
        if missing not in _MISSING:
            what = "setting 'missing' of encoding"
            raise ConfigError(what, got=repr(missing)[:40], wanted=" or ".join(_MISSING))
        observed = check_tables(events, labels, subgroups, "numeric_value")
        learnt = Learnt.of(observed, labels, rows)
        kept = CodeGroups.kept(groups, parents, lambda: learnt.vocabulary(min_subjects).codes)
        joined = CodeGroups.joined(groups, parents)
        if len(joined):
            learnt = Learnt.of(joined.stand_for(observed), labels, rows)
        scales = Scales.fit(learnt.values(), min_subjects, most, learnt.names)
        measured = (scales.number_of(learnt.names) >= 0)[learnt.code] & np.isfinite(learnt.value)
        return cls(
            scales=scales,
            vocabulary=learnt.vocabulary(min_subjects, ~measured),
            static=StaticEncoder.fit(
                observed.static() if facts else None,
                labels,
                subgroups,
                rows=rows,
                min_subjects=min_subjects,
            ),
            grid=grid,
            missing=missing,
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
    ) -> ValueSamples:
        """The samples of these labels, in their order.

        Args:
            events: ``sample`` (row of ``labels``), ``time``, ``code``, ``numeric_value``; any
                order.
            labels: ``subject_id``, ``prediction_time`` and, where known, ``boolean_value``; the
                target is all zeros without it. The subjects are the groups.
            subgroups: ``age`` and ``sex``, a row for each label, in order.
            parents: groups of codes of this data set; those of the encoder come first.

        Raises:
            SchemaError: a column is missing.
            DataError: tables that do not fit each other.
            LeakageError: an event after its prediction time.
        """
        observed = check_tables(events, labels, subgroups, "numeric_value")
        happened = CodeGroups.joined(self.groups, parents).stand_for(dated(observed))
        steps = arrange(happened, labels, grid_width(self.grid))
        happened = steps.observed
        number = self.scales.number_of(happened.names)[happened.code]
        measured = (number >= 0) & np.isfinite(happened.value)
        value_offsets, variables, values = self._values(steps, number, measured)
        encoded = self.vocabulary.encode(happened.names)[happened.code[~measured]]
        codes, code_offsets = distinct_codes(
            steps.step[~measured], encoded, len(steps.time), len(self.vocabulary)
        )
        samples = ValueSamples(
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
            vocabulary_size=len(self.vocabulary),
            code_names=(_UNKNOWN_CODE, *self.vocabulary.codes),
            static_names=self.static.names,
            online=False,
            value_offsets=value_offsets,
            variables=variables,
            values=values,
            variable_names=self.scales.names,
            forward=self.missing == "forward",
        )
        return samples.for_online() if self.online else samples

    def _values(
        self, steps: Steps, number: np.ndarray, measured: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Offsets, variables and values of the measurements, one for each variable of a step."""
        width, count = max(1, len(self.scales)), len(steps.time)
        key = steps.step[measured] * width + number[measured]
        raw = steps.observed.value[measured].astype(np.float64)
        value = self.scales.apply(number[measured], raw).astype(np.float64)
        if not (key[1:] > key[:-1]).all():
            order = np.argsort(key, kind="stable")
            key, value = key[order], value[order]
        first = np.flatnonzero(np.diff(key, prepend=-1))
        counts = np.diff(np.append(first, len(key)))
        # Sums in the order of the values, not of the rows; most cells hold a single one.
        several = np.flatnonzero(np.repeat(counts > 1, counts))
        value[several] = value[several][np.lexsort((value[several], key[several]))]
        sums = np.add.reduceat(value, first) if len(first) else value
        place = key[first] // width
        offsets = np.zeros(count + 1, np.int64)
        np.cumsum(np.bincount(place, minlength=count), out=offsets[1:])
        return (
            offsets,
            (key[first] - place * width).astype(np.int32),
            (sums / counts).astype(np.float32),
        )

    def knows(self, codes: pl.Series, parents: CodeGroups | None = None) -> int:
        """How many of some distinct codes mean anything to the encoder."""
        rows = pl.DataFrame({"code": codes}).with_row_index("row")
        grouped = CodeGroups.joined(self.groups, parents).apply(rows)
        known = pl.Series(self.vocabulary.encode(grouped["code"]) > 0)
        known |= grouped["code"].is_in(list(self.scales.names))
        return grouped.filter(known)["row"].n_unique()

    def to_dict(self) -> dict[str, Any]:
        """What JSON can hold; :meth:`from_dict` reads it."""
        return {
            "scales": self.scales.to_dict(),
            "vocabulary": self.vocabulary.to_dict(),
            "static": self.static.to_dict(),
            "grid": self.grid,
            "missing": self.missing,
            "groups": self.groups.to_dict(),
            "online": self.online,
        }

    @classmethod
    def from_dict(cls, content: Mapping[str, Any]) -> ValueEncoder:
        """The encoder of :meth:`to_dict`.

        Raises:
            BundleError: a key is missing, unknown or of the wrong type.
        """
        try:
            sound = (
                isinstance(content, Mapping)
                and set(content) == _KEYS
                and isinstance(content["vocabulary"], Mapping)
                and content["missing"] in _MISSING
                and type(content["online"]) is bool
            )
            grid_width(content["grid"] if sound else None)
        except ConfigError:
            sound = False
        if not sound:
            raise BundleError(
                "the bundle's encoding of values",
                got="keys or values that do not fit each other",
                wanted="what ValueEncoder.to_dict wrote",
            )
        return cls(
            scales=Scales.from_dict(content["scales"]),
            vocabulary=Vocabulary.from_dict(content["vocabulary"]),
            static=StaticEncoder.from_dict(content["static"]),
            grid=content["grid"],
            missing=content["missing"],
            groups=CodeGroups.from_dict(content["groups"]),
            online=content["online"],
        )
