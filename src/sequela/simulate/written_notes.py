"""Whole notes as people write them, for simulated training notes, and what they are made of.

Notes of many trades and manners, in the files beside this one, apart by lines of four dashes.
Choices and places are written as in :mod:`sequela.simulate.patterns`. Sentences that hold a cue of
the templates for tuning and testing (:mod:`sequela.simulate.cues`) are left out.
"""

from __future__ import annotations

import re
from functools import lru_cache
from pathlib import Path

import numpy as np

from sequela.simulate.cues import HELD_OUT, cues
from sequela.simulate.lexicon import ODD, odd
from sequela.simulate.wording import expanded

__all__ = ["exchanged", "sentences", "written", "written_notes"]

_KINDS = tuple(ODD)
_FOLDER = Path(__file__).with_name("written")
_END = re.compile(r"(?<=[.?!;]) ")
_TELLING = re.compile(r"\{[A-Z]{2,}\}")
#: Characters beside a place that identifies in which no word is exchanged.
_NEAR = 30
#: Places, and plain words that may be others.
_WORD = re.compile(r"\{\w+\}|(?<![\w'/-])[A-Za-z][a-z]{3,}(?![\w'/-])")


@lru_cache(maxsize=1)
def written_notes() -> tuple[str, ...]:
    """All of them, with choices and places."""
    files = sorted(_FOLDER.glob("*.txt"))
    texts = [one for file in files for one in file.read_text("utf-8").strip().split("\n----\n")]
    return tuple(texts)


def written(random: np.random.Generator) -> str:
    """One of them, without the sentences that hold a cue of other parts."""
    notes = written_notes()
    while True:
        text = expanded(notes[int(random.integers(len(notes)))], random)
        lines = [" ".join(_allowed(_END.split(line))) for line in text.split("\n")]
        text = "\n".join(line for line in lines if line)
        if text and cues(text).isdisjoint(HELD_OUT):
            return text


def exchanged(random: np.random.Generator, text: str) -> str:
    """A draft with some of its plain words replaced by ordinary or made-up ones.

    No sentence can then be learnt by heart, and no word is a name because it is new. What stands
    near to a place that identifies stays, since it tells what the place holds.
    """
    share = (0.0, 0.05, 0.1, 0.2)[int(random.integers(4))]
    places = [(one.start() - _NEAR, one.end() + _NEAR) for one in _TELLING.finditer(text)]

    def other(match: re.Match[str]) -> str:
        word = match[0]
        if word[0] == "{" or random.random() >= share:
            return word
        if any(low < match.start() < high for low, high in places):
            return word
        if random.random() < 0.3:
            new = odd(random, _KINDS[int(random.integers(len(_KINDS)))]).lower()
        else:
            new = _words()[int(random.integers(len(_words())))]
        return new.capitalize() if word[0].isupper() else new

    return _WORD.sub(other, text)


@lru_cache(maxsize=1)
def _words() -> tuple[str, ...]:
    return tuple(sorted(set((_FOLDER / "words").read_text("utf-8").split())))


@lru_cache(maxsize=1)
def sentences() -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Lines and sentences, with choices: those without a place that identifies, those with one."""
    plain, telling = [], []
    for note in written_notes():
        for line in note.split("\n"):
            pieces = [line, *_END.split(line)] if len(line) < 200 else _END.split(line)
            for one in pieces:
                if one.count("[") != one.count("]") or not re.search("[A-Za-z]", one):
                    continue
                (telling if re.search(r"\{[A-Z]+\}", one) else plain).append(one)
    return tuple(dict.fromkeys(plain)), tuple(dict.fromkeys(telling))


def _allowed(pieces: list[str]) -> list[str]:
    return [one for one in pieces if cues(one).isdisjoint(HELD_OUT)]
