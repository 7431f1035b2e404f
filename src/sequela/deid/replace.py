"""What is written in place of what was found; on any failure a tag, never the text itself."""

from __future__ import annotations

import re
import unicodedata
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date
from itertools import accumulate

from sequela.deid.everyday import EVERYDAY
from sequela.deid.found import KEEPING, Finder, Found
from sequela.deid.note_dates import NoteDates, read_dates
from sequela.deid.people import is_age
from sequela.deid.phrases import Phrases, Runs
from sequela.deid.plain import plain
from sequela.deid.rules import NAME_LABELS, Names, find
from sequela.deid.shift import pooled_age, shifted, year_alone, zip3
from sequela.deid.surrogates import TITLES, Surrogates, code
from sequela.errors import ConfigError, nearest
from sequela.notes import Document

__all__ = ["MODES", "MOVING", "WITHHELD", "Cleaned", "Replacer", "clean", "person_of"]

MODES = ("tag", "mask", "remove", "surrogate", "hash", "shift-dates")
MOVING = ("surrogate", "shift-dates")
"""Those of them that move dates."""

WITHHELD = "[WITHHELD]"
"""What stands for a whole document in which nothing could be looked for."""

# Weeks: the day of the week stays right, and a month is never moved onto itself.
_WEEKS = [*range(-47, -4), *range(5, 48)]


@dataclass(frozen=True)
class Cleaned:
    """A document after replacement.

    Args:
        text: what may be written.
        done: each piece of the old text, and what stands for it.
        spans: start, end and label of each piece of the new text that stands for something.
        again: places where the output still held what was found elsewhere, and now holds a tag.
        withheld: the search failed, and the text is :data:`WITHHELD`.
        against_order: dates of it are not in the order that was asked for, or in both.
    """

    text: str = field(repr=False)
    done: tuple[tuple[Found, str], ...] = field(default=(), repr=False)
    spans: tuple[tuple[int, int, str], ...] = field(default=(), repr=False)
    again: int = 0
    withheld: bool = False
    against_order: bool = False


