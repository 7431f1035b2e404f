"""Words around places, by which training notes are kept apart from those for tuning and testing.

A cue is a place with two words beside it: both before, both behind, or one on each side, whatever
the case, the punctuation and places that do not identify. A draft of a training note never holds
one that stands in a template of another part: a model has to find what identifies there without
having read these words. (Words that fill a place can make one, which is rare: one in 700 notes.)
One word beside a place, such as "by" or "Dr.", is no cue, and is shared.
"""

from __future__ import annotations

import re

from sequela.simulate.phrases import TEMPLATES

__all__ = ["HELD_OUT", "cues"]

_WORD = re.compile(r"\{\w+\}|[a-z]+")


def cues(text: str) -> set[tuple[str, str, str]]:
    """The cues of a draft or template, in small letters; only places that identify have some."""
    # Which places identify is written in their case.
    words = _WORD.findall(re.sub(r"\{[a-z]\w*\}|\{[A-Z][a-z]\w*\}", "{}", text).lower())
    found = zip(words, words[1:], words[2:], strict=False)
    return {row for row in found if sum(one[0] == "{" for one in row) == 1}


HELD_OUT: frozenset[tuple[str, str, str]] = frozenset(
    cue
    for part, templates in TEMPLATES.items()
    if part != "train"
    for one in templates
    for cue in cues(one)
)
"""Those of the templates for tuning and testing."""
