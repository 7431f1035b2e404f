"""Word vectors that a user brings along: text files as GloVe and word2vec write them."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path
from typing import NamedTuple

import numpy as np

from sequela.errors import DataError

__all__ = ["WordVectors", "read_vectors"]


class WordVectors(NamedTuple):
    """Words and their vectors.

    Args:
        words: distinct, in the order of the file.
        values: float32 ``[n, D]``.
    """

    words: list[str]
    values: np.ndarray


def read_vectors(path: Path | str, keep: Collection[str] | None = None) -> WordVectors:
    """Reads a text file with a word and its D numbers on each line, blanks between them.

    A first line with two whole numbers (word2vec) is passed over. A word may hold blanks: the last
    D fields are the numbers, where D is that of the first word. Of a word that comes twice the
    first is taken.

    Args:
        path: a file in UTF-8.
        keep: the words that are wanted; all by default. The others take no memory.

    Raises:
        DataError: no such file, a line of another form, or no wanted word in it.
    """
    path = Path(path).expanduser()
    if not path.is_file():
        raise DataError(f"word vectors {path}", got="no such file", wanted="a text file")
    found: dict[str, np.ndarray] = {}
    size, number = 0, 0
    with path.open(encoding="utf-8", errors="strict", newline="\n") as lines:
        try:
            for number, line in enumerate(lines, 1):
                fields = line.rstrip("\r\n ").split(" ")
                if number == 1 and len(fields) == 2 and all(field.isdecimal() for field in fields):
                    continue
                size = size or len(fields) - 1
                word = " ".join(fields[: len(fields) - size])
                if not word or word in found or (keep is not None and word not in keep):
                    if len(fields) <= size:
                        raise ValueError
                    continue
                found[word] = np.array(fields[len(fields) - size :], dtype=np.float32)
                if not size or not np.isfinite(found[word]).all():
                    raise ValueError
        except UnicodeDecodeError:
            raise DataError(f"word vectors {path}", got="no UTF-8", wanted="text") from None
        except ValueError:
            raise DataError(
                f"line {number} of {path}",
                got="another form",
                wanted=f"a word and {size or 'its'} finite numbers",
            ) from None
    if not found:
        raise DataError(f"word vectors {path}", got="none of the wanted words")
    return WordVectors(list(found), np.stack(list(found.values())))
