"""Random histories: visits, episodes, onset and end of follow-up of one shard of patients.

Times are whole minutes since 1970, so that what is written is exactly what was drawn.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from sequela.seeds import generator
from sequela.simulate.codes import COMMON, DESCRIPTIONS, HEART_FAILURE, LABORATORY, REGISTRATION
from sequela.simulate.disease import (
    DEATH_PER_DAY,
    RISK_CODES,
    RISK_ORDERS,
    hazard,
    linear_predictor,
)
from sequela.simulate.institutions import Institution

__all__ = ["CODES", "LANDMARK_DAYS", "NUMBERS", "Shard", "draw"]

#: From the first event to the prediction time.
LANDMARK_DAYS = 730
#: All codes of the cohort, and their numbers.
CODES = tuple(DESCRIPTIONS)
NUMBERS = {code: number for number, code in enumerate(CODES)}

_DAY = 1440
_YEAR = 365.25
_FIRST_ENTRY, _LAST_ENTRY = 14_245, 17_897  # 2009-01-01 and 2019-01-01, days since 1970
_VISITS_PER_YEAR = 3.0
_EPISODES_PER_YEAR = 1.6
_EPISODE_DAYS = (2, 15)
_LOST_PER_YEAR = 0.04
_PREVALENT_PER_YEAR = 0.012
_DEATH_AFTER_ONSET_PER_YEAR = 0.12
_EVERYDAY_PER_VISIT = 0.45
_HABITS = 6
_NONE = -1


@dataclass(frozen=True)
class Shard:
    """``n`` patients with ``M`` events; all times in minutes since 1970.

    Args:
        birth: int64 ``[n]``.
        male: bool ``[n]``.
        landmark: int64 ``[n]``, the prediction time.
        eta: ``[n]``, the log hazard at the landmark.
        onset: int64 ``[n]``, the first mention of heart failure, -1 where none was observed.
        death: int64 ``[n]``, -1 where none was observed.
        subject: int64 ``[M]`` in ``[0, n)``, sorted, then by time, then by code.
        time: int64 ``[M]``.
        code: int64 ``[M]``, numbers of :data:`CODES`.
        value: float32 ``[M]``, NaN where the event has no number.
    """

    birth: np.ndarray
    male: np.ndarray
    landmark: np.ndarray
    eta: np.ndarray
    onset: np.ndarray
    death: np.ndarray
    subject: np.ndarray
    time: np.ndarray
    code: np.ndarray
    value: np.ndarray


@dataclass(frozen=True)
class _Patients:
    entry: np.ndarray
    birth: np.ndarray
    male: np.ndarray
    carriers: dict[str, np.ndarray]
    last_day: np.ndarray

    @property
    def age(self) -> np.ndarray:
        return (self.entry - self.birth) / _DAY / _YEAR + LANDMARK_DAYS / _YEAR

    def __len__(self) -> int:
        return len(self.entry)


def draw(seed: int, shard: int, size: int, institution: Institution | None = None) -> Shard:
    """One shard; a pure function of its arguments.

    Args:
        seed: the cohort's seed.
        shard: its number; shards are independent of each other.
        size: patients in it.
        institution: whose patients they are; those of the first by default.
    """
    institution = institution or Institution()
    patients = _patients(generator(seed, "cohort", shard, "patients"), size, institution.carriers)
    visits = _visits(generator(seed, "cohort", shard, "visits"), patients)
    content = _content(generator(seed, "cohort", shard, "content"), patients, *visits)
    subject, time, code, value = _sorted(*content)

    landmark = patients.entry + LANDMARK_DAYS * _DAY
    past = time <= landmark[subject]
    eta = linear_predictor(
        subject[past],
        (time - landmark[subject])[past] / _DAY,
        code[past],
        patients.age,
        patients.male,
        NUMBERS,
    ) + math.log(institution.hazard)
    random = generator(seed, "cohort", shard, "outcome")
    onset, death, end = _outcome(random, patients, landmark, eta)
    late = _heart_failure(random, onset, end, *visits)
    events = [np.concatenate(pair) for pair in zip((subject, time, code, value), late, strict=True)]
    kept = events[1] <= end[events[0]]
    subject, time, code, value = _sorted(*(column[kept] for column in events))
    return Shard(
        birth=patients.birth,
        male=patients.male,
        landmark=landmark,
        eta=eta,
        onset=np.where(onset <= end, onset, _NONE),
        death=np.where(death <= end, death, _NONE),
        subject=subject,
        time=time,
        code=code,
        value=value.astype(np.float32),
    )


def _patients(random: np.random.Generator, size: int, times: float) -> _Patients:
    entry_day = random.integers(_FIRST_ENTRY, _LAST_ENTRY, size)
    age = np.clip(random.normal(63.0, 11.0, size), 30.0, 92.0)
    birth_day = entry_day + LANDMARK_DAYS - np.round(age * _YEAR).astype(np.int64)
    carriers = {}
    for risk in RISK_CODES:
        share = np.clip(times * risk.carriers * (1 + 0.02 * (age - 63.0)), 0.02, 0.9)
        carriers[risk.code] = random.random(size) < share
    for pair in RISK_ORDERS:
        share = np.where(carriers[pair.condition], pair.carriers[1], pair.carriers[0])
        carriers[pair.first] = random.random(size) < share
    return _Patients(
        entry=entry_day * _DAY + _office_minute(random, size),
        birth=birth_day * _DAY,
        male=random.random(size) < 0.5,
        carriers=carriers,
        last_day=LANDMARK_DAYS + random.integers(430, 800, size),
    )


def _office_minute(random: np.random.Generator, size: int) -> np.ndarray:
    return random.integers(8 * 60, 17 * 60, size)


def _visits(
    random: np.random.Generator, patients: _Patients
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Subject, minute and main code of each visit; -1 for a visit without a main code."""
    count = len(patients)
    everyone = np.arange(count)
    parts = [(everyone, np.zeros(count, np.int64), np.full(count, NUMBERS[REGISTRATION]))]
    rate = random.gamma(4.0, _VISITS_PER_YEAR / 4.0, count) / _YEAR
    subject, day = _process(random, rate, patients.last_day)
    parts.append((subject, day, np.full(len(day), _NONE)))
    # The last contact makes the end of follow-up visible in the data.
    parts.append((everyone, patients.last_day, np.full(count, _NONE)))
    for pair in RISK_ORDERS:
        rate = patients.carriers[pair.first] * _EPISODES_PER_YEAR / _YEAR
        subject, day = _process(random, rate, patients.last_day)
        later = day + random.integers(*_EPISODE_DAYS, len(day))
        # Either order is equally likely in every episode, whatever the earlier ones were.
        swapped = random.random(len(day)) < 0.5
        first, second = NUMBERS[pair.first], NUMBERS[pair.second]
        parts.append((subject, day, np.where(swapped, second, first)))
        parts.append((subject, later, np.where(swapped, first, second)))
    subject, day, main = (np.concatenate(column) for column in zip(*parts, strict=True))
    kept = day <= patients.last_day[subject]
    subject, day, main = subject[kept], day[kept], main[kept]
    minute = patients.entry[subject] + day * _DAY
    minute += np.where(day > 0, _office_minute(random, len(day)) - minute % _DAY, 0)
    return subject, minute, main


