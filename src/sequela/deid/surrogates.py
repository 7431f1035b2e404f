"""Other names, numbers and places in place of the found ones: the same for the same each time.

What stands for what is computed from a secret key, the patient and the words, and kept nowhere: so
that several processes, and a run that was broken off, agree without a table of names.
"""

from __future__ import annotations

import functools
import hashlib
import hmac
import re
from collections.abc import Sequence

from sequela.deid.rules import NAME_LABELS
from sequela.errors import MissingDependencyError, install_line

__all__ = ["TITLES", "Surrogates", "code"]


def code(key: bytes, *parts: str) -> bytes:
    """32 bytes that nobody can foretell without the key: HMAC-SHA256 over the parts."""
    message = b"".join(len(part.encode()).to_bytes(8, "big") + part.encode() for part in parts)
    return hmac.new(key, message, hashlib.sha256).digest()


TITLES = frozenset(
    (
        *("dr", "mr", "mrs", "ms", "miss", "mx", "prof", "md", "phd", "jr", "sr", "ii"),
        *("iii", "iv"),
    )
)
"""Words beside a name that stay."""
_NUMBERS = (
    *("PHONE", "FAX", "SSN", "MEDICALRECORD", "HEALTHPLAN", "ACCOUNT", "LICENSE", "VEHICLE"),
    *("DEVICE", "BIOID", "IDNUM", "ID", "USERNAME", "ROOM"),
)
_FEW = 20
# How Faker calls what stands for a place.
_PLACES = {
    "CITY": "city",
    "STREET": "street_address",
    "STATE": "state",
    "COUNTRY": "country",
    "ORGANIZATION": "company",
    "PROFESSION": "job",
}


class Surrogates:
    """Surrogates of one key.

    Args:
        key: secret; with another key everything is replaced by something else.

    Raises:
        MissingDependencyError: Faker is not installed.
    """

    def __init__(self, key: bytes):
        self._key = key
        self._faker = _faker()

    def make(self, label: str, words: str, person: str) -> str | None:
        """What stands for the words.

        Args:
            label: of what they are.
            words: as found.
            person: the patient; the same words stand for the same within one.

        Returns:
            None where there is no surrogate for such a label.
        """
        if label in NAME_LABELS:
            return re.sub(r"[^\W_]+", lambda found: self._word(found[0], person), words)
        if label in _NUMBERS:
            return self._number(label, words, person)
        draw = self._draw(label, re.sub(r"\s+", " ", words).casefold(), person)
        if label == "EMAIL":
            return f"{self._pick(_pools()[2], draw).lower()}.{draw[8:11].hex()}@example.com"
        if label == "URL":
            return f"https://www.example.com/{draw[:4].hex()}"
        if label == "IPADDR":
            return f"192.0.2.{1 + draw[0] % 254}"
        if label == "HOSPITAL":
            return f"{self._pick(_pools()[2], draw)} Hospital"
        if label not in _PLACES:
            return None
        self._faker.seed_instance(int.from_bytes(draw[:8], "big"))
        return str(getattr(self._faker, _PLACES[label])()).replace("\n", ", ")

    def _draw(self, kind: str, words: str, person: str) -> bytes:
        return code(self._key, "surrogate", kind, words, person)

    @staticmethod
    def _pick(names: Sequence[str], draw: bytes) -> str:
        return names[int.from_bytes(draw[:8], "big") % len(names)]

    def _word(self, word: str, person: str) -> str:
        """Another name: of the same gender, where the name tells it, and with the same initial."""
        low = word.lower()
        if len(word) == 1 or low in TITLES:
            return word
        men, women, families = _pools()
        pools = [pool for pool, known in ((men, _known()[0]), (women, _known()[1])) if low in known]
        # A name of both genders gets one of both, if there is one.
        both = sorted(set.intersection(*map(set, pools))) if pools else families
        initial = word[0].upper()
        alike = [name for name in both if name[0] == initial]
        # Of few the same name comes out again and again, and tells the one that it stands for.
        chosen = self._other(alike if len(alike) >= _FEW else both, low, person)
        return chosen.upper() if word.isupper() else chosen.lower() if word.islower() else chosen

    def _other(self, names: Sequence[str], low: str, person: str) -> str:
        """One of the names, from a place by chance the next that is not nearly the same."""
        start = int.from_bytes(self._draw("NAME", low, person)[:8], "big") % len(names)
        turned = (*names[start:], *names[:start])
        return next(name for name in turned if _far(name.lower(), low))

    def _number(self, label: str, words: str, person: str) -> str:
        """Digits for digits and letters for letters; no telephone or SSN that is anybody's."""
        signs = [place for place, each in enumerate(words) if each.isalnum()]
        plain = "".join(words[place] for place in signs).casefold()
        draw = hashlib.shake_256(self._draw(label, plain, person)).digest(len(signs) + 1)
        made = list(words)
        for place, byte in zip(signs, draw, strict=False):
            first, count = ("0", 10) if words[place].isdigit() else ("a", 26)
            letter = chr(ord(first) + byte % count)
            made[place] = letter.upper() if words[place].isupper() else letter
        digits = [place for place in signs if words[place].isdigit()]
        if label == "SSN" and len(digits) == 9:
            _put(made, digits[:3], "000")
        if label in ("PHONE", "FAX") and len(digits) >= 7:
            last = digits[-7:] if len(digits) <= 11 else digits[3:10]
            _put(made, last[:5], "55501")
        return "".join(made)


def _far(one: str, other: str) -> bool:
    """Whether two names are three letters or more apart, and neither begins with the other."""
    if one.startswith(other) or other.startswith(one):
        return False
    row = list(range(len(other) + 1))
    for number, letter in enumerate(one, 1):
        last, row[0] = row[0], number
        for place, another in enumerate(other, 1):
            change = last + (letter != another)
            last, row[place] = row[place], min(row[place] + 1, row[place - 1] + 1, change)
    return row[-1] >= 3


def _put(made: list[str], places: Sequence[int], digits: str) -> None:
    for place, digit in zip(places, digits, strict=True):
        made[place] = digit


def _missing() -> MissingDependencyError:
    return MissingDependencyError("surrogates", got="no Faker", todo=f"Run: {install_line('deid')}")


def _faker():
    try:
        from faker import Faker
    except ImportError:
        raise _missing() from None
    return Faker("en_US")


@functools.cache
def _pools() -> tuple[list[str], list[str], list[str]]:
    """First names of men and of women, and surnames; each one word of plain letters."""
    from faker.providers.person.en_US import Provider

    listed = (Provider.first_names_male, Provider.first_names_female, Provider.last_names)
    men, women, families = (
        [name for name in sorted(names) if re.fullmatch("[A-Z][a-z]+", name)] for names in listed
    )
    return men, women, families


@functools.cache
def _known() -> tuple[frozenset[str], frozenset[str]]:
    men, women, _ = _pools()
    return frozenset(name.lower() for name in men), frozenset(name.lower() for name in women)
