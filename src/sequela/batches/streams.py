"""From one long text to rows of symbols: what is read at each step, and what comes next.

A step has two codes: the symbol that is read and the one that is asked for, which is the next one.
Number 0 is a symbol that is not known; in the second place number V says that nothing is asked. So
a row may be cut anywhere, and each symbol of a stream but the first is asked for exactly once.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from pydantic import BaseModel, ConfigDict, Field

from sequela.batches.notes import frequent
from sequela.batches.samples import RaggedSamples
from sequela.errors import BundleError, ConfigError, DataError

__all__ = ["StreamEncoder", "StreamEncoding"]


class StreamEncoding(BaseModel):
    """How a stream is cut; the table ``encoding`` of an experiment on a stream.

    Args:
        min_count: symbols that come less often in the training part are unknown.
        row: symbols of a row of the training part, about; its state begins with zeros.
        block: symbols of a block of the other parts, about: the unit of the bootstrap.
        context: symbols before a block that are read and not asked for.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    min_count: int = Field(11, ge=1)
    row: int = Field(16_000, ge=1)
    block: int = Field(1000, ge=1)
    context: int = Field(500, ge=0)


class StreamEncoder:
    """Numbers for the symbols of a text.

    Args:
        symbols: the known ones; numbers from 1.

    Raises:
        ConfigError: one comes twice, or is no single character.
    """

    def __init__(self, symbols: Sequence[str]) -> None:
        self.symbols = tuple(symbols)
        if len(set(self.symbols)) < len(self.symbols) or any(len(one) != 1 for one in self.symbols):
            raise ConfigError("the symbols of a stream", wanted="different single characters")
        self._numbers = {one: number for number, one in enumerate(self.symbols, 1)}

    @classmethod
    def fit(cls, text: str, min_count: int) -> StreamEncoder:
        """The symbols that come often enough, the most frequent first.

        Args:
            text: of the TRAINING part only.
            min_count: of each.
        """
        return cls(frequent(Counter(text), min_count))

    @property
    def size(self) -> int:
        """V, the number of symbols, the unknown one included."""
        return 1 + len(self.symbols)

    def numbers(self, text: str) -> np.ndarray:
        """int64 [n], the number of each symbol."""
        known = self._numbers
        return np.array([known.get(one, 0) for one in text], dtype=np.int64)

    def text(self, numbers: Sequence[int]) -> str:
        """The symbols of numbers; the unknown one is U+FFFD."""
        shown = ("\ufffd", *self.symbols)
        return "".join(shown[number] for number in numbers)

    def samples(self, text: str, row: int, context: int = 0, name: str = "") -> RaggedSamples:
        """Rows that together ask for every symbol of a text but the first.

        Args:
            text: n symbols, at least 2.
            row: of a row at most; rows differ in length by 1 at most.
            context: symbols before a row that are read and not asked for, where there are as many.
            name: of the part, for the groups: each row is its own.

        Returns:
            Samples whose target is how many symbols of each row are asked for.

        Raises:
            DataError: fewer than two symbols.
        """
        if len(text) < 2:
            raise DataError("a stream", got=f"{len(text)} symbols", wanted="at least 2")
        numbers = self.numbers(text)
        asked = len(numbers) - 1
        count = -(-asked // row)
        ends = np.arange(count + 1, dtype=np.int64) * asked // count
        begins = np.maximum(ends[:-1] - context, 0)
        lengths = ends[1:] - begins
        offsets = np.concatenate([[0], np.cumsum(lengths)])
        member = np.repeat(np.arange(count), lengths)
        place = np.arange(int(offsets[-1])) - offsets[member] + begins[member]
        following = np.where(place < ends[member], self.size, numbers[place + 1])
        return RaggedSamples.from_flat(
            np.zeros((len(place), 0), np.float32),
            offsets,
            target=np.diff(ends),
            groups=np.array([f"{name}/{number}" for number in range(count)]),
            codes=np.stack([numbers[place], following], axis=1).ravel().astype(np.int32),
            code_offsets=2 * np.arange(len(place) + 1, dtype=np.int64),
            vocabulary_size=self.size + 1,
        )

    def to_dict(self) -> dict[str, Any]:
        """What JSON can hold; :meth:`from_dict` reads it."""
        return {"symbols": list(self.symbols)}

    @classmethod
    def from_dict(cls, content: Mapping[str, Any]) -> StreamEncoder:
        """The encoder of :meth:`to_dict`.

        Raises:
            BundleError: no list of different single characters.
        """
        symbols = content.get("symbols")
        if not isinstance(symbols, list) or not all(isinstance(one, str) for one in symbols):
            raise BundleError("the encoder of a stream", got="no list of texts")
        try:
            return cls(symbols)
        except ConfigError as error:
            raise BundleError("the encoder of a stream", got=str(error)) from None
