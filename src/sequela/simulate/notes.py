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
from collections.abc import Callable, Iterator
from datetime import date, timedelta
from typing import Literal

import numpy as np

from sequela import seeds
from sequela.errors import ConfigError
from sequela.notes.documents import Document, NoteSet, Span
from sequela.simulate.cues import HELD_OUT, cues
from sequela.simulate.drafts import draft, pick
from sequela.simulate.identities import (
    day_forms,
    employer,
    hospital,
    name,
    person_forms,
    street,
    surname,
    town,
)
from sequela.simulate.lexicon import LEXICON, ODD, odd
from sequela.simulate.phrases import EPONYMS, STATES, TEMPLATES
from sequela.simulate.written_notes import exchanged, written

__all__ = ["notes", "template_of"]

_PLACE = re.compile(r"\{(\w+)\}")
#: How notes are written: a few in capitals or in small letters throughout.
_CASES: dict[str, list[Callable[[str], str]]] = {
    "train": [*[str] * 28, str.upper, str.lower],
    "tune": [str],
    "test": [str],
}
#: The shares of training notes with one of the few whole templates, and of the written ones.
_WHOLE, _WRITTEN = 0.05, 0.25
#: What a scanner makes of a character.
_SCANNED = {"l": "1", "O": "0", "m": "rn", "e": "c", "S": "5", "i": "l"}


def notes(
    count: int,
    seed: int = 0,
    part: Literal["train", "epoch", "tune", "test"] = "train",
    noise: float = 0.002,
) -> NoteSet:
    """A set of notes, the same ones each time it is walked; each two are about one patient.

    Args:
        count: of notes.
        seed: of all that is drawn.
        part: each has templates of its own, names, surname endings and eponyms too, save that
            "epoch" has those of "tune". Most notes of "train" are put together from passages, no
            two alike, none with a cue of the other parts (:mod:`sequela.simulate.cues`); the others
            are whole. All parts share the forms of dates, names and numbers, of which "train" has
            more.
        noise: the share of characters that are typed or scanned wrong, inside of what is marked
            too.

    Raises:
        ConfigError: a number out of range, or another part.
    """
    if count < 1 or not 0 <= noise < 1 or part not in TEMPLATES:
        raise ConfigError(
            "simulated notes",
            got=f"{count} notes of part '{part}', noise {noise}",
            wanted="at least 1 of 'train', 'epoch', 'tune' or 'test', noise from 0 and below 1",
        )

    def documents() -> Iterator[Document]:
        for number in range(count):
            yield _note(number, seeds.generator(seed, "notes", part, number), seed, part, noise)

    return NoteSet(documents, "simulated notes, two about each patient")


def _note(number: int, random: np.random.Generator, seed: int, part: str, noise: float) -> Document:
    subject = number // 2
    # Notes that choose the epoch have templates of their own, and the names of "tune".
    words = "tune" if part == "epoch" else part
    writer = _Writer(random, words, name(seeds.generator(seed, "person", part, subject), words))
    pieces: list[str] = []
    spans: list[Span] = []
    place = 0
    template = _template(random, part)
    cased = pick(random, _CASES[words])
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


def template_of(number: int, seed: int, part: Literal["epoch", "tune", "test"]) -> int:
    """Which of the templates of its part a note was written from, for figures of each.

    Args:
        number: of the note among those of :func:`notes`, from 0.
        seed: theirs.
        part: one whose notes are whole.
    """
    random = seeds.generator(seed, "notes", part, number)
    return TEMPLATES[part].index(_template(random, part))


def _template(random: np.random.Generator, part: str) -> str:
    """One of the whole ones, or in most training notes one of passages."""
    if part != "train":
        return pick(random, TEMPLATES[part])
    chance = random.random()
    if chance < _WHOLE:
        return pick(random, TEMPLATES[part])
    make = written if chance < _WHOLE + _WRITTEN else draft
    while True:
        text = exchanged(random, make(random))
        if cues(text).isdisjoint(HELD_OUT):
            return text


def _digits(random: np.random.Generator, pattern: str) -> str:
    """A pattern with a digit for each 9 and a letter for each A."""
    letters = "ABCDEFGHJKLMNPRSTUVWXYZ"
    drawn = {"9": "0123456789", "A": letters}
    return "".join(pick(random, list(drawn[one])) if one in drawn else one for one in pattern)


class _Writer:
    """Fills the places of one note; the patient is the same throughout."""

    def __init__(self, random: np.random.Generator, part: str, patient: tuple[str, str]) -> None:
        self.random, self.part, self.patient = random, part, patient

    def written(self, label: str) -> str:
        """What stands in a place."""
        if label in _PATTERNS:
            more = _MORE.get(label, []) if self.part == "train" else []
            return _digits(self.random, pick(self.random, [*_PATTERNS[label], *more]))
        if self.part == "train" and label in ODD and self.random.random() < 0.12:
            return odd(self.random, label)
        if label not in _WORDS and label.lower() in {*_WORDS, *_PATTERNS}:
            words = self.written(label.lower())
            return words[0].upper() + words[1:]
        return _WORDS[label](self)

    def person(self, name: tuple[str, str]) -> str:
        """A name as it may be written."""
        return pick(self.random, person_forms(self.random, self.part, name))

    def day(self) -> str:
        """A date in one of many forms."""
        day = date(1935, 1, 1) + timedelta(days=int(self.random.integers(33_000)))
        return pick(self.random, day_forms(self.part, day))

    def town(self) -> str:
        """A city."""
        return town(self.random, self.part)

    def word(self) -> str:
        """A surname in small letters, for addresses of machines."""
        return surname(self.random, self.part).lower()


