"""The header of an EDF or BDF file, each number in it checked before anything rests on it.

Kemp et al., Electroencephalography and Clinical Neurophysiology 82 (1992) 391 (EDF); Kemp and
Olivan, Clinical Neurophysiology 114 (2003) 1755 (EDF+). Every field is text of a fixed width.
"""

from __future__ import annotations

import contextlib
import math
import re
from dataclasses import dataclass, replace
from datetime import date, datetime, time
from pathlib import Path

from sequela.errors import DataError

__all__ = ["MAIN", "PER_SIGNAL", "Header", "Signal", "read_header"]

MAIN: dict[str, int] = {
    "version": 8,
    "patient": 80,
    "recording": 80,
    "start date": 8,
    "start time": 8,
    "bytes in header": 8,
    "reserved": 44,
    "number of data records": 8,
    "duration of a data record": 8,
    "number of signals": 4,
}
"""The fields of the first 256 bytes and their widths."""

PER_SIGNAL: dict[str, int] = {
    "label": 16,
    "transducer": 80,
    "physical dimension": 8,
    "physical minimum": 8,
    "physical maximum": 8,
    "digital minimum": 8,
    "digital maximum": 8,
    "prefiltering": 80,
    "samples in a data record": 8,
    "reserved": 32,
}
"""The fields of each signal; the file holds the first field of all signals, then the second."""

_BDF = b"\xffBIOSEMI"
# Hertz; no recorder of the body is faster, and times stay exact in 64 bits.
_HIGHEST_RATE = 1e7

_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?")
_MONTHS = ["JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC"]


@dataclass(frozen=True)
class Signal:
    """One signal of a file: a channel, or a track of annotations."""

    label: str
    unit: str
    samples: int
    is_annotation: bool


@dataclass(frozen=True)
class Header:
    """What the header says; the patient's and the recording's own words are not kept.

    Args:
        path: the file.
        is_bdf: 24 bits a sample, else 16.
        continuous: False for EDF+D, whose data records may lie apart.
        is_plus: EDF+ or BDF+: each data record begins with its own time.
        start: of the recording, or None where the file does not tell it.
        patient_code: the first word of an EDF+ patient field, or None.
        records: data records in the file.
        duration: seconds of each.
        signals: in the file's order.
        raw: the header's bytes.
    """

    path: Path
    is_bdf: bool
    continuous: bool
    is_plus: bool
    start: datetime | None
    patient_code: str | None
    records: int
    duration: float
    signals: tuple[Signal, ...]
    raw: bytes

    def __repr__(self) -> str:
        """Without the bytes, which name the patient."""
        return f"Header({self.path.name!r}, {self.records} records, {len(self.signals)} signals)"

    @property
    def sample_bytes(self) -> int:
        """2 or 3."""
        return 3 if self.is_bdf else 2

    @property
    def record_bytes(self) -> int:
        """Bytes of one data record."""
        return self.sample_bytes * sum(signal.samples for signal in self.signals)

    def offset(self, index: int) -> int:
        """Bytes from the start of a data record to signal ``index`` in it."""
        return self.sample_bytes * sum(signal.samples for signal in self.signals[:index])


class _Fields:
    """Text of fixed widths; complains by file and field, never by content."""

    def __init__(self, path: Path, raw: bytes, widths: dict[str, int], count: int = 1) -> None:
        self.path, self.texts = path, {}
        place = 0
        for name, width in widths.items():
            starts = range(place, place + width * count, width)
            self.texts[name] = [raw[start : start + width] for start in starts]
            place += width * count

    def bad(self, name: str, got: str, wanted: str, signal: int | None = None) -> DataError:
        where = "" if signal is None else f" of signal {signal + 1}"
        return DataError(
            f"field '{name}'{where} in the header of {self.path}",
            got=got,
            wanted=wanted,
            todo="The header is damaged, or this is no EDF file.",
        )

    def text(self, name: str, signal: int | None = None) -> str:
        return self.texts[name][signal or 0].decode("latin-1").strip(" \x00")

    def number(self, name: str, signal: int | None = None) -> float:
        text = self.text(name, signal)
        if not _NUMBER.fullmatch(text):
            raise self.bad(name, "no number" if text else "nothing", "a number", signal)
        value = float(text)
        if not math.isfinite(value):
            raise self.bad(name, "an infinite number", "a number", signal)
        return value

    def whole(self, name: str, least: int, signal: int | None = None) -> int:
        value = self.number(name, signal)
        if value != int(value) or value < least:
            wanted = f"a whole number, {least} or more"
            raise self.bad(name, "another number", wanted, signal)
        return int(value)


def _date(legacy: str, recording: str) -> date | None:
    """The day that the recording began; the four digits of EDF+ come first."""
    words = recording.split()
    if len(words) > 1 and words[0] == "Startdate":
        found = re.fullmatch(r"(\d{1,2})-([A-Za-z]{3})-(\d{4})", words[1])
        if not found or found[2].upper() not in _MONTHS:
            return None
        day, month, year = int(found[1]), _MONTHS.index(found[2].upper()) + 1, int(found[3])
    else:
        found = re.fullmatch(r"\s*(\d{1,2})[.:/' -](\d{1,2})[.:/' -](\d{2})\s*", legacy)
        if not found:
            return None
        day, month, year = (int(part) for part in found.groups())
        year += 1900 if year >= 85 else 2000
    with contextlib.suppress(ValueError):
        return date(year, month, day)
    return None


