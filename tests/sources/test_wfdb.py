from __future__ import annotations

import tempfile
import warnings
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import sequela
from sequela.errors import ConfigError, DataError
from sequela.signals import Beats, cut
from sequela.sources.wfdb import read

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    import wfdb

EXAMPLE = Path(sequela.__file__).parent / "sources" / "wfdb" / "example"


def test_annotations_are_symbols_and_rhythms_last():
    (one,) = read(EXAMPLE)
    found = [(mark.onset, mark.duration, mark.text) for mark in one.annotations()]
    assert found == [(0.0, 2.0, "(N"), (0.2, None, "N"), (0.8, None, "V"), (1.4, None, "N")]


@given(first=st.integers(-20, 120), length=st.integers(0, 60))
def test_any_window_is_a_piece_of_the_whole(first, length):
    (one,) = read(EXAMPLE)
    window = one.read([1, 0], first, first + length)
    places = np.arange(first, first + length)
    inside = (places >= 0) & (places < 100)
    assert np.isnan(window[~inside]).all()
    np.testing.assert_allclose(window[inside, 1], places[inside] / 100, atol=1e-6)
    np.testing.assert_allclose(window[inside, 0], -places[inside] / 100, atol=1e-6)


@pytest.mark.parametrize("form", ["16", "24", "32", "80", "212"])
def test_formats_and_missing_samples(tmp_path, form):
    values = np.arange(-30.0, 30.0).reshape(-1, 2)
    values[3, 1] = np.nan
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        wfdb.wrsamp(
            "a",
            fs=100,
            units=["mV", "uV"],
            sig_name=["II", "V5"],
            p_signal=values,
            fmt=[form, form],
            adc_gain=[1, 1],
            baseline=[0, 0],
            write_dir=str(tmp_path),
        )
    (one,) = read(tmp_path / "a.hea")
    np.testing.assert_array_equal(one.read([0, 1], 0, 30), values.astype(np.float32))
    assert [channel.unit for channel in one.channels] == ["mV", "uV"]
    assert one.annotations() == ()


def test_channels_of_two_rates(tmp_path):
    (tmp_path / "a.hea").write_text(
        "a 2 100 4 12:00:00 01/02/2003\na.dat 16x2 200 16 0 0 0 0 ECG\na.dat 16 1 16 0 0 0 0 Resp\n"
    )
    frames = np.array([[0, 200, 7], [400, 600, 8], [800, 1000, 9], [1200, 1400, 10]], "<i2")
    (tmp_path / "a.dat").write_bytes(frames.tobytes())
    (one,) = read(tmp_path)
    assert [channel.sampling_rate for channel in one.channels] == [200.0, 100.0]
    np.testing.assert_array_equal(one.read([0], 1, 8)[:, 0], np.arange(1, 8))
    np.testing.assert_array_equal(one.read([1], 1, 4)[:, 0], [8, 9, 10])
    assert str(one.start) == "2003-02-01 12:00:00"


def segmented(folder: Path, layout: bool = True) -> Path:
    """Two seconds of II, a second of nothing, two of II and V5, at 10 Hz."""
    counts = np.arange(40, dtype="<i2")
    (folder / "s1.hea").write_text("s1 1 10 20\ns1.dat 16 1(0)/mV 16 0 0 0 0 II\n")
    (folder / "s1.dat").write_bytes(counts[:20].tobytes())
    second = ["s2.dat 16 1(0)/mV 16 0 0 0 0 V5", "s2.dat 16 1(0)/mV 16 0 0 0 0 II"]
    second = second if layout else second[1:]
    both = np.stack([-counts[:20], 20 + counts[:20]], axis=1)
    (folder / "s2.hea").write_text("\n".join([f"s2 {len(second)} 10 20", *second]) + "\n")
    (folder / "s2.dat").write_bytes((both if layout else both[:, 1]).astype("<i2").tobytes())
    names = ["s1 20", "~ 10", "s2 20"]
    if layout:
        (folder / "m_layout.hea").write_text(
            "m_layout 2 10 0\n~ 0 1(0)/mV 0 0 0 0 0 II\n~ 0 1(0)/mV 0 0 0 0 0 V5\n"
        )
        names = ["m_layout 0", *names]
    header = f"m/{len(names)} {2 if layout else 1} 10 50 12:00:00 01/02/2003\n"
    (folder / "m.hea").write_text(header + "\n".join(names) + "\n")
    return folder


