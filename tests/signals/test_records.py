from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sequela.errors import DataError
from sequela.signals import SignalSet


def make(lengths=(3, 0, 2), channels=("EEG",), **changes):
    total = sum(lengths)
    values = np.arange(total * len(channels), dtype=np.float32).reshape(total, len(channels))
    parts = {
        "values": values,
        "offsets": np.cumsum([0, *lengths]).astype(np.int64),
        "recording": np.array([f"r{i}" for i in range(len(lengths))], dtype=np.str_),
        "sampling_rate": 100.0,
        "channels": channels,
        "label": np.arange(len(lengths)),
        "group_note": "made up",
    }
    return SignalSet(**{**parts, **changes})


def test_records_are_views_of_the_values():
    signals = make(channels=("left", "right"))
    assert len(signals) == 3
    assert signals.lengths.tolist() == [3, 0, 2]
    assert signals.record(0).shape == (3, 2)
    assert signals.record(1).shape == (0, 2)
    assert np.shares_memory(signals.record(-1), signals.values)
    with pytest.raises(IndexError):
        signals.record(3)


@given(st.lists(st.integers(0, 5), min_size=1, max_size=8), st.data())
def test_a_subset_is_its_records(lengths, data):
    signals = make(tuple(lengths))
    chosen = data.draw(st.lists(st.integers(0, len(lengths) - 1), max_size=10))
    part = signals.subset(chosen)
    assert part.recording.tolist() == [f"r{i}" for i in chosen]
    assert part.label is not None
    assert part.label.tolist() == chosen
    assert part.group_note == signals.group_note
    for place, index in enumerate(chosen):
        np.testing.assert_array_equal(part.record(place), signals.record(index))


def test_a_subset_by_mask():
    part = make().subset(np.array([True, False, True]))
    assert part.recording.tolist() == ["r0", "r2"]
    assert part.values[:, 0].tolist() == [0, 1, 2, 3, 4]


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"values": np.zeros((5, 1))}, "wanted float32"),
        ({"values": np.zeros(5, np.float32)}, "wanted float32"),
        ({"values": np.zeros((5, 2), np.float32)}, "one name for each column"),
        ({"sampling_rate": 0.0}, "above 0"),
        ({"sampling_rate": float("nan")}, "above 0"),
        ({"offsets": np.array([0, 3, 3, 4])}, "rising from 0 to 5"),
        ({"offsets": np.array([0, 4, 3, 5])}, "rising from 0 to 5"),
        ({"offsets": np.array([0.0, 3, 3, 5])}, "rising from 0 to 5"),
        ({"offsets": np.array([], np.int64)}, "rising from 0 to 5"),
        ({"recording": np.array(["a", "b"])}, "one entry for each of 3 records"),
        ({"recording": None}, "got nothing"),
        ({"recording": np.array(["a", "", "b"])}, "an id as text"),
        ({"recording": np.arange(3)}, "an id as text"),
        ({"subject": np.array(["a", "b"])}, "subject of a signal set"),
        ({"label": np.arange(2)}, "label of a signal set"),
    ],
)
def test_parts_that_do_not_fit_are_refused(changes, words):
    with pytest.raises(DataError, match=words):
        make(**changes)


def test_a_set_without_channels_is_refused():
    with pytest.raises(DataError, match="one name for each column"):
        make(channels=())


def test_two_channels_of_one_name_are_refused():
    with pytest.raises(DataError, match="distinct names"):
        make(channels=("a", "a"))


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_values_that_are_not_finite_are_refused_without_being_shown(bad):
    values = np.zeros((5, 1), np.float32)
    values[3] = bad
    with pytest.raises(DataError, match="sample 3") as caught:
        make(values=values)
    assert "\n" not in str(caught.value)


def test_large_values_are_finite():
    values = np.full((5, 1), np.finfo(np.float32).max, np.float32)
    assert len(make(values=values)) == 3