def _own(choices: dict[str, list[str]] | dict[str, tuple[str, ...]]) -> Callable[[_Writer], str]:
    return lambda writer: pick(writer.random, list(choices[writer.part]))


def _between(low: int, high: int) -> Callable[[_Writer], str]:
    return lambda writer: str(int(writer.random.integers(low, high)))


def _hour(random: np.random.Generator) -> str:
    hour, minute = int(random.integers(1, 13)), int(random.integers(60))
    forms = [f"{hour}:{minute:02} {half}" for half in ("AM", "PM", "a.m.", "p.m.", "am")]
    forms += [f"{hour + 11}:{minute:02}", f"{hour + 11:02}{minute:02}", f"{hour} p.m.", f"{hour}am"]
    return pick(random, [*forms, f"{hour + 11:02}{minute:02} hours", "noon", f"{hour} o'clock"])


_COUNTS = [
    *("two", "three", "four", "five", "six", "seven", "eight", "ten", "2", "3", "4", "5", "6"),
    *("10", "12", "15", "20", "30", "2-3", "4-6", "1-1/2"),
]
_WEEKDAYS = ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"]
_KINDS = [
    *(
        "Progress Note",
        "PROGRESS NOTE",
        "Office Visit",
        "Clinic note",
        "Discharge Summary",
        "Consult",
    ),
    *("OPERATIVE NOTE", "Admission H&P", "Procedure Note", "Nursing Note", "Nutrition assessment"),
    *(
        "Radiology Report",
        "MRI KNEE",
        "CT HEAD",
        "Phone call",
        "Letter",
        "Transfer Note",
        "SOAP note",
    ),
    *("PATHOLOGY", "Intake", "Discharge instructions", "Wound care note", "Event note", "Addendum"),
]
_WORDS: dict[str, Callable[[_Writer], str]] = {
    "PATIENT": lambda writer: writer.person(writer.patient),
    "DOCTOR": lambda writer: writer.person(name(writer.random, writer.part)),
    "DATE": _Writer.day,
    "AGE": _between(90, 104),
    "HOSPITAL": lambda writer: hospital(writer.random, writer.part),
    "ORGANIZATION": lambda writer: employer(writer.random, writer.part),
    "STREET": lambda writer: street(writer.random, writer.part),
    "CITY": _Writer.town,
    "STATE": _own(STATES),
    "EMAIL": lambda writer: f"{writer.word()}{_digits(writer.random, '99')}@{writer.word()}.org",
    "URL": lambda writer: f"https://www.{writer.word()}.org/{writer.word()}",
    "USERNAME": lambda writer: f"{writer.word()[:6]}{_digits(writer.random, '99')}",
    "IPADDR": lambda writer: ".".join(map(str, writer.random.integers(1, 255, 4))),
    # What is none:
    "eponym": _own(EPONYMS),
    "age": _between(18, 90),
    "nineties": _between(88, 112),
    "odd": lambda writer: odd(writer.random, pick(writer.random, list(ODD))),
    "year": _between(1940, 2024),
    "count": lambda writer: pick(writer.random, _COUNTS),
    "hour": lambda writer: _hour(writer.random),
    "weekday": lambda writer: pick(writer.random, _WEEKDAYS),
    "kind": lambda writer: pick(writer.random, _KINDS),
    **{
        name: lambda writer, words=words: pick(writer.random, words)
        for name, words in LEXICON.items()
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
    "digit": ["9"],
    "number": ["9.9", "99", "9.99", "99.9", "0.9", "199", "9"],
    "weight": ["19", "299", "99", "150", "999"],
}
#: Other forms, of training notes alone.
_MORE: dict[str, list[str]] = {
    "PHONE": ["999 999 9999", "(999)999-9999", "999-9999", "9-9999", "+1 999 999 9999", "9999"],
    "FAX": ["999.999.9999", "999 999 9999", "1-999-999-9999"],
    "SSN": ["999 99 9999", "999999999", "xxx-xx-9999"],
    "MEDICALRECORD": [
        "99999999",
        "9999-9999",
        "MR999999",
        "999999",
        "AA99999",
        "999-99-99",
        "9999999-9",
    ],
    "HEALTHPLAN": ["AA9999999", "9AA9-AA9-AA99", "999999999A", "A-9999999", "9999999999"],
    "ACCOUNT": ["9999999999", "A99999999", "99-9999999", "999999"],
    "LICENSE": ["AA999999", "9999999", "A99-999-999", "999-99-9999A"],
    "VEHICLE": ["AAA9999", "999 AAA", "A99-AAA", "AA-99-AA", "9999 AA"],
    "DEVICE": ["AAA999999", "99A-9999", "9999999", "A99.9999", "AA9-9999-A", "SN9999999"],
    "BIOID": ["A-99999", "9999-AA", "AAA999999", "999999"],
    "IDNUM": ["A99999999", "99-9999", "AA99-999", "99999999", "99A9999", "9999-999"],
    "dose": [
        "99 units",
        "9 mL",
        "999 mg t.i.d.",
        "9-9 tabs",
        "9 g IV",
        "99mg/9mg",
        "9 puffs",
        "99.9 mg",
    ],
    "lab": ["199/99", "9/9", "99/99", "9+/9", "9.9-9.9", "1:99"],
    "score": ["99", "9.99", "9+", "0"],
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
