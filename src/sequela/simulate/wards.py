"""A MEDS data set of hospital stays whose prescriptions follow a known law.

The law is that of :mod:`sequela.simulate.prescribing`; the chance of every drug at every prediction
time is written beside the data.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import polars as pl

from sequela.errors import ConfigError
from sequela.events import BIRTH_CODE, EventData, write_events
from sequela.files import publish_directory
from sequela.seeds import generator
from sequela.simulate.cohort import INTERACTIONS_FILE
from sequela.simulate.prescribing import AVOIDED, DRUGS, FIRST, PROBLEMS, chances, drugs_of

__all__ = ["CHANCES_FILE", "prescriptions", "true_chances"]

#: Where the chance of each drug lies, a column a drug, below the data set's root.
CHANCES_FILE = Path("truth", "drugs.parquet")

_HOUR, _DAY, _YEAR = 60, 1440, 525_960
_MICROSECONDS = 60_000_000
_FIRST_DAY, _LAST_DAY = 15_000, 17_500  # days since 1970
_MOST_STAYS, _ANOTHER, _VISITS = 6, 0.65, 1.0
_BETWEEN_DAYS, _STAY_HOURS = (60, 500), (72, 192)
# Drugs are ordered on the second day, behind the prediction.
_PREDICTION, _ORDERS = 24 * _HOUR, (26 * _HOUR, 46 * _HOUR)
_TOLD, _TOLD_BY_OTHERS, _EVERYDAY = 0.4, 0.08, 0.15
_EVERYDAY_CODES = ("CPT//99213", "CPT//85025", "CPT//80053", "ICD10CM//Z23", "ICD10CM//J06.9")
_ADMISSION, _DISCHARGE = "HOSPITAL_ADMISSION//EMERGENCY", "HOSPITAL_DISCHARGE//HOME"
_VISIT = "ENCOUNTER//OUTPATIENT"
_CODES = (
    BIRTH_CODE,
    "GENDER//F",
    "GENDER//M",
    _ADMISSION,
    _DISCHARGE,
    _VISIT,
    *(problem.code for problem in PROBLEMS),
    *(problem.complaint for problem in PROBLEMS),
    *DRUGS,
    *_EVERYDAY_CODES,
)
_NUMBER = {code: number for number, code in enumerate(_CODES)}


@dataclass
class _Rows:
    """Events as they are drawn: subject, minute and code, in pieces."""

    pieces: list[tuple[np.ndarray, np.ndarray, np.ndarray]]

    def add(self, subject: np.ndarray, minute: np.ndarray, code: np.ndarray | str) -> None:
        number = np.full(len(subject), _NUMBER[code]) if isinstance(code, str) else code
        self.pieces.append((subject, minute, number))

    def table(self, subject: np.ndarray, held: np.ndarray, minute: np.ndarray, first: str) -> None:
        """One event for each True of ``held`` ``[n, K]``; the codes lie behind ``first``."""
        row, column = np.nonzero(held)
        self.add(subject[row], minute[row], _NUMBER[first] + column)


def prescriptions(
    root: Path | str, subjects: int = 6000, seed: int = 0, *, replace: bool = False
) -> EventData:
    """Draws patients with hospital stays and writes them as MEDS 0.4, with the truth beside them.

    Each patient has one to six stays, visits with complaints between them and two years before.
    The task ``prescription`` asks 24 hours after each admission; ``truth/drugs.parquet`` has
    ``subject_id``, ``prediction_time`` and the chance of each drug, ``truth/interactions.csv`` a
    list that ``interactions.pairs`` takes.

    Args:
        root: the new folder.
        subjects: the number of patients.
        seed: same seed and size, same bytes.
        replace: take the place of an existing folder.

    Returns:
        The data set, opened.

    Raises:
        ConfigError: fewer than one patient.
        OutputError: the folder exists, or cannot be written.
    """
    if subjects < 1:
        raise ConfigError("setting 'subjects' of the simulated wards", got=subjects, wanted=">= 1")
    rows, truth = _drawn(generator(seed, "wards"), subjects)
    root = Path(root)
    with publish_directory(root, replace=replace) as folder:
        facts = {"dataset_name": "Sequela simulated wards", "dataset_version": f"seed {seed}"}
        write_events(folder, [_events(rows)], dataset=facts, replace=True)
        (folder / CHANCES_FILE).parent.mkdir()
        truth.write_parquet(folder / CHANCES_FILE)
        frame = pl.DataFrame(list(AVOIDED), schema=["first", "second"], orient="row")
        frame.write_csv(folder / INTERACTIONS_FILE)
    return EventData.open(root)


def true_chances(
    data: EventData, labels: pl.DataFrame, codes: tuple[str, ...]
) -> np.ndarray | None:
    """The chance of each code at each prediction, as the law has it.

    Args:
        data: any data set.
        labels: ``subject_id`` and ``prediction_time`` of ``n`` rows.
        codes: C of them; what is no drug of the law has no chance.

    Returns:
        Float64 ``[n, C]``; None for data that :func:`prescriptions` did not write, or for other
        times than it asks at.
    """
    path = data.root / CHANCES_FILE
    if not path.is_file():
        return None
    keys = ["subject_id", "prediction_time"]
    found = labels.select(keys).join(
        pl.read_parquet(path), on=keys, how="left", maintain_order="left"
    )
    if found[DRUGS[0]].null_count():
        return None
    empty = np.zeros(labels.height)
    return np.stack([found[code].to_numpy() if code in DRUGS else empty for code in codes], axis=1)


def _events(rows: _Rows) -> pl.DataFrame:
    subject, minute, code = (np.concatenate(column) for column in zip(*rows.pieces, strict=True))
    order = np.lexsort((code, minute, subject))
    names = pl.Series(_CODES, dtype=pl.String).gather(code[order])
    time = pl.Series(minute[order] * _MICROSECONDS).cast(pl.Datetime("us"))
    frame = pl.DataFrame({"subject_id": subject[order] + 1, "time": time, "code": names})
    static = pl.col("code").str.starts_with("GENDER//")
    return frame.with_columns(
        time=pl.when(static).then(None).otherwise(pl.col("time")),
        numeric_value=pl.lit(None, pl.Float32),
    ).sort("subject_id", "time", nulls_last=False, maintain_order=True)


def _drawn(random: np.random.Generator, size: int) -> tuple[_Rows, pl.DataFrame]:
    rows, everyone = _Rows([]), np.arange(size)
    shares = np.array([problem.carriers for problem in PROBLEMS])
    problems = random.random((size, len(PROBLEMS))) < shares
    entry = random.integers(_FIRST_DAY, _LAST_DAY, size) * _DAY
    rows.add(everyone, entry - (random.uniform(35, 90, size) * _YEAR).astype(np.int64), BIRTH_CODE)
    sex = np.where(random.random(size) < 0.5, _NUMBER["GENDER//F"], _NUMBER["GENDER//M"])
    rows.add(everyone, entry, sex)
    second = random.random(problems.shape) >= FIRST
    belief = np.full(problems.shape, 1.0 - FIRST)
    begin, present, truth = entry, everyone, []
    for _ in range(_MOST_STAYS):
        told, begin = _between(random, rows, present, begin, problems[present])
        if truth:  # before the first stay complaints mean nothing
            second[present] ^= told
            belief[present] = second[present]
        truth.append(_truth(present, begin + _PREDICTION, belief[present], problems[present]))
        begin = _stay(random, rows, present, begin, (second[present], problems[present]))
        again = random.random(len(present)) < _ANOTHER
        present, begin = present[again], begin[again]
    return rows, pl.concat(truth).sort("subject_id", "prediction_time")


def _between(
    random: np.random.Generator,
    rows: _Rows,
    subject: np.ndarray,
    begin: np.ndarray,
    problems: np.ndarray,
) -> tuple[np.ndarray, np.ndarray]:
    """The visits until the next admission: what was told, bool ``[n, P]``, and its minute."""
    days = random.integers(*_BETWEEN_DAYS, len(subject))
    end = begin + days * _DAY + random.integers(0, _DAY, len(subject))
    visits = random.poisson(_VISITS, len(subject)) + 1
    row = np.repeat(np.arange(len(subject)), visits)
    minute = begin[row] + _DAY + (random.random(len(row)) * (days[row] - 2) * _DAY).astype(np.int64)
    rows.add(subject[row], minute, _VISIT)
    everyday = random.random((len(row), len(_EVERYDAY_CODES))) < _EVERYDAY
    rows.table(subject[row], everyday, minute, _EVERYDAY_CODES[0])
    chance = np.where(problems, _TOLD, _TOLD_BY_OTHERS)
    told = random.random(problems.shape) < chance
    # Each complaint is told at one of the visits.
    last = np.cumsum(visits)
    where = (last - visits)[:, None] + (random.random(told.shape) * visits[:, None]).astype(
        np.int64
    )
    person, complaint = np.nonzero(told)
    at = minute[where[person, complaint]]
    rows.add(subject[person], at, _NUMBER[PROBLEMS[0].complaint] + complaint)
    return told & problems, end


def _stay(
    random: np.random.Generator,
    rows: _Rows,
    subject: np.ndarray,
    begin: np.ndarray,
    state: tuple[np.ndarray, np.ndarray],
) -> np.ndarray:
    """One stay of each subject, from its first minutes ``[n]``: the minute of the discharge."""
    second, problems = state
    rows.add(subject, begin, _ADMISSION)
    rows.table(subject, problems, begin + 10, PROBLEMS[0].code)
    ordered = drugs_of(random, second, problems)
    rows.table(subject, ordered, begin + random.integers(*_ORDERS, len(subject)), DRUGS[0])
    end = begin + random.integers(*_STAY_HOURS, len(subject)) * _HOUR
    rows.add(subject, end, _DISCHARGE)
    return end


def _truth(
    subject: np.ndarray, minute: np.ndarray, second: np.ndarray, problems: np.ndarray
) -> pl.DataFrame:
    known = chances(second, problems)
    columns = {code: known[:, place] for place, code in enumerate(DRUGS)}
    time = pl.Series(minute * _MICROSECONDS).cast(pl.Datetime("us"))
    return pl.DataFrame({"subject_id": subject + 1, "prediction_time": time, **columns})
