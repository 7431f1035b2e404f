from __future__ import annotations

import datetime
import warnings
from pathlib import Path

import edfio
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import sequela
from sequela.errors import ConfigError, DataError
from sequela.signals import Windows, cut
from sequela.sources.edf import read

EXAMPLE = Path(sequela.__file__).parent / "sources" / "edf" / "example"


def made(path: Path, annotations=None, kind: str = "edf", seconds: int = 3, **settings) -> Path:
    """Two channels at 8 and 2 Hz whose samples count."""
    signal, recording = (
        (edfio.EdfSignal, edfio.Edf) if kind == "edf" else (edfio.BdfSignal, edfio.Bdf)
    )
    signals = [
        signal(
            np.arange(float(seconds * rate)),
            rate,
            label=label,
            physical_dimension="uV",
            physical_range=(-1000, 1000),
            digital_range=(-1000, 1000),
        )
        for rate, label in ((8, "EEG Cz"), (2, "EEG O1"))
    ]
    recording(signals, annotations=annotations, data_record_duration=1, **settings).write(path)
    return path


@pytest.mark.parametrize("kind", ["edf", "bdf"])
def test_windows_of_both_formats(tmp_path, kind):
    one = read(made(tmp_path / f"a.{kind}", kind=kind))[0]
    assert [(c.name, c.unit, c.sampling_rate) for c in one.channels] == [
        ("EEG Cz", "uV", 8.0),
        ("EEG O1", "uV", 2.0),
    ]
    assert one.stretches == ((0.0, 3.0),)
    np.testing.assert_array_equal(one.read([0], 5, 19)[:, 0], np.arange(5, 19))
    np.testing.assert_array_equal(one.read([1], 1, 5)[:, 0], np.arange(1, 5))
    window = one.read([0], -4, 30)[:, 0]
    assert np.isnan(window[:4]).all()
    assert np.isnan(window[28:]).all()
    np.testing.assert_array_equal(window[4:28], np.arange(24))
    assert np.isnan(one.read([0], 100, 110)).all()


@given(first=st.integers(-20, 40), length=st.integers(0, 40))
def test_any_window_is_a_piece_of_the_whole(first, length):
    one = read(EXAMPLE / "interrupted.edf")[0]
    whole = one.read([0], -20, 80)[:, 0]
    window = one.read([0], first, first + length)[:, 0]
    np.testing.assert_array_equal(window, whole[first + 20 : first + 20 + length])


def test_an_interrupted_recording_keeps_true_times():
    one = read(EXAMPLE / "interrupted.edf")[0]
    assert one.stretches == ((0.0, 2.0), (6.0, 7.0))
    samples = one.read([0], 0, 28)[:, 0]
    np.testing.assert_array_equal(samples[:8], np.arange(8))
    assert np.isnan(samples[8:24]).all()
    np.testing.assert_array_equal(samples[24:], np.arange(8, 12))
    assert [(mark.onset, mark.text) for mark in one.annotations()] == [
        (0.5, "seizure"),
        (6.0, "eye blink"),
    ]


@pytest.mark.parametrize("kind", ["edf", "bdf"])
def test_annotations_and_a_start_between_two_seconds(tmp_path, kind):
    marks = [
        edfio.EdfAnnotation(0.25, 1.5, "seizure@@EEG Cz"),
        edfio.EdfAnnotation(2.0, None, "blink é"),
    ]
    path = made(
        tmp_path / f"a.{kind}",
        marks,
        kind,
        starttime=datetime.time(4, 5, 6, 250_000),
        recording=edfio.Recording(startdate=datetime.date(2001, 2, 3)),
    )
    one = read(path)[0]
    assert one.start == datetime.datetime(2001, 2, 3, 4, 5, 6, 250_000)
    found = [(mark.onset, mark.duration, mark.text, mark.channel) for mark in one.annotations()]
    assert found == [(0.25, 1.5, "seizure", "EEG Cz"), (2.0, None, "blink é", None)]


def test_a_year_of_four_digits_comes_first(tmp_path):
    path = made(tmp_path / "a.edf")
    raw = bytearray(path.read_bytes())
    raw[88:168] = b"Startdate 03-FEB-1931 X X X".ljust(80)
    path.write_bytes(raw)
    start = read(path)[0].start
    assert start is not None
    assert start.year == 1931


