from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.signals.pretend import recording

from sequela.errors import ConfigError, DataError
from sequela.signals import Annotation, Beats, RecordingSet, Windows, cut, cutting


def together(*recordings) -> RecordingSet:
    return RecordingSet(recordings, "as named by the test")


def counting(seconds: int = 20, rate: float = 10.0, **settings):
    values = np.arange(seconds * rate)
    return recording({"Cz": (rate, values), "Pz": (rate, values + 0.5)}, **settings)


def test_windows_stand_on_a_grid():
    signals, dropped = cut(together(counting(5)), Windows(length=2, hop=1))
    assert not dropped
    assert signals.lengths.tolist() == [20] * 4
    assert signals.onset is not None
    assert signals.onset.tolist() == [0, 1, 2, 3]
    assert signals.values[signals.offsets[:-1], 0].tolist() == [0, 10, 20, 30]
    assert signals.values[signals.offsets[:-1], 1].tolist() == [0.5, 10.5, 20.5, 30.5]
    assert signals.channels == ("Cz", "Pz")
    assert signals.units == ("uV", "uV")
    assert signals.label is None, "nothing is annotated"
    assert signals.subject is None
    assert signals.recording.tolist() == ["r"] * 4
    assert signals.group_note == "as named by the test"


def test_windows_without_overlap_by_default():
    signals, _ = cut(together(counting(5)), Windows(length=2))
    assert signals.onset is not None
    assert signals.onset.tolist() == [0, 2]


SEIZURE = [["seizure", "sz"]]


def labels(marks, **settings) -> list[str]:
    one = counting(10, marks=tuple(marks))
    signals, _ = cut(together(one), Windows(length=2, **settings), SEIZURE)
    assert signals.label is not None
    return signals.label.tolist()


def test_half_a_window_gives_its_label():
    rest, yes = "background", "seizure"
    assert labels([Annotation(3.0, 4.0, "seizure")]) == [rest, yes, yes, yes, rest]
    assert labels([Annotation(3.1, 3.8, "seizure")]) == [rest, rest, yes, rest, rest]
    assert labels([Annotation(3.1, 3.8, "seizure")], overlap=0.1) == [rest, yes, yes, yes, rest]
    assert labels([Annotation(3.0, 4.0, "seizure")], overlap=1) == [rest, rest, yes, rest, rest]


def test_annotations_of_one_class_add_up_and_count_once():
    rest, yes = "background", "seizure"
    halves = [Annotation(2.0, 0.5, "seizure"), Annotation(3.0, 0.5, "SZ ")]
    assert labels(halves) == [rest, yes, rest, rest, rest]
    twice = [Annotation(2.0, 0.6, "seizure"), Annotation(2.1, 0.6, "sz")]
    assert labels(twice) == [rest] * 5


def test_a_moment_covers_the_windows_it_falls_in():
    rest, yes = "background", "seizure"
    assert labels([Annotation(4.0, None, "seizure")]) == [rest, rest, yes, rest, rest]
    assert labels([Annotation(4.0, 0.0, "seizure")], hop=1) == [rest] * 3 + [yes] * 2 + [rest] * 4


def test_other_annotations_are_passed_over():
    assert labels([Annotation(0.0, 10.0, "eye blink")]) == ["background"] * 5
    elsewhere = Annotation(0.0, 10.0, "seizure", "EEG O1")
    here = Annotation(0.0, 10.0, "seizure", "EEG cz")
    assert labels([elsewhere]) == labels([Annotation(0.0, 0.1, "eye blink")])
    assert labels([here]) == ["seizure"] * 5


def test_windows_partly_covered_may_be_dropped():
    one = counting(10, marks=(Annotation(3.5, 2.5, "seizure"),))
    signals, dropped = cut(together(one), Windows(length=2, partial="drop"), SEIZURE)
    assert signals.onset is not None
    assert signals.label is not None
    assert signals.onset.tolist() == [0, 4, 6, 8]
    assert signals.label.tolist() == ["background", "seizure", "background", "background"]
    assert dropped == {"window partly covered by an annotation": 1}


