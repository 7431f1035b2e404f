"""Sentences with choices in them: ``[one|two|]`` is one of these, and choices may hold choices."""

from __future__ import annotations

import re

import numpy as np

__all__ = ["expanded", "patterns"]

_CHOICE = re.compile(r"\[([^\[\]]*)\]")


def patterns(text: str) -> tuple[str, ...]:
    """The patterns of a text, one a line; a line that begins with blanks goes on the one before."""
    return tuple(re.sub(r"\n +", " ", text.strip()).split("\n"))


def expanded(pattern: str, random: np.random.Generator) -> str:
    r"""One of the sentences of a pattern; ``\n`` and ``\t`` in it become white space."""

    def one(match: re.Match[str]) -> str:
        choices = match[1].split("|")
        return choices[int(random.integers(len(choices)))]

    count = 1
    while count:
        # The innermost ones first.
        pattern, count = _CHOICE.subn(one, pattern)
    return pattern.replace("\\n", "\n").replace("\\t", "\t")
