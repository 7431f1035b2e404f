"""Random records of a hospital, of which every task on events finds samples."""

from __future__ import annotations

import datetime as dt
import random

from tests.cohort.naive import Event
from tests.cohort.records import Memory, in_memory

__all__ = ["hospital"]

_START = dt.datetime(2010, 1, 1, 8)
_HOUR, _DAY = dt.timedelta(hours=1), dt.timedelta(days=1)
_BILLS = [f"ICD10CM//{code}" for code in ("I50.9", "I10", "N17.9", "A41.9", "I21.4", "E11.9")]
_DRUGS = [f"DRUG//{name}" for name in ("Furosemide", "Heparin", "Insulin")]


def _stay(lot: random.Random, begin: dt.datetime) -> tuple[list[Event], dt.datetime, bool]:
    """The events of a stay, its end, and whether the patient died."""
    hours = lot.choice([20, 60, 100, 200, 300])
    end, dies = begin + hours * _HOUR, lot.random() < 0.15
    found = [Event(begin, f"HOSPITAL_ADMISSION//{lot.choice(['EMERGENCY', 'URGENT'])}")]
    for _ in range(lot.randint(2, 12)):
        time = begin + lot.randint(0, hours) * _HOUR
        late = time + lot.choice([1, 5, 30]) * _HOUR if lot.random() < 0.3 else None
        found.append(Event(time, "LAB//50912//mg/dL", float(lot.randint(1, 90)), late))
        found.append(Event(begin + lot.randint(0, hours) * _HOUR, lot.choice(_DRUGS)))
    if lot.random() < 0.4:
        found.append(Event(begin + lot.randint(1, hours) * _HOUR, "ICU_ADMISSION//MICU"))
    # A log that takes nothing from the lot: other tasks keep their records. One value comes late.
    for number in range(min(hours // 6, 5)):
        time = begin + number * 6 * _HOUR
        late = time + 30 * _HOUR if number == 3 else None
        found.append(Event(time, "UCI_DIABETES//48", 90.0 + number * hours % 97, late))
    # A bill stands at the admission and is known at the discharge.
    found += [Event(begin, lot.choice(_BILLS), None, end) for _ in range(lot.randint(1, 4))]
    place = "DIED" if dies else "HOME"
    found.append(Event(end, f"HOSPITAL_DISCHARGE//{place}"))
    if dies:
        found.append(Event(end, "MEDS_DEATH"))
    return found, end, dies


def _record(seed: int) -> list[Event]:
    lot = random.Random(seed)
    found = [
        Event(None, f"GENDER//{lot.choice('FM')}"),
        Event(_START - lot.randint(20 * 365, 90 * 365) * _DAY, "MEDS_BIRTH"),
    ]
    now = _START + lot.randint(0, 300) * _DAY
    for _ in range(lot.randint(1, 6)):
        found.append(Event(now, "ICD10CM//Z00.0"))
        found.append(Event(now + 2 * _HOUR, "LAB//50912//mg/dL", float(lot.randint(1, 90))))
        stay, end, dies = _stay(lot, now + lot.randint(1, 200) * _DAY)
        found += stay
        if dies:
            return found
        now = end + lot.choice([5, 20, 100, 400, 500]) * _DAY
    # A stay that is still going on.
    return found + ([Event(now, "HOSPITAL_ADMISSION//URGENT")] if lot.random() < 0.3 else [])


def hospital(seed: int, subjects: int = 60) -> Memory:
    """The records of a hospital.

    Args:
        seed: same seed, same records.
        subjects: how many.
    """
    people = {number: _record(seed * 1000 + number) for number in range(1, subjects + 1)}
    return in_memory(people, shards=2)
