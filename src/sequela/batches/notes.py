"""From the tokens of notes to what a tagger reads: numbers of words, characters and tags.

The encoder is fitted on training notes alone and is plain lists. A word is looked up in small
letters and with 0 for every digit, so that ``12/03`` and ``07/11`` are the same; the characters are
those of the text. Before them comes what is between a token and the one before: a line end, a
blank, or nothing; ``:`` before a name and the line of an address are seen by it. Whatever stands in
too few notes is unknown, number 0: the list of words goes with the model, and must not tell whom it
was trained on.
"""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn.utils.rnn import PackedSequence

from sequela.batches.batch import packed_order
from sequela.errors import BundleError, ConfigError, DataError
from sequela.notes.documents import Document
from sequela.notes.tags import SCHEMES, tag_names
from sequela.notes.tokens import tokenised

__all__ = ["NoteBatch", "NoteEncoder", "frequent", "token_texts", "word_form"]

#: Characters of a token that are read: the first and the last ones of a longer one.
_FIRST, _LAST = 20, 10
#: Tokens whose numbers are kept at hand.
_CACHED = 100_000
_DIGIT = re.compile(r"\d")
_MARKS = "\n "


@dataclass(frozen=True)
class NoteBatch:
    """B stretches of notes with N tokens together, U of them different.

    Args:
        words: int64 ``[N]`` in packed order; stretches of length 0 as in ``batches.Batch``.
        forms: int64, the characters of the U different tokens, packed.
        form_of: int64 ``[N]``, which of them each token is, in packed order.
        tags: int64 ``[N]`` in packed order, or None where they are not known.
        places: int64 ``[N]``, where each packed token stands when the stretches lie behind each
            other.
    """

    words: PackedSequence
    forms: PackedSequence
    form_of: Tensor
    tags: Tensor | None
    places: Tensor

    def flat(self, packed: Tensor) -> Tensor:
        """Numbers ``[N, ...]`` in packed order, laid stretch behind stretch."""
        found = torch.empty_like(packed)
        found[self.places] = packed
        return found


def token_texts(text: str, places: Sequence[tuple[int, int]]) -> list[str]:
    """The tokens of a text, each behind a mark of what is before it.

    The mark is a line end (also for the first token), a blank, or nothing where no white space is.

    Args:
        text: of the document.
        places: start and end of each token, in order.
    """
    found, before = [], 0
    for start, end in places:
        if start == before and found:
            found.append(text[start:end])
        else:
            gap = text[before:start]
            line = not found or "\n" in gap or "\r" in gap
            found.append(("\n" if line else " ") + text[start:end])
        before = end
    return found


def word_form(token: str) -> str:
    """What a token is looked up as: small letters, 0 for digits, no invisible characters."""
    if not token.isascii():
        token = unicodedata.normalize("NFKC", token)
        token = "".join(one for one in token if unicodedata.category(one) != "Cf")
    return _DIGIT.sub("0", token.lower())


