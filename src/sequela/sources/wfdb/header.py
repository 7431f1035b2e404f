"""What a WFDB header claims, checked before the wfdb package acts on it.

A header names the files that hold the samples, so it could name any file, or an address of the
network; and it says how many samples there are, so it could ask for any amount of memory. The
format: physionet.org/physiotools/wag/header-5.htm.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

from sequela.errors import DataError

__all__ = ["Claims", "check_header", "check_layout", "segments_of"]

# Bytes of one sample in each format.
_BYTES = {
    "8": Fraction(1),
    "16": Fraction(2),
    "24": Fraction(3),
    "32": Fraction(4),
    "61": Fraction(2),
    "80": Fraction(1),
    "160": Fraction(2),
    "212": Fraction(3, 2),
    "310": Fraction(4, 3),
    "311": Fraction(4, 3),
}

_NUMBER = r"[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?"
_RECORD = re.compile(
    rf"(?P<name>[-\w]+)(?P<segments>/\d+)?\s+(?P<signals>\d{{1,6}})"
    rf"(?:\s+(?P<rate>{_NUMBER})(?:/\S+)?(?:\s+(?P<samples>\d{{1,15}})(?:\s.*)?)?)?\s*"
)
_SIGNAL = re.compile(
    r"(?P<file>\S+)\s+(?P<format>\d{1,3})(?:x(?P<per_frame>\d{1,6}))?(?::(?P<skew>\d{1,9}))?"
    r"(?:\+(?P<offset>\d{1,9}))?(?:\s.*)?"
)
_LARGEST_HEADER = 1 << 20

# The rate where a header names none.
_USUAL_RATE = 250.0


@dataclass(frozen=True)
class Claims:
    """What the header says of the sizes.

    Args:
        path: the header.
        rate: frames a second.
        frames: in the record.
        per_frame: samples of each signal in a frame.
    """

    path: Path
    rate: float
    frames: int
    per_frame: tuple[int, ...]


def _bad(path: Path, line: int, got: str, wanted: str | None = None) -> DataError:
    return DataError(f"line {line} of {path}", got=got, wanted=wanted)


def _lines(path: Path) -> list[tuple[int, str]]:
    """Number and text of each line that is no comment; comments tell of the patient."""
    try:
        with open(path, "rb") as file:
            raw = file.read(_LARGEST_HEADER + 1)
    except OSError as error:
        raise DataError(
            f"file {path}", got=type(error).__name__, wanted="a readable file"
        ) from None
    if len(raw) > _LARGEST_HEADER or b"\x00" in raw:
        raise DataError(f"file {path}", got="no text of a header", wanted="a WFDB header")
    lines = raw.decode("latin-1").split("\n")
    numbered = [(number, line.strip()) for number, line in enumerate(lines, 1)]
    kept = [(number, line) for number, line in numbered if line and line[0] != "#"]
    if not kept:
        raise DataError(f"file {path}", got="an empty header", wanted="a record line")
    return kept


def _announced(path: Path) -> tuple[int, re.Match[str], list[tuple[int, str]]]:
    """Number and parts of the record line, and the lines below it."""
    (number, first), *rest = _lines(path)
    found = _RECORD.fullmatch(first)
    if not found:
        raise _bad(path, number, "no record line", "name, signals, sampling rate, samples")
    what = "segments" if found["segments"] else "signals"
    count = int(found[what].removeprefix("/"))
    if len(rest) != count:
        raise _bad(path, number, f"{count} {what} announced", f"{len(rest)}, one for each line")
    return number, found, rest


def _rate(path: Path, number: int, found: re.Match[str]) -> float:
    rate = float(found["rate"]) if found["rate"] else _USUAL_RATE
    if not 1e-6 < rate < 1e9:
        raise _bad(path, number, "a sampling rate out of range", "hertz, above 0")
    return rate


def segments_of(path: Path) -> tuple[float, list[tuple[str, int]]] | None:
    """The rate of a record of several segments, with the name and the frames of each segment.

    The name ``~`` stands for a gap. None where the record has one segment.

    Raises:
        DataError: a line is malformed, a segment lies elsewhere or is missing, or their lengths do
            not sum to that of the record.
    """
    number, found, rest = _announced(path)
    if not found["segments"]:
        return None
    result = []
    for place, line in rest:
        words = line.split()
        if len(words) != 2 or not re.fullmatch(r"\d{1,15}", words[1]):
            raise _bad(path, place, "no segment line", "the name of a segment and its length")
        name, frames = words[0], int(words[1])
        if name != "~" and not re.fullmatch(r"[-\w]+", name):
            raise _bad(path, place, "a segment elsewhere", "the name of a record beside the header")
        if name == path.stem:
            raise _bad(path, place, "a segment that is the record itself")
        if name != "~" and not (path.parent / f"{name}.hea").is_file():
            raise _bad(path, place, "a segment whose header is missing")
        result.append((name, frames))
    total = sum(frames for _, frames in result)
    if found["samples"] and int(found["samples"]) != total:
        raise _bad(path, number, f"{total} samples in the segments", "as many as the record says")
    return _rate(path, number, found), result


def check_layout(path: Path) -> int:
    """Checks a header that only lists channels; gives their number.

    Raises:
        DataError: a line is malformed, or names a file.
    """
    number, found, rest = _announced(path)
    if found["segments"] or not rest:
        raise _bad(path, number, "no list of channels", "a layout header")
    for place, line in rest:
        if not re.fullmatch(r"~\s+\d{1,3}(?:x1)?(?:\s.*)?", line):
            raise _bad(path, place, "a channel with a file, or of its own rate", "a layout line")
    return len(rest)


def check_header(path: Path) -> Claims:
    """Reads a header of one segment and checks that the files hold what it claims.

    Raises:
        DataError: a line is malformed; a sample file lies elsewhere, is missing or cut off; several
            segments; an unknown format. Messages name file and line, never their content.
    """
    number, found, rest = _announced(path)
    if found["segments"]:
        raise _bad(path, number, "a record of several segments", "one segment")
    rate = _rate(path, number, found)
    signals = [_signal(path, *line) for line in rest]
    declared = int(found["samples"]) if found["samples"] else 0
    frames = _frames(path, number, signals, declared)
    return Claims(path, rate, frames, tuple(one.per_frame for one in signals))


@dataclass(frozen=True)
class _Signal:
    file: Path
    format: str
    per_frame: int
    offset: int


def _signal(path: Path, number: int, line: str) -> _Signal:
    found = _SIGNAL.fullmatch(line)
    if not found:
        raise _bad(path, number, "no signal line", "a file name and a format")
    name = found["file"]
    if not re.fullmatch(r"[-\w.~]+", name) or name.startswith(".") or name == "~":
        raise _bad(path, number, "a file elsewhere", "the name of a file beside the header")
    file = path.parent / name
    if not file.is_file():
        raise _bad(path, number, "a sample file that is missing", "a file beside the header")
    if file.is_symlink() and not file.resolve().is_relative_to(path.parent.resolve()):
        raise _bad(path, number, "a sample file that is a link out of the folder")
    if found["format"] not in _BYTES:
        raise _bad(path, number, "a format that is not read here", ", ".join(_BYTES))
    per_frame = int(found["per_frame"] or 1)
    if per_frame < 1 or found["skew"] not in (None, "0"):
        raise _bad(path, number, "a frame of no samples, or a skew", "at least one sample, no skew")
    return _Signal(file, found["format"], per_frame, int(found["offset"] or 0))


def _frames(path: Path, number: int, signals: list[_Signal], declared: int) -> int:
    """The number of frames: as declared, or as many as the files hold."""
    frames: int | None = declared or None
    for file in dict.fromkeys(one.file for one in signals):
        group = [one for one in signals if one.file == file]
        if len({(one.format, one.offset) for one in group}) > 1:
            raise _bad(path, number, "one sample file in two formats", "one format for each file")
        size = file.stat().st_size - group[0].offset
        a_frame = _BYTES[group[0].format] * sum(one.per_frame for one in group)
        held = int(max(size, 0) / a_frame)
        if frames is None:
            frames = held
        # Two bytes of slack: the packed formats end in the middle of a group.
        elif size + 2 < frames * a_frame:
            raise DataError(
                f"file {file}",
                got=f"{held} samples of each signal",
                wanted=f"{frames}, as {path.name} says",
                todo="The file is cut off: copy it again.",
            )
    if signals and not frames:
        raise _bad(path, number, "a record without samples", "at least one")
    return frames or 0
