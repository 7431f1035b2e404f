"""From texts that are to be written to numbers of tokens, and back.

A token is a word, a number or a sign as :func:`sequela.notes.tokenised` has it, with the mark
``▁`` before it where a blank stood (Kudo and Richardson, EMNLP 2018), a piece of such a word
(:mod:`sequela.batches.subwords`), or a single character. So a text comes back from its tokens as it
was, but for which blanks, and how many, stood there. Labels are what stands between blanks: the
same one, whether it is the first or not.
"""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Literal, get_args

import numpy as np

from sequela.batches.notes import frequent
from sequela.batches.subwords import BLANK, Cutter, learnt
from sequela.errors import BundleError, ConfigError
from sequela.notes.tokens import tokenised

__all__ = ["TargetEncoder", "TargetUnit"]

#: What a token of a text that is to be written is.
TargetUnit = Literal["words", "characters", "labels", "subwords"]

_UNKNOWN = "\ufffd"


class TargetEncoder:
    """Numbers for the tokens of texts that are to be written; 0 is the unknown one.

    Args:
        unit: "words", "characters", "labels" or "subwords".
        tokens: the known ones; numbers from 1.

    Raises:
        ConfigError: an unknown unit, or a token that comes twice.
    """

    def __init__(self, unit: TargetUnit, tokens: Sequence[str]) -> None:
        if unit not in get_args(TargetUnit) or len(set(tokens)) < len(tokens):
            raise ConfigError("tokens to write", got="an unknown unit, or one that comes twice")
        self.unit: TargetUnit = unit
        self.tokens = tuple(tokens)
        self._numbers = {one: number for number, one in enumerate(self.tokens, 1)}
        self._cut = Cutter(self.tokens) if unit == "subwords" else None

    @classmethod
    def fit(
        cls, texts: Iterable[str], unit: TargetUnit, min_texts: int, subwords: int = 8000
    ) -> TargetEncoder:
        """The tokens of enough texts, the most frequent first.

        Args:
            texts: of the TRAINING part only.
            unit: see the class.
            min_texts: what stands in fewer is unknown.
            subwords: how many are learnt at most; for the unit "subwords".
        """
        if unit == "subwords":
            return cls(unit, learnt((_tokens(text, unit) for text in texts), subwords, min_texts))
        counts: Counter[str] = Counter()
        for text in texts:
            counts.update(set(_tokens(text, unit)))
        return cls(unit, frequent(counts, min_texts))

    @property
    def size(self) -> int:
        """How many tokens there are, the unknown one included."""
        return 1 + len(self.tokens)

    def encode(self, texts: Sequence[str], most: int) -> np.ndarray:
        """int64 ``[n, T]``, at most ``most`` tokens of each text, -1 behind its end."""
        found = [[self._numbers.get(one, 0) for one in self._parts(text)[:most]] for text in texts]
        result = np.full((len(found), max(map(len, found), default=0)), -1, dtype=np.int64)
        for row, numbers in zip(result, found, strict=True):
            row[: len(numbers)] = numbers
        return result

    def shown(self, numbers: Iterable[int]) -> list[str]:
        """The tokens up to the first -1; the unknown one is U+FFFD."""
        known = (_UNKNOWN, *self.tokens)
        return [known[number] for number in itertools.takewhile(lambda n: n >= 0, numbers)]

    def text(self, numbers: Iterable[int]) -> str:
        """The text of :meth:`shown`."""
        found = self.shown(numbers)
        if self.unit == "labels":
            return " ".join(found)
        joined = "".join(found)
        return joined if self.unit == "characters" else joined.replace(BLANK, " ").strip()

    def to_dict(self) -> dict[str, Any]:
        """What JSON can hold; :meth:`from_dict` reads it."""
        return {"unit": self.unit, "tokens": list(self.tokens)}

    @classmethod
    def from_dict(cls, content: Mapping[str, Any]) -> TargetEncoder:
        """The encoder of :meth:`to_dict`.

        Raises:
            BundleError: a part is missing, of the wrong type, or no part of an encoder.
        """
        tokens = content.get("tokens")
        if not isinstance(tokens, list) or not all(isinstance(one, str) for one in tokens):
            raise BundleError("the encoder of targets", got="no list of texts")
        try:
            return cls(content.get("unit"), tokens)  # type: ignore[arg-type]
        except ConfigError as error:
            raise BundleError("the encoder of targets", got=str(error)) from None

    def _parts(self, text: str) -> list[str]:
        found = _tokens(text, self.unit)
        return found if self._cut is None else [part for one in found for part in self._cut(one)]


def _tokens(text: str, unit: TargetUnit) -> list[str]:
    if unit == "characters":
        return list(text)
    if unit == "labels":
        return text.split()
    found, end = [], 0
    for start, stop in tokenised(text):
        blank = start > end and bool(found)
        found.append((BLANK if blank else "") + text[start:stop])
        end = stop
    return found
