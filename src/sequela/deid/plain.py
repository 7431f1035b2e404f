"""A text as a reader sees it: nothing unseen in it, and look-alikes as the plain characters.

``6\\u200b17-555-1234`` is a telephone number to whoever reads it, and so are wide digits and a dash
from another block. What looks for something looks at a view of the text, and places in the view are
turned into places of the text, which itself is never changed.
"""

from __future__ import annotations

import re
import unicodedata
from array import array
from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass, field

__all__ = ["WORD", "View", "plain", "views"]


@dataclass(frozen=True)
class View:
    """A text to look at.

    Args:
        text: what is seen.
        source: the unchanged text.
        gaps: of each character that was left out, how many of those that stayed stand before it.
    """

    text: str = field(repr=False)
    source: str = field(repr=False)
    gaps: Sequence[int] = field(default=(), repr=False)

    def place(self, start: int, end: int) -> tuple[int, int]:
        """Where a piece of the view stands in the unchanged text, with the marks upon its end."""
        if not self.gaps:
            return start, end
        first = start + bisect_right(self.gaps, start)
        last = end + bisect_right(self.gaps, end - 1)
        while last < len(self.source) and unicodedata.category(self.source[last])[0] == "M":
            last += 1
        return first, last


# White space is seen, whatever its class: tabs, line ends, separators of files.
_CONTROL = re.compile(r"[\x00-\x08\x0e-\x1b\x7f]")
# What sets colours on a terminal; only its first character is unseen by itself.
_COLOUR = re.compile(r"\x1b\[[0-9;?]{0,12}[A-Za-z]")
_UNSEEN_LETTERS = frozenset("\u115f\u1160\u3164\uffa0\u2800\u17b4\u17b5")
# Accents and overlays that stand on any letter; the vowel signs of other scripts are letters.
_ACCENTS = (
    *((0x300, 0x36F), (0x483, 0x489), (0x1AB0, 0x1AFF), (0x1DC0, 0x1DFF), (0x20D0, 0x20FF)),
    *((0xFE00, 0xFE0F), (0xFE20, 0xFE2F), (0xE0100, 0xE01EF)),
)
#: Blocks with signs that belong to the letter before them: vowels of Devanagari, Thai, Hebrew ...
_SIGNED = ((0x0300, 0x2100), (0xA660, 0xAC00), (0x10A00, 0x12000), (0x1E000, 0x1E950))
_SIGNS = "".join(
    chr(point)
    for low, high in _SIGNED
    for point in range(low, high)
    if unicodedata.category(chr(point))[0] == "M"
)
WORD = f"(?:[^\\W\\d_][{_SIGNS}]*)+"
"""An expression for letters in a row, each with the signs upon it."""

_ALIKE = dict(
    zip(
        "АВЕКМНОРСТУХІЈЅԚԜаеорсухіјѕԁһԛԝΑΒΕΖΗΙΚΜΝΟΡΤΥΧοօıɑɡ\u2010\u2011\u2012\u2013\u2212\u2044\u2215\u2024\u2236\u02b9\u02bb\u02bc\u02bd\u02c8",
        "ABEKMHOPCTYXIJSQWaeopcyxijsdhqwABEZHIKMNOPTYXooiag-----//.:'''''",
        strict=True,
    )
)
_SAME_SIGN = ("<wide>", "<narrow>", "<font>", "<small>", "<noBreak>")


def _seen(character: str) -> str:
    """What a reader sees of a character: one character, or nothing."""
    kind = unicodedata.category(character)
    if character.isspace():
        return " " if kind == "Zs" else character
    if kind in ("Cf", "Cc") or character in _UNSEEN_LETTERS:
        return ""
    if kind in ("Mn", "Me") and any(low <= ord(character) <= high for low, high in _ACCENTS):
        return ""
    if kind == "Nd":
        return str(unicodedata.decimal(character))
    if character in _ALIKE:
        return _ALIKE[character]
    if unicodedata.decomposition(character).startswith(_SAME_SIGN):
        same = unicodedata.normalize("NFKC", character)
        return same if len(same) == 1 else character
    return character


class _Table(dict[int, str]):
    """Fills itself with the characters that it is asked for."""

    def __missing__(self, point: int) -> str:
        self[point] = found = _seen(chr(point))
        return found


_TABLE = _Table()


def plain(text: str) -> View:
    """The text as it is seen; what is unseen parts nothing."""
    if text.isascii() and not _CONTROL.search(text):
        return View(text, text)
    bare = _bare(text)
    seen = bare.translate(_TABLE)
    if len(seen) == len(text):
        return View(seen, text)
    unseen = "".join(one for one in set(bare) if not _TABLE[ord(one)])
    places = (match.start() for match in re.finditer(f"[{re.escape(unseen)}]", bare))
    gaps = array("q", (place - before for before, place in enumerate(places)))
    return View(seen, text, gaps)


def _bare(text: str) -> str:
    """The text with unseen characters throughout what sets colours."""
    return _COLOUR.sub(lambda match: "\x1b" * len(match[0]), text) if "\x1b" in text else text


def views(text: str) -> list[View]:
    """The text as it is seen, and where something is unseen, once more with blanks in its place.

    Nobody knows whether an unseen character parts two words or stands within one.
    """
    first = plain(text)
    if not first.gaps:
        return [first]
    blanks = "".join(_TABLE[ord(one)] or " " for one in _bare(text))
    return [first, View(blanks, text)]