@pytest.mark.parametrize(
    ("day", "time"), [(b"99.99.99", b"00.00.00"), (b"01.01.01", b"25.61.00"), (b"x", b"")]
)
def test_an_unreadable_date_is_an_unknown_start(tmp_path, day, time):
    path = made(tmp_path / "a.edf")
    raw = bytearray(path.read_bytes())
    raw[88:168] = b" " * 80
    raw[168:176], raw[176:184] = day.ljust(8), time.ljust(8)
    path.write_bytes(raw)
    assert read(path)[0].start is None


def test_latin_letters_in_units(tmp_path):
    path = made(tmp_path / "a.edf")
    raw = bytearray(path.read_bytes())
    place = 256 + 2 * (16 + 80)
    raw[place : place + 8] = "µV".encode("latin-1").ljust(8)
    path.write_bytes(raw)
    assert read(path)[0].channels[0].unit == "µV"
    signals, _ = cut(read(path), Windows(length=1, channels=[["Cz"]], unit="uV"))
    np.testing.assert_array_equal(signals.values[:, 0], np.arange(24))


def test_subjects_come_from_where_they_are_asked_for(tmp_path):
    patient = edfio.Patient(code="MCH-0234567", name="Canary")
    (tmp_path / "ward").mkdir()
    made(tmp_path / "ward" / "S001R04.edf", [edfio.EdfAnnotation(0, None, "x")], patient=patient)
    made(tmp_path / "S002R04.edf")

    def subjects(how=None):
        return [one.subject for one in read(tmp_path, subject=how)]

    assert [one.id for one in read(tmp_path)] == ["S002R04", "ward/S001R04"]
    assert subjects() == [None, None]
    assert subjects("code") == [None, "MCH-0234567"]
    assert subjects("folder") == [tmp_path.name, "ward"]
    assert subjects(r"(S\d+)R") == ["S002", "S001"]
    assert subjects(r"ward/(S\d+)R") == [None, "S001"]
    for wrong in ("(", "S1", "(a)(b)"):
        with pytest.raises(ConfigError, match="option 'subject'"):
            subjects(wrong)


def annotations_alone(path: Path, minute: int = 0, day: int = 3) -> None:
    edfio.Edf(
        [],
        annotations=[edfio.EdfAnnotation(1.0, 1.0, "Sleep stage W")],
        recording=edfio.Recording(startdate=datetime.date(2001, 2, day)),
        starttime=datetime.time(4, minute, 0),
    ).write(path)


def night(path: Path) -> Path:
    settings = {
        "recording": edfio.Recording(startdate=datetime.date(2001, 2, 3)),
        "starttime": datetime.time(4, 0, 0),
    }
    return made(path, [edfio.EdfAnnotation(2.0, None, "lights off")], **settings)


def test_annotations_join_their_signals(tmp_path):
    night(tmp_path / "SC4001E0-PSG.edf")
    annotations_alone(tmp_path / "SC4001EC-Hypnogram.edf")
    annotations_alone(tmp_path / "SC4002EC-Hypnogram.edf")
    night(tmp_path / "other.edf")
    assert len(read(tmp_path)) == 4
    recordings = read(tmp_path, join=r"(SC4\d{3})")
    found = {one.id: [(m.onset, m.text) for m in one.annotations()] for one in recordings}
    assert found == {
        "SC4001E0-PSG": [(1.0, "Sleep stage W"), (2.0, "lights off")],
        "SC4002EC-Hypnogram": [(1.0, "Sleep stage W")],
        "other": [(2.0, "lights off")],
    }


def test_joined_annotations_keep_their_clock(tmp_path):
    night(tmp_path / "a-PSG.edf")
    annotations_alone(tmp_path / "a-stages.edf", minute=1)
    (one,) = read(tmp_path, join="(a)-")
    assert [mark.onset for mark in one.annotations()] == [2.0, 61.0]
    annotations_alone(tmp_path / "a-stages.edf", day=9)
    with pytest.raises(DataError, match="a-stages: got a start more than two days"):
        read(tmp_path, join="(a)-")


def test_annotations_that_could_belong_to_two(tmp_path):
    for name in ("a1", "a2"):
        night(tmp_path / f"{name}.edf")
    annotations_alone(tmp_path / "a3.edf")
    with pytest.raises(DataError, match="a3: got 2 recordings that it could belong to"):
        read(tmp_path, join="(a)")
    with pytest.raises(ConfigError, match=r"option 'join'.*one group"):
        read(tmp_path, join="a")


