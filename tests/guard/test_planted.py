"""Leaks of many kinds, planted one at a time: each is caught, and its honest twin is not."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from tests.guard.planted import DAY, TASK, World, event

from sequela import guard
from sequela.batches import VisitEncoder
from sequela.errors import LeakageError


@dataclass(frozen=True)
class Plant:
    """A leak.

    Args:
        check: that must catch it.
        status: what it must say.
        leak: plants it.
        twin: changes the world alike, without a leak.
    """

    check: str
    status: str
    leak: Callable[[World, Path], Any]
    twin: Callable[[World, Path], Any]


def _lot() -> np.random.Generator:
    return np.random.default_rng(7)


def _feature_of_the_label(exact: float, wrong: float) -> Callable[[World, Path], None]:
    def plant(world: World, folder: Path) -> None:
        lot, cases = _lot(), set(world.cases())
        chosen = [one for one in world.first if lot.random() < (exact if one in cases else wrong)]
        world.add(event(one, world.moment(one, 300.3), "RISK//HIGH") for one in chosen)

    return plant


def _value(signal: float, noise: float) -> Callable[[World, Path], None]:
    def plant(world: World, folder: Path) -> None:
        lot, cases = _lot(), set(world.cases())
        for one in world.first:
            value = signal * (one in cases) + noise * lot.normal()
            world.add([event(one, world.moment(one, 200.2), "SCORE//S", value)])

    return plant


def _site(tells: bool) -> Callable[[World, Path], None]:
    def plant(world: World, folder: Path) -> None:
        lot, cases = _lot(), set(world.cases())
        for one in world.first:
            case = one in cases if tells else lot.random() < 0.4
            world.add([event(one, None, f"SITE//{'AB'[case]}")])

    return plant


def _treatment(days: float) -> Callable[[World, Path], None]:
    """Three in five cases get a drug with the outcome, and once more: later, or dated back."""

    def plant(world: World, folder: Path) -> None:
        lot = _lot()
        for one in world.cases():
            if lot.random() < 0.6:
                moment = world.outcome[one]
                again = moment + 30 * DAY if days < 0 else world.moment(one, days)
                world.add([event(one, moment, "DRUG//CURE"), event(one, again, "DRUG//CURE")])

    return plant


def _outcome_before(leaks: bool) -> Callable[[World, Path], None]:
    """Labels from a file, of patients who had the outcome before the prediction already."""

    def plant(world: World, folder: Path) -> None:
        world.labels = world.own_labels(folder / "honest")
        chosen = world.cases()[::2] if leaks else sorted(world.first)[::4]
        code = "DX//OUT" if leaks else "DX//IN"
        world.add(event(one, world.moment(one, 100), code) for one in chosen)

    return plant


def _child(parent: str) -> Callable[[World, Path], None]:
    def plant(world: World, folder: Path) -> None:
        world.parents = {"DX//EARLY": [parent], "DX//EARLY//SIGN": ["DX//EARLY"]}
        everyone = sorted(world.first)
        world.add(event(one, world.moment(one, 50), "DX//EARLY//SIGN") for one in everyone[::9])

    return plant


def _bills(at_discharge: bool) -> Callable[[World, Path], None]:
    def plant(world: World, folder: Path) -> None:
        lot = _lot()
        for one in sorted(world.first)[::2]:
            begin = world.moment(one, 60)
            end = begin + 5 * DAY
            code = f"ICD10CM//I{int(lot.integers(10, 60))}"
            known = end if at_discharge else None
            world.add(
                [event(one, begin, "HOSPITAL_ADMISSION//X"), event(one, begin, code, None, known)]
            )
            world.add([event(one, end, "HOSPITAL_DISCHARGE//HOME")])

    return plant


def _some_bills_early(world: World, folder: Path) -> None:
    _bills(at_discharge=True)(world, folder)
    lot = _lot()
    bills = [place for place, row in enumerate(world.rows) if row[2].startswith("ICD10CM")]
    for place in bills:
        if lot.random() < 0.15:
            subject, time, code, value, _ = world.rows[place]
            world.rows[place] = event(subject, time + DAY, code, value)


def _two_files(world: World, folder: Path) -> None:
    world.second_file = lambda place, row: row[0] % 2 == 0 or (row[0] == 31 and place % 2 == 0)


def _two_files_by_subject(world: World, folder: Path) -> None:
    world.second_file = lambda place, row: row[0] > 100


def _two_parts(world: World, folder: Path) -> None:
    world.twice = {11: "held_out" if world.parts[11] != "held_out" else "train"}


def _fewer_parts(world: World, folder: Path) -> None:
    del world.parts[11]


def _twin_patient(copied: bool, kept: float = 1.0) -> Callable[[World, Path], None]:
    """A patient of the training part has a second id in the held-out part, ten days apart."""

    def plant(world: World, folder: Path) -> None:
        lot = _lot()
        one = next(subject for subject in world.others() if world.parts[subject] == "train")
        rows = [row for row in world.rows if row[0] == one]
        world.parts[9001], world.first[9001] = "held_out", world.first[one] + 10 * DAY
        begin, end = world.first[one], max(row[1] for row in rows if row[1])
        for _, time, code, value, _ in rows:
            edge = time is None or time in (begin, end)
            if not edge and lot.random() > kept:
                continue
            moved = time and time + 10 * DAY
            if not copied and time:
                moved = moved + int(lot.integers(0, 15)) * DAY
                value = value and value + lot.normal()
            world.add([event(9001, moved, code, value)])

    return plant


def _window(start: str) -> Callable[[World, Path], None]:
    def plant(world: World, folder: Path) -> None:
        world.task = {
            "kind": "cohort",
            "name": "planted",
            "predicates": {"sign": {"exact": ["DX//3"]}},
            "index": {"at": "start + 365d"},
            "prediction": {"start": start, "end": "index + 100d"},
            "label": {"kind": "binary", "predicate": "sign"},
        }

    return plant


def _last_visit(select: str) -> Callable[[World, Path], None]:
    def plant(world: World, folder: Path) -> None:
        _window("index")(world, folder)
        index = {"at": "start", "select": select, "not_before": "record_start + 200d"}
        world.task = {**world.task, "episodes": "day", "index": index, "censoring": "keep"}

    return plant


def _known_before_it_happens(later: bool) -> Callable[[World, Path], None]:
    def plant(world: World, folder: Path) -> None:
        for one in world.cases():
            time, other = world.outcome[one] + 5 * DAY, world.moment(one, 200)
            known = other if not later else time + DAY
            world.add([event(one, time, "LAB//LATE", 3.0, known)])

    return plant


def _death(before: bool) -> Callable[[World, Path], None]:
    """Labels from a file; somebody died before the prediction, or after it."""

    def plant(world: World, folder: Path) -> None:
        world.labels = world.own_labels(folder / "honest")
        ends = {
            one: max(row[1] for row in world.rows if row[0] == one and row[1])
            for one in world.first
        }
        for one in world.others()[:20]:
            time = world.moment(one, 300.1) if before else ends[one] + DAY
            world.add([event(one, time, "MEDS_DEATH")])

    return plant


def _events_of_the_dead(after: bool) -> Callable[[World, Path], None]:
    def plant(world: World, folder: Path) -> None:
        for one in world.others()[:20]:
            last = max(row[1] for row in world.rows if row[0] == one and row[1])
            world.add([event(one, last + DAY / 2, "MEDS_DEATH")])
            if after:
                world.add([event(one, last + 9 * DAY, "DX//4")])

    return plant


def _record_that_ended(ends: bool) -> Callable[[World, Path], None]:
    """Labels from a file: of every third patient without the outcome the record ends before."""

    def plant(world: World, folder: Path) -> None:
        world.labels = world.own_labels(folder / "honest")
        gone = set(world.others()[::3]) if ends else set()
        world.rows = [
            row
            for row in world.rows
            if row[0] not in gone or row[1] is None or row[1] < world.moment(row[0], 360)
        ]

    return plant


def _normalised(on_all: bool) -> Callable[[World, Path], None]:
    def plant(world: World, folder: Path) -> None:
        def fitted(events: pl.DataFrame, labels: pl.DataFrame, people: pl.DataFrame) -> Any:
            part = labels["subject_id"].replace_strict(world.parts)
            rows = np.flatnonzero((part == "train").to_numpy())

            def fit(
                events: pl.DataFrame, labels: pl.DataFrame, people: pl.DataFrame, rows: Any
            ) -> Any:
                chosen = None if on_all else rows
                return VisitEncoder.fit(events, labels, people, rows=chosen, min_subjects=5)

            return [guard.fitted_on_training(fit, events, labels, people, rows)]

        world.options["fitted"] = fitted

    return plant


PLANTS = {
    "a feature computed with the label": Plant(
        "single_features",
        "suspect",
        _feature_of_the_label(0.98, 0.01),
        _feature_of_the_label(0.6, 0.3),
    ),
    "a rare feature that only cases have": Plant(
        "single_features",
        "suspect",
        _feature_of_the_label(0.25, 0.0),
        _feature_of_the_label(0.25, 0.1),
    ),
    "a value that is the label and noise": Plant(
        "single_features", "suspect", _value(1.0, 0.2), _value(1.0, 1.0)
    ),
    "a site that is the label": Plant("single_features", "suspect", _site(True), _site(False)),
    "a treatment dated back": Plant("companions", "suspect", _treatment(200), _treatment(-1)),
    "the outcome before the prediction": Plant(
        "outcome_in_window", "fail", _outcome_before(True), _outcome_before(False)
    ),
    "a code below the outcome": Plant(
        "outcome_in_window", "suspect", _child("DX//OUT"), _child("DX//1")
    ),
    "discharge diagnoses at admission": Plant(
        "diagnoses_at_admission", "suspect", _bills(False), _bills(True)
    ),
    "some discharge diagnoses known at once": Plant(
        "availability", "suspect", _some_bills_early, _bills(True)
    ),
    "a subject in two files": Plant("readable", "fail", _two_files, _two_files_by_subject),
    "a subject in two parts": Plant("readable", "fail", _two_parts, _fewer_parts),
    "a patient under two ids": Plant(
        "equal_histories", "fail", _twin_patient(True), _twin_patient(False)
    ),
    "nearly the same patient under two ids": Plant(
        "near_equal_histories", "suspect", _twin_patient(True, 0.97), _twin_patient(False, 0.97)
    ),
    "a prediction window that begins in the past": Plant(
        "label_settled", "fail", _window("index - 60d"), _window("index")
    ),
    "the last visit of each patient": Plant(
        "prediction_times_truncated", "fail", _last_visit("last"), _last_visit("first")
    ),
    "events known before they happen": Plant(
        "readable", "fail", _known_before_it_happens(False), _known_before_it_happens(True)
    ),
    "predictions of the dead": Plant("prediction_after_death", "fail", _death(True), _death(False)),
    "events of the dead": Plant(
        "events_after_death", "suspect", _events_of_the_dead(True), _events_of_the_dead(False)
    ),
    "records that end before the prediction": Plant(
        "prediction_after_record", "suspect", _record_that_ended(True), _record_that_ended(False)
    ),
    "normalisation fitted on all parts": Plant(
        "fitted_on_training", "fail", _normalised(True), _normalised(False)
    ),
}


def _checked(change: Callable[[World, Path], Any], folder: Path) -> list[guard.Finding]:
    world = World.new()
    change(world, folder)
    data = world.write(folder / "data set")
    return guard.check(data, world.task, world.labels, pairs=40, **world.options)


@pytest.mark.parametrize("name", PLANTS)
def test_the_leak_is_caught(name: str, tmp_path: Path):
    plant = PLANTS[name]
    found = {one.check: one for one in _checked(plant.leak, tmp_path)}
    caught = found[plant.check]
    assert caught.status == plant.status, {one.check: one.found for one in found.values()}
    assert caught.todo
    with pytest.raises(LeakageError, match="check '"):
        guard.refuse(found.values(), strict=True)


@pytest.mark.parametrize("name", PLANTS)
def test_its_honest_twin_passes(name: str, tmp_path: Path):
    plant = PLANTS[name]
    found = _checked(plant.twin, tmp_path)
    assert plant.check in [one.check for one in found]
    assert {one.check: one.found for one in found if one.status != "pass"} == {}
    guard.refuse(found, strict=True)


def test_suspects_are_refused_only_where_that_is_asked(tmp_path: Path):
    found = _checked(PLANTS["a site that is the label"].leak, tmp_path)
    assert {one.status for one in found} == {"pass", "suspect"}
    guard.refuse(found)
    with pytest.raises(LeakageError, match="check 'single features'"):
        guard.refuse(found, strict=True)


def test_nothing_of_a_single_patient_is_told(tmp_path: Path):
    """Neither a code of fewer than ``min_subjects`` patients, nor an id, a time or a value."""
    for number, plant in enumerate({one.check: one for one in PLANTS.values()}.values()):
        world = World.new(120)
        plant.leak(world, tmp_path / str(number))
        world.add([event(77, world.moment(77, 20), "CANARY//CODE", 98765.4)])
        world.add([event(77, world.moment(77, 21), "DX//OUT//CANARY")])
        world.parents = {**world.parents, "DX//OUT//CANARY": ["DX//OUT"]}
        world.task = {**world.task}
        if world.task["kind"] == "onset":
            world.task["outcome"] = {**TASK["outcome"], "regex": ["^DX//OUT//"]}
        data = world.write(tmp_path / str(number) / "data set")
        text = str([one.to_dict() for one in guard.check(data, world.task, world.labels, pairs=5)])
        assert "CANARY" not in text
        assert "98765" not in text
        years = {str(time.year) for _, time, *_ in world.rows if time and time.year >= 2010}
        assert not any(f"{year}-" in text for year in years)
        assert "9001" not in text


def test_a_split_from_outside(tmp_path: Path):
    data = World.new(60).write(tmp_path)
    twice = pl.DataFrame({"subject_id": [1, 1, 2], "split": ["train", "held_out", "train"]})
    found = {one.check: one for one in guard.check(data, TASK, parts=twice, pairs=5)}
    assert found["parts"].status == "fail"
    assert "1 subject(s)" in found["parts"].found


def test_what_training_is_told(tmp_path: Path):
    world = World.new()
    _site(True)(world, tmp_path)
    data = world.write(tmp_path / "data")
    from sequela.cohort import build_cohort, observations

    cohort = build_cohort(data, TASK)
    seen = observations(data, cohort.labels, windows=cohort.windows)
    found = guard.quick_check(data, TASK, seen, cohort.labels)
    assert {one.check: one.status for one in found} == {
        "outcome_in_window": "pass",
        "single_features": "suspect",
    }
    some = guard.quick_check(data, TASK, seen, cohort.labels, samples=150)
    assert some[1].status == "suspect"
    assert dt.datetime(2010, 1, 1) < cohort.labels["prediction_time"].min()
