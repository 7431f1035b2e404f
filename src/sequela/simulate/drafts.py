"""Training notes before names are filled in: put together of passages, no two alike.

A model that reads a handful of templates learns the templates. So each note is assembled: a head,
lines of keys and values, paragraphs under headings in which what identifies stands between ordinary
sentences, an end.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TypeVar

import numpy as np

from sequela.simulate import passages, patterns
from sequela.simulate.cues import HELD_OUT, cues
from sequela.simulate.prose import LISTS, PROSE
from sequela.simulate.wording import expanded
from sequela.simulate.written_notes import sentences

__all__ = ["draft", "pick"]

_Any = TypeVar("_Any")
#: The share of sentences that come from whole notes (:mod:`sequela.simulate.written_notes`).
_WRITTEN = 0.3


def pick(random: np.random.Generator, choices: Sequence[_Any]) -> _Any:
    """One of the choices, each as likely."""
    return choices[int(random.integers(len(choices)))]


def draft(random: np.random.Generator) -> str:
    """A note with places for what is filled in, see :mod:`sequela.simulate.phrases`.

    It holds no cue of the notes for tuning and testing (:mod:`sequela.simulate.cues`).
    """
    text = _draft(random)
    while not cues(text).isdisjoint(HELD_OUT):
        text = _draft(random)
    return text


def _draft(random: np.random.Generator) -> str:
    chance = random.random()
    if chance < 0.06:
        return _ordinary(random)
    lines = _lines(random)
    for _ in range(random.integers(1, 5)):
        lines.append(_paragraph(random))
        if random.random() < 0.2:
            lines.append(_line(random))
    if random.random() < 0.7:
        lines.append(_one(random, passages.ENDS, patterns.ENDS, 0.6))
    return pick(random, ["\n", "\n", "\n\n", "\r\n"]).join(lines)


def _ordinary(random: np.random.Generator) -> str:
    """Of notes some hold nothing that identifies, and begin anywhere."""
    lines = [_sentences(random, 0.0) for _ in range(random.integers(1, 5))]
    return pick(random, ["\n", "\n\n", " ", "  "]).join(lines)


def _lines(random: np.random.Generator) -> list[str]:
    lines = [_one(random, passages.HEADS, patterns.HEADS, 0.5)] * (random.random() < 0.85)
    count = int(random.integers(0, 8))
    if random.random() < 0.5:
        return lines + [_line(random) for _ in range(count)]
    # Several keys on one line, apart by blanks, bars or commas.
    between = pick(random, ["  ", "    ", " | ", ", ", "; ", " / ", "\t", " "])
    while count > 0:
        some = int(random.integers(1, 4))
        lines.append(between.join(_line(random) for _ in range(some)))
        count -= some
    return lines


def _line(random: np.random.Generator) -> str:
    return _one(random, passages.LINES, patterns.LINES, 0.7)


def _paragraph(random: np.random.Generator) -> str:
    if random.random() < 0.12:
        text = expanded(pick(random, LISTS), random)
    else:
        # Some paragraphs are full of what identifies, most have little of it.
        text = _sentences(random, pick(random, [0.15, 0.35, 0.35, 0.6, 0.9]))
    if random.random() < 0.35:
        return text
    head = pick(random, passages.HEADINGS)
    head = pick(random, [head, head, head.upper(), head.title(), head.lower()])
    return head + pick(random, [": ", ":", ":\n", " - ", "\n", "> ", ".  "]) + text


def _sentences(random: np.random.Generator, share: float) -> str:
    """Some sentences, of which a share has something that identifies."""
    found = []
    for _ in range(random.integers(1, 8)):
        if random.random() < share:
            some = sentences()[1] if random.random() < _WRITTEN else passages.SENTENCES
            text = _one(random, some, patterns.SENTENCES, 0.5)
        else:
            some = sentences()[0] if random.random() < _WRITTEN else PROSE
            text = expanded(pick(random, some), random)
        # Most sentences begin with a capital.
        if text.startswith("{") and random.random() < 0.9:
            text = text[0] + text[1].upper() + text[2:]
        found.append(text)
    between = pick(random, [" ", " ", " ", "\n", "  ", "  ", "\r\n"])
    text = between.join(found)
    if random.random() < 0.1:
        # Noted in a hurry: no full stops, no capitals.
        text = re.sub(r"\.(?=\s|$)", pick(random, ["", ",", ";", " -"]), text)
    return text


def _one(
    random: np.random.Generator, plain: Sequence[str], many: Sequence[str], share: float
) -> str:
    """One of the plain ones, or of those that stand for many with a chance of ``share``."""
    while True:
        drawn = pick(random, many) if random.random() < share else pick(random, plain)
        text = expanded(drawn, random)
        if cues(text).isdisjoint(HELD_OUT):
            return text
