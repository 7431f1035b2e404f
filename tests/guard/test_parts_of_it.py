"""The arithmetic behind the checks: areas, chances, histories that are alike, codes of outcomes."""

from __future__ import annotations

import datetime as dt
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import roc_auc_score
from tests.cohort.naive import Event
from tests.cohort.records import in_memory

from sequela import guard, tasks
from sequela.cohort import CohortDeclaration, OnsetDeclaration
from sequela.errors import LeakageError
from sequela.guard.finding import failed, passed, suspected
from sequela.guard.outcome import once_only, outcome_codes
from sequela.guard.overlap import Histories, same_histories
from sequela.guard.records import AfterDeath, BeforeBirth, PredictionTimes
from sequela.guard.single import single_features
from sequela.guard.statistics import auroc, rank_chance, share_chance

START = dt.datetime(2020, 1, 1)
HOUR = dt.timedelta(hours=1)


@given(st.lists(st.tuples(st.integers(0, 5), st.booleans()), min_size=2, max_size=40))
def test_the_area_is_that_of_scikit_learn(pairs: list[tuple[int, bool]]):
    values = np.array([value for value, _ in pairs], float)
    cases = np.array([case for _, case in pairs])
    if cases.all() or not cases.any():
        assert auroc(values, cases) == 0.5
    else:
        assert auroc(values, cases) == pytest.approx(roc_auc_score(cases, values))


def test_chance_is_what_it_is():
    lot = np.random.default_rng(0)
    areas = []
    for _ in range(2000):
        cases = lot.permutation(np.arange(30) < 10)
        areas.append(auroc(lot.normal(size=30), cases))
    for threshold in (0.05, 0.2):
        told = rank_chance(np.array(areas), np.full(2000, 10), np.full(2000, 20)) < threshold
        assert told.mean() == pytest.approx(threshold, abs=0.02)
    # A bound lies above what it bounds.
    drawn = lot.binomial(20, 0.3, 20_000)
    for count in (8, 11, 14):
        assert share_chance(np.array([count]), np.array([20]), 0.3)[0] >= (drawn >= count).mean()
    assert share_chance(np.array([0, 3]), np.array([10, 10]), 0.5).tolist() == [1.0, 1.0]


@settings(max_examples=25)
@given(st.integers(0, 10**6))
def test_areas_of_codes_are_those_of_a_plain_table(seed: int):
    lot = np.random.default_rng(seed)
    count = 60
    cases = lot.random(count) < 0.4
    cases[:2] = [True, False]
    rows = [
        (sample, "A", float(lot.integers(0, 4)) + 4 * cases[sample])
        for sample in range(count)
        for _ in range(int(lot.integers(0, 3)) + 2 * int(cases[sample]))
    ]
    events = pl.DataFrame(rows, schema=["sample", "code", "numeric_value"], orient="row")
    events = events.with_columns(pl.lit(START).alias("time"), pl.col("sample").cast(pl.UInt32))
    labels = pl.DataFrame({"subject_id": np.arange(count), "prediction_time": [START] * count})
    found = single_features(events, labels, {"outcome": cases}, bound=0.0, min_subjects=1)
    told = {row["feature"]: row["auroc"] for row in found.details}
    table = {sample: [value for one, _, value in rows if one == sample] for sample in range(count)}
    counts = np.array([len(table[sample]) for sample in range(count)])
    there = counts > 0
    plain = {
        "A (present)": roc_auc_score(cases, there),
        "A (times)": roc_auc_score(cases, counts),
    }
    if len(set(cases[there])) == 2:
        values = {
            "last": [v[-1] for v in table.values() if v],
            "mean": [np.mean(v) for v in table.values() if v],
        }
        for name, numbers in values.items():
            plain[f"A ({name} value)"] = roc_auc_score(cases[there], numbers)
    assert told
    for name, area in told.items():
        if name in plain:
            assert area == pytest.approx(max(plain[name], 1 - plain[name]), abs=1e-4)