def test_cut_off_files_are_read_when_asked(tmp_path):
    path = made(tmp_path / "a.edf")
    path.write_bytes(path.read_bytes()[:-3])
    with pytest.raises(DataError, match="2 whole data records, wanted 3 records"):
        read(path)
    one = read(path, partial=True)[0]
    assert one.stretches == ((0.0, 2.0),)
    assert np.isnan(one.read([0], 16, 24)).all()


def test_a_continuous_file_need_not_tell_the_time_of_its_records(tmp_path):
    path = made(tmp_path / "a.edf", [edfio.EdfAnnotation(1.5, None, "x")])
    raw = path.read_bytes()
    for number in (b"0", b"1", b"2"):
        raw = raw.replace(b"+" + number + b"\x14\x14\x00", b"\x00" * 5)
    path.write_bytes(raw)
    assert [(mark.onset, mark.text) for mark in read(path)[0].annotations()] == [(1.5, "x")]


def test_an_uncounted_file_is_counted(tmp_path):
    path = made(tmp_path / "a.edf")
    raw = bytearray(path.read_bytes())
    raw[236:244] = b"-1      "
    path.write_bytes(raw)
    assert read(path)[0].stretches == ((0.0, 3.0),)


def test_a_file_that_shrinks_after_it_was_opened(tmp_path):
    path = made(tmp_path / "a.edf", [edfio.EdfAnnotation(0, None, "x")])
    one = read(path)[0]
    path.write_bytes(path.read_bytes()[:1100])
    with pytest.raises(DataError, match="became shorter"):
        one.read([0], 0, 24)
    with pytest.raises(DataError, match="became shorter"):
        one.annotations()


def test_only_the_records_of_a_window_are_read(tmp_path, monkeypatch):
    path = made(tmp_path / "a.edf", seconds=120)
    one = read(path)[0]
    sizes = []
    whole = edfio.read_edf

    def watched(data, **settings):
        sizes.append(len(data))
        return whole(data, **settings)

    monkeypatch.setattr(edfio, "read_edf", watched)
    one.read([0], 400, 410)
    assert sizes == [256 * 3 + 2 * 20]


# --- real files --------------------------------------------------------------------------------


def same_as_edfio(path: Path) -> int:
    """Compares everything with edfio's own reading; gives the number of annotations."""
    one = read(path)[0]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        whole = edfio.read_edf(path, header_encoding="latin-1")
        marks = sorted((mark.onset, mark.duration or 0) for mark in whole.annotations)
    assert [channel.name for channel in one.channels] == list(whole.labels)
    for place, signal in enumerate(whole.signals):
        samples = one.read([place], 0, len(signal.data))[:, 0]
        np.testing.assert_array_equal(samples, signal.data.astype(np.float32))
    assert sorted((mark.onset, mark.duration or 0) for mark in one.annotations()) == marks
    return len(marks)


@pytest.mark.data
def test_two_runs_of_motor_imagery(data_root):
    folder = data_root / "eegmmidb"
    recordings = read(folder, subject=r"(S\d+)R")
    assert [one.id for one in recordings] == ["S001R04", "S001R08"]
    for one in recordings:
        assert len(one.channels) == 64
        assert {channel.sampling_rate for channel in one.channels} == {160.0}
        assert {channel.unit for channel in one.channels} == {"uV"}
        assert one.subject == "S001"
        assert {mark.text for mark in one.annotations()} == {"T0", "T1", "T2"}
        assert len(one.annotations()) == 30
        assert same_as_edfio(folder / f"{one.id}.edf") == 30
    signals, dropped = cut(
        recordings,
        Windows(length=2, channels=[["C3"], ["Cz"], ["C4"]], sampling_rate=128),
        [["T0"], ["T1"], ["T2"]],
    )
    assert not dropped
    assert signals.values.shape == (124 * 256, 3)


@pytest.mark.data
@pytest.mark.parametrize(
    ("name", "channels", "annotations"),
    [("mne_test_reduced", 139, 5), ("SC4001EC-Hypnogram", 0, 154), ("test_edfann", 0, 856)],
)
def test_odd_real_files(data_root, name, channels, annotations):
    path = data_root / "wfdb_samples" / f"{name}.edf"
    assert len(read(path)[0].channels) == channels
    assert same_as_edfio(path) == annotations