def test_the_class_that_covers_most_wins():
    marks = (Annotation(0.0, 0.9, "a"), Annotation(0.9, 1.1, "b"))
    signals, _ = cut(together(counting(2, marks=marks)), Windows(length=2), [["a"], ["b"]])
    assert signals.label is not None
    assert signals.label.tolist() == ["b"]


@given(
    st.lists(st.tuples(st.integers(0, 190), st.integers(1, 80)), max_size=6),
    st.sampled_from([0.25, 0.5, 1.0]),
)
def test_labels_are_what_counting_tenths_of_seconds_gives(spans, overlap):
    marks = tuple(Annotation(start / 10, length / 10, "seizure") for start, length in sorted(spans))
    marks = (*marks, Annotation(0.0, 1.0, "other"))
    signals, _ = cut(
        together(counting(20, marks=marks)), Windows(length=2, hop=1, overlap=overlap), SEIZURE
    )
    covered = np.zeros(200, dtype=bool)
    for start, length in spans:
        covered[start : start + length] = True
    expected = [covered[10 * k : 10 * k + 20].mean() >= overlap - 1e-9 for k in range(19)]
    assert signals.label is not None
    assert (signals.label == "seizure").tolist() == expected


def test_gaps_give_no_windows():
    values = np.arange(100.0)
    values[35:50] = np.nan
    one = recording({"Cz": (10.0, values)}, stretches=((0.0, 3.5), (5.0, 10.0)))
    signals, dropped = cut(together(one), Windows(length=2))
    assert signals.onset is not None
    assert signals.onset.tolist() == [0, 5, 7]
    assert not dropped
    values[72] = np.nan
    signals, dropped = cut(together(one), Windows(length=2))
    assert signals.onset is not None
    assert signals.onset.tolist() == [0, 5]
    assert dropped == {"record that touches a gap": 1}


def test_beats_are_cut_around_their_annotations():
    marks = tuple(
        Annotation(onset, None, text)
        for onset, text in ((0.1, "N"), (3.0, "N"), (5.04, "V"), (6.0, "+"), (19.9, "N"))
    )
    signals, dropped = cut(
        together(counting(20, marks=marks)), Beats(before=0.3, after=0.5), [["N"], ["V", "E"]]
    )
    assert signals.label is not None
    assert signals.label.tolist() == ["N", "V"]
    assert signals.record(0)[:, 0].tolist() == [27, 28, 29, 30, 31, 32, 33, 34]
    assert signals.record(1)[0, 0] == 47
    assert dropped == {"beat too near the start or the end": 2}


def test_recordings_without_annotations_are_told():
    marked = counting(4, name="a", marks=(Annotation(0.0, 2.0, "seizure"),))
    signals, dropped = cut(together(marked, counting(4, name="b")), Windows(length=2), SEIZURE)
    assert signals.label is not None
    assert signals.label.tolist() == ["seizure", "background", "background", "background"]
    assert signals.group_note.endswith("; 1 of 2 hold no annotation and count as background")
    assert not dropped
    beat = counting(4, name="a", marks=(Annotation(2.0, None, "N"),))
    signals, dropped = cut(
        together(beat, counting(4, name="b")), Beats(before=0.1, after=0.1), [["N"]]
    )
    assert len(signals) == 1
    assert dropped == {"recording without an annotated beat": 1}


def test_letter_case_counts_for_beats():
    marks = (Annotation(3.0, None, "a"), Annotation(4.0, None, "A"))
    signals, _ = cut(together(counting(marks=marks)), Beats(before=0.1, after=0.1), [["a"]])
    assert signals.label is not None
    assert signals.label.tolist() == ["a"]