def test_segments_are_one_recording(tmp_path):
    (one,) = read(segmented(tmp_path))
    assert one.id == "m"
    assert [channel.name for channel in one.channels] == ["II", "V5"]
    assert one.stretches == ((0.0, 2.0), (3.0, 5.0))
    assert str(one.start) == "2003-02-01 12:00:00"
    samples = one.read([1, 0], -5, 60)
    leads = np.full((65, 2), np.nan)
    leads[5:25, 1], leads[35:55, 1] = np.arange(20), np.arange(20, 40)
    leads[35:55, 0] = -np.arange(20)
    np.testing.assert_array_equal(samples, leads)


def test_segments_without_a_layout(tmp_path):
    (one,) = read(segmented(tmp_path, layout=False))
    np.testing.assert_array_equal(one.read([0], 15, 35)[:5, 0], np.arange(15, 20))
    assert np.isnan(one.read([0], 20, 30)).all()


@pytest.mark.parametrize(
    ("name", "old", "new", "words"),
    [
        ("s2.hea", "s2 2 10 20", "s2 2 10 19", "s2.hea: got another length"),
        ("s2.hea", "s2 2 10 20", "s2 2 20 20", "another length or sampling rate"),
        ("s2.hea", "mV", "uV", "a channel, rate or unit that its record does not have"),
        ("s2.hea", "V5", "V6", "a channel, rate or unit that its record does not have"),
        ("m_layout.hea", "~ 0", "s1.dat 16", "line 2 of .*a channel with a file"),
        ("m_layout.hea", "m_layout 2", "m_layout/2 2", "line 2 of .*no segment line"),
    ],
)
def test_segments_that_do_not_fit(tmp_path, name, old, new, words):
    path = segmented(tmp_path) / name
    path.write_text(path.read_text().replace(old, new))
    with pytest.raises(DataError, match=words):
        read(tmp_path)


def test_a_header_without_a_length_is_counted(tmp_path):
    (tmp_path / "a.hea").write_text("a 1 100\na.dat 16 200 16 0 0 0 0 ECG\n")
    (tmp_path / "a.dat").write_bytes(np.arange(50, dtype="<i2").tobytes())
    assert read(tmp_path)[0].duration == 0.5


def test_subjects_and_other_annotators(tmp_path):
    for name in ("p1/a1", "p2/a1"):
        (tmp_path / name).parent.mkdir()
        for ending in ("hea", "dat"):
            (tmp_path / f"{name}.{ending}").write_bytes((EXAMPLE / f"a1.{ending}").read_bytes())
        (tmp_path / f"{name}.qrs").write_bytes((EXAMPLE / "a1.atr").read_bytes())
    recordings = read(tmp_path, annotator="qrs", subject="folder")
    assert [(one.id, one.subject) for one in recordings] == [("p1/a1", "p1"), ("p2/a1", "p2")]
    assert [len(one.annotations()) for one in recordings] == [4, 4]
    assert [len(one.annotations()) for one in read(tmp_path)] == [0, 0]
    with pytest.raises(ConfigError, match="annotator"):
        read(tmp_path, annotator="../a")


def test_codes_without_a_symbol_are_numbers(tmp_path):
    for ending in ("hea", "dat"):
        (tmp_path / f"a1.{ending}").write_bytes((EXAMPLE / f"a1.{ending}").read_bytes())
    # Code 1 (N) after 10 samples, code 53 after 10 more.
    (tmp_path / "a1.atr").write_bytes(b"\x0a\x04\x0a\xd4\x00\x00")
    found = [(mark.onset, mark.text) for mark in read(tmp_path)[0].annotations()]
    assert found == [(0.2, "N"), (0.4, "[53]")]


def written(path: Path, *marks: tuple[int, int, str]) -> None:
    """An annotation file: steps in time, codes and notes."""
    raw = b""
    for step, code, note in marks:
        raw += (code << 10 | step).to_bytes(2, "little")
        if note:
            raw += (63 << 10 | len(note)).to_bytes(2, "little") + note.encode()
            raw += b"\x00" * (len(note) % 2)
    path.write_bytes(raw + b"\x00\x00")


