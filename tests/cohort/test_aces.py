"""ACES task files, translated: on a small record by hand, and beside ACES itself on real data."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import pytest
import yaml
from tests.cohort.naive import Event
from tests.cohort.records import DAY, HOUR, START, in_memory

from sequela import tasks
from sequela.cohort import build_cohort, parse_declaration
from sequela.errors import ConfigError

MORTALITY: dict[str, Any] = {
    "description": "in-hospital mortality, as in the documentation of ACES",
    "predicates": {
        "admission": {"code": {"regex": "^HOSPITAL_ADMISSION//.*"}},
        "discharge": {"code": {"regex": "^HOSPITAL_DISCHARGE//.*"}},
        "death": {"code": "MEDS_DEATH"},
        "discharge_or_death": {"expr": "or(discharge, death)"},
    },
    "trigger": "admission",
    "windows": {
        # ACES takes windows in any order, and so must we.
        "target": {
            "start": "gap.end",
            "end": "start -> discharge_or_death",
            "start_inclusive": False,
            "end_inclusive": True,
            "label": "death",
        },
        "input": {
            "start": None,
            "end": "trigger + 24h",
            "start_inclusive": True,
            "end_inclusive": True,
            "has": {"_ANY_EVENT": "(3, None)"},
            "index_timestamp": "end",
        },
        "gap": {
            "start": "input.end",
            "end": "start + 12h",
            "start_inclusive": False,
            "end_inclusive": True,
            "has": {"admission": "(None, 0)", "discharge": "(None, 0)", "death": "(None, 0)"},
        },
    },
}


def changed(path: str, value: Any) -> dict[str, Any]:
    result = copy.deepcopy(MORTALITY)
    *tables, last = path.split(".")
    table = result
    for key in tables:
        table = table[key]
    table[last] = value
    return result


def stay(*more: tuple[int, str]) -> list[Event]:
    """An admission with an event every six hours, and further ones at these hours."""
    events = [Event(START + 6 * hours * HOUR, "LAB//1") for hours in range(4)]
    events += [Event(START, "HOSPITAL_ADMISSION//URGENT")]
    return events + [Event(START + hours * HOUR, code) for hours, code in more]


PEOPLE = {
    1: stay((60, "HOSPITAL_DISCHARGE//HOME")),
    2: stay((60, "MEDS_DEATH"), (60, "HOSPITAL_DISCHARGE//DIED")),
    3: stay((30, "HOSPITAL_DISCHARGE//HOME")),  # in the gap
    4: stay(),  # neither discharged nor dead: the target has no end
    5: [Event(START, "HOSPITAL_ADMISSION//URGENT"), Event(START + 3 * DAY, "MEDS_DEATH")],
}


def labels(content: dict[str, Any], people: dict[int, list[Event]]) -> list[tuple[int, bool]]:
    cohort = build_cohort(in_memory(people), {"kind": "aces", "name": "task", **content})
    assert cohort.labels["prediction_time"].unique().to_list() == [START + DAY]
    return cohort.labels.select("subject_id", "boolean_value").rows()


def test_the_example_of_aces():
    assert labels(MORTALITY, PEOPLE) == [(1, False), (2, True)]
    # Without the least number of events in the input, the fifth is in.
    assert labels(changed("windows.input.has", {}), PEOPLE) == [(1, False), (2, True), (5, True)]


def test_expressions_count_moments_and_plain_predicates_events():
    content = changed("predicates.k", {"code": "K"})
    content["predicates"] |= {"l": {"code": "L"}, "either": {"expr": "or(k, l)"}}
    people = {
        number: [*PEOPLE[1], *(Event(START + HOUR, code) for code in codes)]
        for number, codes in enumerate(["KL", "KK", "K"], start=1)
    }
    for name, found in (("either", [1, 2, 3]), ("k", [1, 3])):
        content["windows"]["input"]["has"] = {name: "(1, 1)"}
        assert [subject for subject, _ in labels(content, people)] == found


def test_values_and_static_facts():
    content = changed("predicates.high", {"code": {"any": ["K", "L"]}, "value_min": 5})
    content["windows"]["input"]["has"] = {"high": "(1, None)", "male": "(1, None)"}
    content["patient_demographics"] = {"male": {"code": "GENDER//M"}}
    man = Event(None, "GENDER//M")
    people = {
        number: [*PEOPLE[1], *facts, Event(START + HOUR, code, value)]
        for number, (facts, code, value) in enumerate(
            [([man], "K", 5.5), ([man], "K", 5), ([], "K", 5.5), ([man], "M", 6), ([man], "L", 6)]
        )
    }  # fmt: skip
    assert labels(content, people) == [(0, False), (4, False)]
    content["predicates"]["high"]["value_min_inclusive"] = True
    assert labels(content, people) == [(0, False), (1, False), (4, False)]


def test_a_file_is_a_task(tmp_path: Path):
    path = tmp_path / "in_hospital.yaml"
    path.write_text(yaml.safe_dump(MORTALITY))
    values = tasks.declaration(str(path))
    assert values["kind"] == "aces"
    declared = parse_declaration(values)
    assert declared.name == "in_hospital"
    assert build_cohort(in_memory(PEOPLE), declared).labels.height == 2
    # Whose outcome is not known is scored as well.
    assert build_cohort(in_memory(PEOPLE), declared, known=False).labels.height >= 3


@pytest.mark.parametrize(
    ("path", "value", "message"),
    [
        ("trigger", "admissions", "'trigger' of the ACES task"),
        ("trigger", "_RECORD_START", "no predicate of the file"),
        ("predicates.death.other_cols", {"unit": "x"}, "'other_cols' of predicate 'death'"),
        ("predicates.death.code", {"glob": "*"}, "'code' of predicate 'death'"),
        ("predicates.death.codes", "x", "key 'codes' of predicate 'death'"),
        ("predicates.discharge_or_death", {"expr": "not(death)"}, r"no and\(\), or\(\)"),
        ("windows.target.label", None, "'label' of the ACES task .* in 0 windows"),
        ("windows.gap.label", "death", "it in 2 windows"),
        ("windows.input.index_timestamp", "middle", "'index_timestamp' of window 'input'"),
        ("windows.gap.end", "start + 1 month", "a length of time"),
        ("windows.gap.start", "later.end", "rests on itself"),
        ("windows.gap.start", "trigger.end", "rests on itself"),
        ("windows.gap.start", "discharge", "the moment 'discharge'"),
        ("windows.gap.has", {"death": "(x, 1)"}, "'has' of window 'gap'"),
        ("windows.gap.has", {"dead": "(1, None)"}, "'dead', which is no predicate"),
        ("windows.gap", "trigger", "window 'gap' of the ACES task"),
        ("windows", ["gap"], "keys and values"),
        ("tables", {}, "key 'tables' of the ACES task"),
    ],
)
def test_what_has_no_place_here_is_refused_by_name(path: str, value: Any, message: str):
    with pytest.raises(ConfigError, match=message):
        parse_declaration({"kind": "aces", "name": "task", **changed(path, value)})