def _process(
    random: np.random.Generator, rate: np.ndarray, last_day: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    # A Poisson process per patient on the days from 1 to the last.
    subject = np.repeat(np.arange(len(rate)), random.poisson(rate * last_day))
    return subject, 1 + (random.random(len(subject)) * last_day[subject]).astype(np.int64)


def _content(
    random: np.random.Generator,
    patients: _Patients,
    subject: np.ndarray,
    minute: np.ndarray,
    main: np.ndarray,
) -> list[np.ndarray]:
    """Subject, minute, code and value of all events of the visits but heart failure."""
    later = minute > patients.entry[subject]
    parts: list[tuple[np.ndarray, np.ndarray, np.ndarray | None]] = []
    parts.append((np.flatnonzero(main >= 0), main[main >= 0], None))
    for risk in RISK_CODES:
        told = random.random(len(subject)) < risk.per_visit
        visit = np.flatnonzero(told & patients.carriers[risk.code][subject] & later)
        parts.append((visit, np.full(len(visit), NUMBERS[risk.code]), None))
    parts.append((*_everyday(random, len(patients), subject, main), None))
    panel = np.flatnonzero(random.random(len(subject)) < 0.12)
    for code, usual, spread, condition, shift in LABORATORY:
        visit = panel[random.random(len(panel)) < 0.8]
        values = random.normal(usual, spread, len(visit))
        if condition is not None:
            values += shift * patients.carriers[condition][subject[visit]]
        parts.append((visit, np.full(len(visit), NUMBERS[code]), np.round(values, 2)))
    visit = np.concatenate([part[0] for part in parts])
    value = [np.full(len(part[0]), np.nan) if part[2] is None else part[2] for part in parts]
    code = np.concatenate([part[1] for part in parts])
    return [subject[visit], minute[visit], code, np.concatenate(value)]


def _everyday(
    random: np.random.Generator, count: int, subject: np.ndarray, main: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    # Frequencies fall off as in practice, and every patient has complaints that come back.
    numbers = np.array([NUMBERS[code] for code in COMMON])
    weight = np.cumsum(1.0 / (np.arange(len(COMMON)) + 8.0))
    weight /= weight[-1]

    def chosen(shape: int | tuple[int, int]) -> np.ndarray:
        return numbers[np.searchsorted(weight, random.random(shape), side="right")]

    habits = chosen((count, _HABITS))
    visit = np.repeat(
        np.arange(len(subject)), random.poisson(_EVERYDAY_PER_VISIT, len(subject)) + (main < 0)
    )
    habit = habits[subject[visit], random.integers(0, _HABITS, len(visit))]
    return visit, np.where(random.random(len(visit)) < 0.6, habit, chosen(len(visit)))


def _sorted(
    subject: np.ndarray, time: np.ndarray, code: np.ndarray, value: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """By subject, time and code, each code once a visit."""
    # One sort of one 64-bit key: subjects below 2**27, minutes below 2**29, codes below 2**8.
    key = (subject << 37) | (time << 8) | code
    order = np.argsort(key, kind="stable")
    key = key[order]
    order = order[np.concatenate([np.ones(min(1, len(key)), bool), key[1:] != key[:-1]])]
    return subject[order], time[order], code[order], value[order]


def _outcome(
    random: np.random.Generator, patients: _Patients, landmark: np.ndarray, eta: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Onset, death and end of follow-up, minutes; they may lie beyond the end."""
    count = len(patients)
    early = random.exponential(_YEAR / _PREVALENT_PER_YEAR, count)
    onset = LANDMARK_DAYS + random.exponential(1.0, count) / hazard(eta)
    # Some have heart failure before the prediction: at random, so that they select nothing.
    prevalent = (early > 1) & (early < LANDMARK_DAYS)
    onset = patients.entry + _minutes(np.where(prevalent, early, onset))
    death = landmark + _minutes(random.exponential(1.0 / DEATH_PER_DAY, count))
    after = np.maximum(onset, landmark)
    after += _minutes(random.exponential(_YEAR / _DEATH_AFTER_ONSET_PER_YEAR, count))
    death = np.minimum(death, after)
    lost = landmark + _minutes(random.exponential(_YEAR / _LOST_PER_YEAR, count))
    contact = (patients.entry // _DAY + patients.last_day + 1) * _DAY
    return onset, death, np.minimum(np.minimum(contact, lost), death)


def _minutes(days: np.ndarray) -> np.ndarray:
    return np.ceil(np.minimum(days, 1e5) * _DAY).astype(np.int64)


def _heart_failure(
    random: np.random.Generator,
    onset: np.ndarray,
    end: np.ndarray,
    subject: np.ndarray,
    minute: np.ndarray,
    main: np.ndarray,
) -> list[np.ndarray]:
    """The codes of heart failure: at onset, at a review within two months, at most later visits."""
    kind = np.array([NUMBERS[code] for code in HEART_FAILURE])
    cases = np.flatnonzero(onset <= end)
    review = onset[cases] + random.integers(7, 60, len(cases)) * _DAY
    later = np.flatnonzero((minute > onset[subject]) & (random.random(len(subject)) < 0.7))
    who = np.concatenate([cases, cases, subject[later]])
    time = np.concatenate([onset[cases], review, minute[later]])
    code = np.where(random.random(len(who)) < 0.5, kind[0], kind[random.integers(1, 3, len(who))])
    return [who, time, code, np.full(len(who), np.nan)]
