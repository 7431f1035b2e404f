"""Whole texts: with a label, with another text that belongs to them, or one long stream."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from sequela.errors import DataError

__all__ = [
    "LabelledText",
    "PairSet",
    "TextPair",
    "TextSet",
    "TextStream",
    "part_of_name",
    "text_key",
]

_PARTS = {
    "train": r"train(?:ing|ingset)?",
    "tuning": r"dev|val|valid|validation|validationset|tuning",
    "held_out": r"test|testset|held_out|heldout",
}


@dataclass(frozen=True)
class LabelledText:
    """One text and what is said of it as a whole.

    Args:
        id: names it within its set; no part of the text.
        text: unchanged.
        label: of what kind it is, or None where that is not known.
        subject: whom it is about, or None; the unit of splitting. Without one the text itself is.
        part: the part that the source puts it into: "train", "tuning", "held_out" or None.

    Raises:
        DataError: half a character (a lone surrogate), which no file can hold.
    """

    id: str
    text: str = field(repr=False)
    label: str | None = field(default=None, repr=False)
    subject: str | None = field(default=None, repr=False)
    part: str | None = None

    def __post_init__(self) -> None:
        """Checks the characters."""
        _whole(self.text, self.label or "", self.subject or "")


@dataclass(frozen=True)
class TextPair:
    """Two texts that say the same, or one that was made from the other.

    Args:
        id: names the pair within its set.
        text: the one that is read, unchanged.
        other: the one that is to be written, or None where it is not known.
        part: as of :class:`LabelledText`.

    Raises:
        DataError: half a character (a lone surrogate).
    """

    id: str
    text: str = field(repr=False)
    other: str | None = field(default=None, repr=False)
    part: str | None = None

    def __post_init__(self) -> None:
        """Checks the characters."""
        _whole(self.text, self.other or "")


@dataclass(frozen=True, eq=False)
class TextSet:
    """Texts with labels, all held at once.

    Args:
        texts: in the order of the source.
        group_note: one sentence on what belongs together; reports repeat it.
    """

    texts: tuple[LabelledText, ...] = field(repr=False)
    group_note: str = ""

    def __len__(self) -> int:
        """How many there are."""
        return len(self.texts)

    def __iter__(self) -> Iterator[LabelledText]:
        """The texts."""
        return iter(self.texts)


@dataclass(frozen=True, eq=False)
class PairSet:
    """Pairs of texts, all held at once; arguments as of :class:`TextSet`."""

    pairs: tuple[TextPair, ...] = field(repr=False)
    group_note: str = ""

    def __len__(self) -> int:
        """How many there are."""
        return len(self.pairs)

    def __iter__(self) -> Iterator[TextPair]:
        """The pairs."""
        return iter(self.pairs)


@dataclass(frozen=True, eq=False)
class TextStream:
    """One long text, unchanged.

    Args:
        text: all of it.

    Raises:
        DataError: half a character (a lone surrogate).
    """

    text: str = field(repr=False)

    def __post_init__(self) -> None:
        """Checks the characters."""
        _whole(self.text)

    def __len__(self) -> int:
        """How many characters there are."""
        return len(self.text)


def text_key(text: str) -> str:
    """Sixteen letters that are the same for texts that differ in case and white space alone."""
    plain = " ".join(text.casefold().split())
    return hashlib.sha256(plain.encode("utf-8", "surrogatepass")).hexdigest()[:16]


def part_of_name(name: str) -> str | None:
    """The part that the name of a file tells, such as "train" for ``MTS-Dialog-TrainingSet``."""
    words = re.split(r"[^a-z]+", name.lower())
    for part, pattern in _PARTS.items():
        if any(re.fullmatch(pattern, word) for word in words):
            return part
    return None


def _whole(*texts: str) -> None:
    if any(re.search("[\ud800-\udfff]", text) for text in texts):
        raise DataError(
            "a text", got="half a character (a lone surrogate)", wanted="text in Unicode"
        )
