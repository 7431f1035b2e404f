"""A data set without a leak, in which leaks are planted, each beside its honest twin."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import meds
import numpy as np
import polars as pl

from sequela.cohort import build_cohort
from sequela.events import EventData

__all__ = ["DAY", "TASK", "World", "event"]

DAY = dt.timedelta(days=1)
_START = dt.datetime(2010, 1, 1, 9)
_OUTCOME = "DX//OUT"

TASK: dict[str, Any] = {
    "kind": "onset",
    "name": "planted",
    "outcome": {"name": "out", "exact": [_OUTCOME]},
    "index": {"rule": "landmark", "days": 365},
    "observation_days": None,
    "gap_days": 0,
    "prediction_days": 365,
    "min_age": 0,
    "min_visits": 1,
}

Row = tuple[int, dt.datetime | None, str, float | None, dt.datetime | None]


def event(
    subject: int,
    time: dt.datetime | None,
    code: str,
    value: float | None = None,
    known: dt.datetime | None = None,
) -> Row:
    """A row of the world."""
    return (subject, time, code, value, known)


@dataclass
class World:
    """Patients with visits, codes, one laboratory value, and an outcome that some risk foretells.

    Args:
        rows: the events.
        first: the first event of each subject; the prediction is made 365 days later.
        outcome: when the cases have it.
        parts: the part of each subject.
        parents: of codes.
        second_file: whether a row, by its place and itself, lies in the second of the two files.
        labels: in place of the task's own.
        task: the declaration.
        twice: further parts of subjects.
        options: how the check is called beyond that.
    """

    rows: list[Row]
    first: dict[int, dt.datetime]
    outcome: dict[int, dt.datetime]
    parts: dict[int, str]
    parents: dict[str, list[str]] = field(default_factory=dict)
    second_file: Callable[[int, Row], bool] = lambda place, row: row[0] % 2 == 0
    twice: dict[int, str] = field(default_factory=dict)
    labels: pl.DataFrame | None = None
    task: dict[str, Any] = field(default_factory=lambda: dict(TASK))
    options: dict[str, Any] = field(default_factory=dict)

    @classmethod
    def new(cls, subjects: int = 240, seed: int = 0) -> World:
        return cls(*(part.copy() for part in cls._made(subjects, seed)))

    @staticmethod
    @cache
    def _made(subjects: int, seed: int) -> tuple[Any, ...]:
        """The rows, the first events, the outcomes and the parts, for many tests."""
        lot = np.random.default_rng(seed)
        rows: list[Row] = []
        first, outcome, parts = {}, {}, {}
        for subject in range(1, subjects + 1):
            begin = (
                _START + int(lot.integers(0, 700)) * DAY + int(lot.integers(0, 600)) * DAY / 1440
            )
            risk = lot.random() < 0.3
            first[subject] = begin
            parts[subject] = _part(lot)
            rows.append(event(subject, None, f"GENDER//{'FM'[int(lot.integers(0, 2))]}"))
            rows.append(event(subject, begin - int(lot.integers(9000, 30000)) * DAY, "MEDS_BIRTH"))
            now = begin
            while now < begin + 900 * DAY:
                codes = lot.integers(0, 25, int(lot.integers(1, 4)))
                rows += [event(subject, now, f"DX//{code}") for code in codes]
                rows.append(event(subject, now, "LAB//X", float(lot.normal())))
                if risk and lot.random() < 0.3:
                    rows.append(event(subject, now, "DX//RISK"))
                now += int(lot.integers(20, 70)) * DAY + int(lot.integers(0, 1440)) * DAY / 1440
            if lot.random() < (0.5 if risk else 0.25):
                outcome[subject] = begin + int(lot.integers(380, 720)) * DAY + DAY / 3
                rows.append(event(subject, outcome[subject], _OUTCOME))
        return rows, first, outcome, parts

    def cases(self) -> list[int]:
        return sorted(self.outcome)

    def others(self) -> list[int]:
        return sorted(set(self.first) - set(self.outcome))

    def moment(self, subject: int, days: float) -> dt.datetime:
        """Days after the first event."""
        return self.first[subject] + dt.timedelta(days=days)

    def add(self, rows: Iterable[Row]) -> None:
        self.rows += rows

    def own_labels(self, folder: Path) -> pl.DataFrame:
        """The labels of the task on the world as it is, as if they came from a file."""
        return build_cohort(self.write(folder), self.task).labels

    def write(self, folder: Path) -> EventData:
        """The world as MEDS on disk; whatever is wrong with it is written as it is."""
        names = ["subject_id", "time", "code", "numeric_value", "available_time"]
        kinds = [pl.Int64, pl.Datetime("us"), pl.String, pl.Float32, pl.Datetime("us")]
        schema = dict(zip(names, kinds, strict=True))
        frames: list[list[Row]] = [[], []]
        for place, row in enumerate(self.rows):
            frames[self.second_file(place, row)].append(row)
        data = folder / meds.data_subdirectory
        data.mkdir(parents=True)
        (folder / "metadata").mkdir()
        for number, part in enumerate(frames):
            pl.DataFrame(part, schema=schema, orient="row").write_parquet(
                data / f"{number}.parquet"
            )
        splits = [*self.parts.items(), *self.twice.items()]
        pl.DataFrame(splits, schema=["subject_id", "split"], orient="row").write_parquet(
            folder / meds.subject_splits_filepath
        )
        codes = {"code": list(self.parents), "parent_codes": list(self.parents.values())}
        kinds = {"code": pl.String, "parent_codes": pl.List(pl.String)}
        pl.DataFrame(codes, schema=kinds).write_parquet(folder / meds.code_metadata_filepath)
        return EventData.open(folder)


def _part(lot: np.random.Generator) -> str:
    parts = [meds.train_split, meds.tuning_split, meds.held_out_split]
    return str(lot.choice(parts, p=[0.6, 0.2, 0.2]))