def test_too_few_say_nothing():
    labels = pl.DataFrame({"subject_id": np.arange(30), "prediction_time": [START] * 30})
    events = pl.DataFrame(
        {
            "sample": pl.Series(np.arange(10), dtype=pl.UInt32),
            "time": [START] * 10,
            "code": ["A"] * 10,
            "numeric_value": [1.0] * 10,
        }
    )
    cases = np.arange(30) < 10
    found = single_features(events, labels, {"outcome": cases}, min_subjects=11)
    assert found.status == "pass"
    assert "fewer than 11" in found.found
    assert single_features(events, labels, {"outcome": cases}, min_subjects=5).status == "suspect"


def people(records: dict[int, list[Event]]) -> Any:
    data = in_memory(records)
    histories = Histories()
    for shard in data.shards():
        histories.add(shard)
    return data, histories


def record(seed: int, length: int = 40) -> list[Event]:
    lot = np.random.default_rng(seed)
    times = np.sort(lot.integers(0, 10_000, length))
    return [Event(START + int(time) * HOUR, f"C{int(lot.integers(0, 30))}") for time in times]


def moved(events: list[Event], days: int) -> list[Event]:
    shift = dt.timedelta(days=days)
    return [Event(one.time + shift, one.code, one.value, one.known) for one in events]


def test_histories_that_are_the_same_or_nearly():
    everyone = {number: record(number) for number in range(1, 300)}
    everyone[301] = moved(everyone[5], 400)
    everyone[302] = moved(everyone[6], 30)[1:]  # lost its first event: alike from the last one
    everyone[303] = moved(everyone[7], 30)[:-2]
    everyone[304] = moved(everyone[8], 30)[
        ::2
    ]  # half of it is another patient's, as far as we know
    data, histories = people(everyone)
    assert [group.tolist() for group in histories.equal()] == [[5, 301]]
    parts = pl.DataFrame(
        {"subject_id": [5, 301, 6, 302], "split": ["train", "train", "train", "tuning"]}
    )
    equal, near = same_histories(data, histories, parts)
    assert (equal.status, equal.details) == (
        "suspect",
        ({"subjects": 2, "groups": 1, "across_parts": 0},),
    )
    assert near.details == ({"pairs": 2, "across_parts": 1, "jaccard": 0.9},)
    apart = parts.with_columns(pl.Series("split", ["train", "held_out", "train", "tuning"]))
    assert next(iter(same_histories(data, histories, apart))).status == "fail"


def test_short_histories_and_forms_are_alike_by_chance():
    short = [Event(START, "A"), Event(START + HOUR, "B")]
    form = [Event(START, f"Q{number}") for number in range(30)]
    data, histories = people({1: short, 2: short, 3: form, 4: form})
    assert {one.status for one in same_histories(data, histories)} == {"pass"}


def test_many_alike_at_once():
    one = record(1)
    crowd = {number: moved(one, number)[: 38 + number % 3] for number in range(1, 200)}
    data, histories = people(crowd)
    equal, near = same_histories(data, histories)
    assert equal.details[0]["subjects"] == 199
    assert near.status == "suspect"


CODES = pl.Series(["D", "D1", "D3", "A", "MEDS_DEATH"])
TREE = {"D": ["D1"], "D1": ["D3"]}


def test_which_codes_are_the_outcome():
    onset = OnsetDeclaration.parse(
        {**tasks.declaration("onset"), "outcome": {"name": "d", "exact": ["D"]}}
    ).general()
    assert once_only(onset, CODES, TREE) == ({"D"}, {"D1", "D3"})
    assert outcome_codes(onset, CODES, TREE) == {"D", "D1", "D3"}
    # A confirmed diagnosis: single codes before are fair to see.
    twice = OnsetDeclaration.parse(
        {
            **tasks.declaration("onset"),
            "outcome": {"name": "d", "exact": ["D"]},
            "qualifying": {"times": 2},
            "prevalent": "qualified",
        }
    ).general()
    assert once_only(twice, CODES, TREE) == (set(), set())
    assert outcome_codes(twice, CODES, TREE) == {"D", "D1", "D3"}
    values = {
        "kind": "cohort",
        "predicates": {"a": {"exact": ["A"]}},
        "index": {"at": "start"},
        "prediction": "30d",
        "label": {"kind": "multiclass", "classes": ["a", "death"]},
    }
    dies = CohortDeclaration.parse(values)
    assert once_only(dies, CODES, TREE) == ({"MEDS_DEATH"}, set())
    before = {"count": "a", "window": {"end": "index"}}
    assert once_only(CohortDeclaration.parse({**values, "exclude": [before]}), CODES, {})[0] == {
        "A",
        "MEDS_DEATH",
    }
    lately = {"count": "a", "window": {"start": "index - 30d", "end": "index"}}
    assert once_only(CohortDeclaration.parse({**values, "exclude": [lately]}), CODES, {})[0] == {
        "MEDS_DEATH"
    }


