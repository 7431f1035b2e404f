"""Tokens of clinical text as places in it: the text itself is never changed.

The law: every character but white space is in one token, no token holds white space or is empty,
and tokens stand in order and never upon each other. So ``text[start:end]`` is a token, and a span
of anything that a person would mark begins and ends with one.

Words are runs of letters, with marks and with an apostrophe inside (``O'Brien``, ``don't``);
``'s`` behind a word is a token. Numbers are runs of digits. So dates, units, numbers of records and
words that were run together come apart where a span may end: ``12/03/2019`` has five tokens,
``5mg`` two, ``MRN12345`` two, ``Dr.Smith`` three, ``HISTORY:Patient`` three, ``JohnSmith`` two. A
capital begins a token only behind three letters, the last of them small: ``McDonald`` and ``mmHg``
stay whole. All else is a token for each character, but lines are one (``**``, ``----``, ``____``).
Invisible characters (zero width, direction) stay with the letters or digits before them.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from functools import cache

from sequela.errors import ConfigError

__all__ = ["tokenised", "windows"]

#: Letters before a capital that may begin a token of its own.
_BEFORE_CAPITAL = 3


@cache
def _pattern(ascii_only: bool) -> re.Pattern[str]:
    letters, digits = "[A-Za-z]+", "[0-9]+"
    if not ascii_only:
        # Marks and format characters are no letters to `re`: they are listed, once.
        points = map(chr, [*range(0x32400), *range(0xE0000, 0xE0200)])
        within = {"Mn", "Mc", "Me", "Cf"}
        marks = "".join(re.escape(one) for one in points if unicodedata.category(one) in within)
        # Bounded, so that a hostile line takes no more memory than its own length.
        letters = rf"[^\W\d_]+(?:[{marks}]+[^\W\d_]*){{0,1000}}"
        digits = rf"\d[\d{marks}]*"
    part = rf"(?:['’](?![sS](?!\w)){letters}){{0,9}}"
    return re.compile(rf"{letters}{part}|{digits}|['’][sS](?!\w)|([-_*=~#])\1*|\S")


def tokenised(text: str) -> list[tuple[int, int]]:
    """Start and end of each token, in characters of the text, in order."""
    found: list[tuple[int, int]] = []
    for match in _pattern(text.isascii()).finditer(text):
        start, end = match.span()
        word = match.group() if text[start].isalpha() else ""
        if len(word) > _BEFORE_CAPITAL and not (word[1:].islower() or word.isupper()):
            for cut in _capitals(word):
                found.append((start, match.start() + cut))
                start = match.start() + cut
        found.append((start, end))
    return found


def _capitals(word: str) -> Iterator[int]:
    """Where capitals begin a token."""
    begin = 0
    for place in range(_BEFORE_CAPITAL, len(word)):
        run = word[place - _BEFORE_CAPITAL : place]
        turns = word[place].isupper() and run[-1].islower() and run.isalpha()
        if turns and place - begin >= _BEFORE_CAPITAL:
            yield place
            begin = place


def windows(count: int, size: int, overlap: int) -> list[tuple[int, int]]:
    """Stretches that cover ``count`` tokens, each beginning within the one before.

    Args:
        count: of tokens; none gives no window.
        size: of tokens in a window.
        overlap: tokens that two neighbours share; the last window may share more.

    Raises:
        ConfigError: an overlap that leaves no way forward.
    """
    if not 0 <= overlap < size:
        raise ConfigError(
            "windows",
            got=f"{size} tokens, {overlap} of them shared",
            wanted="fewer shared than all",
        )
    if count <= size:
        return [(0, count)] if count else []
    starts = [*range(0, count - size, size - overlap), count - size]
    return [(start, start + size) for start in starts]
