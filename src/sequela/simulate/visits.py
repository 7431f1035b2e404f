"""A MEDS data set of visits whose true probabilities of everything at the next visit are known.

They are a closed form of the written events (:mod:`sequela.simulate.pathways`), so they can be
computed again from the data set alone, and no model can be expected to rank codes better.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import polars as pl

from sequela.errors import ConfigError, DataError, SchemaError
from sequela.events import BIRTH_CODE, EventData, write_events
from sequela.files import publish_directory
from sequela.seeds import generator
from sequela.simulate.codes import DESCRIPTIONS
from sequela.simulate.pathways import CODES, GAP_SPREAD, Course
from sequela.simulate.pathways import DESCRIPTIONS as MORE

__all__ = ["VISITS_FILE", "NextVisits", "next_visits", "visits"]

#: Where the truth of each visit lies, below the data set's root; it marks such a data set.
VISITS_FILE = Path("truth", "next_visits.parquet")

_VISIT = "ENCOUNTER//VISIT"
_SEXES = ("GENDER//F", "GENDER//M")
_FIRST_ENTRY, _LAST_ENTRY = 14_245, 17_897  # 2009-01-01 and 2019-01-01, days since 1970
_FEWEST, _FURTHER, _MOST = 2, 10.0, 60
_DAY, _YEAR = 1440, 365.25
_MINUTE = 60_000_000  # microseconds


class NextVisits(NamedTuple):
    """The truth at ``n`` prediction times.

    Args:
        codes: ``[n, C]``, the probability of each code at the next visit.
        days: ``[n]``, the median number of days until then.
    """

    codes: np.ndarray
    days: np.ndarray


def visits(
    root: Path | str,
    subjects: int = 20_000,
    seed: int = 0,
    shard_subjects: int = 10_000,
    *,
    replace: bool = False,
) -> EventData:
    """Draws patients and their visits and writes them as MEDS 0.4, with the truth beside the data.

    The truth has a row for each visit but a patient's last: ``subject_id``, ``time``, ``codes``
    (how many codes the next visit is expected to have) and ``days`` (the median until then).

    Args:
        root: the new folder.
        subjects: the number of patients; they have 12 visits on average, and 2 to 60.
        seed: same seed and sizes, same bytes.
        shard_subjects: patients in a file; a shard depends on the seed, its number and its size.
        replace: take the place of an existing folder.

    Returns:
        The data set, opened.

    Raises:
        ConfigError: a size below 1.
        OutputError: the folder exists, or cannot be written.
    """
    for name, size in (("subjects", subjects), ("shard_subjects", shard_subjects)):
        if size < 1:
            raise ConfigError(f"setting '{name}' of the simulated visits", got=size, wanted=">= 1")
    truth: list[pl.DataFrame] = []

    def shards() -> Iterator[pl.DataFrame]:
        for shard, first in enumerate(range(0, subjects, shard_subjects)):
            events, expected = _shard(seed, shard, min(shard_subjects, subjects - first))
            moved = pl.col("subject_id") + first + 1
            truth.append(expected.with_columns(moved))
            yield events.with_columns(moved)

    root = Path(root)
    with publish_directory(root, replace=replace) as folder:
        known = {**DESCRIPTIONS, **MORE, _VISIT: "Visit"}
        told = [code for code in (_VISIT, *CODES) if code in known]
        described = pl.DataFrame({"code": told, "description": [known[code] for code in told]})
        facts = {"dataset_name": "Sequela simulated visits", "dataset_version": f"seed {seed}"}
        write_events(folder, shards(), codes=described, dataset=facts, replace=True)
        (folder / VISITS_FILE).parent.mkdir()
        pl.concat(truth).write_parquet(folder / VISITS_FILE)
    return EventData.open(root)


def _shard(seed: int, shard: int, size: int) -> tuple[pl.DataFrame, pl.DataFrame]:
    """The events of a shard, subjects from 0, and the truth of each visit but the last."""
    random = generator(seed, "visits", shard, "patients")
    day = random.integers(_FIRST_ENTRY, _LAST_ENTRY, size)
    age = np.clip(random.normal(63.0, 11.0, size), 30.0, 92.0)
    birth = day - np.round(age * _YEAR).astype(np.int64)
    male = random.random(size) < 0.5
    number = np.minimum(_FEWEST + random.geometric(1 / _FURTHER, size), _MOST)
    random = generator(seed, "visits", shard, "visits")
    course, parts, expected = Course(size), [], []
    for visit in range(int(number.max(initial=0))):
        who = np.flatnonzero(number > visit)
        chances = course.chances(who, (day[who] - birth[who]) / _YEAR)
        if visit:
            time = parts[-1][1][np.searchsorted(parts[-1][0], who)]
            expected.append((who, time, chances.sum(axis=1), course.median_days(who)))
            gap = course.median_days(who) * np.exp(GAP_SPREAD * random.standard_normal(len(who)))
            day[who] += np.maximum(1, np.round(gap)).astype(np.int64)
        came = random.random(chances.shape) < chances
        course.see(who, day[who].astype(np.float64), came)
        minute = day[who] * _DAY + random.integers(8 * 60, 17 * 60, len(who))
        parts.append((who, minute, came))
    return _events(birth, male, parts), _expected(expected)


def _events(birth: np.ndarray, male: np.ndarray, parts: list[tuple]) -> pl.DataFrame:
    """MEDS events sorted by subject and time, static ones first."""
    everyone = np.arange(len(birth))
    rows = [(everyone, np.full(len(birth), -1), male.astype(np.int64))]
    rows.append((everyone, birth * _DAY, np.full(len(birth), 2)))
    for who, minute, came in parts:
        rows.append((who, minute, np.full(len(who), 3)))
        row, code = np.nonzero(came)
        rows.append((who[row], minute[row], code + 4))
    subject, minute, code = (np.concatenate(column) for column in zip(*rows, strict=True))
    # The lists lie behind each other in the order of time; births come before visits.
    order = np.argsort(subject, kind="stable")
    names = pl.Series([*_SEXES, BIRTH_CODE, _VISIT, *CODES], dtype=pl.String)
    static = pl.Series(code[order] < 2)
    return pl.DataFrame(
        {
            "subject_id": subject[order],
            "time": pl.Series(minute[order] * _MINUTE).cast(pl.Datetime("us")),
            "code": names.gather(code[order]),
        }
    ).with_columns(
        pl.when(~static).then(pl.col("time")).alias("time"),
        numeric_value=pl.lit(None, pl.Float32),
    )


def _expected(rows: list[tuple]) -> pl.DataFrame:
    subject, minute, codes, days = (np.concatenate(column) for column in zip(*rows, strict=True))
    order = np.argsort(subject, kind="stable")
    time = pl.Series(minute[order] * _MINUTE).cast(pl.Datetime("us"))
    return pl.DataFrame(
        {
            "subject_id": subject[order],
            "time": time,
            "codes": codes[order],
            "days": days[order],
        }
    )


def next_visits(
    data: EventData | Path | str, labels: pl.DataFrame, codes: Sequence[str]
) -> NextVisits:
    """The truth at any prediction times, by the closed form, from the written events.

    Args:
        data: a data set of :func:`visits`, or its folder.
        labels: ``subject_id`` and ``prediction_time``; a subject may have several.
        codes: C codes, in the order that is wanted; one that the simulation does not have never
            comes.

    Raises:
        SchemaError: a column of ``labels`` is missing.
        DataError: a subject that is not in the data, has no birth, or no visit by then.
    """
    for name in ("subject_id", "prediction_time"):
        if name not in labels.columns:
            raise SchemaError(f"column '{name}' of the labels", got="no such column")
    data = data if isinstance(data, EventData) else EventData.open(data)
    wanted = labels.select("subject_id", "prediction_time").with_row_index("row")
    place = {code: number for number, code in enumerate(CODES)}
    columns = np.array([place.get(code, len(CODES)) for code in codes], np.int64)
    chances = np.full((labels.height, len(codes)), np.nan)
    days = np.full(labels.height, np.nan)
    for events in data.shards(wanted["subject_id"].unique().to_numpy()):
        for rows, found, median in _replayed(events, wanted):
            chances[rows] = np.pad(found, ((0, 0), (0, 1)))[:, columns]
            days[rows] = median
    missing = int(np.isnan(days).sum())
    if missing:
        raise DataError(
            f"data {data.root}",
            got=f"no birth or no visit by then for {missing} row(s) of the labels",
            wanted="simulated visits with all subjects of the labels",
        )
    return NextVisits(chances, days)


def _replayed(
    events: pl.DataFrame, wanted: pl.DataFrame
) -> Iterator[tuple[np.ndarray, np.ndarray, np.ndarray]]:
    """Rows of ``wanted`` in this shard, with their chances and days, visit by visit."""
    birth = events.filter(pl.col("code") == BIRTH_CODE).unique("subject_id")
    people = birth.select("subject_id", born="time").sort("subject_id").with_row_index("who")
    dated = events.filter(pl.col("time").is_not_null() & (pl.col("code") != BIRTH_CODE))
    seen = (
        dated.join(people, on="subject_id")
        .with_columns(visit=pl.col("time").rank("dense").over("subject_id") - 1)
        .with_columns(age=(pl.col("time") - pl.col("born")).dt.total_days() / _YEAR)
    )
    times = seen.unique(["who", "visit"]).sort("visit", "who")
    asked = (
        wanted.join(people, on="subject_id")
        .join(times.select("subject_id", "time", "visit"), on="subject_id")
        .filter(pl.col("time") <= pl.col("prediction_time"))
        .group_by("row", "who")
        .agg(pl.col("visit").max())
    )
    known = pl.DataFrame({"code": CODES, "number": range(len(CODES))})
    coded = seen.join(known, on="code")
    course, age = Course(people.height), np.zeros(people.height)
    cells = coded.partition_by("visit", as_dict=True)
    rows = asked.partition_by("visit", as_dict=True)
    for (visit,), there in times.partition_by("visit", as_dict=True, maintain_order=True).items():
        who = there["who"].to_numpy().astype(np.int64)
        came = np.zeros((len(who), len(CODES)), bool)
        if (visit,) in cells:
            cell = cells[visit,]
            came[np.searchsorted(who, cell["who"].to_numpy()), cell["number"].to_numpy()] = True
        moment = there["time"].dt.epoch("d").to_numpy().astype(np.float64)
        course.see(who, moment, came)
        age[who] = there["age"].to_numpy()
        if (visit,) in rows:
            row = rows[visit,]
            whose = row["who"].to_numpy().astype(np.int64)
            found = course.chances(whose, age[whose])
            yield row["row"].to_numpy(), found, course.median_days(whose)
