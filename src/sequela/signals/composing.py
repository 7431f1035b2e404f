"""Records made of other records, within each part of a split: joined, side by side, or moving.

Examples that teach a mapping are often put together from smaller ones: sentences of spoken words,
pictures of several digits, a digit that moves. What is put together in one part is of that part's
records alone, so that nothing that is judged was ever learnt from. In the training part each record
is used ``passes`` times; in the others once, so that intervals over the new records hold.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Annotated, Literal

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, model_validator

from sequela import seeds
from sequela.errors import DataError
from sequela.signals.records import SignalSet

__all__ = ["Canvas", "Compose", "Joined", "Moving", "composed"]

_ROWS, _COLUMNS = ("top", "bottom"), ("left", "right")
_STEPS = {"down": (1, 0), "up": (-1, 0), "right": (0, 1), "left": (0, -1)}
_TRIES = 1000


class _Several(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    least: int = Field(2, ge=1)
    most: int = Field(2, ge=1, le=1000)
    passes: int = Field(1, ge=1, le=1000)

    @model_validator(mode="after")
    def _rises(self) -> _Several:
        if self.least > self.most:
            raise ValueError("least is at most most")
        return self


class Joined(_Several):
    """``least`` to ``most`` records behind each other; the labels in their order, with blanks."""

    kind: Literal["joined"]


class Canvas(_Several):
    """Two to four square images in the quarters of a picture, and what stands where.

    An image of S x S pixels lies anywhere in its quarter of ``S + room`` by ``S + room``. The label
    says "top left 3 bottom right 7", in the order of reading. A label stands in one part alone:
    which one is drawn from the label and the seed.
    """

    kind: Literal["canvas"]
    most: int = Field(4, ge=1, le=4)
    room: int = Field(2, ge=0, le=100)


class Moving(_Several):
    """A square image that moves by a pixel a frame, for ``least`` to ``most`` frames.

    It moves up, down, left or right from anywhere on a field of ``side`` by ``side`` pixels, and
    comes back on the other side. The label says "3 left".
    """

    kind: Literal["moving"]
    side: int = Field(16, ge=1, le=1000)


#: How the records of a task are put together; the table ``compose`` of its declaration.
Compose = Annotated[Joined | Canvas | Moving, Field(discriminator="kind")]


@dataclass(frozen=True)
class _Made:
    values: np.ndarray  # float32 [T, C]
    label: str


def composed(
    signals: SignalSet, how: Joined | Canvas | Moving, part: str, shares: Sequence[float], seed: int
) -> SignalSet:
    """The records of a part, put together.

    Args:
        signals: of this part alone, with labels.
        how: see the classes.
        part: "train", "tuning" or "held_out"; in the first records are used several times.
        shares: of the parts, in this order, for what may stand in one part alone.
        seed: the run's seed.

    Returns:
        New records with texts as labels; each is a recording of its own.

    Raises:
        DataError: no labels, too few records, or records that are no square images of one size.
    """
    needed = 1 if isinstance(how, Moving) else how.least
    if signals.label is None or len(signals) < needed:
        raise DataError(
            f"the {part} part",
            got=f"{len(signals)} records" if signals.label is not None else "no labels",
            wanted=f"{needed} or more, with labels",
        )
    random = seeds.generator(seed, "compose", part)
    passes = how.passes if part == "train" else 1
    if isinstance(how, Joined):
        made = _joined(signals, how, passes, random)
    elif isinstance(how, Canvas):
        ends = np.cumsum(shares)
        number = ("train", "tuning", "held_out").index(part)

        def belongs(label: str) -> bool:
            chance = seeds.derive(seed, "canvas", label) / 2**63
            return int(np.searchsorted(ends[:-1], chance, side="right")) == number

        made = _canvases(signals, how, passes, random, belongs)
    else:
        made = _moving(signals, how, passes, random)
    width = made[0].values.shape[1]
    same = width == len(signals.channels)
    return SignalSet(
        values=np.concatenate([one.values for one in made]),
        offsets=np.cumsum([0, *(len(one.values) for one in made)], dtype=np.int64),
        recording=np.array([f"{part} {number}" for number in range(1, len(made) + 1)]),
        sampling_rate=signals.sampling_rate,
        channels=signals.channels if same else tuple(f"pixel {k}" for k in range(1, width + 1)),
        label=np.array([one.label for one in made]),
        group_note=f"put together from {len(signals):,} records of the {part.replace('_', '-')} "
        "part",
    )


def _runs(count: int, how: _Several, passes: int, random: np.random.Generator) -> list[np.ndarray]:
    """Records in any order, cut to runs; what is left at an end is left out."""
    found = []
    for _ in range(passes):
        order, first = random.permutation(count), 0
        while count - first >= how.least:
            size = min(int(random.integers(how.least, how.most + 1)), count - first)
            found.append(order[first : first + size])
            first += size
    return found


def _joined(
    signals: SignalSet, how: Joined, passes: int, random: np.random.Generator
) -> list[_Made]:
    assert signals.label is not None
    return [
        _Made(
            np.concatenate([signals.record(k) for k in run]),
            " ".join(str(signals.label[k]) for k in run),
        )
        for run in _runs(len(signals), how, passes, random)
    ]


def _images(signals: SignalSet) -> np.ndarray:
    """``[n, S, S]`` of records that are one sample of S x S channels."""
    side = math.isqrt(len(signals.channels))
    if side * side != len(signals.channels) or not (signals.lengths == 1).all():
        raise DataError("the records", got="other than square images", wanted="one sample each")
    return signals.values.reshape(-1, side, side)


def _canvases(
    signals: SignalSet,
    how: Canvas,
    passes: int,
    random: np.random.Generator,
    belongs: Callable[[str], bool],
) -> list[_Made]:
    images, labels = _images(signals), signals.label
    assert labels is not None
    quarter, found = images.shape[1] + how.room, []
    for run in _runs(len(images), how, passes, random):
        for _ in range(_TRIES):
            places = np.sort(random.permutation(4)[: len(run)])
            words = [
                f"{_ROWS[place // 2]} {_COLUMNS[place % 2]} {labels[k]}"
                for place, k in zip(places, run, strict=True)
            ]
            if belongs(" ".join(words)):
                break
            run = random.permutation(run)
        else:
            continue  # no order of these images belongs here
        canvas = np.zeros((2 * quarter, 2 * quarter), np.float32)
        for place, k in zip(places, run, strict=True):
            down, right = random.integers(0, how.room + 1, 2) + quarter * np.array(divmod(place, 2))
            canvas[down : down + images.shape[1], right : right + images.shape[1]] = images[k]
        found.append(_Made(canvas.reshape(1, -1), " ".join(words)))
    if not found:
        raise DataError("the records", got="too few for a picture", wanted="more images")
    return found


def _moving(
    signals: SignalSet, how: Moving, passes: int, random: np.random.Generator
) -> list[_Made]:
    images, labels = _images(signals), signals.label
    assert labels is not None
    size, found = images.shape[1], []
    if size > how.side:
        raise DataError("the records", got=f"images of side {size}", wanted=f"at most {how.side}")
    for _ in range(passes):
        for k in random.permutation(len(images)):
            name = list(_STEPS)[random.integers(len(_STEPS))]
            count = int(random.integers(how.least, how.most + 1))
            field = np.zeros((how.side, how.side), np.float32)
            field[:size, :size] = images[k]
            start = random.integers(0, how.side, 2)
            frames = [
                np.roll(field, tuple(start + t * np.array(_STEPS[name])), (0, 1)).reshape(-1)
                for t in range(count)
            ]
            found.append(_Made(np.stack(frames), f"{labels[k]} {name}"))
    return found
