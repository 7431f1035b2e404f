"""Given names and words, looked for in a text all at once, in time that grows with the text."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Iterator

from sequela.deid.plain import View, plain, views

__all__ = ["Phrases"]

_WORD = re.compile(r"[^\W_]+")
_MARKS = re.compile("[\u0300-\u036f]")
_LONGEST = 12
_GAP = 4


def _key(word: str) -> str:
    """A word without case and accents."""
    if word.isascii():
        return word.lower()
    return _MARKS.sub("", unicodedata.normalize("NFKD", word)).casefold()


class Phrases:
    """Words in a row, each found wherever it stands: whatever case, accents and line ends.

    Texts and phrases are read as :mod:`sequela.deid.plain` says.

    Args:
        phrases: those without a letter or digit, and words beyond the twelfth, are left out.
    """

    def __init__(self, phrases: Iterable[str]):
        self._tree: dict = {}
        for phrase in phrases:
            at = self._tree
            words = [_key(word) for word in _WORD.findall(plain(phrase).text)][:_LONGEST]
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
        text = view.text
        words = [(match.start(), match.end(), _key(match[0])) for match in _WORD.finditer(text)]
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
