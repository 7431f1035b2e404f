"""Given names and words, looked for in a text all at once, in time that grows with the text."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Iterator

__all__ = ["Phrases"]

_UNSEEN = "\u00ad\u200b-\u200f\u2060\u2066-\u2069\u202a-\u202e\ufeff"
# A combining mark or an unseen character does not part a word.
_WORD = re.compile(rf"[^\W_](?:[^\W_]|[{_UNSEEN}\u0300-\u036f])*")
_LEFT_OUT = re.compile(rf"[{_UNSEEN}\u0300-\u036f]")
_LONGEST = 12
_GAP = 4


def _key(word: str) -> str:
    """A word without case, accents and unseen characters."""
    if word.isascii():
        return word.lower()
    return _LEFT_OUT.sub("", unicodedata.normalize("NFKD", word)).casefold()


class Phrases:
    """Words in a row, each found wherever it stands: whatever case, accents and line ends.

    Args:
        phrases: those without a letter or digit, and words beyond the twelfth, are left out.
    """

    def __init__(self, phrases: Iterable[str]):
        self._tree: dict = {}
        for phrase in phrases:
            at = self._tree
            words = [_key(word) for word in _WORD.findall(phrase)][:_LONGEST]
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
                yield start, end
