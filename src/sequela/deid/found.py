"""What was found in a text, and one answer where several finders overlap."""

from __future__ import annotations

import heapq
import itertools
import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from sequela.notes import Document

__all__ = ["AFTER_WORDS", "KEEPING", "Finder", "Found", "lowered", "united"]

AFTER_WORDS = r"(?:(?<![^\W_])|(?<=[^\W\d_]{2}))"
"""For expressions of numbers: not within a number nor right behind the one letter of a code, but
behind a word that somebody glued to it. An underscore is a blank that somebody drew."""

Finder = Callable[[Document], Iterable[tuple[int, int, str, float]]]
"""A model as this room sees it: a document to start, end, label and score of each span."""

KEEPING = ("DATE", "AGE", "ZIP")
"""Labels of which some modes keep a part: a model that errs must not choose what is kept."""


@dataclass(frozen=True, order=True)
class Found:
    """A piece of a text that identifies.

    Args:
        start: the first character of the unchanged text.
        end: one behind the last.
        label: of what it is, in the words of i2b2 2014 ("DATE", "MEDICALRECORD").
        score: 0 to 1; of a rule, how much of it was checked.
        by: "rule", "list" or "model".
    """

    start: int
    end: int
    label: str
    score: float = 1.0
    by: str = "rule"


def lowered(text: str) -> str:
    """The text in lower case with every character in its place.

    A few letters have two characters in lower case; they stay as they are.
    """
    low = text.lower()
    if len(low) == len(text):
        return low
    return "".join(each if len(each.lower()) > 1 else each.lower() for each in text)


def united(text: str, found: Iterable[Found]) -> list[Found]:
    """One answer of all finders: in order, without overlap, and nothing found is left out.

    Spans of one label that overlap become one. Where labels overlap, each character goes to the
    span of the highest score, then the longest, then the first; what is left of the other stays
    found under its own label, unless it holds neither letter nor digit. What a model calls a date,
    an age or a ZIP code comes behind whatever else was found there, and a rule's keeps its edges.

    Args:
        text: of the document.
        found: in any order.

    Returns:
        Spans apart from each other, without blanks at their ends.
    """
    spans = _joined(found)
    edges = sorted({edge for span in spans for edge in (span.start, span.end)})
    waiting, place = sorted(spans), 0
    heap: list[tuple[bool, float, int, Found]] = []
    pieces: list[Found] = []
    for start, end in itertools.pairwise(edges):
        while place < len(waiting) and waiting[place].start <= start:
            span = waiting[place]
            heapq.heappush(heap, (_doubtful(span), -span.score, span.start - span.end, span))
            place += 1
        while heap and heap[0][3].end <= start:
            heapq.heappop(heap)
        if not heap:
            continue
        best = heap[0][3]
        if pieces and pieces[-1].end == start and _same(pieces[-1], best):
            start = pieces.pop().start
        pieces.append(Found(start, end, best.label, best.score, best.by))
    return list(_trimmed(text, pieces))


def _doubtful(span: Found) -> bool:
    return span.label in KEEPING and span.by == "model"


def _same(one: Found, other: Found) -> bool:
    # Spans of one label that merely touch stay two: only pieces of one span are put together.
    same = (one.label, one.score, one.by) == (other.label, other.score, other.by)
    return same and other.start < one.end


def _joined(found: Iterable[Found]) -> list[Found]:
    groups: dict[tuple[str, bool], list[Found]] = defaultdict(list)
    for span in sorted(found):
        # Words beside an age are read with it; those beside a date would hide it.
        same = groups[span.label, _doubtful(span) and span.label != "AGE"]
        last = same[-1] if same else None
        if last is not None and span.start < last.end:
            best = max(last, span, key=lambda one: (not _doubtful(one), one.score))
            end = max(last.end, span.end)
            same[-1] = Found(last.start, end, span.label, best.score, best.by)
        else:
            same.append(span)
    return [span for spans in groups.values() for span in spans]


def _trimmed(text: str, pieces: Iterable[Found]) -> Iterator[Found]:
    for piece in pieces:
        words = text[piece.start : piece.end]
        if not re.search(r"[^\W_]", words):
            continue
        start = piece.start + len(words) - len(words.lstrip())
        end = piece.end - len(words) + len(words.rstrip())
        yield Found(start, end, piece.label, piece.score, piece.by)
