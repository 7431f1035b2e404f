"""Spans as tags of tokens, and tags as spans: BIO and BIOES."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from sequela.errors import ConfigError
from sequela.notes.documents import Span

__all__ = ["SCHEMES", "Tagged", "runs", "spans_of_tags", "tag_names", "tags_of_spans"]

#: The letters of a label's tags: B begins a span, I goes on, E ends it, S is a span of one token.
SCHEMES = {"bio": "BI", "bioes": "BIES"}


class Tagged(NamedTuple):
    """The tags of a text's tokens, and what they could not hold.

    Args:
        tags: one for each token, ``O`` or ``B-TYPE`` ...
        moved: spans whose ends are not those of tokens; their tags reach to the tokens' ends.
        dropped: spans without a token of their own, because others cover theirs.
    """

    tags: list[str]
    moved: int
    dropped: int


def tag_names(labels: Sequence[str], scheme: str = "bioes") -> list[str]:
    """All tags in the order of their numbers: O, then those of one label after the other.

    Raises:
        ConfigError: an unknown scheme.
    """
    letters = _letters(scheme)
    return ["O"] + [f"{letter}-{label}" for label in labels for letter in letters]


def tags_of_spans(
    tokens: Sequence[tuple[int, int]], spans: Iterable[Span], scheme: str = "bioes"
) -> Tagged:
    """The tag of each token; a token belongs to a span when they share a character.

    Tags cannot hold spans upon each other: a token goes to the longest span that wants it, of
    equally long ones to the first. A span that has lost tokens keeps its longest free stretch.

    Args:
        tokens: start and end of each, in order, none upon another.
        spans: of the same text.
        scheme: "bio" or "bioes".

    Raises:
        ConfigError: an unknown scheme.
    """
    last = _letters(scheme) == "BIES"
    tags, moved, dropped = ["O"] * len(tokens), 0, 0
    for span in sorted(spans, key=lambda one: (one.start - one.end, one)):
        first, behind = _longest_free(tags, *_touched(tokens, span))
        if first == behind:
            dropped += 1
            continue
        moved += (tokens[first][0], tokens[behind - 1][1]) != (span.start, span.end)
        tags[first:behind] = [f"I-{span.type}"] * (behind - first)
        tags[first] = f"B-{span.type}"
        if last:
            tags[behind - 1] = f"{'S' if behind - first == 1 else 'E'}-{span.type}"
    return Tagged(tags, moved, dropped)


def runs(tags: Sequence[str]) -> list[tuple[int, int, str]]:
    """The spans that tags mean, in tokens: the first, one behind the last, and the type.

    All usual schemes are read as they come: BIO, IOB1 (a span may begin with I), BIOES and BILOU.
    A tag that continues a span of another type, or none, begins one.

    Args:
        tags: ``O``, or one of the letters B, I, E, S, L and U, a hyphen and the type.
    """
    found: list[tuple[int, int, str]] = []
    is_open = False
    for number, tag in enumerate(tags):
        letter, _, kind = tag.partition("-")
        if letter == "O":
            is_open = False
            continue
        if letter in "IEL" and is_open and found[-1][2] == kind:
            found[-1] = (found[-1][0], number + 1, kind)
        else:
            found.append((number, number + 1, kind))
        is_open = letter in "BI"
    return found


def spans_of_tags(tokens: Sequence[tuple[int, int]], tags: Sequence[str]) -> list[Span]:
    """The spans in characters; arguments as in :func:`tags_of_spans` and :func:`runs`."""
    return [
        Span(tokens[first][0], tokens[behind - 1][1], kind) for first, behind, kind in runs(tags)
    ]


def _letters(scheme: str) -> str:
    if scheme not in SCHEMES:
        raise ConfigError("a scheme of tags", got=repr(scheme)[:40], wanted=" or ".join(SCHEMES))
    return SCHEMES[scheme]


def _touched(tokens: Sequence[tuple[int, int]], span: Span) -> tuple[int, int]:
    first = bisect_right(tokens, span.start, key=lambda token: token[1])
    return first, max(first, bisect_left(tokens, span.end, key=lambda token: token[0]))


def _longest_free(tags: Sequence[str], first: int, behind: int) -> tuple[int, int]:
    """The longest stretch of tokens that no span has; the first of equally long ones."""
    best = (first, first)
    start = first
    for place in range(first, behind + 1):
        if place == behind or tags[place] != "O":
            if place - start > best[1] - best[0]:
                best = (start, place)
            start = place + 1
    return best