def _start(fields: _Fields) -> datetime | None:
    day = _date(fields.text("start date"), fields.text("recording"))
    found = re.fullmatch(r"(\d{1,2})[.:](\d{1,2})[.:](\d{1,2})", fields.text("start time"))
    if day is None or not found:
        return None
    with contextlib.suppress(ValueError):
        hour, minute, second = (int(part) for part in found.groups())
        return datetime.combine(day, time(hour, minute, second))
    return None


def _signals(path: Path, raw: bytes, count: int, is_bdf: bool) -> tuple[Signal, ...]:
    fields = _Fields(path, raw, PER_SIGNAL, count)
    annotations = "BDF Annotations" if is_bdf else "EDF Annotations"
    lowest, highest = (-(1 << 23), (1 << 23) - 1) if is_bdf else (-(1 << 15), (1 << 15) - 1)
    result = []
    for place in range(count):
        label = fields.text("label", place)
        samples = fields.whole("samples in a data record", 1, place)
        if label != annotations:
            low = fields.whole("digital minimum", lowest, place)
            high = fields.whole("digital maximum", lowest, place)
            if not low < high <= highest:
                wanted = f"above the digital minimum, at most {highest}"
                raise fields.bad("digital maximum", "another number", wanted, place)
            if fields.number("physical minimum", place) == fields.number("physical maximum", place):
                wanted = "another number than the physical minimum"
                raise fields.bad("physical maximum", "the same number", wanted, place)
        unit = fields.text("physical dimension", place)
        result.append(Signal(label, unit, samples, label == annotations))
    return tuple(result)


def _head(path: Path) -> tuple[bytes, int]:
    """The first 256 bytes and the header's length."""
    try:
        with open(path, "rb") as file:
            main = file.read(256)
    except OSError as error:
        raise DataError(
            f"file {path}", got=type(error).__name__, wanted="a readable file"
        ) from None
    if len(main) < 256:
        raise DataError(
            f"file {path}",
            got=f"{len(main)} bytes" if main else "an empty file",
            wanted="a header of 256 bytes or more",
            todo="The file is cut off: copy it again.",
        )
    fields = _Fields(path, main, MAIN)
    if main[:8] != _BDF and fields.text("version") != "0":
        raise fields.bad("version", "another word", "0 (EDF) or BIOSEMI (BDF)")
    count = fields.whole("number of signals", 1)
    length = fields.whole("bytes in header", 256)
    if length != 256 * (count + 1):
        wanted = f"{256 * (count + 1)}, 256 for each of {count} signals and 256 more"
        raise fields.bad("bytes in header", "another number", wanted)
    return main, length


def read_header(path: Path, partial: bool = False) -> Header:
    """Reads and checks the header, and that the file is as long as the header says.

    Args:
        path: the file.
        partial: read the whole data records of a file that is shorter or longer than it says.

    Raises:
        DataError: a field is wrong, or the file is cut off or too long; the message names file
            and field, never what stands there.
    """
    main, length = _head(path)
    with open(path, "rb") as file:
        raw = file.read(length)
        size = file.seek(0, 2) - length
    if len(raw) < length:
        raise DataError(
            f"file {path}", got=f"{len(raw)} bytes", wanted=f"a header of {length} bytes"
        )
    fields = _Fields(path, main, MAIN)
    is_bdf = main[:8] == _BDF
    signals = _signals(path, raw[256:], len(raw) // 256 - 1, is_bdf)
    duration = fields.number("duration of a data record")
    only_annotations = all(one.is_annotation for one in signals)
    if not 1e-6 <= duration <= 1e6 and not (duration == 0 and only_annotations):
        wanted = "seconds, from a millionth to a million"
        raise fields.bad("duration of a data record", "another number", wanted)
    most = max(one.samples for one in signals)
    if duration and most / duration > _HIGHEST_RATE:
        wanted = f"{most} samples of a signal at {_HIGHEST_RATE:g} hertz at most"
        raise fields.bad("duration of a data record", "too short a time", wanted)
    kind = fields.text("reserved")
    is_plus = kind[:5] in ("EDF+C", "EDF+D", "BDF+C", "BDF+D")
    if is_plus and kind[3:5] == "+D" and not any(one.is_annotation for one in signals):
        wanted = "a track of annotations, which tells when each data record begins"
        raise fields.bad("reserved", "an interrupted recording without times", wanted)
    code = fields.text("patient").split(" ")[0] if is_plus else ""
    header = Header(
        path=path,
        is_bdf=is_bdf,
        continuous=not (is_plus and kind[3:5] == "+D"),
        is_plus=is_plus and any(one.is_annotation for one in signals),
        start=_start(fields),
        patient_code=None if code in ("", "X") else code,
        records=fields.whole("number of data records", -1),
        duration=duration,
        signals=signals,
        raw=raw,
    )
    return _with_records(header, size, partial, fields)


def _with_records(header: Header, size: int, partial: bool, fields: _Fields) -> Header:
    present, left = divmod(size, header.record_bytes)
    # A recorder that was cut off before it could count writes -1.
    known = header.records if header.records >= 0 else present
    if partial and present:
        known = present
    elif (known, 0) != (present, left):
        raise DataError(
            f"file {header.path}",
            got=f"{size} bytes of data, {present} whole data records",
            wanted=f"{known} records of {header.record_bytes} bytes, as its header says",
            todo="Copy the file again, or set partial=true to read the whole records there are.",
        )
    if known == 0:
        raise fields.bad("number of data records", "none", "at least one")
    return replace(header, records=known)