class Replacer:
    """What stands for what, in one mode and with one key.

    Args:
        mode: ``tag`` writes [DATE]; ``mask`` a star for each letter and digit; ``remove`` nothing;
            ``hash`` a tag with a code, the same for the same words; ``shift-dates`` tags, but dates
            moved by the same number of weeks throughout a patient, ages over 89 pooled and ZIP
            codes cut; ``surrogate`` the same with other names and numbers in place of tags.
        key: secret; surrogates, codes and shifts follow from it.
        safe_harbor: of dates the year alone, ages over 89 pooled, ZIP codes cut to three digits.
        day_first: 3/4/2012 is 3 April, unless another date of the patient says otherwise.

    Raises:
        ConfigError: no such mode, a mode that is not Safe Harbor with ``safe_harbor``, a short key.
        MissingDependencyError: surrogates without Faker.
    """

    def __init__(
        self, mode: str, key: bytes, *, safe_harbor: bool = False, day_first: bool = False
    ):
        if mode not in MODES:
            raise ConfigError(f"mode '{mode}'", got="no such mode", todo=nearest(mode, MODES))
        if safe_harbor and mode in ("surrogate", "hash", "shift-dates"):
            raise ConfigError(
                f"mode '{mode}' with safe-harbor",
                got="names, codes or dates that are made from the patient's own",
                wanted="tag, mask or remove",
            )
        if len(key) < 16:
            raise ConfigError("the key", got=f"{len(key)} bytes", wanted="16 or more")
        self.mode, self.safe_harbor, self.day_first, self._key = mode, safe_harbor, day_first, key
        self._surrogates = Surrogates(key) if mode == "surrogate" else None
        self.this_year = date.today().year

    def shift_of(self, person: str) -> int:
        """By how many days the dates of a patient are moved: 5 to 47 weeks, back or forth."""
        number = int.from_bytes(code(self._key, "shift", person)[:8], "big")
        return 7 * _WEEKS[number % len(_WEEKS)]

    def pseudonym(self, person: str) -> str:
        """A code that stands for a patient."""
        return code(self._key, "subject", person)[:8].hex()

    def replacement(self, document: Document, span: Found, when: NoteDates) -> str:
        """What is written for a piece of a document; a tag where nothing else can be.

        Args:
            document: with the text and the patient.
            span: in it.
            when: how the dates of the document are read.
        """
        written = document.text[span.start : span.end]
        try:
            words = plain(written).text
            made = self._made(document, span, words, when)
            same = made in (written, words) and not _allowed(span.label, words)
        except Exception:
            made, same = None, True
        return f"[{span.label}]" if made is None or same else made

    def _made(self, document: Document, span: Found, words: str, when: NoteDates) -> str | None:
        moving = self.mode in MOVING
        person, label = person_of(document), span.label
        if label in KEEPING and (moving or self.safe_harbor):
            return self._kept(document, span, words, when)
        if self.mode == "mask":
            return "".join("*" if unicodedata.category(one)[0] in "LMN" else one for one in words)
        if self.mode == "remove":
            return ""
        if self.mode == "hash":
            plain = re.sub(r"\W+", " ", words).casefold()
            return f"[{label}-{code(self._key, 'hash', label, plain)[:6].hex()}]"
        if self._surrogates is not None:
            return self._surrogates.make(label, words, person)
        return None

    def _kept(self, document: Document, span: Found, words: str, when: NoteDates) -> str | None:
        """What leaves a part of the words: only where more than a model says what they are."""
        if span.label == "AGE":
            sure = span.by == "rule" or is_age(document.text, span.start, span.end)
            pooled = pooled_age(words)
            # Of a number of 90 or more nothing is kept.
            return pooled if sure or pooled != words else None
        if span.label == "ZIP":
            return zip3(words) if span.by == "rule" else None
        if self.safe_harbor:
            # Whoever was young when the note was written may be over 89 by now.
            sure = span.by == "rule"
            return year_alone(words, latest=when.year, today=self.this_year) if sure else None
        return shifted(
            words,
            self.shift_of(person_of(document)),
            day_first=when.day_first,
            year=when.year,
            year_stays=span.by == "rule",
        )


def person_of(document: Document) -> str:
    """Whom surrogates and shifts follow; a document of nobody known is a patient of its own."""
    if document.subject is not None:
        return f"subject {document.subject}"
    return f"document {document.id}"


def _allowed(label: str, words: str) -> bool:
    # An age of 89 or less may stay as it is.
    return label == "AGE" and pooled_age(words) == words


def clean(
    document: Document,
    replacer: Replacer,
    *,
    names: Names | None = None,
    model: Finder | None = None,
    orders: frozenset[bool] = frozenset(),
) -> Cleaned:
    """Finds and replaces; what fails is withheld, what was found is looked for once more.

    Args:
        document: one note.
        replacer: says what is written.
        names, model: as of :func:`sequela.deid.find`.
        orders: of :func:`sequela.deid.note_dates.orders_in` all notes of the patient.
    """
    try:
        found = find(document, names=names, model=model)
        return _replaced(document, found, replacer, orders)
    except Exception:
        return Cleaned(WITHHELD, withheld=True)


def _replaced(
    document: Document, found: Sequence[Found], replacer: Replacer, orders: frozenset[bool]
) -> Cleaned:
    when = read_dates(
        document,
        found,
        this_year=replacer.this_year,
        day_first=replacer.day_first,
        whole_years=replacer.safe_harbor,
        orders=orders,
    )
    originals = _word_set(document, found)
    done, places, last = [], [], 0
    parts: list[str] = []
    length = 0
    for span in found:
        made = replacer.replacement(document, span, when)
        # A surrogate must not be the name of anybody in the same document.
        if replacer.mode == "surrogate" and (_words(made) - TITLES) & originals:
            made = f"[{span.label}]"
        before = document.text[last : span.start]
        parts += [before, made]
        length += len(before)
        places.append((length, length + len(made)))
        length += len(made)
        done.append((span, made))
        last = span.end
    text = "".join([*parts, document.text[last:]])
    hits = list(_remainders(text, places, document, found))
    spans = [(*place, span.label) for place, (span, _) in zip(places, done, strict=True)]
    parts, last = [], 0
    for start, end in hits:
        parts += [text[last:start], _AGAIN]
        last = end
    text = "".join([*parts, text[last:]])
    return Cleaned(
        text, tuple(done), tuple(_moved(spans, hits)), len(hits), against_order=when.against
    )


