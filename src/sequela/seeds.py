"""Random numbers as a pure function of a seed and a path of names.

Nothing in Sequela draws from a global generator. Each use derives its own seed from the run's seed
and a path that says what it is for, so that adding one use never changes another, and resuming
needs no saved generator state.
"""

from __future__ import annotations

import hashlib
import operator

import numpy as np

__all__ = ["derive", "generator"]


def _word(part: str | int) -> str:
    # Escaped, so that no two paths give one text; any kind of whole number is the same number.
    if isinstance(part, str):
        return "str:" + part.replace("\\", "\\\\").replace("/", "\\/")
    return f"int:{operator.index(part)}"


def derive(seed: int, *path: str | int) -> int:
    """A 63-bit seed for one use.

    Args:
        seed: the run's seed, any integer.
        path: what the numbers are for, for example ``("epoch", 3, "order")``.

    Returns:
        An integer in [0, 2**63), equal for equal arguments on every machine.
    """
    text = "/".join([str(operator.index(seed)), *map(_word, path)])
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "little") >> 1


def generator(seed: int, *path: str | int) -> np.random.Generator:
    """A numpy generator seeded by :func:`derive`; Philox, so that streams are independent."""
    return np.random.Generator(np.random.Philox(derive(seed, *path)))