def test_what_is_refused():
    fine = passed("one", "nothing")
    odd, wrong = suspected("two", "odd.", "Look."), failed("three", "wrong", "Stop.", [{"n": 1}])
    guard.refuse([fine, odd])
    with pytest.raises(LeakageError, match=r"^check 'two': got odd\. Look\.$"):
        guard.refuse([fine, odd], strict=True)
    with pytest.raises(LeakageError, match=r"check 'three' \(and 1 more\): got wrong\. Stop\."):
        guard.refuse([odd, wrong], strict=True)
    assert wrong.to_dict() == {
        "check": "three",
        "status": "fail",
        "found": "wrong",
        "todo": "Stop.",
        "details": [{"n": 1}],
    }


def test_events_before_birth_are_told_in_counts():
    born = START - 40 * 365 * 24 * HOUR
    early = {1: born - HOUR, 2: born - 48 * HOUR, 3: START}
    people = {
        number: [Event(born, "MEDS_BIRTH"), Event(time, "DX//1")] for number, time in early.items()
    }
    found = BeforeBirth()
    for shard in in_memory(people).shards():
        found.add(shard)
    assert found.finding().status == "suspect"
    assert found.finding().details == ({"births": 3, "with_events": 1},)
    assert BeforeBirth().finding().status == "pass"


def test_a_death_that_is_dated_by_its_day_happens_when_that_day_is_over():
    day = dt.timedelta(days=1)
    death = pl.DataFrame(
        {"subject_id": [1, 1], "time": [START, START], "code": ["X", "MEDS_DEATH"]}
        | {"available_time": [START, START + day]}
    )
    for hours, status in ((12, "pass"), (24, "pass"), (25, "fail")):
        times = PredictionTimes(
            pl.DataFrame({"subject_id": [1], "prediction_time": [START + hours * HOUR]})
        )
        times.add(death)
        assert times.findings()[0].status == status


def test_events_of_the_day_of_a_death_are_none_of_the_dead():
    for hours, status in ((24, "pass"), (25, "suspect")):
        found = AfterDeath()
        people = {1: [Event(START, "MEDS_DEATH"), Event(START + hours * HOUR, "DX//1")]}
        for shard in in_memory(people).shards():
            found.add(shard)
        assert found.finding().status == status


@pytest.mark.parametrize("column", ["labels", "people"])
def test_what_is_learnt_from_labels_or_people_of_other_parts_is_caught(column: str):
    events = pl.DataFrame({"sample": [0, 1, 2], "code": ["A", "B", "C"]})
    labels = pl.DataFrame({"boolean_value": [True, False, True]})
    people = pl.DataFrame({"age": [50.0, 60.0, 70.0], "sex": ["female", "male", "male"]})
    rows = np.array([0, 1])

    def mean(table: pl.DataFrame) -> object:
        return table["boolean_value" if column == "labels" else "age"].mean()

    def careless(events: Any, labels: Any, people: Any, rows: Any) -> object:
        return mean(labels if column == "labels" else people)

    def careful(events: Any, labels: Any, people: Any, rows: Any) -> object:
        return mean((labels if column == "labels" else people)[rows])

    found = [
        guard.fitted_on_training(fit, events, labels, people, rows) for fit in (careless, careful)
    ]
    assert [one.status for one in found] == ["fail", "pass"]
