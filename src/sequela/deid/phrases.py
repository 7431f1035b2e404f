"""Given names and words, looked for in a text all at once, in time that grows with the text."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Iterator

from sequela.deid.plain import WORD, View, plain, views

__all__ = ["Phrases", "Runs"]

# Smith01 is a name with a number glued to it.
_WORD = re.compile(rf"{WORD}|\d+")
_ASCII = re.compile(r"[^\W\d_]+|\d+")
# Accents, and the points of Hebrew and Arabic, which most writers leave out.
_MARKS = re.compile("[\u0300-\u036f\u0591-\u05c7\u064b-\u065f\u0670]")
_LONGEST = 24
_GAP = 4
# So long a beginning tells a run from all others; one of megabytes has as many beginnings.
_TOLD = 256


def _key(word: str) -> str:
    """A word without case, accents and points."""
    if word.isascii():
        return word.lower()
    return _MARKS.sub("", unicodedata.normalize("NFKD", word)).casefold()


def _words(text: str) -> list[tuple[int, int, str]]:
    """Start, end and key of each word and number."""
    found = (_ASCII if text.isascii() else _WORD).finditer(text)
    return [(one.start(), one.end(), _key(one[0])) for one in found]


class Phrases:
    """Words in a row, each found wherever it stands: whatever case, accents and line ends.

    Texts and phrases are read as :mod:`sequela.deid.plain` says.

    Args:
        phrases: those without a letter or digit, and words beyond the 24th, are left out.
    """

    def __init__(self, phrases: Iterable[str]):
        self._tree: dict = {}
        for phrase in phrases:
            at = self._tree
            words = [key for _, _, key in _words(plain(phrase).text)][:_LONGEST]
            for word in words:
                at = at.setdefault(word, {})
            if words:
                at[None] = True

    def __bool__(self) -> bool:
        """Whether there is any phrase."""
        return bool(self._tree)

    def find(self, text: str) -> Iterator[tuple[int, int]]:
        """Start and end of each place, the longest phrase from each word; they may overlap."""
        if not self._tree:
            return
        seen = views(text)
        places = (place for view in seen for place in self._within(view))
        yield from places if len(seen) == 1 else sorted(set(places))

    def _within(self, view: View) -> Iterator[tuple[int, int]]:
        words = _words(view.text)
        for first, (start, _, key) in enumerate(words):
            at, end = self._tree.get(key), None
            place = first
            while at is not None:
                if None in at:
                    end = words[place][1]
                place += 1
                # Words far apart are no phrase.
                if place == len(words) or words[place][0] - words[place - 1][1] > _GAP:
                    break
                at = at.get(words[place][2])
            if end is not None:
                yield view.place(start, end)


class Runs:
    """Letters and digits in a row, whatever parts them: QX-77-Q51 is qx77q51, O'Brien is obrien.

    Args:
        phrases: few, since each of their beginnings is kept; of each 256 letters and digits count.
    """

    def __init__(self, phrases: Iterable[str]):
        runs = ("".join(key for *_, key in _words(plain(each).text)) for each in phrases)
        self._whole = {run[:_TOLD] for run in runs}
        self._whole.discard("")
        self._begun = {each[:end] for each in self._whole for end in range(1, len(each) + 1)}

    def find(self, text: str) -> Iterator[tuple[int, int]]:
        """Start and end of the longest from each word or number; they may overlap."""
        if self._whole:
            places = (place for view in views(text) for place in self._within(view))
            yield from sorted(set(places))

    def _within(self, view: View) -> Iterator[tuple[int, int]]:
        words = _words(view.text)
        for first, (start, _, run) in enumerate(words):
            place, end = first, None
            while (told := run[:_TOLD]) in self._begun:
                end = words[place][1] if told in self._whole else end
                place += 1
                if len(run) >= _TOLD or place == len(words):
                    break
                if words[place][0] - words[place - 1][1] > _GAP:
                    break
                run += words[place][2]
            if end is not None:
                yield view.place(start, end)
