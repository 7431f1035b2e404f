"""Training sentences with made-up values in their places: what is learnt is the place.

A value is replaced by one of the same make (a digit by a digit, one name by one name, a street by a
street), so that an address of four spans stays one; names, towns, streets, companies and
occupations come from Faker's lists of many countries.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

from faker import Faker

from sequela import seeds
from sequela.notes import Document, Span

__all__ = ["Refill"]

LOCALES = (
    *("en_US", "en_GB", "en_AU", "de_DE", "fr_FR", "nl_NL", "da_DK", "sv_SE", "no_NO", "fi_FI"),
    *("es_ES", "it_IT", "pt_PT", "pl_PL", "cs_CZ", "hr_HR", "hu_HU", "sl_SI"),
)
_LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
_NUMBERS = (
    *("CREDIT_CARD", "PHONE_NUMBER", "US_SSN", "US_DRIVER_LICENSE", "AGE", "ZIP_CODE"),
    *("DATE_TIME", "IP_ADDRESS", "IBAN_CODE"),
)


class Refill:
    """Makes copies of sentences with other values.

    Args:
        documents: TRAINING sentences only; values that are not made up come from them.
        seed: of the values.
    """

    def __init__(self, documents: Sequence[Document], seed: int) -> None:
        self._random = seeds.generator(seed, "refill")
        self._fakers = [Faker(locale) for locale in LOCALES]
        for number, one in enumerate(self._fakers):
            one.seed_instance(1000 * seed + number)
        self._words: dict[tuple[str, str], list[str]] = {}
        for one in documents:
            for span in one.spans:
                words = one.text[span.start : span.end]
                self._words.setdefault((span.type, _make(words)), []).append(words)
        self._makers: dict[str, Callable[[str], str]] = {
            "PERSON": self._person,
            "GPE": self._place,
            "ORGANIZATION": self._company,
            "STREET_ADDRESS": self._street,
            "TITLE": self._occupation,
            **dict.fromkeys(_NUMBERS, self._digits),
        }

    def __call__(self, document: Document, name: str) -> Document:
        """A copy of a sentence; ``name`` is put behind its id."""
        parts, spans, last, length = [], [], 0, 0
        for span in document.spans:
            before = document.text[last : span.start]
            words = self._other(document.text[span.start : span.end], span.type)
            parts += [before, words]
            start = length + len(before)
            length = start + len(words)
            spans.append(Span(start, length, span.type))
            last = span.end
        text = "".join([*parts, document.text[last:]])
        return Document(document.id + name, text, tuple(spans), subject=document.subject)

    def _other(self, words: str, kind: str) -> str:
        known = self._words[kind, _make(words)]
        maker = self._makers.get(kind)
        if maker is None or self._random.random() < 0.3:
            return known[int(self._random.integers(len(known)))]
        made = maker(words).strip()
        if words.isupper():
            made = made.upper()
        elif words.islower():
            made = made.lower()
        return made or words

    def _faker(self) -> Faker:
        return self._fakers[int(self._random.integers(len(self._fakers)))]

    def _person(self, words: str) -> str:
        faker, many = self._faker(), len(words.split())
        if many == 1:
            return faker.first_name() if self._random.random() < 0.75 else faker.last_name()
        middle = f" {self._letter()}." if many > 2 else ""
        return f"{faker.first_name()}{middle} {faker.last_name()}"

    def _place(self, words: str) -> str:
        faker = self._faker()
        return self._fakers[0].country() if self._random.random() < 0.4 else faker.city()

    def _company(self, words: str) -> str:
        return self._faker().company()

    def _occupation(self, words: str) -> str:
        return words if len(words) < 5 else self._fakers[0].job().split(",")[0]

    def _street(self, words: str) -> str:
        """Digits alone stay digits; of the rest the words that hold no digit are a street's."""
        if not re.search(r"[^\W\d_]{3}", words) or "\n" in words:
            return self._digits(words)
        faker = self._faker()
        if not re.search(r"\d", words):
            return faker.street_name()
        if len(words.split()) > 4:
            return self._digits(words)
        number = self._digits(re.search(r"\d+", words)[0])  # type: ignore[index]
        street = faker.street_name()
        return f"{number} {street}" if words[0].isdigit() else f"{street} {number}"

    def _letter(self) -> str:
        return _LETTERS[int(self._random.integers(len(_LETTERS)))]

    def _digits(self, words: str) -> str:
        return re.sub(r"\d", lambda _: str(self._random.integers(10)), words)


def _make(words: str) -> str:
    """What a value is made of, coarsely: digits, letters, lines, how many words."""
    digit, letter = re.search(r"\d", words), re.search(r"[^\W\d_]", words)
    kinds = ("d" if digit else "") + ("l" if letter else "")
    marks = ("n" if "\n" in words else "") + ("." if words.endswith(".") else "")
    return f"{kinds}{min(4, len(words.split()))}{marks}"
