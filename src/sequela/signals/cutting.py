"""From long recordings to records with a label: windows on a grid, and beats."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Annotated, Literal

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, field_validator

from sequela.errors import ConfigError, DataError
from sequela.signals.beats import RHYTHM, against_typical, rhythm
from sequela.signals.channels import factor, plain, select
from sequela.signals.recordings import Annotation, Recording, RecordingSet
from sequela.signals.records import SignalSet
from sequela.signals.resampling import resampled

__all__ = ["Beats", "Cut", "Windows", "cut"]

# Values read at once; a block holds at least one record.
_BLOCK = 1 << 19

# A recording of more windows than this is a damaged header, not a long night.
_MOST_WINDOWS = 10_000_000

# 32 GiB: what is cut has to fit into memory, and a mistaken hop must not fill it.
_MOST_VALUES = 1 << 33


class _Common(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    channels: tuple[tuple[str, ...], ...] | None = Field(default=None, min_length=1)
    sampling_rate: float | None = Field(default=None, gt=0, le=1e6, allow_inf_nan=False)
    unit: str | None = None

    @field_validator("channels", mode="before")
    @classmethod
    def _one_name_is_a_list(cls, value: object) -> object:
        if not isinstance(value, list | tuple):
            return value
        return tuple((one,) if isinstance(one, str) else one for one in value)

    @field_validator("channels")
    @classmethod
    def _each_has_a_name(
        cls, value: tuple[tuple[str, ...], ...] | None
    ) -> tuple[tuple[str, ...], ...] | None:
        if value is not None and any(not names or not all(names) for names in value):
            raise ValueError("at least one name for each channel")
        return value


class Windows(_Common):
    """Records of equal length on a grid, each labelled by what is annotated in it.

    Args:
        length: seconds.
        hop: seconds from one start to the next; None for ``length``, which leaves no overlap.
        overlap: the share of a window, from above 0 to 1, that annotations of one class must cover
            to give it their label; half by default, as event scoring does. An annotation without
            duration covers the windows that it falls in.
        partial: what becomes of a window that is covered by less: "background", as it stands in a
            running alarm, or "drop".
        background: the label of a window that nothing covers.
        channels: for each channel its name, or the names it may have; None for all.
        sampling_rate: hertz of the result; None where all have the same rate already.
        unit: of the result; None for the first recording's.
    """

    kind: Literal["windows"] = "windows"
    length: float = Field(gt=0, le=86_400, allow_inf_nan=False)
    hop: float | None = Field(default=None, gt=0, le=86_400, allow_inf_nan=False)
    overlap: float = Field(default=0.5, gt=0, le=1)
    partial: Literal["background", "drop"] = "background"
    background: str = "background"


class Beats(_Common):
    """One record around each annotation whose text is a class value.

    Args:
        before: seconds before the annotation.
        after: seconds from the annotation on.
        rhythm: tell of each beat how early it came (:func:`sequela.signals.beats.rhythm`).
        typical: add each channel again, less the recording's typical beat
            (:func:`sequela.signals.beats.against_typical`).
        channels, sampling_rate, unit: as for :class:`Windows`.
    """

    kind: Literal["beats"] = "beats"
    before: float = Field(ge=0, le=3600, allow_inf_nan=False)
    after: float = Field(gt=0, le=3600, allow_inf_nan=False)
    rhythm: bool = False
    typical: bool = False


Cut = Annotated[Windows | Beats, Field(discriminator="kind")]
"""How a task wants recordings to be cut."""


@dataclass(frozen=True)
class _Plan:
    # What holds for all recordings of the set.
    names: tuple[str, ...]
    wanted: tuple[tuple[str, ...], ...]
    rate: float
    units: tuple[str, ...]


def cut(
    recordings: RecordingSet, how: Windows | Beats, classes: Sequence[Sequence[str]] = ()
) -> tuple[SignalSet, Counter[str]]:
    """Cuts recordings into records; reads them in blocks, so only the result has to fit in memory.

    A record is left out, and counted, where it touches a gap of its recording or reaches over its
    ends; a recording without channels gives none.

    Args:
        recordings: any number, of any length.
        how: windows or beats.
        classes: for each class the annotation texts that stand for it. Windows compare them
            without letter case and get the first text of the class as label; beats compare them
            exactly and keep the symbol. Other annotations are passed over.

    Returns:
        The records, in order of recording and time, and how many were left out for which reason.
        Labels are None for windows of recordings that hold no annotation at all.

    Raises:
        DataError: a channel is missing, units or rates do not go together.
        ConfigError: a rate has to be chosen, or a window is shorter than a sample.
    """
    dropped: Counter[str] = Counter()
    usable = [one for one in recordings if one.channels]
    if len(usable) < len(recordings):
        dropped["recording without channels"] = len(recordings) - len(usable)
    if not usable:
        raise DataError("recordings", got="none with a channel", wanted="at least one")
    plan = _plan(usable, how)
    parts = [_Pieces(plan, recording, how, classes, dropped) for recording in usable]
    values = _joined(parts, len(plan.names))
    lengths = np.concatenate([one.lengths for one in parts])
    silent = sum(not one.annotated for one in parts)
    names, units = plan.names, plan.units
    if isinstance(how, Beats) and how.typical:
        values = against_typical(values, [len(one.starts) for one in parts], parts[0].size)
        names = (*names, *(f"{name} against the typical beat" for name in names))
        units = (*units, *units)
    told = isinstance(how, Beats) and how.rhythm
    labels = None if silent == len(parts) else np.concatenate([one.labels for one in parts])
    return SignalSet(
        values=values,
        offsets=np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64),
        recording=_repeated([one.recording.id for one in parts], parts),
        sampling_rate=plan.rate,
        channels=names,
        subject=_subjects(parts),
        label=labels,
        group_note=_note(recordings.group_note, how, silent, len(parts)),
        units=units,
        onset=np.concatenate([one.onsets for one in parts]),
        beside=np.concatenate([one.rhythm for one in parts]) if told else None,
        beside_names=RHYTHM if told else (),
    ), dropped


def _note(note: str, how: Windows | Beats, silent: int, count: int) -> str:
    # No annotation may mean that nothing happened, or that nobody looked.
    if not isinstance(how, Windows) or not 0 < silent < count:
        return note
    return f"{note}; {silent} of {count} hold no annotation and count as {how.background}"


def _joined(parts: list[_Pieces], width: int) -> np.ndarray:
    """The samples of all records, end to end; held once, for they may be most of the memory."""
    total = sum(len(one.starts) * one.size for one in parts)
    if total * width > _MOST_VALUES:
        raise ConfigError(
            "the records",
            got=f"{total * width:.3g} values",
            wanted=f"at most {_MOST_VALUES:.3g}, which is 32 GiB",
            todo="Choose a longer hop, fewer channels or fewer recordings.",
        )
    values = np.empty((total, width), np.float32)
    done = 0
    for one in parts:
        for block in one.blocks():
            values[done : done + len(block)] = block
            done += len(block)
    return values[:done]


def _repeated(names: list[str], parts: list[_Pieces]) -> np.ndarray:
    return np.repeat(np.array(names, dtype=np.str_), [len(one.lengths) for one in parts])


def _subjects(parts: list[_Pieces]) -> np.ndarray | None:
    names = [one.recording.subject for one in parts]
    # One unknown subject could be any of the others.
    return None if None in names else _repeated([str(name) for name in names], parts)


def _plan(recordings: list[Recording], how: Windows | Beats) -> _Plan:
    first = recordings[0]
    wanted = how.channels or tuple((channel.name,) for channel in first.channels)
    # A name twice in a file is told apart by nothing: it has to be chosen, or left out.
    chosen = [
        (one, tuple(one.channels[index] for index in select(one, wanted))) for one in recordings
    ]
    rates = {channel.sampling_rate for _, channels in chosen for channel in channels}
    if how.sampling_rate is None and len(rates) > 1:
        raise ConfigError(
            "sampling rate of the records",
            got=f"channels at {len(rates)} rates from {min(rates):g} to {max(rates):g} Hz",
            wanted="one",
            todo="Set sampling_rate; channels at other rates are resampled.",
        )
    units = tuple(how.unit or channel.unit for channel in chosen[0][1])
    return _Plan(
        names=tuple(names[0] for names in wanted),
        wanted=wanted,
        rate=how.sampling_rate or next(iter(rates)),
        units=units,
    )


class _Pieces:
    """The records of one recording: where they start, what they are called, their samples."""

    def __init__(
        self,
        plan: _Plan,
        recording: Recording,
        how: Windows | Beats,
        classes: Sequence[Sequence[str]],
        dropped: Counter[str],
    ) -> None:
        self.plan, self.recording, self.dropped = plan, recording, dropped
        self.indices = select(recording, plan.wanted)
        self.factors = np.array(
            [
                factor(recording.channels[index], unit, recording.id)
                for index, unit in zip(self.indices, plan.units, strict=True)
            ],
            dtype=np.float32,
        )
        annotations = recording.annotations()
        self.annotated = bool(annotations)
        self.rhythm = np.zeros((0, len(RHYTHM)), np.float32)
        self.annotations = self._meant(annotations)
        if isinstance(how, Windows):
            self.size = _samples(how.length, plan.rate, "length")
            self.starts, self.labels = self._windows(how, classes)
        else:
            ahead = round(how.before * plan.rate)
            self.size = ahead + _samples(how.after, plan.rate, "after")
            self.starts, self.labels = self._beats(ahead, classes)
        self.kept = np.ones(len(self.starts), dtype=bool)

    def _meant(self, annotations: tuple[Annotation, ...]) -> tuple[Annotation, ...]:
        names = {plain(self.recording.channels[index].name) for index in self.indices}
        meant = [one for one in annotations if one.channel is None or plain(one.channel) in names]
        return tuple(sorted(meant, key=lambda one: one.onset))

    def _windows(
        self, how: Windows, classes: Sequence[Sequence[str]]
    ) -> tuple[np.ndarray, np.ndarray]:
        rate = self.plan.rate
        hop = _samples(how.hop or how.length, rate, "hop")
        grids = []
        seconds = sum(stop - start for start, stop in self.recording.stretches)
        if seconds * rate / hop > _MOST_WINDOWS:
            raise DataError(
                f"recording {self.recording.id}",
                got=f"{seconds:.3g} seconds, more than {_MOST_WINDOWS} windows",
                todo="Choose a longer hop.",
            )
        for start, stop in self.recording.stretches:
            first, last = int(np.ceil(start * rate - 1e-6)), int(np.floor(stop * rate + 1e-6))
            grids.append(np.arange(first, last - self.size + 1, hop, dtype=np.int64))
        starts = np.concatenate([np.empty(0, np.int64), *grids])
        covered = np.stack(
            [np.zeros(len(starts)), *(self._covered(starts, texts) for texts in classes)], axis=1
        )
        best = covered.argmax(axis=1)
        share = covered[np.arange(len(starts)), best]
        best[share < how.overlap - 1e-9] = 0
        labels = np.array([how.background, *(texts[0] for texts in classes)], dtype=np.str_)[best]
        if how.partial == "drop":
            partial = (share > 0) & (best == 0)
            self._count("window partly covered by an annotation", int(partial.sum()))
            starts, labels = starts[~partial], labels[~partial]
        return starts, labels

    def _covered(self, starts: np.ndarray, texts: Sequence[str]) -> np.ndarray:
        """float64 [n], the share of each window that annotations of one class cover."""
        known = {text.strip().casefold() for text in texts}
        length = self.size / self.plan.rate
        begin = starts / self.plan.rate
        share = np.zeros(len(starts))
        merged: list[list[float]] = []
        for one in self.annotations:
            if one.text.strip().casefold() not in known:
                continue
            stop = one.onset + (one.duration or 0.0)
            if not one.duration:
                share[(begin <= one.onset) & (one.onset < begin + length)] = 1.0
            elif merged and one.onset <= merged[-1][1]:
                merged[-1][1] = max(merged[-1][1], stop)
            else:
                merged.append([one.onset, stop])
        for start, stop in merged:
            low, high = np.searchsorted(begin, [start - length, stop])
            overlap = np.minimum(begin[low:high] + length, stop) - np.maximum(
                begin[low:high], start
            )
            share[low:high] += np.maximum(overlap, 0.0) / length
        return np.minimum(share, 1.0)

    def _beats(self, ahead: int, classes: Sequence[Sequence[str]]) -> tuple[np.ndarray, np.ndarray]:
        known = {text for texts in classes for text in texts}
        beats = [one for one in self.annotations if one.text in known]
        self._count("recording without an annotated beat", int(not beats))
        onset = np.array([one.onset for one in beats], dtype=np.float64)
        starts = np.rint(onset * self.plan.rate).astype(np.int64) - ahead
        labels = np.array([one.text for one in beats], dtype=np.str_)
        last = int(np.floor(self.recording.duration * self.plan.rate + 1e-6))
        inside = (starts >= 0) & (starts + self.size <= last)
        self._count("beat too near the start or the end", int((~inside).sum()))
        self.rhythm = rhythm(onset)[inside]
        return starts[inside], labels[inside]

    def _count(self, reason: str, count: int) -> None:
        if count:
            self.dropped[reason] += count

    def blocks(self) -> Iterator[np.ndarray]:
        """The samples of the records, end to end; only then are lengths and labels final."""
        per_block = max(self.size, _BLOCK // len(self.indices))
        done = 0
        while done < len(self.starts):
            begin = int(self.starts[done])
            # Records of one read lie within one stretch of `per_block` samples.
            count = int(np.searchsorted(self.starts[done:], begin + per_block - self.size, "right"))
            # Records that overlap repeat their samples: what they fill is bounded too.
            count = min(count, max(1, _BLOCK // (self.size * len(self.indices))))
            chosen = self.starts[done : done + count]
            values = self._read(begin, int(chosen[-1]) + self.size)
            places = (chosen - begin)[:, None] + np.arange(self.size)
            block = values[places]
            whole = ~np.isnan(block).any(axis=(1, 2))
            self.kept[done : done + count] = whole
            yield block[whole].reshape(-1, len(self.indices))
            done += count
        self._count("record that touches a gap", int((~self.kept).sum()))
        self.starts, self.labels = self.starts[self.kept], self.labels[self.kept]
        # Windows have no rhythm.
        self.rhythm = self.rhythm[self.kept] if len(self.rhythm) else self.rhythm

    def _read(self, first: int, last: int) -> np.ndarray:
        """float32 [last - first, C] on the grid of the result, in its units."""
        values = np.empty((last - first, len(self.indices)), np.float32)
        rates = [self.recording.channels[index].sampling_rate for index in self.indices]
        for rate in sorted(set(rates)):
            columns = [place for place, one in enumerate(rates) if one == rate]
            chosen = tuple(self.indices[place] for place in columns)
            values[:, columns] = resampled(self.recording, chosen, self.plan.rate, first, last)
        return values * self.factors

    @property
    def lengths(self) -> np.ndarray:
        """int64 [n], the samples of each record."""
        return np.full(len(self.starts), self.size, dtype=np.int64)

    @property
    def onsets(self) -> np.ndarray:
        """float64 [n], seconds from the start of the recording to each record's first sample."""
        return self.starts / self.plan.rate


def _samples(seconds: float, rate: float, name: str) -> int:
    count = round(seconds * rate)
    if count < 1:
        raise ConfigError(
            f"setting '{name}'", got=f"{seconds:g} seconds", wanted=f"a sample at {rate:g} Hz"
        )
    return count
