"""From whole texts to samples: a step for each word or character, its numbers as codes.

The encoder is fitted on training texts alone and is plain lists. Number 0 is what is not known.
A word is looked up in small letters and with 0 for every digit (:func:`word_form`); with ``pieces``
its step also has the numbers of its pieces, ``<he hea ear art rt>`` for ``heart``, so that a word
that was never seen is told by what it is made of (Bojanowski et al., TACL 5 (2017) 135). A step
of the unit "subwords" is a piece of a word (:mod:`sequela.batches.subwords`), the first with ``▁``.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Literal

import numpy as np
from pydantic import BaseModel, ConfigDict, Field

from sequela.batches.notes import frequent, word_form
from sequela.batches.samples import RaggedSamples
from sequela.batches.subwords import BLANK, Cutter, learnt
from sequela.errors import BundleError, ConfigError
from sequela.notes.tokens import tokenised

__all__ = ["TextEncoder", "TextEncoding"]

_LENGTHS = (3, 4, 5)
# Characters of a word, or of a code in a hierarchy, that pieces and beginnings are made of. Nobody
# writes longer ones, and beginnings take memory by the square of it.
_LONGEST_WORD = 1000


class TextEncoding(BaseModel):
    """How texts become steps; the table ``encoding`` of an experiment on texts.

    Args:
        unit: a step is one of "words" (tokens), "characters" or "subwords"; or the text is one
            step, "prefixes": all its beginnings are codes of it (4, 42, 428, 4280), as in a
            hierarchy, and each character in its place (4, .2, ..8, ...0).
        min_texts: words, pieces and characters of fewer training texts are unknown; 11 is the usual
            smallest cell that may be published about patients, and less is for open data alone.
        pieces: of words too, see the head of this file.
        subwords: how many are learnt at most.
        longest: steps of a text that are read; the rest is left out.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    unit: Literal["words", "characters", "subwords", "prefixes"] = "words"
    min_texts: int = Field(11, ge=1)
    pieces: bool = False
    subwords: int = Field(8000, ge=1)
    longest: int = Field(1000, ge=1)