def _words(text: str) -> set[str]:
    return {word.casefold() for word in re.findall(r"[^\W_]{2,}", plain(text).text)}


def _word_set(document: Document, found: Sequence[Found]) -> set[str]:
    named = (one for one in found if one.label in NAME_LABELS)
    return {word for one in named for word in _words(document.text[one.start : one.end])}


_AGAIN = "[PHI]"
# An age or a short number says nothing outside its place, and may be any other number.
_SHORTEST = 5


_YEAR = re.compile(r"(?:19|20)\d\d$")


def _small_names(document: Document, found: Sequence[Found]) -> Iterator[str]:
    """Words of names that are looked for in small letters, too."""
    for one in found:
        if one.label in NAME_LABELS:
            for word in re.findall(
                r"[^\W\d_][\w'\u2019-]*", plain(document.text[one.start : one.end]).text
            ):
                letters = re.sub(r"\W", "", word)
                # What was doubtful and written small may be any word.
                sure = one.score >= 0.9
                long = len(letters) >= (3 if sure else 4) and (sure or not word[0].islower())
                if long and letters.casefold() not in EVERYDAY:
                    yield letters


def _remainders(
    text: str, places: Sequence[tuple[int, int]], document: Document, found: Sequence[Found]
) -> Iterator[tuple[int, int]]:
    """Where the output still holds what was found; apart from each other and in order.

    What lies inside one replacement is no remainder: a shifted date may be another day's date.
    """
    called = [document.text[one.start : one.end] for one in found if one.label in NAME_LABELS]
    times, numbers, short = [], [], []
    for one in found:
        words = document.text[one.start : one.end]
        size = sum(map(str.isalnum, words))
        if one.label in ("DATE", "AGE") and size >= _SHORTEST:
            times.append(words)
        elif one.label not in (*NAME_LABELS, "DATE", "AGE"):
            if size >= _SHORTEST:
                numbers.append(words)
            elif size == _SHORTEST - 1 and re.search(r"\d", words) and not _YEAR.match(words):
                short.append(words)
    hits = sorted(
        {
            *Phrases([*times, *short]).find(text),
            *Runs([*numbers, *_small_names(document, found)]).find(text),
            *((one.start, one.end) for one in Names(called).find(text)),
        }
    )
    last, place = 0, 0
    for start, end in hits:
        while place < len(places) and places[place][1] < end:
            place += 1
        inside = place < len(places) and places[place][0] <= start
        if inside or end <= last:
            continue
        yield max(start, last), end
        last = end


def _moved(
    spans: Sequence[tuple[int, int, str]], hits: Sequence[tuple[int, int]]
) -> list[tuple[int, int, str]]:
    """The spans and the remainders where they stand once each remainder is a tag."""
    ends = [behind for _, behind in hits]
    gains = [0, *accumulate(len(_AGAIN) - behind + first for first, behind in hits)]

    def there(place: int) -> int:
        return place + gains[bisect_right(ends, place)]

    made = [(there(first), there(first) + len(_AGAIN), _AGAIN[1:-1]) for first, _ in hits]
    for start, end, label in spans:
        # No remainder lies inside a span, so that each can only cut off one of its ends.
        at = bisect_right(ends, start)
        if at < len(hits) and hits[at][0] <= start:
            start, at = hits[at][1], at + 1
        if at < len(hits) and hits[at][0] < end:
            end = hits[at][0]
        if start < end:
            made.append((there(start), there(end), label))
    return sorted(made)