def test_channels_of_several_rates_come_to_one():
    one = recording({"EEG T3": (100.0, np.ones(1000)), "Resp": (10.0, np.full(100, 2.0))})
    with pytest.raises(ConfigError, match=r"2 rates from 10 to 100 Hz.*Set sampling_rate"):
        cut(together(one), Windows(length=2))
    signals, _ = cut(together(one), Windows(length=2, sampling_rate=50))
    assert signals.lengths.tolist() == [100] * 5
    np.testing.assert_allclose(signals.values[:, 0], 1.0, atol=1e-2)
    np.testing.assert_allclose(signals.values[:, 1], 2.0, atol=2e-2)
    signals, _ = cut(together(one), Windows(length=2, channels=[["t7"]], unit="mV"))
    assert signals.channels == ("t7",)
    np.testing.assert_allclose(signals.values, 1e-3)


def test_recordings_are_brought_to_the_units_of_the_first():
    one = recording({"II": (10.0, np.ones(20))}, "a", unit="mV", subject="p1")
    two = recording({"II": (10.0, np.ones(20))}, "b", unit="uV", subject="p2")
    signals, _ = cut(together(one, two), Windows(length=2))
    np.testing.assert_allclose(signals.values[:, 0], [1.0] * 20 + [1e-3] * 20)
    assert signals.subject is not None
    assert signals.subject.tolist() == ["p1", "p2"]
    with pytest.raises(DataError, match="recording c"):
        cut(together(one, recording({"II": (10.0, np.ones(9))}, "c", unit="C")), Windows(length=1))


def test_one_unknown_subject_makes_all_unknown():
    one, two = (counting(4, name=name, subject=who) for name, who in (("a", "p"), ("b", None)))
    assert cut(together(one, two), Windows(length=2))[0].subject is None


def test_blocks_do_not_show(monkeypatch):
    reads: list[tuple[int, int]] = []
    values = np.random.default_rng(0).normal(size=5000)
    marks = (Annotation(3.0, 30.0, "seizure"),)
    one = recording({"Cz": (50.0, values)}, marks=marks, reads=reads)
    whole, _ = cut(together(one), Windows(length=2, hop=0.5, sampling_rate=30), SEIZURE)
    monkeypatch.setattr(cutting, "_BLOCK", 200)
    reads.clear()
    small, _ = cut(together(one), Windows(length=2, hop=0.5, sampling_rate=30), SEIZURE)
    np.testing.assert_allclose(small.values, whole.values, atol=1e-6)
    assert small.label is not None
    assert whole.label is not None
    assert small.label.tolist() == whole.label.tolist()
    assert max(last - first for first, last in reads) < 500, "only a window at a time"


def test_recordings_without_channels_are_counted():
    signals, dropped = cut(
        together(counting(4), recording({}, "b", stretches=())), Windows(length=2)
    )
    assert len(signals) == 2
    assert dropped == {"recording without channels": 1}
    with pytest.raises(DataError, match="none with a channel"):
        cut(together(recording({}, stretches=())), Windows(length=2))


def test_what_cannot_be_cut():
    with pytest.raises(ConfigError, match=r"'length'.*a sample at 10 Hz"):
        cut(together(counting()), Windows(length=0.001))
    with pytest.raises(DataError, match="channel 'Oz'"):
        cut(together(counting()), Windows(length=1, channels=[["Oz"]]))
    long = recording({"Cz": (1000.0, np.zeros(1))}, stretches=((0.0, 1e6),))
    with pytest.raises(ConfigError, match=r"8.99e\+12 values.*32 GiB"):
        cut(together(long), Windows(length=900, hop=0.1), [])
    endless = recording({"Cz": (1.0, np.zeros(1))}, stretches=((0.0, 1e13),))
    with pytest.raises(DataError, match="more than 10000000 windows"):
        cut(together(endless), Windows(length=10))


def test_a_short_recording_gives_no_records():
    signals, _ = cut(together(counting(1)), Windows(length=2))
    assert len(signals) == 0
    assert signals.values.shape == (0, 2)