def test_definitions_at_the_start_of_a_file(tmp_path):
    for ending in ("hea", "dat"):
        (tmp_path / f"a1.{ending}").write_bytes((EXAMPLE / f"a1.{ending}").read_bytes())
    written(
        tmp_path / "a1.atr",
        (0, 22, "## time resolution: 100"),
        (0, 22, "## annotation type definitions"),
        (0, 22, "43 zz a thing of our own"),
        (0, 22, "## end of definitions"),
        (50, 43, ""),
        (50, 1, ""),
    )
    found = [(mark.onset, mark.text) for mark in read(tmp_path)[0].annotations()]
    assert found == [(0.5, "zz"), (1.0, "N")]


def test_a_comment_that_stops_the_package_for_ever(tmp_path):
    for ending in ("hea", "dat"):
        (tmp_path / f"a1.{ending}").write_bytes((EXAMPLE / f"a1.{ending}").read_bytes())
    written(tmp_path / "a1.atr", (0, 22, "## anything"), (50, 1, ""))
    found = [(mark.onset, mark.text) for mark in read(tmp_path)[0].annotations()]
    assert found == [(1.0, "N")]


SYMBOLS = st.sampled_from(["N", "V", "+", "/", "?", '"', "|", "x"])


@settings(max_examples=40)
@given(st.lists(st.tuples(st.integers(0, 5000), SYMBOLS), min_size=1, max_size=12))
@pytest.mark.filterwarnings("ignore")
def test_annotations_are_those_of_the_package(steps):
    samples = np.cumsum([step for step, _ in steps]) + 1
    symbols = [symbol for _, symbol in steps]
    with tempfile.TemporaryDirectory() as folder:
        for ending in ("hea", "dat"):
            Path(folder, f"a1.{ending}").write_bytes((EXAMPLE / f"a1.{ending}").read_bytes())
        wfdb.wrann("a1", "atr", samples, symbols, fs=125, write_dir=folder)
        whole = wfdb.rdann(str(Path(folder, "a1")), "atr")
        marks = read(Path(folder))[0].annotations()
    np.testing.assert_allclose([mark.onset for mark in marks], whole.sample / 125)
    assert [mark.text for mark in marks] == whole.symbol == symbols


# --- real files --------------------------------------------------------------------------------

BEATS = [list("NLRBejn"), list("SAaJ"), list("VEr"), ["F"], list("Q/f?")]


@pytest.mark.data
def test_beats_of_mitdb_are_as_published(data_root):
    recordings = read(data_root / "mitdb")
    counts = {}
    for one in recordings:
        assert [channel.sampling_rate for channel in one.channels] == [360.0, 360.0]
        assert one.stretches[0][1] == pytest.approx(650_000 / 360)
        texts = Counter(mark.text for mark in one.annotations())
        counts[one.id] = sum(texts[symbol] for group in BEATS for symbol in group)
    assert {name: counts[name] for name in ("100", "208", "213")} == {
        "100": 2273,
        "208": 2955,
        "213": 3251,
    }
    signals, dropped = cut(
        recordings, Beats(before=0.25, after=0.45, channels=[["MLII", "II"]]), BEATS
    )
    assert len(signals) + sum(dropped.values()) == sum(counts.values())
    assert signals.units == ("mV",)


@pytest.mark.data
@pytest.mark.parametrize(
    ("name", "channels", "rate", "seconds"),
    [("s0010_re", 15, 1000.0, 38.4), ("a103l", 3, 250.0, 330.0)],
)
def test_odd_real_records(data_root, name, channels, rate, seconds):
    (one,) = read(data_root / "wfdb_samples" / f"{name}.hea")
    assert len(one.channels) == channels
    assert {channel.sampling_rate for channel in one.channels} == {rate}
    assert one.duration == pytest.approx(seconds)
    whole = wfdb.rdrecord(str(data_root / "wfdb_samples" / name), sampfrom=500, sampto=900)
    np.testing.assert_allclose(
        one.read(range(channels), 500, 900), whole.p_signal, rtol=1e-6, equal_nan=True
    )
