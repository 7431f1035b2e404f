"""What the training samples see, and of how many subjects each code is."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import polars as pl

from sequela.batches.tables import dated, distinct
from sequela.cohort import Observations
from sequela.errors import DataError
from sequela.events import Vocabulary

__all__ = ["Learnt"]


@dataclass(frozen=True, eq=False)
class Learnt:
    """The dated events that the training samples see, each once; nothing else may be learnt from.

    Made by :meth:`of`.

    Args:
        names: distinct codes.
        code: int32 [k], places in ``names``.
        value: float32 [k], NaN where there is none.
        subject: int64 [k], numbers from 0.
        times: int64 [k], by how many training samples each event is seen.
    """

    names: pl.Series
    code: np.ndarray = field(repr=False)
    value: np.ndarray = field(repr=False)
    subject: np.ndarray = field(repr=False)
    times: np.ndarray = field(repr=False)

    @classmethod
    def of(cls, observed: Observations, labels: pl.DataFrame, rows: np.ndarray | None) -> Learnt:
        """What the samples of some rows see.

        Args:
            observed: of all samples.
            labels: with ``subject_id``.
            rows: int64, the training rows of the labels; None where all are.

        Raises:
            DataError: there are no labels.
        """
        if not labels.height:
            raise DataError("the training labels", got="none", wanted="at least one")
        observed = dated(observed)
        times = observed.counts(None if rows is None else np.asarray(rows))
        _, number = np.unique(labels["subject_id"].to_numpy(), return_inverse=True)
        subject = np.zeros(int(observed.owner.max()) + 1, np.int64)
        subject[observed.owner] = number
        if times.all():
            return cls(
                observed.names, observed.code, observed.value, subject[observed.record], times
            )
        kept = times > 0
        return cls(
            observed.names,
            observed.code[kept],
            observed.value[kept],
            subject[observed.record[kept]],
            times[kept],
        )

    def vocabulary(self, min_subjects: int, kept: np.ndarray | None = None) -> Vocabulary:
        """The codes of enough subjects.

        Args:
            min_subjects: see :class:`~sequela.events.Vocabulary`.
            kept: bool [k], the events that count; all by default.
        """
        code, subject = self.code, self.subject
        if kept is not None:
            code, subject = code[kept], subject[kept]
        size = int(subject.max()) + 1 if len(subject) else 1
        pairs = distinct(code.astype(np.int64) * size + subject)
        counts = np.bincount(pairs // size, minlength=len(self.names))
        return Vocabulary.of_counts(self.names, counts, min_subjects)

    def values(self) -> pl.DataFrame:
        """``code`` (a place in ``names``), ``numeric_value``, ``subject``, ``times``."""
        there = np.isfinite(self.value)
        return pl.DataFrame(
            {
                "code": self.code[there],
                "numeric_value": self.value[there],
                "subject": self.subject[there],
                "times": self.times[there],
            }
        )
