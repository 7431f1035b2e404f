"""Labels of each kind by hand, at the very edges, and the rules for death and lost follow-up."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest
from tests.cohort.naive import Event
from tests.cohort.records import DAY, START, in_memory

from sequela.cohort import Cohort, build_cohort
from sequela.errors import DataError

TICK = dt.timedelta(microseconds=1)
INDEX = START + DAY
PLAIN: dict[str, Any] = {
    "kind": "cohort",
    "predicates": {"a": {"exact": ["A"]}, "b": {"exact": ["B"]}, "visit": {"exact": ["V"]}},
    "index": {"at": "record_start + 1d"},
    "prediction": "2d",
    "censoring": "keep",
}
END = INDEX + 2 * DAY


def cohort(*people: list[tuple[dt.datetime, str]], label: dict[str, Any], **more: Any) -> Cohort:
    """Each person has a visit at the start, and these events."""
    events = {
        number: [Event(START, "V"), *(Event(time, code, 1.5) for time, code in one)]
        for number, one in enumerate(people)
    }
    return build_cohort(in_memory(events), {**PLAIN, **more, "label": label})


def values(found: Cohort) -> list[Any]:
    return found.labels[:, 2].to_list()


def test_windows_are_open_at_the_start_and_closed_at_the_end():
    moments = [INDEX, INDEX + TICK, END, END + TICK]
    people = [[(time, "A")] for time in moments]
    label = {"kind": "binary", "predicate": "a"}
    assert values(cohort(*people, label=label)) == [False, True, True, False]
    turned = {"end": "index + 2d", "start_inclusive": True, "end_inclusive": False}
    assert values(cohort(*people, label=label, prediction=turned)) == [True, True, False, False]


def test_conditions_at_the_index_date_see_nothing_later_whatever_their_window():
    people = [[(time, "B")] for time in (INDEX, INDEX + TICK)]
    label = {"kind": "binary", "predicate": "a"}
    asked = {"count": "b", "window": {"end": "index + 2d"}}
    assert cohort(*people, label=label, include=[asked]).labels["subject_id"].to_list() == [0]
    assert cohort(*people, label=label, exclude=[asked]).labels["subject_id"].to_list() == [1]


def test_the_observation_ends_with_the_index_date_whatever_is_declared():
    label = {"kind": "binary", "predicate": "a"}
    found = cohort([], label=label, observation={"start": None, "end": "index + 1d"})
    assert found.windows is not None
    assert found.windows["observation_end"].to_list() == [INDEX]


def test_a_period_of_repeated_codes_holds_both_its_ends():
    twice = {"repeat": "a", "times": 2, "within": "1d", "distinct": "time"}
    predicates = {"a": {"exact": ["A"]}, "visit": {"exact": ["V"]}, "twice": twice}
    first = INDEX + TICK
    people = [[(first, "A"), (first + DAY + late, "A")] for late in (0 * TICK, TICK)]
    label = {"kind": "binary", "predicate": "twice"}
    assert values(cohort(*people, label=label, predicates=predicates)) == [True, False]


@pytest.mark.parametrize("value", [0.1, 0.7])  # as float32 the one is larger, the other smaller
@pytest.mark.parametrize("side", ["min", "max"])
def test_a_limit_is_the_number_that_32_bits_make_of_it(value: float, side: str):
    data = in_memory({1: [Event(START, "V"), Event(INDEX + TICK, "A", value)]})
    predicates = {"a": {"exact": ["A"], side: value}}
    label = {"kind": "binary", "predicate": "a"}
    assert values(build_cohort(data, {**PLAIN, "predicates": predicates, "label": label})) == [True]


def test_a_step_to_what_comes_later_leads_nowhere_at_the_index_date():
    people = [[(time, "B")] for time in (INDEX, INDEX + TICK)]
    label = {"kind": "binary", "predicate": "a"}
    found = cohort(*people, label=label, include=[{"moment": "start -> b"}])
    assert found.labels["subject_id"].to_list() == [0]


def test_a_stay_that_ends_at_the_index_date_is_known_to_end():
    stay = {"episodes": {"start": "visit", "stop": "b"}, "index": {"at": "stop"}}
    label = {"kind": "binary", "predicate": "a"}
    for window in ({"start": "start", "end": "stop"}, {"start": "stop - 1d", "end": "index"}):
        asked = {"count": "b", "window": window}
        found = cohort([(INDEX, "B")], label=label, include=[asked], **stay)
        assert found.labels.height == 1


def test_counts_of_events_moments_and_days():
    noon = INDEX + DAY / 2
    one = [(noon, "A"), (noon, "A"), (noon + TICK, "A"), (noon + DAY, "A"), (END + TICK, "A")]
    for by, count in (("event", 4), ("time", 3), ("day", 2)):
        label = {"kind": "count", "predicate": "a", "by": by}
        assert values(cohort(one, label=label)) == [count]
    twice = {"kind": "binary", "predicate": "a", "min": 2, "by": "day"}
    assert values(cohort(one, one[:3], label=twice)) == [True, False]


def test_the_first_class_wins_and_the_one_named_first_of_equal_ones():
    people = [
        [(INDEX + TICK, "B"), (END, "A")],
        [(END, "B"), (END, "A")],
        [(END + TICK, "B")],
    ]
    for classes, expected in ((["a", "b"], ["b", "a", "none"]), (["b", "a"], ["b", "b", "none"])):
        found = cohort(*people, label={"kind": "multiclass", "classes": classes})
        assert values(found) == expected


def test_many_labels():
    found = cohort([(END, "A"), (END, "B")], [(END, "B")], [],
                   label={"kind": "multilabel", "classes": ["a", "b"]})  # fmt: skip
    assert values(found) == [2, 1, 0]
    assert found.beside is not None
    assert found.beside["a"].to_list() == [True, False, False]
    assert found.beside["b"].to_list() == [True, True, False]


@pytest.mark.parametrize(
    ("one", "length", "kind"),
    [
        ([(END, "A")], 2.0, 1),
        ([(END + TICK, "A")], 2.0, 0),
        ([(INDEX + DAY, "A"), (INDEX + DAY, "B")], 1.0, 1),  # of equal time the event itself
        ([(INDEX + DAY, "B"), (END, "A")], 1.0, 2),
        ([(INDEX + DAY, "V")], 1.0, 0),  # the record ends before the window
        ([(END + DAY, "V")], 2.0, 0),
        ([], 0.0, 0),  # it ended before the prediction
    ],
)
def test_time_to_an_event(one: list[Any], length: float, kind: int):
    found = cohort(one, label={"kind": "time_to_event", "predicate": "a", "competing": "b"})
    assert values(found) == [length]
    assert found.beside is not None
    assert found.beside["event"].to_list() == [kind]


def test_lengths_and_their_classes():
    people = [[(INDEX + days * DAY, "A")] for days in (0.5, 1, 1.5, 2)]
    moment = {"kind": "length", "to": "index -> a"}
    assert values(cohort(*people, [], label=moment)) == [0.5, 1, 1.5, 2]
    assert cohort(*people, [], label=moment).attrition[-1]["excluded"] == 1
    hours = {**moment, "unit": "hours"}
    assert values(cohort(*people, label=hours)) == [12, 24, 36, 48]
    # An edge belongs to the class above it.
    binned = cohort(*people, label={**moment, "bins": [1, 2]})
    assert values(binned) == [0, 1, 1, 2]
    assert binned.beside is not None
    assert binned.beside["length"].to_list() == [0.5, 1, 1.5, 2]


def test_values_and_sequences():
    one = [(INDEX + DAY, "A"), (INDEX + DAY, "B"), (END, "A"), (END + DAY, "V")]
    found = cohort(one, [(END, "B")], label={"kind": "value", "predicate": "a"})
    assert values(found) == [1.5], "whoever has no value is left out"
    either = {"a": {"exact": ["A", "B"]}, "visit": {"exact": ["V"]}}
    label = {"kind": "sequence", "predicate": "a", "length_to": "index -> visit"}
    found = cohort(one, [], label=label, predicates=either)
    assert found.beside is not None
    assert found.beside["codes"].to_list() == [["A", "B", "A"], []]
    assert found.beside["length"].to_list() == [3.0, None]
    found = cohort(one, label={**label, "distinct": True}, predicates=either)
    assert found.beside is not None
    assert found.beside["codes"].to_list() == [["A", "B"]]


@pytest.mark.parametrize(
    ("one", "kept"),
    [
        ([(END, "V")], "both"),  # seen to the very end
        ([(END - TICK, "V")], "neither"),
        ([(INDEX + TICK, "A")], "both"),  # settled, whatever comes later
        ([(END, "MEDS_DEATH")], "censoring"),
        ([(END + TICK, "MEDS_DEATH")], "both"),
        ([(INDEX + TICK, "A"), (END, "MEDS_DEATH")], "both"),
        ([(INDEX, "MEDS_DEATH")], "neither"),  # dead at the index date
    ],
)
def test_who_dies_or_is_lost(one: list[Any], kept: str):
    label = {"kind": "binary", "predicate": "a"}
    for death, word in (("keep", "censoring"), ("exclude", "death")):
        try:
            found = cohort(one, label=label, censoring="exclude", death=death).labels.height
        except DataError:
            found = 0
        assert found == (kept in ("both", word))


def test_a_stay_goes_on_until_its_end():
    """Who leaves at the very moment of the prediction is gone; who has not left yet is there."""
    stay = {
        "predicates": {"in": {"exact": ["V"]}, "out": {"exact": ["OUT"]}},
        "episodes": {"start": "in", "stop": "out"},
        "index": {"at": "start + 1d", "during": True},
        "prediction": None,
    }
    people = [[(INDEX, "OUT")], [(INDEX + TICK, "OUT")], [(END, "A")]]
    found = cohort(*people, label={"kind": "count", "predicate": "out"}, **stay)
    assert found.labels["subject_id"].to_list() == [1, 2]
    assert values(found) == [1, 0]


def test_what_has_no_date_lies_before_all_else():
    static = [Event(START, "V"), Event(None, "A"), Event(END, "V")]
    counts = {}
    for start in (None, "observation.start", "record_start - 100y"):
        window = {"start": start, "end": "index"}
        label = {"kind": "count", "predicate": "a", "window": window}
        found = build_cohort(in_memory({1: static}), {**PLAIN, "label": label})
        counts[start] = values(found)
    assert counts == {None: [1], "observation.start": [1], "record_start - 100y": [0]}


def test_sex_as_the_record_says_it_by_the_index_date():
    people = {
        1: [Event(START, "V"), Event(None, "GENDER//F")],
        2: [Event(START, "V"), Event(None, "GENDER//M")],
        3: [Event(START, "V")],
        4: [Event(START, "V"), Event(END, "GENDER//F")],
        5: [Event(START, "V"), Event(None, "GENDER//F"), Event(None, "GENDER//M")],
    }
    label = {"kind": "count", "predicate": "a"}
    for rule, expected in (("include", [1]), ("exclude", [2, 3, 4, 5])):
        declared = {**PLAIN, rule: [{"sex": ["female"]}], "label": label}
        found = build_cohort(in_memory(people), declared)
        assert found.labels["subject_id"].to_list() == expected
        assert "sex female" in found.attrition[-1]["step"]


def test_controls_of_the_same_site():
    def person(site: str | None, moved: str | None = None, case: bool = False) -> list[Event]:
        events = [Event(START, "V"), Event(END, "V")]
        events += [Event(None, f"SITE//{site}")] if site else []
        events += [Event(START, f"SITE//{moved}")] if moved else []
        return [*events, Event(END, "A")] if case else events

    people = {
        1: person("N", case=True),
        2: person("S"),
        3: person("N"),
        4: person("S", moved="N"),  # the last site that is known counts
        5: person(None),
        6: person(None, case=True),
    }
    people[7] = [*person("S"), Event(END, "SITE//N")]  # moves after the prediction
    rule = {"ratio": 5, "site": "SITE//", "sex": False}
    label = {"kind": "binary", "predicate": "a"}
    found = build_cohort(in_memory(people), {**PLAIN, "label": label, "matching": rule})
    assert found.beside is not None
    sets = dict(found.beside.select("subject_id", "match_sets").rows())
    assert sets == {1: [0], 3: [0], 4: [0], 5: [1], 6: [1]}
    assert found.balance is not None
    assert found.balance["variable"].to_list() == ["age", "sex", "calendar", "site"]
    assert found.balance["difference"][3] == pytest.approx(0, abs=1e-9)


def test_the_grid_of_a_stay_without_end_goes_on_to_the_latest_event_included():
    """Whoever is asked at the moment of the latest event is asked; a stay that ended is over."""
    hour = dt.timedelta(hours=1)
    grid = {
        "episodes": {"start": "visit", "stop": "b"},
        "index": {"at": "start", "every": "1h", "until": "stop", "during": True},
        "label": {"kind": "binary", "predicate": "a"},
    }
    people = {1: (2 * hour, "A"), 2: (2 * hour - TICK, "A"), 3: (2 * hour, "B"), 4: (TICK, "A")}
    events = {
        number: [Event(START, "V"), Event(START + after, code)]
        for number, (after, code) in people.items()
    }
    found = build_cohort(in_memory(events), {**PLAIN, **grid}, known=False)
    hours: dict[int, list[int]] = {}
    for number, time in found.labels.select("subject_id", "prediction_time").rows():
        hours.setdefault(number, []).append((time - START) // hour)
    assert hours == {1: [0, 1, 2], 2: [0, 1], 3: [0, 1], 4: [0]}
