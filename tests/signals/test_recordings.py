from __future__ import annotations

import numpy as np
import pytest
from tests.signals.pretend import recording

from sequela.errors import DataError
from sequela.signals import Annotation, Channel, Recording, RecordingSet


def test_a_window_is_read_and_holds_nothing_outside_the_recording():
    one = recording({"Cz": (10.0, np.arange(20.0)), "Pz": (10.0, -np.arange(20.0))})
    window = one.read([1, 0], -2, 3)
    assert window.shape == (5, 2)
    assert np.isnan(window[:2]).all()
    np.testing.assert_array_equal(window[2:], [[0, 0], [-1, 1], [-2, 2]])
    assert one.duration == 2.0


@pytest.mark.parametrize(
    ("channels", "first", "last", "words"),
    [
        ([2], 0, 5, "a channel that it does not have"),
        ([-1], 0, 5, "a channel that it does not have"),
        ([], 0, 5, "a channel that it does not have"),
        ([0, 1], 0, 5, "several sampling rates"),
        ([0], 5, 0, "a window of -5 samples"),
        ([0], 0, 1 << 40, "a window of"),
    ],
)
def test_windows_that_cannot_be_read(channels, first, last, words):
    one = recording({"Cz": (10.0, np.zeros(20)), "Resp": (5.0, np.zeros(10))})
    with pytest.raises(DataError, match=words):
        one.read(channels, first, last)


@pytest.mark.parametrize(
    ("onset", "duration"), [(np.nan, None), (np.inf, None), (0.0, -1.0), (0.0, np.nan)]
)
def test_annotations_have_times(onset, duration):
    with pytest.raises(DataError, match="a finite onset"):
        Annotation(onset, duration, "x")


def test_nothing_a_person_wrote_is_in_a_representation():
    mark = Annotation(1.0, None, "canary4711", "canary4711")
    one = recording({"Cz": (1.0, np.zeros(1))}, marks=(mark,), subject="canary4711")
    assert "canary" not in repr(mark)
    assert "canary" not in repr(one)


def test_a_channel_needs_a_rate():
    for rate in (0.0, -1.0, np.nan, np.inf):
        with pytest.raises(DataError, match="sampling rate"):
            Channel("Cz", "uV", rate)


def test_stretches_rise():
    with pytest.raises(DataError, match="do not rise"):
        recording({"Cz": (1.0, np.zeros(9))}, stretches=((3.0, 5.0), (4.0, 6.0)))


def test_ids_are_distinct_and_printable():
    def named(*names):
        return RecordingSet(tuple(recording({"Cz": (1.0, np.zeros(1))}, name) for name in names))

    assert [one.id for one in named("a", "b")] == ["a", "b"]
    assert isinstance(named("a")[0], Recording)
    with pytest.raises(DataError, match="one id twice"):
        named("a", "a")
    with pytest.raises(DataError, match="control characters"):
        named("a\n")
