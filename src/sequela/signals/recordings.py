"""Long recordings: channels at their own rates, read in windows, with annotations on one clock."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime

import numpy as np

from sequela.errors import DataError

__all__ = ["Annotation", "Channel", "Recording", "RecordingSet"]

# A read of this many values at once is a mistake of the caller, not a window.
_LARGEST_READ = 1 << 28


@dataclass(frozen=True)
class Channel:
    """One channel as its file describes it.

    Args:
        name: as written there ("EEG Fpz-Cz", "MLII").
        unit: of the samples ("uV", "mV"); empty where the file names none.
        sampling_rate: hertz.
    """

    name: str
    unit: str
    sampling_rate: float

    def __post_init__(self) -> None:
        """Checks the rate."""
        if not (np.isfinite(self.sampling_rate) and self.sampling_rate > 0):
            raise DataError("sampling rate of a channel", wanted="a number above 0, in hertz")


@dataclass(frozen=True)
class Annotation:
    """What somebody wrote beside the signal.

    Args:
        onset: seconds since the recording's first sample; below 0 for what was before it.
        duration: seconds, or None where none was written.
        text: unchanged; a free text may hold anything, so it is not part of the representation.
        channel: the name of the one channel that it belongs to, or None for all.
    """

    onset: float
    duration: float | None = None
    text: str = field(default="", repr=False)
    channel: str | None = field(default=None, repr=False)

    def __post_init__(self) -> None:
        """Checks the times."""
        duration = 0.0 if self.duration is None else self.duration
        if not (np.isfinite(self.onset) and np.isfinite(duration) and duration >= 0):
            raise DataError("annotation", wanted="a finite onset and a duration of 0 or more")


@dataclass(frozen=True, eq=False)
class Recording:
    """One recording; its samples stay in the file until a window of them is asked for.

    Sample k of a channel stands at ``k / sampling_rate`` seconds after the first sample. Where
    nothing was recorded (the gaps of an interrupted recording) a window holds NaN.

    Args:
        id: names it within its data set; the unit of splitting.
        channels: none where the file holds annotations only.
        stretches: (start, stop) in seconds, rising and disjoint: where there are samples.
        samples: ``samples(indices, first, last)`` gives float32 ``[last - first, channels]`` of
            channels that share one rate; NaN outside the stretches. Called with checked numbers.
        notes: reads the annotations, in order of onset.
        start: when the first sample was taken, local time as written, or None.
        subject: whose it is, or None where the source does not say.
    """

    id: str
    channels: tuple[Channel, ...]
    stretches: tuple[tuple[float, float], ...]
    samples: Callable[[tuple[int, ...], int, int], np.ndarray] = field(repr=False)
    notes: Callable[[], tuple[Annotation, ...]] = field(repr=False, default=tuple)
    start: datetime | None = field(default=None, repr=False)
    subject: str | None = field(default=None, repr=False)

    def __post_init__(self) -> None:
        """Checks that the stretches rise."""
        edges = np.array(self.stretches, dtype=np.float64).reshape(-1)
        if not np.all(np.isfinite(edges)) or np.any(np.diff(edges) < 0):
            raise DataError(f"recording {self.id}", got="stretches of signal that do not rise")

    @property
    def duration(self) -> float:
        """Seconds from the first sample to the end of the last stretch, gaps included."""
        return self.stretches[-1][1] if self.stretches else 0.0

    def annotations(self) -> tuple[Annotation, ...]:
        """The annotations, read from the file at each call."""
        return self.notes()

    def read(self, channels: Sequence[int], first: int, last: int) -> np.ndarray:
        """Samples ``first`` to ``last - 1`` of some channels.

        Args:
            channels: indices into ``channels``, all of one sampling rate.
            first: counted from the first sample of the recording; may lie before it.
            last: one behind the last sample wanted.

        Returns:
            float32 ``[last - first, len(channels)]`` in the channels' own units; NaN where nothing
            was recorded.

        Raises:
            DataError: no such channel, channels of several rates, or a window beyond reason.
        """
        wanted = tuple(channels)
        if not wanted or any(not 0 <= index < len(self.channels) for index in wanted):
            raise DataError(f"recording {self.id}", got="a channel that it does not have")
        if len({self.channels[index].sampling_rate for index in wanted}) > 1:
            raise DataError(f"recording {self.id}", got="channels of several sampling rates")
        if not last - first >= 0 or (last - first) * len(wanted) > _LARGEST_READ:
            raise DataError(
                f"recording {self.id}",
                got=f"a window of {last - first} samples",
                wanted=f"0 to {_LARGEST_READ // len(wanted)}",
                todo="Read it in shorter windows.",
            )
        return self.samples(wanted, first, last)


@dataclass(frozen=True, eq=False)
class RecordingSet:
    """The recordings of a data set, in a fixed order.

    Args:
        recordings: each with its own id.
        group_note: one sentence on what the ids are; reports repeat it.

    Raises:
        DataError: two recordings share an id, or an id is empty or holds control characters.
    """

    recordings: tuple[Recording, ...]
    group_note: str = ""

    def __post_init__(self) -> None:
        """Checks the ids."""
        ids = [recording.id for recording in self.recordings]
        if len(set(ids)) < len(ids):
            raise DataError("recordings", got="one id twice", wanted="an id of its own for each")
        if any(not name or re.search(r"[\x00-\x1f]", name) for name in ids):
            raise DataError("recordings", got="an id that is empty or holds control characters")

    def __len__(self) -> int:
        """The number of recordings."""
        return len(self.recordings)

    def __iter__(self) -> Iterator[Recording]:
        """The recordings, in order."""
        return iter(self.recordings)

    def __getitem__(self, index: int) -> Recording:
        """One recording by its place."""
        return self.recordings[index]