class TextEncoder:
    """Numbers for words, pieces and characters.

    Args:
        encoding: how it was fitted.
        units: the known words or characters; numbers from 1.
        pieces: the known pieces of words; numbers behind those of the units.

    Raises:
        ConfigError: one comes twice.
    """

    def __init__(
        self, encoding: TextEncoding, units: Sequence[str], pieces: Sequence[str] = ()
    ) -> None:
        self.encoding, self.units, self.pieces = encoding, tuple(units), tuple(pieces)
        for known in (self.units, self.pieces):
            if len(set(known)) < len(known):
                raise ConfigError("the units of an encoder of texts", got="one that comes twice")
        self._units = {one: number for number, one in enumerate(self.units, 1)}
        self._pieces = {one: number for number, one in enumerate(self.pieces, 1 + len(self.units))}
        self._cut = Cutter(self.units) if encoding.unit == "subwords" else None
        self._seen: dict[str, list[list[int]]] = {}

    @classmethod
    def fit(cls, texts: Iterable[str], encoding: TextEncoding | None = None) -> TextEncoder:
        """The units of enough texts, the most frequent first.

        Args:
            texts: TRAINING texts only.
            encoding: the defaults of :class:`TextEncoding` when None.
        """
        encoding = encoding or TextEncoding()
        if encoding.pieces and encoding.unit != "words":
            raise ConfigError("encoding.pieces", got=f"unit {encoding.unit}", wanted="words")
        if encoding.unit == "subwords":
            read = (_units(text, encoding) for text in texts)
            return cls(encoding, learnt(read, encoding.subwords, encoding.min_texts))
        units: Counter[str] = Counter()
        pieces: Counter[str] = Counter()
        for text in texts:
            found = set(_units(text, encoding))
            units.update(found if encoding.unit != "prefixes" else set(_prefixes(text)))
            if encoding.pieces:
                pieces.update({piece for word in found for piece in _pieces(word)})
        return cls(
            encoding, *(frequent(counted, encoding.min_texts) for counted in (units, pieces))
        )

    @property
    def size(self) -> int:
        """V, the number of codes, the unknown one included."""
        return 1 + len(self.units) + len(self.pieces)

    def encode(
        self,
        texts: Iterable[str],
        target: np.ndarray | None = None,
        groups: np.ndarray | None = None,
    ) -> RaggedSamples:
        """The samples of texts; a step has no features beside its codes.

        Args:
            texts: n of them.
            target: [n], or None for prediction.
            groups: [n], or None: each text its own.
        """
        codes: list[int] = []
        counts: list[int] = []
        ends = [0]
        for text in texts:
            steps = [step for unit in _units(text, self.encoding) for step in self._steps(unit)]
            for step in steps[: self.encoding.longest]:
                codes += step
                counts.append(len(step))
            ends.append(len(counts))
        return RaggedSamples.from_flat(
            np.zeros((len(counts), 0), np.float32),
            np.array(ends),
            target=target,
            groups=groups,
            codes=np.array(codes, dtype=np.int32),
            code_offsets=np.concatenate([[0], np.cumsum(counts, dtype=np.int64)]),
            vocabulary_size=self.size,
        )

    def shown(self, text: str) -> list[str]:
        """What each step of a text reads, a sub-word with its mark."""
        units = _units(text, self.encoding)
        found = units if self._cut is None else [part for one in units for part in self._cut(one)]
        return found[: self.encoding.longest]

    def unknown(self, texts: Iterable[str]) -> float:
        """The share of the units of texts that are not known."""
        steps = (
            step
            for text in texts
            for unit in _units(text, self.encoding)
            for step in self._steps(unit)
        )
        found = [step[0] == 0 for step in steps]
        return sum(found) / len(found) if found else 0.0

    def to_dict(self) -> dict[str, Any]:
        """What JSON can hold; :meth:`from_dict` reads it."""
        return {
            "encoding": self.encoding.model_dump(mode="json"),
            "units": list(self.units),
            "pieces": list(self.pieces),
        }

    @classmethod
    def from_dict(cls, content: Mapping[str, Any]) -> TextEncoder:
        """The encoder of :meth:`to_dict`.

        Raises:
            BundleError: a part is missing, of the wrong type, or no part of an encoder.
        """
        lists = [content.get(name) for name in ("units", "pieces")]
        for part in lists:
            if not isinstance(part, list) or not all(isinstance(one, str) for one in part):
                raise BundleError("the encoder of texts", got="no list of texts")
        try:
            return cls(TextEncoding.model_validate(content.get("encoding")), *lists)  # type: ignore[arg-type]
        except ValueError:
            raise BundleError("the encoder of texts", got="a damaged part") from None

    def _steps(self, unit: str) -> list[list[int]]:
        """The codes of each step of a word or character."""
        found = self._seen.get(unit)
        if found is None:
            if self.encoding.unit == "prefixes":
                found = [[self._units[one] for one in _prefixes(unit) if one in self._units]]
            else:
                parts = [unit] if self._cut is None else self._cut(unit)
                found = [[self._units.get(part, 0)] for part in parts]
            if self.pieces:
                found[0] += [self._pieces[one] for one in _pieces(unit) if one in self._pieces]
            self._seen[unit] = found
        return found


def _units(text: str, encoding: TextEncoding) -> list[str]:
    if encoding.unit == "characters":
        return list(text[: encoding.longest])
    if encoding.unit == "prefixes":
        return [text]
    places = tokenised(text)[: encoding.longest]
    mark = BLANK if encoding.unit == "subwords" else ""
    return [mark + word_form(text[start:end]) for start, end in places]


def _prefixes(text: str) -> list[str]:
    text = text[:_LONGEST_WORD]
    beginnings = [text[:length] for length in range(1, len(text) + 1)]
    return [*beginnings, *("." * place + one for place, one in enumerate(text) if place)]


def _pieces(word: str) -> list[str]:
    marked = f"<{word[:_LONGEST_WORD]}>"
    return [
        marked[start : start + length]
        for length in _LENGTHS
        for start in range(len(marked) - length + 1)
        if length < len(marked)
    ]
