"""The annotation tracks of EDF+ and BDF+: times of the data records, and what was marked.

edfio reads them too, but it passes over what it cannot parse, quotes the track in its errors, and
knows no gaps between data records.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from sequela.errors import DataError
from sequela.signals import Annotation
from sequela.sources.edf.header import Header

__all__ = ["first_onset", "marks", "record_onsets"]

# onset, 0x15 duration (if any), then texts, each ended by 0x14.
_LIST = re.compile(
    rb"([+-]\d{1,15}(?:\.\d{0,15})?)(?:\x15(\d{1,15}(?:\.\d{0,15})?))?\x14((?:[^\x14]*\x14)*)",
    re.DOTALL,
)

# Seconds from the first data record to the last.
_LONGEST = 1e10

# Bytes read at once.
_BLOCK = 1 << 24


def _tracks(header: Header, last: int) -> Iterator[tuple[int, list[bytes]]]:
    """The number of each data record below ``last``, and its annotation tracks."""
    spans = [
        (header.offset(index), header.offset(index) + header.sample_bytes * signal.samples)
        for index, signal in enumerate(header.signals)
        if signal.is_annotation
    ]
    at_once = max(1, _BLOCK // header.record_bytes)
    with open(header.path, "rb") as file:
        for first in range(0, last, at_once):
            count = min(at_once, last - first)
            file.seek(len(header.raw) + first * header.record_bytes)
            block = file.read(count * header.record_bytes)
            if len(block) < count * header.record_bytes:
                raise DataError(f"file {header.path}", got="a file that became shorter")
            for place in range(count):
                start = place * header.record_bytes
                yield first + place, [block[start + a : start + b] for a, b in spans]


def _lists(header: Header, record: int, track: bytes) -> Iterator[tuple[float, float | None, list]]:
    for piece in track.split(b"\x00"):
        if not piece:
            continue
        found = _LIST.fullmatch(piece)
        if not found:
            raise _malformed(header, record, "an annotation that is none")
        try:
            texts = [text.decode("utf-8") for text in found[3].split(b"\x14")[:-1]]
        except UnicodeDecodeError:
            raise _malformed(header, record, "an annotation that is not UTF-8") from None
        yield float(found[1]), float(found[2]) if found[2] else None, texts


def _malformed(header: Header, record: int, got: str) -> DataError:
    return DataError(
        f"annotations in data record {record + 1} of {header.path}",
        got=got,
        wanted="onset, duration and text as EDF+ writes them",
        todo="The file is damaged there.",
    )


def _own_onset(header: Header, record: int, tracks: list[bytes]) -> float | None:
    """When a data record begins: the first entry of its first track, with an empty text."""
    first = next(_lists(header, record, tracks[0]), None)
    return None if first is None or not first[2] or first[2][0] != "" else first[0]


def first_onset(header: Header) -> float:
    """Seconds, below 1, by which the first sample comes after the header's start time.

    0 where the first data record does not tell its time: some recorders leave it out.
    """
    record, tracks = next(_tracks(header, 1))
    return _own_onset(header, record, tracks) or 0.0


def record_onsets(header: Header) -> list[float]:
    """Seconds from the first sample to each data record.

    Raises:
        DataError: a record does not tell its time, or begins before the one before it ends.
    """
    onsets: list[float] = []
    for record, tracks in _tracks(header, header.records):
        onset = _own_onset(header, record, tracks)
        if onset is None:
            raise _malformed(header, record, "no time of the data record itself")
        # A microsecond of slack: onsets are decimal numbers, durations may be thirds.
        if onsets and onset < onsets[-1] + header.duration - 1e-6:
            raise _malformed(header, record, "a time before the end of the record before it")
        onsets.append(onset)
        if onset - onsets[0] > _LONGEST:
            raise _malformed(header, record, "a time centuries after the first")
    return [onset - onsets[0] for onset in onsets]


def marks(header: Header) -> tuple[Annotation, ...]:
    """All annotations, onsets in seconds from the first sample, in order of onset.

    A text that ends in ``@@`` and a channel's label belongs to that channel (EDF+ as used for
    sleep scoring).
    """
    result: list[Annotation] = []
    zero = None
    for record, tracks in _tracks(header, header.records):
        for number, track in enumerate(tracks):
            for place, (onset, duration, texts) in enumerate(_lists(header, record, track)):
                if number == 0 and place == 0 and texts and texts[0] == "":
                    zero = onset if zero is None else zero
                    texts = texts[1:]
                result += [_mark(onset - (zero or 0.0), duration, text) for text in texts]
    return tuple(sorted(result, key=lambda one: one.onset))


def _mark(onset: float, duration: float | None, text: str) -> Annotation:
    text, separator, channel = text.partition("@@")
    return Annotation(onset, duration, text, channel if separator else None)
