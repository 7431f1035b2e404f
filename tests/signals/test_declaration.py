from __future__ import annotations

import numpy as np
import pytest

from sequela.errors import ConfigError, LabelError, LeakageError
from sequela.signals import SignalDeclaration, SignalSet

PLAIN = {
    "kind": "signal",
    "name": "toy",
    "title": "A toy",
    "groupings": {
        2: [{"name": "rest", "values": [2, 3]}, {"name": "yes", "values": [1]}],
        3: [{"name": name, "values": [value]} for name, value in (("a", 1), ("b", 2), ("c", 3))],
    },
}


def declare(**changes) -> SignalDeclaration:
    return SignalDeclaration.parse({**PLAIN, **changes})


def signals(label=(1, 2, 3, 1), subject=None):
    count = 4
    return SignalSet(
        values=np.zeros((count, 1), np.float32),
        offsets=np.arange(count + 1, dtype=np.int64),
        recording=np.array(["r0", "r0", "r1", "r2"]),
        sampling_rate=1.0,
        channels=("EEG",),
        label=None if label is None else np.array(label),
        subject=subject,
    )


def test_two_classes_are_yes_or_no():
    target = declare().target(signals())
    assert target.dtype == np.bool_
    assert target.tolist() == [True, False, False, True]
    assert declare().class_names == ("rest", "yes")


def test_more_classes_are_indices():
    target = declare(classes=3).target(signals())
    assert target.dtype == np.int64
    assert target.tolist() == [0, 1, 2, 0]


def test_the_unit_is_the_recording_or_the_subject():
    assert declare().groups(signals()).tolist() == ["r0", "r0", "r1", "r2"]
    subject = np.array(["a", "a", "a", "b"])
    assert declare(unit="subject").groups(signals(subject=subject)).tolist() == subject.tolist()
    with pytest.raises(LeakageError, match="subjects are not named"):
        declare(unit="subject").groups(signals())


def test_labels_that_no_class_names_are_refused_without_their_value():
    with pytest.raises(LabelError, match="1 records with another value, the first is record 2"):
        declare().target(signals(label=(1, 2, 77, 1)))
    with pytest.raises(LabelError, match="without labels"):
        declare().target(signals(label=None))


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"classes": 4}, "setting 'classes' of task toy.*one of 2, 3"),
        ({"clases": 2}, "Did you mean 'classes'"),
        ({"classes": "two"}, "a whole number"),
        ({"unit": "patient"}, "unit"),
        ({"groupings": {2: [{"name": "a", "values": [1]}]}}, "2 classes of different names"),
        (
            {"groupings": {2: [{"name": "a", "values": [1]}, {"name": "a", "values": [2]}]}},
            "2 classes of different names",
        ),
        (
            {"groupings": {2: [{"name": "a", "values": [1]}, {"name": "b", "values": [1]}]}},
            "in one class only",
        ),
        ({"groupings": {2: [{"name": "a", "values": []}, {"name": "b", "values": [1]}]}}, "values"),
    ],
)
def test_a_wrong_declaration_is_one_clear_line(changes, words):
    with pytest.raises(ConfigError, match=words) as caught:
        declare(**changes)
    assert "\n" not in str(caught.value)
