"""Simulated clinical notes with the true place of everything that identifies.

Discharge summaries, progress notes, radiology reports and nursing notes, made of templates and of
invented names and numbers, with the kinds of identifiers of HIPAA's Safe Harbor (45 CFR 164.514) in
the words of i2b2 2014, what looks like them and is none (diseases named after people, months that
are verbs, values that look like dates), typing errors and the faults of a scanner. Nobody in them
exists. A model that reads these notes well has learnt them; what it does on real notes is another
question.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from datetime import date, timedelta
from typing import Literal, TypeVar

import numpy as np

from sequela import seeds
from sequela.errors import ConfigError
from sequela.notes.documents import Document, NoteSet, Span
from sequela.simulate.passages import ENDS, FILLERS, HEADINGS, HEADS, LINES, SENTENCES
from sequela.simulate.phrases import (
    CITIES,
    EPONYMS,
    FIRST,
    MONTHS,
    ROADS,
    STATES,
    SURNAMES,
    TEMPLATES,
    WARDS,
)

__all__ = ["notes"]

_Any = TypeVar("_Any")
_PLACE = re.compile(r"\{(\w+)\}")
#: How notes are written: a few in capitals or in small letters throughout.
_CASES: dict[str, list[Callable[[str], str]]] = {
    "train": [*[str] * 28, str.upper, str.lower],
    "tune": [str],
    "test": [str],
}
#: What a scanner makes of a character.
_SCANNED = {"l": "1", "O": "0", "m": "rn", "e": "c", "S": "5", "i": "l"}


def notes(
    count: int,
    seed: int = 0,
    part: Literal["train", "tune", "test"] = "train",
    noise: float = 0.002,
) -> NoteSet:
    """A set of notes, the same ones each time it is walked; each two are about one patient.

    Args:
        count: of notes.
        seed: of all that is drawn.
        part: each has templates and names of its own. Those of "tune" and "test" are whole notes;
            most of "train" are put together from passages, no two alike.
        noise: the share of characters that are typed or scanned wrong, inside of what is marked
            too.

    Raises:
        ConfigError: a number out of range, or another part.
    """
    if count < 1 or not 0 <= noise < 1 or part not in TEMPLATES:
        raise ConfigError(
            "simulated notes",
            got=f"{count} notes of part '{part}', noise {noise}",
            wanted="at least 1 of 'train', 'tune' or 'test', noise from 0 and below 1",
        )

    def documents() -> Iterator[Document]:
        for number in range(count):
            yield _note(number, seeds.generator(seed, "notes", part, number), seed, part, noise)

    return NoteSet(documents, "simulated notes, two about each patient")


def _note(number: int, random: np.random.Generator, seed: int, part: str, noise: float) -> Document:
    subject = number // 2
    writer = _Writer(random, part, _name(seeds.generator(seed, "person", part, subject), part))
    pieces: list[str] = []
    spans: list[Span] = []
    place = 0
    template = _template(random, part)
    cased = _pick(random, _CASES[part])
    # Every other piece is the name of a place.
    for index, piece in enumerate(_PLACE.split(template)):
        marked = index % 2 == 1
        text = _worn(random, cased(writer.written(piece) if marked else piece), noise)
        if marked and piece.isupper():
            spans.append(Span(place, place + len(text), piece))
        pieces.append(text)
        place += len(text)
    text = "".join(pieces)
    return Document(f"note{number}", text, tuple(spans), subject=f"patient{subject}", part=part)


def _template(random: np.random.Generator, part: str) -> str:
    """One of the whole ones, or in three training notes of four one of passages."""
    if part != "train" or random.random() < 0.25:
        return _pick(random, TEMPLATES[part])
    lines = [_pick(random, HEADS)]
    lines += [_pick(random, LINES) for _ in range(random.integers(0, 7))]
    for _ in range(random.integers(1, 5)):
        text = [_pick(random, SENTENCES) for _ in range(random.integers(1, 6))]
        between = _pick(random, [" ", " ", "\n", "  ", "\r\n"])
        head = _pick(random, HEADINGS) + _pick(random, [": ", ":", ":\n", " - "])
        lines.append((head if random.random() < 0.7 else "") + between.join(text))
        lines += [_pick(random, LINES)] * (random.random() < 0.2)
    lines += [_pick(random, ENDS)] * (random.random() < 0.7)
    return _pick(random, ["\n", "\n", "\n\n", "\r\n"]).join(lines)


def _pick(random: np.random.Generator, choices: Sequence[_Any]) -> _Any:
    return choices[int(random.integers(len(choices)))]


def _digits(random: np.random.Generator, pattern: str) -> str:
    """A pattern with a digit for each 9 and a letter for each A."""
    letters = "ABCDEFGHJKLMNPRSTUVWXYZ"
    drawn = {"9": "0123456789", "A": letters}
    return "".join(_pick(random, list(drawn[one])) if one in drawn else one for one in pattern)


def _surname(random: np.random.Generator, part: str) -> str:
    return _pick(random, SURNAMES[part]) + _pick(random, SURNAMES["endings"])


def _name(random: np.random.Generator, part: str) -> tuple[str, str]:
    surname = _surname(random, part)
    if random.random() < 0.15:
        second = _surname(random, part)
        surname = _pick(random, [f"{surname}-{second}", f"O'{surname}", f"Mc{surname}"])
    return _pick(random, FIRST[part]), surname


class _Writer:
    """Fills the places of one note; the patient is the same throughout."""

    def __init__(self, random: np.random.Generator, part: str, patient: tuple[str, str]) -> None:
        self.random, self.part, self.patient = random, part, patient

    def written(self, label: str) -> str:
        """What stands in a place."""
        if label in _PATTERNS:
            return _digits(self.random, _pick(self.random, _PATTERNS[label]))
        return _WORDS[label](self)

    def person(self, name: tuple[str, str]) -> str:
        """A name as it may be written."""
        first, last = name
        forms = [f"{first} {last}", last, f"{last}, {first}", f"{first[0]}. {last}", last.upper()]
        return _pick(self.random, [*forms, f"{first} {_pick(self.random, list('ABCDEH'))}. {last}"])

    def day(self) -> str:
        """A date in one of many forms."""
        day = date(1935, 1, 1) + timedelta(days=int(self.random.integers(33_000)))
        month = MONTHS[day.month - 1]
        forms = [
            f"{day.month:02}/{day.day:02}/{day.year}",
            f"{day.month}/{day.day}/{day.year % 100:02}",
            f"{day.month}/{day.day}",
            day.isoformat(),
            f"{month} {day.day}, {day.year}",
            f"{month[:3]} {day.day}",
            f"{day.day} {month} {day.year}",
            f"{day.month:02}-{day.day:02}-{day.year % 100:02}",
        ]
        return _pick(self.random, forms)

    def town(self) -> str:
        """A city."""
        return _pick(self.random, CITIES[self.part])

    def word(self) -> str:
        """A surname in small letters, for addresses of machines."""
        return _surname(self.random, self.part).lower()


def _own(choices: dict[str, list[str]] | dict[str, tuple[str, ...]]) -> Callable[[_Writer], str]:
    return lambda writer: _pick(writer.random, list(choices[writer.part]))


def _between(low: int, high: int) -> Callable[[_Writer], str]:
    return lambda writer: str(int(writer.random.integers(low, high)))


_WORDS: dict[str, Callable[[_Writer], str]] = {
    "PATIENT": lambda writer: writer.person(writer.patient),
    "DOCTOR": lambda writer: writer.person(_name(writer.random, writer.part)),
    "DATE": _Writer.day,
    "AGE": _between(90, 104),
    "HOSPITAL": lambda writer: f"{writer.town()} {_pick(writer.random, WARDS[writer.part])}",
    "ORGANIZATION": lambda writer: (
        f"{_surname(writer.random, writer.part)} {_pick(writer.random, ['Inc.', '& Sons', 'Ltd'])}"
    ),
    "STREET": lambda writer: (
        f"{int(writer.random.integers(1, 9999))} {_surname(writer.random, writer.part)} "
        f"{_pick(writer.random, ROADS[writer.part])}"
    ),
    "CITY": _Writer.town,
    "STATE": _own(STATES),
    "EMAIL": lambda writer: f"{writer.word()}{_digits(writer.random, '99')}@{writer.word()}.org",
    "URL": lambda writer: f"https://www.{writer.word()}.org/{writer.word()}",
    "USERNAME": lambda writer: f"{writer.word()[:6]}{_digits(writer.random, '99')}",
    "IPADDR": lambda writer: ".".join(map(str, writer.random.integers(1, 255, 4))),
    # What is none:
    "eponym": lambda writer: _pick(writer.random, EPONYMS),
    "age": _between(18, 90),
    **{
        name: lambda writer, words=words: _pick(writer.random, words)
        for name, words in FILLERS.items()
    },
}

#: A digit for each 9, a letter for each A.
_PATTERNS: dict[str, list[str]] = {
    "PHONE": ["(999) 999-9999", "999-999-9999", "999.999.9999", "x99999", "1-999-999-9999"],
    "FAX": ["(999) 999-9999", "999-999-9999"],
    "SSN": ["999-99-9999"],
    "ZIP": ["99999", "99999-9999"],
    "MEDICALRECORD": ["9999999", "99-99-99", "A999999", "999 99 99"],
    "HEALTHPLAN": ["AAA999999999", "9999-99999-99", "A99999999"],
    "ACCOUNT": ["99999999", "9999-9999", "AA-999999"],
    "LICENSE": ["A999-9999-9999", "A9999999"],
    "VEHICLE": ["AAA 9999", "9AAA999", "AAA-999"],
    "DEVICE": ["SN-99999-AA", "A9999999A", "999999-AA"],
    "BIOID": ["FP-9999999", "99-AAA-9999"],
    "IDNUM": ["9999999", "A99-99999", "CT-99-9999"],
    "dose": ["9 mg", "9.9mg", "99 mcg", "999mg BID", "9.99 mg po"],
    "lab": ["119/79", "12/8", "99%", "130/99", "5/5", "99-99%"],
    "score": ["9", "9.9", "-9", "9/9"],
}


def _worn(random: np.random.Generator, text: str, noise: float) -> str:
    """The text with some characters typed or scanned wrong; it stays non-empty."""
    places = np.flatnonzero(random.random(len(text)) < noise)
    letters = list(text)
    for place in places.tolist():
        one = letters[place]
        if not one.isalpha():
            continue
        kind = int(random.integers(3))
        if kind == 0:
            letters[place] = _SCANNED.get(one, one)
        elif kind == 1:
            letters[place] = one + one
        elif len(text) > 3:
            letters[place] = ""
    return "".join(letters)