class NoteEncoder:
    """Numbers for words, characters and tags; 0 is the unknown word and character, and the tag O.

    Args:
        words: the known words, as :func:`word_form` writes them; numbers from 1.
        characters: the known characters; numbers from 1.
        labels: the types of spans, in the order of their tags.
        scheme: "bio" or "bioes".

    Raises:
        ConfigError: no label, an unknown scheme, or a word, character or label twice.
    """

    def __init__(
        self,
        words: Sequence[str],
        characters: Sequence[str],
        labels: Sequence[str],
        scheme: str = "bioes",
    ) -> None:
        self.words, self.characters = tuple(words), tuple(characters)
        self.labels, self.scheme = tuple(labels), scheme
        for name in ("words", "characters", "labels"):
            if len(set(getattr(self, name))) < len(getattr(self, name)):
                raise ConfigError(f"{name} of a tagger", got="one that comes twice")
        if not self.labels:
            raise ConfigError("labels of a tagger", got="none", wanted="at least one")
        self.tags = tag_names(self.labels, scheme)
        self._tag_numbers = {tag: number for number, tag in enumerate(self.tags)}
        self._words = {word: number for number, word in enumerate(self.words, 1)}
        self._characters = {one: number for number, one in enumerate(self.characters, 1)}
        self._known: dict[str, tuple[int, list[int]]] = {}

    @classmethod
    def fit(
        cls,
        documents: Iterable[Document],
        min_documents: int = 11,
        scheme: str = "bioes",
        words: Iterable[str] = (),
    ) -> NoteEncoder:
        """The words and characters of enough documents, the most frequent first; all labels.

        Args:
            documents: TRAINING documents only.
            min_documents: what stands in fewer is unknown; 11 is the usual smallest cell that may
                be published about patients. Use less only for open demonstration data.
            scheme: "bio" or "bioes".
            words: to be known besides, such as those of published word vectors.

        Raises:
            ConfigError: ``min_documents`` below 1, or an unknown scheme.
            DataError: no document has a span.
        """
        if min_documents < 1:
            raise ConfigError("min_documents", got=min_documents, wanted="1 or more")
        of_words: Counter[str] = Counter()
        of_characters: Counter[str] = Counter()
        labels: set[str] = set()
        for one in documents:
            found = token_texts(one.text, tokenised(one.text))
            of_words.update({word_form(token.lstrip(_MARKS)) for token in found})
            of_characters.update(set().union(*found))
            labels.update(span.type for span in one.spans)
        if not labels:
            raise DataError("the training notes", got="no span", wanted="some that are marked")
        known = frequent(of_words, min_documents)
        besides = sorted(set(words) - set(known))
        characters = frequent(of_characters, min_documents)
        return cls([*known, *besides], characters, sorted(labels), scheme)

    def sizes(self) -> dict[str, Any]:
        """What the recipe ``neuroner`` is built with."""
        return {
            "vocabulary_size": len(self.words) + 1,
            "characters": len(self.characters) + 1,
            "labels": len(self.labels),
            "scheme": self.scheme,
        }

    def batch(
        self, stretches: Sequence[Sequence[str]], tags: Sequence[Sequence[str]] | None = None
    ) -> NoteBatch:
        """The batch of some stretches.

        Args:
            stretches: the tokens of each, of :func:`token_texts`; none of them empty.
            tags: of the same shape, among ``self.tags``.

        Raises:
            DataError: tags of another shape, or an unknown one.
        """
        lengths = np.array([len(stretch) for stretch in stretches], dtype=np.int64)
        order = packed_order(np.cumsum(lengths) - lengths, lengths)
        flat = [token for stretch in stretches for token in stretch]
        number: dict[str, int] = {}
        form_of = np.array([number.setdefault(one, len(number)) for one in flat], dtype=np.int64)
        numbers = [self._numbers(token) for token in number]
        words = np.array([word for word, _ in numbers], dtype=np.int64)[form_of]
        spelt = np.array([len(one) for _, one in numbers], dtype=np.int64)
        letters = packed_order(np.cumsum(spelt) - spelt, spelt)
        characters = np.array([c for _, one in numbers for c in one], dtype=np.int64)
        known = None if tags is None else self._numbers_of_tags(tags, lengths)[order.steps]
        return NoteBatch(
            words=order.pack(words[order.steps]),
            forms=letters.pack(characters[letters.steps]),
            form_of=torch.from_numpy(form_of[order.steps]),
            tags=None if known is None else torch.from_numpy(known),
            places=torch.from_numpy(order.steps),
        )

    def to_dict(self) -> dict[str, Any]:
        """What JSON can hold; :meth:`from_dict` reads it."""
        return {
            "words": list(self.words),
            "characters": list(self.characters),
            "labels": list(self.labels),
            "scheme": self.scheme,
        }

    @classmethod
    def from_dict(cls, content: Mapping[str, Any]) -> NoteEncoder:
        """The encoder of :meth:`to_dict`.

        Raises:
            BundleError: a part is missing, of the wrong type, or no part of an encoder.
        """
        lists = [content.get(name) for name in ("words", "characters", "labels")]
        scheme = content.get("scheme")
        for part in lists:
            if not isinstance(part, list) or not all(isinstance(one, str) for one in part):
                raise BundleError("the encoder of notes", got="no list of texts")
        if scheme not in SCHEMES:
            raise BundleError("the encoder of notes", got="an unknown scheme of tags")
        try:
            return cls(*lists, scheme)  # type: ignore[arg-type]
        except ConfigError as error:
            raise BundleError("the encoder of notes", got=str(error)) from None

    def _numbers(self, token: str) -> tuple[int, list[int]]:
        """The number of a token's word, and those of its characters."""
        found = self._known.get(token)
        if found is None:
            plain = token.lstrip(_MARKS)
            mark, read, word = token[: len(token) - len(plain)], plain, ""
            if len(plain) <= _FIRST + _LAST:
                word = word_form(plain)
            else:
                read = plain[:_FIRST] + plain[-_LAST:]
            found = self._words.get(word, 0), [self._characters.get(one, 0) for one in mark + read]
            if len(self._known) >= _CACHED:
                self._known.clear()
            self._known[token] = found
        return found

    def _numbers_of_tags(self, tags: Sequence[Sequence[str]], lengths: np.ndarray) -> np.ndarray:
        if [len(one) for one in tags] != lengths.tolist():
            raise DataError("tags", got="another number", wanted="one for each token")
        try:
            found = [self._tag_numbers[tag] for stretch in tags for tag in stretch]
        except KeyError:
            todo = "Fit the encoder on documents that have all types."
            raise DataError("tags", got="a type that the tagger does not know", todo=todo) from None
        return np.array(found, dtype=np.int64)


def frequent(counts: Counter[str], least: int) -> list[str]:
    """What was counted often enough, the most frequent first."""
    enough = [one for one, count in counts.items() if count >= least]
    return sorted(enough, key=lambda one: (-counts[one], one))
