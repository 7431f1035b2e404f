"""A MEDS data set of patients whose true risk of heart failure is known.

The risk is a closed-form function of the written events (:mod:`sequela.simulate.disease`), so it
can be recomputed from the data set alone, and no model can do better than it.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import polars as pl

from sequela.errors import ConfigError, DataError, SchemaError
from sequela.events import BIRTH_CODE, DEATH_CODE, EventData, write_events
from sequela.files import publish_directory
from sequela.settings import nearest
from sequela.simulate.codes import DESCRIPTIONS, INTERACTIONS
from sequela.simulate.disease import RISK_CODES, RISK_ORDERS, linear_predictor, window_risk
from sequela.simulate.histories import CODES, NUMBERS, Shard, draw
from sequela.simulate.institutions import INSTITUTIONS, Institution

__all__ = [
    "INTERACTIONS_FILE",
    "MAP_FILE",
    "TRUTH_FILE",
    "cohort",
    "expected_auroc",
    "true_risk",
]

#: Where the true risk lies, below the data set's root.
TRUTH_FILE = Path("truth", "risk.parquet")
#: Where another institution's own codes stand beside those of the first, ``code,group``.
MAP_FILE = Path("truth", "codes.csv")
#: A list of drugs that are better not given together, ``first,second``.
INTERACTIONS_FILE = Path("truth", "interactions.csv")
_INSTITUTION_FILE = Path("truth", "institution.json")

_WINDOW_DAYS = 365.0
_MICROSECONDS_PER_MINUTE = 60_000_000
_MICROSECONDS_PER_DAY = 1440 * _MICROSECONDS_PER_MINUTE
_MALE = "GENDER//M"


def cohort(
    root: Path | str,
    subjects: int = 20_000,
    seed: int = 0,
    shard_subjects: int = 10_000,
    *,
    institution: str = "first",
    replace: bool = False,
) -> EventData:
    """Draws patients and writes them as MEDS 0.4, with ``truth/risk.parquet`` beside the data.

    Each patient enters at a first event, and is followed for 3 years and more; the prediction time
    is 730 days after the first event. The truth has a row per patient: ``subject_id``,
    ``prediction_time``, ``risk`` (of heart failure within 365 days in patients alive and without it
    when the window begins, after any gap) and ``outcome_time`` (its first mention, null where none
    was seen). Memory holds one shard at a time.

    Args:
        root: the new folder.
        subjects: the number of patients.
        seed: same seed and sizes, same bytes.
        shard_subjects: patients in a file; a shard depends on the seed, its number and its size.
        institution: "first", or "second": sicker patients, a part of the codes in another system;
            ``truth/codes.csv`` then has the first one's word for each of these.
        replace: take the place of an existing folder.

    Returns:
        The data set, opened.

    Raises:
        ConfigError: a size below 1, or an unknown institution.
        OutputError: the folder exists, or cannot be written.
    """
    _refuse(subjects, shard_subjects, institution)
    house = INSTITUTIONS[institution]
    truth: list[pl.DataFrame] = []

    def shards() -> Iterator[pl.DataFrame]:
        for shard, first in enumerate(range(0, subjects, shard_subjects)):
            histories = draw(seed, shard, min(shard_subjects, subjects - first), house)
            truth.append(_truth(histories, first + 1))
            yield _events(histories, first + 1, house)

    root = Path(root)
    with publish_directory(root, replace=replace) as folder:
        codes = [house.local(code) for code in DESCRIPTIONS]
        described = pl.DataFrame({"code": codes, "description": list(DESCRIPTIONS.values())})
        name = f"Sequela simulated cohort{house.title}"
        facts = {"dataset_name": name, "dataset_version": f"seed {seed}"}
        write_events(folder, shards(), codes=described, dataset=facts, replace=True)
        (folder / TRUTH_FILE).parent.mkdir()
        pl.concat(truth).write_parquet(folder / TRUTH_FILE)
        _write_facts(folder, institution)
    return EventData.open(root)


def _refuse(subjects: int, shard_subjects: int, institution: str) -> None:
    for name, size in (("subjects", subjects), ("shard_subjects", shard_subjects)):
        if size < 1:
            raise ConfigError(f"setting '{name}' of the simulated cohort", got=size, wanted=">= 1")
    if institution not in INSTITUTIONS:
        todo = nearest(institution, INSTITUTIONS)
        raise ConfigError("setting 'institution'", got=repr(institution)[:40], todo=todo)


def _write_facts(folder: Path, institution: str) -> None:
    """The interactions, and of an institution with codes of its own the word for each."""
    house = INSTITUTIONS[institution]
    listed = [tuple(map(house.local, pair)) for pair in INTERACTIONS]
    frame = pl.DataFrame(listed, schema=["first", "second"], orient="row")
    frame.write_csv(folder / INTERACTIONS_FILE)
    if house.coding:
        pairs = {"code": list(house.coding.values()), "group": list(house.coding)}
        pl.DataFrame(pairs).write_csv(folder / MAP_FILE)
        (folder / _INSTITUTION_FILE).write_text(json.dumps({"name": institution}) + "\n")


def _times(minutes: np.ndarray) -> pl.Series:
    return pl.Series(minutes * _MICROSECONDS_PER_MINUTE).cast(pl.Datetime("us"))


def _events(histories: Shard, first_id: int, house: Institution) -> pl.DataFrame:
    """The shard as MEDS events, sorted by subject and time, static ones first."""
    count = len(histories.birth)
    everyone = np.arange(count)
    dead = np.flatnonzero(histories.death >= 0)
    # Static, birth, dated and death rows are laid behind each other; the stable sort by subject
    # then leaves each patient's rows in this order, which is the order of time.
    subject = np.concatenate([everyone, everyone, histories.subject, dead])
    time = np.concatenate(
        [np.zeros(count, np.int64), histories.birth, histories.time, histories.death[dead]]
    )
    coded = [house.local(code) for code in CODES]
    names = np.array([*coded, BIRTH_CODE, DEATH_CODE, _MALE, "GENDER//F"], dtype=object)
    birth, death, male = (len(CODES) + place for place in range(3))
    code = np.concatenate(
        [
            np.where(histories.male, male, male + 1),
            np.full(count, birth),
            histories.code,
            np.full(len(dead), death),
        ]
    )
    order = np.argsort(subject, kind="stable")
    value = np.full(len(subject), np.nan, np.float32)
    value[2 * count : 2 * count + len(histories.value)] = histories.value
    dated = pl.Series(order >= count)
    return pl.DataFrame(
        {
            "subject_id": subject[order] + first_id,
            "time": _times(time[order]),
            "code": pl.Series(names.tolist(), dtype=pl.String).gather(code[order]),
            "numeric_value": pl.Series(value[order]).fill_nan(None),
        }
    ).with_columns(pl.when(dated).then(pl.col("time")).alias("time"))


def _truth(histories: Shard, first_id: int) -> pl.DataFrame:
    return pl.DataFrame(
        {
            "subject_id": np.arange(len(histories.birth)) + first_id,
            "prediction_time": _times(histories.landmark),
            "risk": window_risk(histories.eta, _WINDOW_DAYS),
            "outcome_time": _times(np.maximum(histories.onset, 0)),
        }
    ).with_columns(
        pl.when(pl.Series(histories.onset >= 0)).then(pl.col("outcome_time")).alias("outcome_time")
    )


def true_risk(
    data: EventData | Path | str, labels: pl.DataFrame, window_days: float = _WINDOW_DAYS
) -> np.ndarray:
    """The true risk at the prediction times, by the closed form, from the written events.

    Args:
        data: a data set of :func:`cohort`, or its folder.
        labels: ``subject_id`` and ``prediction_time`` of ``n`` rows, one per subject. The risk is
            the truth at 730 days after the first event, where the hazard was drawn.
        window_days: length of the prediction window.

    Returns:
        Float64 ``[n]``, aligned to the rows of ``labels``.

    Raises:
        SchemaError: a column of ``labels`` is missing.
        DataError: a subject twice, not in the data, or without birth or sex: no such cohort.
    """
    for name in ("subject_id", "prediction_time"):
        if name not in labels.columns:
            raise SchemaError(f"column '{name}' of the labels", got="no such column")
    data = data if isinstance(data, EventData) else EventData.open(data)
    wanted = labels.select("subject_id", "prediction_time").with_row_index("row")
    if wanted["subject_id"].n_unique() < wanted.height:
        raise DataError("the labels", got="a subject twice", wanted="one row per subject")
    risk = np.full(labels.height, np.nan)
    house = _institution_of(data)
    for events in data.shards(wanted["subject_id"].to_numpy()):
        rows, eta = _shard_eta(events, wanted, house)
        risk[rows] = window_risk(eta, window_days)
    missing = int(np.isnan(risk).sum())
    if missing:
        raise DataError(
            f"data {data.root}",
            got=f"no birth and sex for {missing} subject(s) of the labels",
            wanted="a simulated cohort with all subjects of the labels",
        )
    return risk


def _institution_of(data: EventData) -> Institution:
    path = data.root / _INSTITUTION_FILE
    if not path.is_file():
        return Institution()
    try:
        return INSTITUTIONS[json.loads(path.read_text(encoding="utf-8"))["name"]]
    except (ValueError, KeyError, TypeError) as error:
        todo = "Simulate it again."
        raise DataError(f"file {path}", got="no institution we know", todo=todo) from error


def _shard_eta(
    events: pl.DataFrame, wanted: pl.DataFrame, house: Institution
) -> tuple[np.ndarray, np.ndarray]:
    """The rows of ``wanted`` that lie in a shard, and their log hazard; NaN where undefined."""
    here = wanted.join(events.select("subject_id").unique(), on="subject_id", how="semi")
    here = here.with_row_index("place")
    birth = events.filter(pl.col("code") == BIRTH_CODE).select("subject_id", birth="time")
    sex = events.filter(pl.col("code").str.starts_with("GENDER//"))
    sex = sex.select("subject_id", male=pl.col("code") == _MALE)
    for static in (birth, sex):
        here = here.join(static.unique("subject_id"), on="subject_id", how="left")
    here = here.sort("place")
    told = {risk.code for risk in RISK_CODES}
    told |= {code for pair in RISK_ORDERS for code in (pair.first, pair.second)}
    numbers = [NUMBERS[code] for code in sorted(told)]
    known = pl.DataFrame({"code": [house.local(code) for code in sorted(told)], "number": numbers})
    history = (
        events.join(known, on="code")
        .join(here.select("place", "subject_id", "prediction_time"), on="subject_id")
        .filter(pl.col("time") <= pl.col("prediction_time"))
    )
    eta = linear_predictor(
        history["place"].to_numpy().astype(np.int64),
        _days(history["time"] - history["prediction_time"]),
        history["number"].to_numpy(),
        _days(here["prediction_time"] - here["birth"]) / 365.25,
        here["male"].cast(pl.Float64).to_numpy(),
        NUMBERS,
    )
    return here["row"].to_numpy(), eta + math.log(house.hazard)


def _days(differences: pl.Series) -> np.ndarray:
    microseconds = differences.dt.total_microseconds().cast(pl.Float64)
    return microseconds.to_numpy() / _MICROSECONDS_PER_DAY


def expected_auroc(risk: np.ndarray) -> float:
    """The AUROC that the true risks have on average, if each outcome is drawn by its risk.

    This is the best possible AUROC of a cohort; the risk's AUROC on one set of outcomes scatters
    around it.

    Args:
        risk: ``[n]`` in (0, 1).
    """
    values, place = np.unique(np.asarray(risk, dtype=np.float64), return_inverse=True)
    cases = np.bincount(place, weights=values[place])
    others = np.bincount(place, weights=1.0 - values[place])
    below = np.cumsum(others) - others
    # A case of its own row cannot be its own rival.
    ties = (cases * others - np.bincount(place) * values * (1.0 - values)) / 2.0
    rivals = cases.sum() * others.sum() - (values * (1.0 - values) * np.bincount(place)).sum()
    return float((cases * below + ties).sum() / rivals)
