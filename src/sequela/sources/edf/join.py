"""Annotations in files of their own, put to the recordings that they belong to."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from sequela.errors import DataError
from sequela.signals import Annotation, Recording

__all__ = ["joined"]

# Seconds; a scorer's file begins with the recording, or at the lights-off after it.
_FURTHEST = 172_800.0


def joined(recordings: Sequence[Recording], keys: Sequence[str | None]) -> tuple[Recording, ...]:
    """The recordings, those without channels joined to the one with channels and the same key.

    Onsets are moved by the difference of the two starts, where both are known.

    Args:
        recordings: in order.
        keys: what tells which belong together; None belongs to nobody.

    Returns:
        In the same order, without those that were joined.

    Raises:
        DataError: a key has annotations and two recordings with channels, or the starts lie more
            than two days apart.
    """
    families: dict[str, list[Recording]] = {}
    for one, key in zip(recordings, keys, strict=True):
        if key is not None:
            families.setdefault(key, []).append(one)
    result: list[Recording] = []
    for one, key in zip(recordings, keys, strict=True):
        family = [] if key is None else families[key]
        with_channels = [other for other in family if other.channels]
        without = [other for other in family if not other.channels]
        if without and len(with_channels) > 1:
            raise DataError(
                f"recording {without[0].id}",
                got=f"{len(with_channels)} recordings that it could belong to",
                wanted="one",
                todo="Make the expression in join more particular.",
            )
        if one.channels and without:
            result.append(_with_marks(one, without))
        elif not (with_channels and not one.channels):
            result.append(one)
    return tuple(result)


def _with_marks(one: Recording, others: list[Recording]) -> Recording:
    moves = [_move(one, other) for other in others]

    def notes() -> tuple[Annotation, ...]:
        found = list(one.annotations())
        for other, move in zip(others, moves, strict=True):
            found += [replace(mark, onset=mark.onset + move) for mark in other.annotations()]
        return tuple(sorted(found, key=lambda mark: mark.onset))

    return replace(one, notes=notes)


def _move(one: Recording, other: Recording) -> float:
    if one.start is None or other.start is None:
        return 0.0
    move = (other.start - one.start).total_seconds()
    if abs(move) > _FURTHEST:
        raise DataError(
            f"recording {other.id}",
            got="a start more than two days from that of its signals",
            wanted="annotations of the same night",
        )
    return move
