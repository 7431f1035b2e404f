"""What a doubtful token cannot be: ordinary words, and numbers of another size than their label's.

A low threshold finds what was nearly missed, and with it much that can be no name, date or number
of that kind. So a token that is more likely nothing stays unmarked where it is a word in small
letters that nobody was called in the training notes, or digits that its label never has. What is
likely is left as it is, and so is any word with a capital.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence

import numpy as np

from sequela.batches.notes import word_form
from sequela.deid.everyday import EVERYDAY

__all__ = ["DOUBTFUL", "plain_words", "settled"]

DOUBTFUL = 0.5
"""Tokens from this probability on are never unmarked."""

#: No threshold lies below it.
_LEAST = 1e-4
#: The share of a word's places in which it has to identify nobody, to be a plain one.
_PLAIN = 0.98
_NO_NUMBERS = frozenset(("PATIENT", "DOCTOR", "CITY", "STATE"))
#: Words that dates are written with.
_OF_DATES = frozenset(("of", "the", "and"))


def plain_words(
    stretches: Iterable[tuple[Sequence[str], Sequence[str]]], known: Iterable[str]
) -> frozenset[str]:
    """The known words that identify nobody in the training notes, names that are words left out.

    Args:
        stretches: tokens and tags of the training notes.
        known: the words of the model.
    """
    total: Counter[str] = Counter()
    apart: Counter[str] = Counter()
    for texts, tags in stretches:
        words = [word_form(text.lstrip("\n ")) for text in texts]
        total.update(words)
        apart.update(word for word, tag in zip(words, tags, strict=True) if tag == "O")
    return frozenset(
        word
        for word in known
        if word.isalpha()
        and len(word) > 1
        and word not in EVERYDAY
        and apart[word] >= max(1, _PLAIN * total[word])
    )


def settled(
    texts: Sequence[str], labels: Sequence[str], marked: np.ndarray, plain: frozenset[str]
) -> np.ndarray:
    """The probabilities of the T tokens, 0 where a doubtful one cannot be what it would be called.

    Args:
        texts: the tokens.
        labels: of each, should it be marked.
        marked: ``[T]``, the probability that it is.
        plain: of :func:`plain_words`.
    """
    sure = marked.copy()
    for place in np.flatnonzero((marked < DOUBTFUL) & (marked >= _LEAST)).tolist():
        text, label = texts[place], labels[place]
        if text.isdecimal() and text.isascii():
            beside = (*texts[max(0, place - 1) : place], *texts[place + 1 : place + 2])
            if _never(text, label, beside):
                sure[place] = 0.0
        elif text.islower() and text in plain and not (label == "DATE" and text in _OF_DATES):
            sure[place] = 0.0
    return sure


def _never(digits: str, label: str, beside: Sequence[str]) -> bool:
    """Whether digits are none of a label."""
    size = len(digits)
    if label == "AGE":
        return int(digits[:9]) < 90
    if label == "DATE":
        return size == 3 or size > 4 or (size == 4 and digits[:2] not in ("19", "20"))
    if label == "ZIP":
        return size not in (4, 5)
    if label in ("PHONE", "FAX"):
        return size < 3 and digits != "1"
    if label == "IPADDR":
        return int(digits[:9]) > 255 or "." not in beside
    return label in _NO_NUMBERS
