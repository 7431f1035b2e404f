"""Damaged EDF and BDF files; each holds a canary as the patient's name."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import edfio
import numpy as np
import pytest
from tests.sources.malformed import CANARY, refused

from sequela.sources.edf.header import MAIN, PER_SIGNAL

SHORT = CANARY[:8].encode()


def whole(kind: str = "edf") -> bytearray:
    """Two channels and an annotation track, three records of a second."""
    signal, recording = (
        (edfio.EdfSignal, edfio.Edf) if kind == "edf" else (edfio.BdfSignal, edfio.Bdf)
    )
    channels = [
        signal(np.arange(12.0), 4, label=label, physical_range=(-99, 99), digital_range=(-99, 99))
        for label in ("EEG Cz", "EEG Pz")
    ]
    return bytearray(
        recording(
            channels,
            patient=edfio.Patient(code=CANARY, name=CANARY),
            recording=edfio.Recording(investigator_technician_code=CANARY),
            annotations=[edfio.EdfAnnotation(0.5, 1.0, CANARY)],
            data_record_duration=1,
        ).to_bytes()
    )


def main(field: str, value: bytes) -> Callable[[bytearray], None]:
    """Overwrites a field of the first 256 bytes."""

    def damage(raw: bytearray) -> None:
        names = list(MAIN)
        place = sum(MAIN[name] for name in names[: names.index(field)])
        raw[place : place + MAIN[field]] = value.ljust(MAIN[field])[: MAIN[field]]

    return damage


def signal(field: str, value: bytes) -> Callable[[bytearray], None]:
    """Overwrites a field of the second of three signals."""

    def damage(raw: bytearray) -> None:
        names = list(PER_SIGNAL)
        before = sum(PER_SIGNAL[name] for name in names[: names.index(field)])
        width = PER_SIGNAL[field]
        place = 256 + 3 * before + width
        raw[place : place + width] = value.ljust(width)[:width]

    return damage


def swap(old: bytes, new: bytes) -> Callable[[bytearray], None]:
    """Replaces bytes behind the header by as many others."""

    def damage(raw: bytearray) -> None:
        place = raw.index(old, 1024)
        raw[place : place + len(old)] = new.ljust(len(old), b"\x00")[: len(old)]

    return damage


def over(old: bytes, new: bytes) -> Callable[[bytearray], None]:
    """Writes over what stands there and the zeros behind it."""

    def damage(raw: bytearray) -> None:
        place = raw.index(old, 1024)
        raw[place : place + len(new)] = new

    return damage


def cut(length: int) -> Callable[[bytearray], None]:
    def damage(raw: bytearray) -> None:
        del raw[length:]

    return damage


def both(*damages: Callable[[bytearray], None]) -> Callable[[bytearray], None]:
    def damage(raw: bytearray) -> None:
        for one in damages:
            one(raw)

    return damage


MARK = b"+0.5\x151\x14canary4711\x14"
DAMAGES: dict[str, tuple[Callable[[bytearray], None], str]] = {
    "empty": (cut(0), "a.edf: got an empty file, wanted a header of 256 bytes"),
    "half a header": (cut(100), "got 100 bytes, wanted a header"),
    "a cut header of signals": (cut(700), "wanted a header of 1024 bytes"),
    "header alone": (cut(1024), "0 whole data records, wanted 3 records"),
    "cut data": (cut(-7), "2 whole data records, wanted 3 records of"),
    "text": (lambda raw: raw.__setitem__(slice(None), SHORT * 99), "field 'version'"),
    "another version": (main("version", b"1"), "field 'version' in the header of"),
    "header size is text": (main("bytes in header", SHORT), "'bytes in header'.*no number"),
    "header size is wrong": (main("bytes in header", b"768"), "wanted 1024, 256 for each of 3"),
    "header size below 256": (main("bytes in header", b"-1"), "a whole number, 256 or more"),
    "no signals": (main("number of signals", b"0"), "'number of signals'.*1 or more"),
    "signals are text": (main("number of signals", b"cana"), "'number of signals'.*no number"),
    "too many signals": (main("number of signals", b"9999"), "'bytes in header'"),
    "thousands of signals announced": (
        both(main("number of signals", b"9999"), main("bytes in header", b"2560000")),
        "wanted a header of 2560000 bytes",
    ),
    "records are text": (main("number of data records", SHORT), "'number of data records'"),
    "records are negative": (main("number of data records", b"-2"), "-1 or more"),
    "records are missing": (main("number of data records", b""), "got nothing, wanted a number"),
    "no records": (both(main("number of data records", b"0"), cut(1024)), "wanted at least one"),
    "too many records": (main("number of data records", b"99999999"), "3 whole data records"),
    "too few records": (main("number of data records", b"2"), "3 whole data records, wanted 2"),
    "no time in a record": (main("duration of a data record", b"0"), "seconds, from a millionth"),
    "negative time": (main("duration of a data record", b"-1"), "seconds, from a millionth"),
    "endless time": (main("duration of a data record", b"1e99"), "seconds, from a millionth"),
    "a billion samples a second": (
        both(main("duration of a data record", b"1e-6"), signal("label", b"EEG Pz")),
        "too short a time",
    ),
    "infinite time": (main("duration of a data record", b"1e999"), "an infinite number"),
    "time is NaN": (main("duration of a data record", b"nan"), "no number"),
    "samples are text": (
        signal("samples in a data record", SHORT),
        "'samples in a data record' of signal 2 in the header of .*a.edf: got no number",
    ),
    "no samples": (signal("samples in a data record", b"0"), "of signal 2 .*1 or more"),
    "half a sample": (signal("samples in a data record", b"1.5"), "a whole number"),
    "ten million samples": (
        signal("samples in a data record", b"9999999"),
        "0 whole data records, wanted 3 records of 200000",
    ),
    "digital text": (signal("digital minimum", SHORT), "'digital minimum' of signal 2"),
    "empty digital range": (signal("digital maximum", b"-99"), "above the digital minimum"),
    "reversed digital range": (signal("digital maximum", b"-100"), "above the digital minimum"),
    "more than 16 bits": (signal("digital maximum", b"40000"), "at most 32767"),
    "physical text": (signal("physical maximum", SHORT), "'physical maximum' of signal 2"),
    "empty physical range": (signal("physical maximum", b"-99"), "the same number"),
    "a mark without time": (
        swap(b"+0.5\x15", b"half\x15"),
        "data record 1 of .*a.edf: got an anno",
    ),
    "a mark of negative duration": (swap(MARK, b"+0.5\x15-1\x14canary\x14"), "that is none"),
    "a mark that is not ended": (swap(b"canary4711\x14", b"canary4711x"), "that is none"),
    "a mark that is not UTF-8": (swap(b"canary", b"canar\xff"), "record 1 .*not UTF-8"),
    "gaps without times": (
        both(
            main("reserved", b"EDF+D"),
            lambda raw: raw.__setitem__(slice(256 + 32, 256 + 48), b"Marks".ljust(16)),
        ),
        "'reserved' in the header of .*a.edf: got an interrupted recording without times",
    ),
    "a record centuries later": (over(b"+2\x14\x14\x00", b"+99999999999\x14\x14\x00"), "centuries"),
    "a record without its time": (swap(b"+1\x14\x14", b"\x00"), "no time of the data record"),
    "a record that begins too early": (
        swap(b"+1\x14\x14", b"+0\x14\x14"),
        "record 2 .*before the end",
    ),
}


@pytest.mark.parametrize("name", DAMAGES)
def test_damaged_edf(name, tmp_path, capfd, caplog):
    damage, words = DAMAGES[name]
    raw = whole()
    if name.startswith("a record"):
        raw[196:197] = b"D"  # EDF+D: only there do the times of records count
    damage(raw)
    (tmp_path / "a.edf").write_bytes(raw)
    refused("edf", tmp_path / "a.edf", words, capfd, caplog, subject="code")


@pytest.mark.parametrize("name", ["cut data", "samples are text", "a mark without time"])
def test_damaged_bdf(name, tmp_path, capfd, caplog):
    damage, words = DAMAGES[name]
    raw = whole("bdf")
    damage(raw)
    (tmp_path / "a.bdf").write_bytes(raw)
    refused("edf", tmp_path, words.replace("edf", "bdf"), capfd, caplog)


def test_a_link_out_of_the_folder(tmp_path, capfd, caplog):
    (tmp_path / "others").mkdir()
    (tmp_path / "others" / "a.edf").write_bytes(whole())
    folder = tmp_path / "mine"
    folder.mkdir()
    (folder / "b.edf").symlink_to(Path("..", "others", "a.edf"))
    refused("edf", folder, "b.edf: got a link that leads out of the folder", capfd, caplog)


def test_a_folder_without_recordings(tmp_path, capfd, caplog):
    (tmp_path / f"{CANARY}.txt").write_text(CANARY)
    refused("edf", tmp_path, "no .edf or .bdf or .rec file", capfd, caplog)


def test_a_file_that_may_not_be_read(tmp_path, capfd, caplog, monkeypatch):
    def closed(*_, **__):
        raise PermissionError(CANARY)

    (tmp_path / "a.edf").write_bytes(whole())
    monkeypatch.setattr("builtins.open", closed)
    try:
        refused("edf", tmp_path / "a.edf", "got PermissionError", capfd, caplog)
    finally:
        monkeypatch.undo()
