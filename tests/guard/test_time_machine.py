"""Every task, taken back to its prediction times: nothing that comes later changes a sample."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given, reject, settings
from hypothesis import strategies as st
from tests.cohort.records import declarations, in_memory, parsed, people
from tests.guard.hospital import hospital
from tests.tiers import examples

from sequela import guard, ingest, simulate, tasks
from sequela.batches import ValueEncoder, VisitEncoder
from sequela.batches.aggregates import aggregates
from sequela.cohort import (
    build_cohort,
    observation_events,
    subgroups,
)
from sequela.errors import DataError
from sequela.events import EventData
from sequela.guard.compare import differing
from sequela.guard.machine import same_past, sample_pairs
from sequela.settings import read_yaml

FOLDER = Path(tasks.__file__).parent
ROOMS = [name for name in tasks.names() if tasks.declaration(name)["kind"] in ("cohort", "onset")]
ALL = [
    "observation_truncated",
    "observation_future_changed",
    "prediction_times_truncated",
    "prediction_times_future_changed",
    "label_settled",
]
KEYS = ["subject_id", "prediction_time"]


def statuses(findings: list[guard.Finding]) -> dict[str, str]:
    return {one.check: one.status for one in findings}


def passing(findings: list[guard.Finding]) -> None:
    assert statuses(findings) == dict.fromkeys(ALL, "pass"), [one.found for one in findings]


@pytest.mark.parametrize("room", ROOMS)
def test_every_task_on_its_example(room: str):
    folder = FOLDER / room / "example"
    chosen = folder / "settings.yaml"
    declared = tasks.declaration(room, **(read_yaml(chosen) if chosen.exists() else {}))
    passing(guard.time_machine(EventData.open(folder / "events.csv"), declared, rounds=3))


@pytest.mark.parametrize("room", ROOMS)
@settings(max_examples=2)
@given(seed=st.integers(0, 10**6))
def test_every_task_on_random_hospitals(room: str, seed: int):
    data = hospital(seed, 30)
    try:
        found = guard.time_machine(data, tasks.declaration(room), pairs=60, seed=seed)
    except DataError:  # nobody is left
        reject()
    passing(found)


@pytest.mark.long
@pytest.mark.parametrize("room", ROOMS)
@settings(max_examples=60)
@given(seed=st.integers(0, 10**6))
def test_every_task_on_many_random_hospitals(room: str, seed: int):
    data = hospital(seed)
    try:
        found = guard.time_machine(data, tasks.declaration(room), pairs=100, seed=seed, rounds=3)
    except DataError:  # nobody is left
        reject()
    passing(found)


@pytest.mark.parametrize("room", ROOMS)
def test_the_random_hospital_has_samples_of_every_task(room: str):
    assert build_cohort(hospital(0), tasks.declaration(room)).labels.height >= 3


def test_the_simulated_cohort(tmp_path: Path):
    data = simulate.cohort(tmp_path / "simulated", 300, seed=3)
    passing(guard.time_machine(data, tasks.declaration("onset"), pairs=100))


@settings(max_examples=examples(15))
@given(people, declarations, st.integers(0, 10**6))
def test_any_declaration_on_any_records(records: Any, values: dict[str, Any], seed: int):
    """Observations hold whatever is declared, index dates that rest on the future among them."""
    data = in_memory(records)
    declared = parsed(values)
    try:
        cohort = build_cohort(data, declared)
    except DataError:
        return
    pairs = sample_pairs(cohort.labels, cohort.windows, 40, seed)
    assert {one.status for one in same_past(data, pairs, seed=seed)} == {"pass"}


@pytest.mark.parametrize("encoder", [VisitEncoder, ValueEncoder])
def test_what_the_encoders_make_of_it(encoder: Any):
    data, declared = hospital(1), tasks.declaration("mortality")
    cohort = build_cohort(data, declared)
    events = observation_events(data, cohort.labels, windows=cohort.windows)
    fitted = encoder.fit(events, cohort.labels, cohort.subgroups, min_subjects=2)

    def encoded(records: EventData, pairs: pl.DataFrame) -> np.ndarray:
        windows = pairs.select(*KEYS, "observation_start", "observation_end")
        seen = observation_events(records, pairs, windows=windows)
        return aggregates(fitted.encode(seen, pairs, subgroups(records, pairs)))[0]

    passing(guard.time_machine(data, declared, observe=encoded))


# -- what it must catch ----------------------------------------------------------------------------


def happened(records: EventData, pairs: pl.DataFrame) -> pl.DataFrame:
    """Features by when things happened, not by when they became known."""
    rows = pairs.select(KEYS).with_row_index("sample")
    events = records.read().join(rows, on="subject_id", maintain_order="left_right")
    seen = events.filter(pl.col("time") <= pl.col("prediction_time"))
    return seen.select("sample", "time", "code", "numeric_value").sort(
        "sample", "time", maintain_order=True
    )


def a_day_more(records: EventData, pairs: pl.DataFrame) -> pl.DataFrame:
    """Features of a day too many."""
    later = pl.col("prediction_time") + dt.timedelta(days=1)
    return observation_events(records, pairs.with_columns(later))


def ever(records: EventData, pairs: pl.DataFrame) -> np.ndarray:
    """How often the patient was admitted, ever."""
    admitted = records.read().filter(pl.col("code").str.starts_with("HOSPITAL_ADMISSION"))
    counts = admitted.group_by("subject_id").len()
    found = pairs.join(counts, on="subject_id", how="left", maintain_order="left")
    return found["len"].fill_null(0).to_numpy()


@pytest.mark.parametrize("observe", [happened, a_day_more, ever])
def test_features_that_see_the_future(observe: Any):
    found = statuses(
        guard.time_machine(hospital(2), tasks.declaration("mortality"), observe=observe)
    )
    assert found["observation_truncated"] == "fail"
    assert found["observation_future_changed"] == "fail"


def declared(**changes: Any) -> dict[str, Any]:
    base = {
        "kind": "cohort",
        "name": "planted",
        "predicates": {
            "admission": {"prefix": ["HOSPITAL_ADMISSION"]},
            "discharge": {"prefix": ["HOSPITAL_DISCHARGE"]},
        },
        "episodes": {"start": "admission", "stop": "discharge"},
        "index": {"at": "start + 12h"},
        "prediction": "stop",
        "label": {"kind": "binary", "predicate": "death"},
    }
    return {**base, **changes}


def test_the_declaration_that_is_changed_below_is_fair():
    passing(guard.time_machine(hospital(3), declared()))


@pytest.mark.parametrize(
    ("changes", "check", "status"),
    [
        ({"index": {"at": "stop - 12h"}}, "prediction_times_truncated", "fail"),
        ({"index": {"at": "next_start - 1d"}}, "prediction_times_truncated", "fail"),
        (
            {"index": {"at": "start", "select": "last"}},
            "prediction_times_future_changed",
            "suspect",
        ),
        (
            {
                "prediction": {"start": "start - 1d", "end": "stop"},
                "label": {"kind": "binary", "predicate": "admission"},
            },
            "label_settled",
            "fail",
        ),
        (
            {
                "prediction": {"start": None, "end": "stop"},
                "label": {"kind": "count", "predicate": "admission"},
            },
            "label_settled",
            "fail",
        ),
    ],
)  # fmt: skip
def test_declarations_that_rest_on_the_future(changes: dict[str, Any], check: str, status: str):
    assert statuses(guard.time_machine(hospital(3), declared(**changes)))[check] == status


@pytest.mark.parametrize(
    "label",
    [
        {"kind": "multiclass", "classes": ["admission", "death"], "otherwise": "none"},
        {"kind": "multilabel", "classes": ["admission", "death"]},
        {"kind": "time_to_event", "predicate": "admission"},
        {"kind": "sequence", "predicate": "admission"},
        {"kind": "value", "predicate": "lab"},
    ],
)
def test_labels_of_every_kind_that_are_known_already(label: dict[str, Any]):
    lab = {"lab": {"prefix": ["LAB"]}}
    fair = declared(label=label, predicates={**declared()["predicates"], **lab})
    passing(guard.time_machine(hospital(4), fair))
    early = {**fair, "prediction": {"start": "start - 1d", "end": "stop"}}
    assert statuses(guard.time_machine(hospital(4), early))["label_settled"] == "fail"


def test_a_sex_that_becomes_known_later_is_not_seen():
    """A birth or a sex that was entered after the prediction is no feature of it."""
    moment = dt.datetime(2020, 1, 1)
    frame = pl.DataFrame(
        {
            "subject_id": [1, 1, 1],
            "time": [dt.datetime(1960, 1, 1), dt.datetime(2019, 1, 1), dt.datetime(2019, 1, 1)],
            "code": ["MEDS_BIRTH", "GENDER//F", "A"],
            "numeric_value": pl.Series([None] * 3, dtype=pl.Float32),
            "text_value": pl.Series([None] * 3, dtype=pl.String),
            "available_time": [dt.datetime(2020, 2, 1)] * 2 + [None],
        }
    )
    labels = pl.DataFrame({"subject_id": [1], "prediction_time": [moment]})

    class Held(EventData):
        def shards(self, subjects: Any = None):
            yield frame

    data = Held(Path("memory"), ())
    assert subgroups(data, labels).rows() == [(1, None, None)]
    later = labels.with_columns(prediction_time=pl.lit(dt.datetime(2020, 3, 1)))
    assert subgroups(data, later)["sex"].to_list() == ["female"]
    assert subgroups(data, later)["age"].item() == pytest.approx(60.16, abs=0.01)


def test_labels_from_a_file():
    data = hospital(5)
    labels = build_cohort(data, tasks.declaration("mortality")).labels
    found = guard.time_machine(data, tasks.declaration("mortality"), labels)
    assert statuses(found) == dict.fromkeys(ALL[:2], "pass")


def test_which_samples_differ():
    first = pl.DataFrame({"sample": [0, 0, 1, 3], "x": [1.0, None, 2.0, 4.0]})
    turned = pl.DataFrame({"sample": [0, 0, 1, 3], "x": [None, 1.0, 2.0, 4.0]})
    assert differing(first, turned, 4).tolist() == [True, False, False, False]
    assert differing(first, first[:3], 4).tolist() == [False, False, False, True]
    assert differing(first, first.rename({"x": "y"}), 4).all()
    numbers = np.array([[1.0, np.nan], [2.0, 3.0]])
    assert not differing(numbers, numbers.copy(), 2).any()
    assert differing(numbers, numbers + np.array([[0], [1]]), 2).tolist() == [False, True]
    with pytest.raises(DataError, match="no column 'sample'"):
        differing(first.drop("sample"), turned.drop("sample"), 4)
    with pytest.raises(DataError, match="one a label"):
        differing(numbers, numbers, 3)


# -- real data -------------------------------------------------------------------------------------


REAL = [
    ("synthea", "synthea_111", "onset", {"outcome": "hypertension", "index.days": 365}),
    ("synthea", "synthea_111", "next_visit", {}),
    ("mimic3", "mimic3_demo", "mortality", {}),
    ("mimic3", "mimic3_demo", "phenotype", {}),
    ("mimic4", "mimic4_demo", "readmission", {}),
    ("mimic4", "mimic4_demo", "length_of_stay", {}),
    ("mimic4", "mimic4_demo", "deterioration", {"every": "12h"}),
    ("mimic4", "mimic4_demo", "prescription", {}),
]


@pytest.mark.data
@pytest.mark.long
@pytest.mark.parametrize(("source", "folder", "room", "changes"), REAL)
def test_every_task_on_real_data(
    source: str, folder: str, room: str, changes: dict[str, Any], data_root: Path
):
    data = ingest.opened(source, data_root / folder)
    passing(guard.time_machine(data, tasks.declaration(room, **changes), pairs=100))
