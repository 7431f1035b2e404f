"""Tokens with tags as text with spans."""

from __future__ import annotations

import re
from collections.abc import Sequence

from sequela.errors import DataError
from sequela.notes.tags import spans_of_tags

__all__ = ["decoded"]

_TAG = re.compile(r"O|[BIESLU]-[^\s,]+")


def decoded(tokens: Sequence[str], tags: Sequence[str]) -> tuple[str, list[tuple[int, int, str]]]:
    """The tokens with one blank between them, and the spans that their tags mean.

    Tags are read as :func:`sequela.notes.tags.runs` says.

    Args:
        tokens: none empty.
        tags: ``O`` or ``B-TYPE``, ``I-TYPE`` ... one for each token.

    Returns:
        The text, and start, end and type of each span, in order.

    Raises:
        DataError: ``token 3`` has a tag of another form.
    """
    places: list[tuple[int, int]] = []
    place = 0
    for number, (token, tag) in enumerate(zip(tokens, tags, strict=True), 1):
        if not _TAG.fullmatch(tag):
            raise DataError(f"token {number}", got="another form of tag", wanted="O, B-TYPE ...")
        places.append((place, place + len(token)))
        place += len(token) + 1
    spans = [(span.start, span.end, span.type) for span in spans_of_tags(places, tags)]
    return " ".join(tokens), spans
