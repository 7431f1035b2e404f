"""Annotation files in MIT format (physionet.org/physiotools/wag/annot-5.htm), read here.

The wfdb package never returns from a file whose first comment begins with ``##`` and is none of
its own definitions. Its table of symbols is used.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from sequela.errors import DataError
from sequela.signals import Annotation
from sequela.sources.wfdb.package import package

__all__ = ["read_marks"]

# Codes that are no annotations: a jump in time, three numbers of the annotation before, its note.
_SKIP, _NOTE_TEXT, _NUMBERS = 59, 63, (60, 61, 62)
_COMMENT, _RHYTHM = 22, 28

_RATE = re.compile(r"## time resolution: (\d{1,9}(?:\.\d{0,9})?)")
_DEFINED = re.compile(r"(\d{1,2}) (\S{1,8}) .*", re.DOTALL)


@dataclass
class _Mark:
    sample: int
    code: int
    note: str = ""


def read_marks(path: Path, rate: float, duration: float) -> tuple[Annotation, ...]:
    """The annotations of a file, in its order.

    Args:
        path: the file.
        rate: frames a second, where the file does not name its own.
        duration: of the recording, in seconds: where the last rhythm ends.

    Raises:
        DataError: the file does not end as it must, breaks off within an annotation, or goes back
            in time.
    """
    symbols = dict(_symbols())
    marks, rate = _without_definitions(list(_marks(path)), symbols, rate)
    previous = 0
    for number, mark in enumerate(marks, 1):
        if mark.sample < previous:
            raise DataError(
                f"annotation {number} of {path}",
                got="a time before that of the one before it",
                wanted="annotations in order",
                todo="The file is damaged there.",
            )
        previous = mark.sample
    return _with_rhythms(marks, symbols, rate, max(duration, previous / rate))


@cache
def _symbols() -> tuple[tuple[int, str], ...]:
    labels = package().io.annotation.ann_labels
    return tuple((int(label.label_store), str(label.symbol)) for label in labels)


def _bad(path: Path, got: str) -> DataError:
    return DataError(
        f"file {path}",
        got=got,
        wanted="annotations up to a zero word",
        todo="The file is cut off or damaged: copy it again.",
    )


def _marks(path: Path) -> Iterator[_Mark]:
    raw = path.read_bytes()
    if len(raw) < 2:
        raise _bad(path, "an empty file")
    if len(raw) % 2 or raw[-2:] != b"\x00\x00":
        raise _bad(path, "a file that does not end as it must")
    place, sample = 0, 0
    mark: _Mark | None = None
    while place + 2 <= len(raw):
        word = int.from_bytes(raw[place : place + 2], "little")
        code, amount = word >> 10, word & 0x3FF
        place += 2
        if word == 0:
            break
        if code == _SKIP:
            # Two words, the higher first.
            high, low = raw[place : place + 2], raw[place + 2 : place + 4]
            sample += int.from_bytes(low + high, "little", signed=True)
            place += 4
        elif code == _NOTE_TEXT:
            if mark is not None:
                mark.note = raw[place : place + amount].decode("latin-1").strip("\x00 ")
            place += amount + amount % 2
        elif code not in _NUMBERS:
            if mark is not None:
                yield mark
            sample += amount
            mark = _Mark(sample, code)
    if place > len(raw):
        raise _bad(path, "a file that breaks off within an annotation")
    if mark is not None:
        yield mark


def _without_definitions(
    marks: list[_Mark], symbols: dict[int, str], rate: float
) -> tuple[list[_Mark], float]:
    """What is an annotation; comments before the first sample may define rate and symbols."""
    kept, defining = [], False
    for mark in marks:
        if mark.code == 0:
            continue
        begins = mark.sample == 0 and mark.code == _COMMENT
        if begins and (defining or mark.note.startswith("## ")):
            found, own = _RATE.fullmatch(mark.note), _DEFINED.fullmatch(mark.note)
            if found and float(found[1]) > 0:
                rate = float(found[1])
            elif defining and own:
                symbols[int(own[1])] = own[2]
            defining = "type definitions" in mark.note or (
                defining and "end of definitions" not in mark.note
            )
            continue
        kept.append(mark)
    return kept, rate


def _with_rhythms(
    marks: list[_Mark], symbols: dict[int, str], rate: float, stop: float
) -> tuple[Annotation, ...]:
    result: list[Annotation] = []
    for mark in reversed(marks):
        onset = mark.sample / rate
        if mark.code == _RHYTHM and mark.note:
            result.append(Annotation(onset, stop - onset, mark.note))
            stop = onset
        else:
            # Codes that mean nothing have no symbol.
            result.append(Annotation(onset, None, symbols.get(mark.code) or f"[{mark.code}]"))
    return tuple(reversed(result))
