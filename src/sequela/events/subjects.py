"""Numbers for subjects whose ids are texts: one documented way, so that every run agrees.

The number is the first 63 bits of the SHA-256 of the id in UTF-8. It depends on nothing else, so
data sets of one hospital fit together, and who holds the source's ids can find a patient again
without any list. It is a pseudonym, not anonymity: ids that can be guessed (short numbers) can be
tried out.
"""

from __future__ import annotations

import hashlib

import polars as pl

from sequela.errors import DataError

__all__ = ["subject_ids", "subject_number"]


def subject_number(source_id: str) -> int:
    """The number of one id, in [0, 2**63)."""
    return int.from_bytes(hashlib.sha256(source_id.encode()).digest()[:8], "big") >> 1


def subject_ids(source_ids: pl.Series, where: str) -> pl.DataFrame:
    """The numbers of distinct ids.

    Args:
        source_ids: texts, repeated or not; null is passed over.
        where: the name of the table, for the message.

    Returns:
        ``source_id`` and ``subject_id`` int64, one row for each id, sorted by id; join with it.

    Raises:
        DataError: two ids have one number (of a million ids, one chance in twenty million).
    """
    distinct = source_ids.drop_nulls().unique().sort().alias("source_id")
    numbers = pl.Series("subject_id", [subject_number(one) for one in distinct], pl.Int64())
    if numbers.n_unique() < len(numbers):
        raise DataError(
            f"the subjects of {where}",
            got="two ids whose SHA-256 begin alike",
            wanted="a number for each",
            todo="Number the subjects in the source.",
        )
    return pl.DataFrame([distinct, numbers])
