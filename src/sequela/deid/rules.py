"""All rules by name, the lists of names, and the two with a model as one answer."""

from __future__ import annotations

import itertools
import math
import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from types import MappingProxyType

from sequela.deid.contact import emails, network_addresses, phones, urls
from sequela.deid.dates import dates
from sequela.deid.found import Finder, Found, lowered, united
from sequela.deid.numbers import (
    labelled_numbers,
    long_numbers,
    numbers_with_checks,
    social_security,
)
from sequela.deid.people import ages_over_89, zip_codes
from sequela.deid.phrases import Phrases
from sequela.deid.plain import WORD, View, plain, views
from sequela.errors import DataError
from sequela.notes import Document

__all__ = ["NAME_LABELS", "RULES", "Names", "by_rules", "find", "seen"]

NAME_LABELS = ("PATIENT", "DOCTOR", "NAME", "PERSON")
"""Labels of names of people, whoever gives them."""

_SURE = 0.9

RULES: MappingProxyType[str, Callable[[str, str], Iterator[Found]]] = MappingProxyType(
    {
        "emails": emails,
        "urls": urls,
        "network addresses": network_addresses,
        "phones": phones,
        "social security": social_security,
        "numbers with checks": numbers_with_checks,
        "labelled numbers": labelled_numbers,
        "long numbers": long_numbers,
        "dates": dates,
        "ages over 89": ages_over_89,
        "zip codes": zip_codes,
    }
)
"""Each takes the text and the same in lower case, character by character."""


def by_rules(text: str) -> Iterator[Found]:
    """What the rules find in the text as it is seen; pieces may overlap."""
    for view in views(text):
        low = lowered(view.text)
        for rule in RULES.values():
            for one in rule(view.text, low):
                yield _placed(one, view)


def _placed(found: Found, view: View) -> Found:
    if not view.gaps:
        return found
    return Found(*view.place(found.start, found.end), found.label, found.score, found.by)


_NAME = re.compile(rf"{WORD}(?:[\d_'\u2019-]+(?:{WORD})?)*")


def _parts(name: str) -> tuple[list[str], list[str]]:
    """The words of a name, and those of two characters or more."""
    parts = _NAME.findall(plain(name).text)
    return parts, [part for part in parts if len(part) > 1]


class Names:
    """A list of patients' names, held in memory alone.

    A whole name is found in any case, the surname first or last; each of its words alone where it
    begins with a capital, since "White" may be a patient and "white" is a colour.

    Args:
        names: "Ann Smith" or "Smith, Ann"; of "Ann Smith-Jones" also each half of the surname.
        as_written: the names come from the text itself: a word of three letters or more that is
            given without a capital is found without one, too.
    """

    def __init__(self, names: Iterable[str], *, as_written: bool = False):
        whole, words = set(), set()
        for name in names:
            parts, full = _parts(name)
            if len(full) > 1:
                whole |= {name, " ".join(reversed(parts)), f"{full[-1]} {full[0]}"}
                whole.add(f"{full[0]} {full[-1]}")
            words |= set(full)
            words |= {half for part in full for half in part.split("-") if len(half) > 1}
            # O'Brien, OBrien
            words |= {re.sub(r"['\u2019-]", "", part) for part in full}
        small = {word for word in words if as_written and len(word) > 2 and word.islower()}
        self._whole, self._words = Phrases(whole | small), Phrases(words)

    @staticmethod
    def usable(name: str) -> bool:
        """Whether there is something to look for: a word of two characters or more."""
        return bool(_parts(name)[1])

    def find(self, text: str) -> Iterator[Found]:
        """Where the names stand."""
        for start, end in self._whole.find(text):
            yield Found(start, end, "PATIENT", 1.0, "list")
        for start, end in self._words.find(text):
            # Scripts without capitals have no lower case either.
            if not text[start].islower():
                yield Found(start, end, "PATIENT", 0.9, "list")


def find(
    document: Document, *, names: Names | None = None, model: Finder | None = None
) -> list[Found]:
    """What identifies somebody in a document: rules, names and a model united.

    What was found as a name is found wherever it stands in the document, if it begins with a
    capital there, or was found without one at a score of .9 or more: a doubtful "also" must not
    take every other with it. A name that is a patient's in one place is one in all.

    Args:
        document: its own spans play no part.
        names: rules alone find no names; these are found.
        model: gives start, end, label and score of spans. It is shown the text as it is seen, see
            :mod:`sequela.deid.plain`.

    Returns:
        Apart from each other and in order, as :func:`sequela.deid.united` settles it.

    Raises:
        DataError: the model gives a span outside the text, or no span at all.
    """
    found = list(by_rules(document.text))
    if names is not None:
        found += names.find(document.text)
    if model is not None:
        found += _checked(seen(document), document.text, model)
        found = _one_label(document.text, found)
        found += list(_again(document.text, found))
    return united(document.text, found)


def _one_label(text: str, found: Iterable[Found]) -> list[Found]:
    """Who is a patient in one place is one wherever else a model calls the same name a doctor.

    Two names are the same where they share two words, or a word that is all of one of them.
    """
    spans = [(one, _name_words(text, one)) for one in found]
    patients = [words for one, words in spans if one.label == "PATIENT"]
    known = {word for words in patients for word in words}
    whole = {words[0] for words in patients if len(words) == 1}
    pairs = {pair for words in patients for pair in itertools.combinations(words, 2)}
    settled = []
    for one, words in spans:
        same = not (known if len(words) == 1 else whole).isdisjoint(words)
        same = same or not pairs.isdisjoint(itertools.combinations(words, 2))
        if same and one.label == "DOCTOR":
            one = replace(one, label="PATIENT")
        settled.append(one)
    return settled


def _name_words(text: str, one: Found) -> list[str]:
    """In order of the alphabet; of a span that is much too long the first ones."""
    if one.label not in ("PATIENT", "DOCTOR"):
        return []
    words = re.findall(r"[^\W\d_]{2,}", text[one.start : one.end])
    return sorted({word.lower() for word in words[:8]})


def _again(text: str, found: list[Found]) -> Iterator[Found]:
    """Wherever else the names stand that were found."""
    for label in NAME_LABELS:
        for sure in (False, True):
            words = {
                text[one.start : one.end]
                for one in found
                if one.label == label and (one.score >= _SURE or not sure)
            }
            for one in Names(words, as_written=sure).find(text):
                yield Found(one.start, one.end, label, 0.3, "model")


def seen(document: Document) -> Document:
    """What a model is shown of a document."""
    text = plain(document.text).text
    if text is document.text and not document.spans:
        return document
    return Document(document.id, text, subject=document.subject, time=document.time)


def _checked(shown: Document, text: str, model: Finder) -> Iterator[Found]:
    view, length = plain(text), len(shown.text)
    for start, end, label, score in model(shown):
        sound = isinstance(start, int) and isinstance(end, int) and isinstance(label, str)
        if not sound or not 0 <= start < end <= length or not re.fullmatch(r"[\w-]+", label):
            wanted = "start, end, label and score of a piece of the text"
            raise DataError("the model", got="a span that is none", wanted=wanted)
        if not math.isfinite(score):
            raise DataError("the model", got="a score that is no number", wanted="0 to 1")
        yield Found(*view.place(start, end), label, float(score), "model")
