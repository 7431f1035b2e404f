"""The views of spans, against cases counted by hand."""

from __future__ import annotations

from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.tiers import examples

from sequela.errors import DataError
from sequela.evaluate.spans import VIEWS, JudgedNote, judge_spans

TEXT = "Ann Lee saw Dr Bo Ray on 3/4/2012 at Elm."
#       0   4       12 15 18     25        37
TRUTH = [(0, 7, "PATIENT"), (15, 21, "DOCTOR"), (25, 33, "DATE"), (37, 40, "HOSPITAL")]
FOUND = [
    (0, 7, "PATIENT"),  # right
    (15, 19, "DOCTOR"),  # ends two characters early
    (25, 33, "IDNUM"),  # another label
    (8, 11, "DATE"),  # nothing is there
]
NOTE = JudgedNote(TEXT, TRUTH, FOUND)


def counted(view, notes=(NOTE,)):
    """Precision and recall as fractions of 60, which all denominators here divide."""
    found = judge_spans(notes, replicates=0)["views"][view]
    return found["precision"]["value"], found["recall"]["value"]


@pytest.mark.parametrize(
    ("view", "precision", "recall"),
    [
        ("strict", 1 / 4, 1 / 4),
        ("relaxed", 2 / 4, 2 / 4),
        # True tokens: Ann Lee, Bo Ray, 3 4 2012, Elm; found: Ann Lee, Bo R, 3 4 2012, saw.
        ("token", 3 / 8, 3 / 8),
        ("binary token", 6 / 8, 6 / 8),
        # Of HIPAA: PATIENT and DATE; found PATIENT, IDNUM and DATE.
        ("strict, HIPAA", 1 / 3, 1 / 2),
        ("relaxed, HIPAA", 1 / 3, 1 / 2),
        ("token, HIPAA", 2 / 6, 2 / 5),
        ("binary token, HIPAA", 5 / 6, 5 / 5),
    ],
)
def test_views_counted_by_hand(view, precision, recall):
    assert counted(view) == (pytest.approx(precision), pytest.approx(recall))


def test_every_view_is_counted_above():
    assert len(VIEWS) == 8


def test_leaks_counted_by_hand():
    leaks = judge_spans([NOTE, JudgedNote(TEXT, TRUTH, TRUTH)], replicates=0)["leaks"]
    # Of the doctor "ay" is left, and the hospital.
    assert leaks["all"]["leaks"] == 2
    assert leaks["all"]["per_1000_notes"]["value"] == 1000
    assert leaks["all"]["notes_without"]["value"] == 0.5
    assert leaks["HIPAA"]["leaks"] == 0
    assert leaks["HIPAA"]["notes_without"]["value"] == 1
    dots = JudgedNote("J. R.", [(0, 5, "PATIENT")], [(0, 1, "DATE"), (3, 4, "DATE")])
    assert judge_spans([dots], replicates=0)["leaks"]["all"]["leaks"] == 0


def test_micro_macro_and_labels():
    half = JudgedNote("ab cd", [(0, 2, "DATE"), (3, 5, "ZIP")], [(0, 2, "DATE")])
    whole = JudgedNote("ab", [(0, 2, "DATE")], [(0, 2, "DATE")])
    silent = JudgedNote("ab", [], [])
    view = judge_spans([half, whole, silent], replicates=0)["views"]["strict"]
    assert view["recall"]["value"] == pytest.approx(2 / 3)
    assert view["macro"]["recall"] == pytest.approx(3 / 4)
    assert view["macro"]["precision"] == 1
    assert view["labels"]["DATE"]["right"] == 2
    assert view["labels"]["ZIP"] == {
        "right": 0,
        "found": 0,
        "truth": 1,
        "precision": None,
        "recall": 0.0,
        "f1": 0.0,
    }


def test_a_found_span_meets_one_true_span():
    truth = [(0, 3, "DATE"), (0, 4, "DATE")]
    note = JudgedNote("abcdef", truth, [(0, 4, "DATE")])
    view = judge_spans([note], replicates=0)["views"]["relaxed"]
    assert (view["precision"]["value"], view["recall"]["value"]) == (1, 0.5)


def test_intervals_resample_notes():
    notes = [
        JudgedNote("ab", [(0, 2, "DATE")], [(0, 2, "DATE")][: number % 4]) for number in range(40)
    ]
    recall = judge_spans(notes, replicates=200)["views"]["strict"]["recall"]
    assert recall["value"] == 0.75
    assert 0.5 < recall["low"] < 0.75 < recall["high"] < 0.95
    assert judge_spans(notes, replicates=200)["views"]["strict"]["recall"] == recall


