"""Tokens with tags as text with spans."""

from __future__ import annotations

import re
from collections.abc import Sequence

from sequela.errors import DataError

__all__ = ["decoded"]

_TAG = re.compile(r"O|([BIESLU])-([^\s,]+)")


def decoded(tokens: Sequence[str], tags: Sequence[str]) -> tuple[str, list[tuple[int, int, str]]]:
    """The tokens with one blank between them, and the spans that their tags mean.

    All usual schemes are read as they come: BIO, IOB1 (a span may begin with I), BIOES and BILOU.
    A tag that continues a span of another type, or none, begins one.

    Args:
        tokens: none empty.
        tags: ``O`` or ``B-TYPE``, ``I-TYPE`` ... one for each token.

    Returns:
        The text, and start, end and type of each span, in order.

    Raises:
        DataError: ``token 3`` has a tag of another form.
    """
    spans: list[list] = []
    place, is_open = 0, False
    for number, (token, tag) in enumerate(zip(tokens, tags, strict=True), 1):
        found = _TAG.fullmatch(tag)
        if not found:
            raise DataError(f"token {number}", got="another form of tag", wanted="O, B-TYPE ...")
        letter, kind = found.groups()
        if letter is None:
            is_open = False
        elif letter in "IEL" and is_open and spans[-1][2] == kind:
            spans[-1][1] = place + len(token)
        else:
            spans.append([place, place + len(token), kind])
        if letter is not None:
            is_open = letter in "BI"
        place += len(token) + 1
    return " ".join(tokens), [(start, end, kind) for start, end, kind in spans]
