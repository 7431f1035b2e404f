"""Counts that real data are known to have, met by the tasks as their folder's table says them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from sequela import ingest, tasks
from sequela.cohort import Cohort, build_cohort
from sequela.events import EventData

pytestmark = pytest.mark.data

# Whoever has the condition at any time after the first event, of any age.
EVER = {
    "censoring": "negative", "min_visits": 0, "min_age": 0, "index.days": 0, "gap_days": 0,
    "prediction_days": 36_525,
}  # fmt: skip


def cohort(data: EventData, task: str, **settings: Any) -> Cohort:
    return build_cohort(data, tasks.declaration(task, **settings))


def positives(found: Cohort) -> tuple[int, int]:
    return found.labels.height, int(found.labels["boolean_value"].sum())


def test_the_meds_demo_of_mimic4(data_root: Path):
    data = EventData.open(data_root / "mimic4_demo_meds")
    # 275 admissions of 100 patients, 15 deaths; 48 patients with more than one admission.
    assert positives(cohort(data, "mortality", after="0h")) == (275, 15)
    assert positives(cohort(data, "mortality", after="24h")) == (245, 14)
    assert positives(cohort(data, "mortality", after="48h")) == (220, 13)
    assert positives(cohort(data, "readmission")) == (260, 53)
    stays = {"episodes": {"start": "admission", "stop": "discharge"}}
    found = cohort(data, "next_visit", **stays)
    assert (found.labels.height, found.labels["subject_id"].n_unique()) == (175, 48)
    assert cohort(data, "length_of_stay").labels.height == 245
    assert cohort(data, "phenotype").labels.height == 245
    assert cohort(data, "deterioration").labels.height == 44_420


@pytest.mark.long
def test_physionet2012(data_root: Path):
    data = ingest.opened("physionet2012", data_root / "physionet2012")
    found = cohort(data, "mortality")
    assert found.labels["boolean_value"].sum() == 554
    assert found.attrition[0]["subjects"] == 4000
    assert found.labels.height == 4000


@pytest.mark.parametrize(
    ("part", "stays", "deaths"), [("eicu_demo", 1367, 70), ("mimic_demo", 99, 21)]
)
def test_yaib(data_root: Path, part: str, stays: int, deaths: int):
    data = ingest.opened("yaib", data_root / "yaib_mortality24" / part)
    assert positives(cohort(data, "mortality", after="24h")) == (stays, deaths)


@pytest.mark.parametrize(("outcome", "cases"), [("hypertension", 246), ("heart_failure", 3)])
def test_synthea(data_root: Path, outcome: str, cases: int):
    data = ingest.opened("synthea", data_root / "synthea_1000")
    assert positives(cohort(data, "onset", outcome=outcome, **EVER))[1] == cases


def test_coronary_disease_of_synthea(data_root: Path):
    data = ingest.opened("synthea", data_root / "synthea_1000")
    # 65 with the code 53741008, and one infarction without it.
    assert positives(cohort(data, "onset", outcome="coronary", **EVER))[1] == 66
    only = {"name": "coronary_code", "exact": ["SNOMED//53741008"]}
    assert positives(cohort(data, "onset", outcome=only, **EVER))[1] == 65


@pytest.mark.parametrize(
    ("source", "stays", "deaths", "readmitted"),
    [("mimic3", 129, 40, (89, 11)), ("mimic4", 275, 15, (260, 53))],
)
def test_mimic_from_raw_tables(
    data_root: Path, source: str, stays: int, deaths: int, readmitted: tuple[int, int]
):
    data = ingest.opened(source, data_root / f"{source}_demo")
    assert positives(cohort(data, "mortality", after="0h")) == (stays, deaths)
    assert positives(cohort(data, "readmission")) == readmitted