def test_notes_of_a_group_are_resampled_together():
    notes = [
        JudgedNote("ab", [(0, 2, "DATE")], [(0, 2, "DATE")][: number // 20]) for number in range(40)
    ]
    alone = judge_spans(notes, replicates=200)
    pairs = judge_spans(notes, groups=[f"p{n // 10}" for n in range(40)], replicates=200)
    wide, narrow = (one["views"]["strict"]["recall"] for one in (pairs, alone))
    assert wide["high"] - wide["low"] > 1.5 * (narrow["high"] - narrow["low"])
    wide, narrow = (one["leaks"]["all"]["notes_without"] for one in (pairs, alone))
    assert wide["high"] - wide["low"] > 1.5 * (narrow["high"] - narrow["low"])
    with pytest.raises(DataError, match="the groups: got 1"):
        judge_spans(notes, groups=["p"])


def test_nothing_and_spans_outside():
    with pytest.raises(DataError, match="got none"):
        judge_spans([])
    with pytest.raises(DataError, match="characters 0 to 9") as caught:
        JudgedNote("secret", [], [(0, 9, "DATE")])
    assert "secret" not in str(caught.value) + repr(NOTE)
    assert judge_spans([JudgedNote("", [], [])], replicates=0)["views"]["strict"]["f1"] == {
        "value": None,
        "low": None,
        "high": None,
    }


SPANS = st.lists(
    st.tuples(st.integers(0, 8), st.integers(1, 4), st.sampled_from(["DATE", "DOCTOR"])).map(
        lambda one: (one[0], one[0] + one[1], one[2])
    ),
    max_size=6,
)


@settings(max_examples=examples(40), deadline=None)
@given(SPANS, SPANS)
def test_laws(truth, found):
    note = JudgedNote("ab c-d ef1 g", truth, found)
    views = judge_spans([note], replicates=0)["views"]
    for view in views.values():
        for label in view["labels"].values():
            assert label["right"] <= min(label["found"], label["truth"])
    assert (views["strict"]["f1"]["value"] or 0) <= (views["relaxed"]["f1"]["value"] or 0)
    same = judge_spans([JudgedNote(note.text, truth, truth)], replicates=0)
    assert all(view["f1"]["value"] in (1, None) for view in same["views"].values())
    assert same["leaks"]["all"]["leaks"] == 0


def drawn(seed):
    """Six documents, spans apart from each other: right, of another label, cut, missed, made up."""
    random, documents, labels = Random(seed), [], ["NAME", "DATE", "CITY"]
    for _ in range(6):
        truth, found, place = [], [], 0
        while place < 60:
            start = place + random.randint(0, 5)
            end, label = start + random.randint(2, 6), random.choice(labels)
            truth.append((start, end, label))
            kind = random.randint(0, 4)
            if kind <= 1:
                found.append((start, end, label))
            elif kind == 2:
                found.append((start, end, random.choice(labels)))
            elif kind == 3:
                found.append((start, end - 1, label))
            if random.random() < 0.2:
                found.append((end + 1, end + 3, "DATE"))
                end += 3
            place = end + 1
        documents.append((truth, found))
    return documents


# Correct, actual and possible spans of nervaluate 1.2.1 ("strict": both ends and the label), by
#   Evaluator(true, pred, ["NAME", "DATE", "CITY"], "dict").evaluate()["overall"]["strict"]
# of {"label": label, "start": start, "end": end - 1}: its ends are inclusive. The other views have
# other meanings there: "partial" and "exact" do not ask for the label, "ent_type" not for the ends.
NERVALUATE = {0: (24, 47, 46), 1: (22, 39, 45), 2: (26, 48, 49), 3: (20, 36, 48)}


@pytest.mark.parametrize("seed", NERVALUATE)
def test_strict_is_that_of_nervaluate(seed):
    correct, actual, possible = NERVALUATE[seed]
    notes = [JudgedNote("x" * 99, truth, found) for truth, found in drawn(seed)]
    labels = judge_spans(notes, replicates=0)["views"]["strict"]["labels"].values()
    counts = (sum(one[name] for one in labels) for name in ("right", "found", "truth"))
    assert tuple(counts) == (correct, actual, possible)
