"""Samples of a record, of one segment or of several with gaps between them.

The monitors of intensive care write a new segment whenever a lead is put on or off; a layout
header lists all channels that any segment has.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import partial as bound
from pathlib import Path

import numpy as np

from sequela.errors import DataError
from sequela.signals import Channel, Recording
from sequela.sources.wfdb.header import Claims, check_header, check_layout
from sequela.sources.wfdb.package import package, quietly

__all__ = ["channels_of", "joined", "samples"]


@dataclass(frozen=True)
class _Segment:
    first: int  # frames from the start of the record
    claims: Claims
    channels: tuple[Channel, ...]


def channels_of(path: Path, rate: float, per_frame: tuple[int, ...]) -> tuple[Channel, ...]:
    """The channels of a header that was checked."""
    header = quietly(path, lambda: package().rdheader(str(path.with_suffix(""))))
    names, units = header.sig_name or [], header.units or []
    return tuple(
        Channel(names[index] or f"signal {index + 1}", units[index] or "", rate * size)
        for index, size in enumerate(per_frame)
    )


def samples(claims: Claims, channels: tuple[int, ...], first: int, last: int) -> np.ndarray:
    """float32 [last - first, channels] of channels of one rate; NaN where none was recorded."""
    values = np.full((last - first, len(channels)), np.nan, np.float32)
    size = claims.per_frame[channels[0]]
    begin, end = max(first // size, 0), min(math.ceil(last / size), claims.frames)
    if begin >= end:
        return values
    record = str(claims.path.with_suffix(""))
    read = quietly(
        claims.path,
        lambda: package().rdrecord(
            record, sampfrom=begin, sampto=end, channels=list(channels), smooth_frames=False
        ),
    )
    columns = np.stack(read.e_p_signal, axis=1)
    if columns.shape != ((end - begin) * size, len(channels)):
        raise DataError(f"file {claims.path}", got="fewer samples than its header says")
    target = begin * size - first
    a, b = max(target, 0), min(target + len(columns), len(values))
    with np.errstate(over="ignore"):
        values[a:b] = columns[a - target : b - target]
    return values


def joined(path: Path, rate: float, named: list[tuple[str, int]]) -> Recording:
    """A record of several segments, under its file's name; without annotations and subject.

    Args:
        path: the record's header.
        rate: its frames a second.
        named: name and frames of each segment, ``~`` for a gap; a first one without frames is
            the layout.

    Raises:
        DataError: a segment is malformed or cut off, or its rates or units are others than the
            record's.
    """
    layout = path.parent / f"{named[0][0]}.hea" if named and named[0][1] == 0 else None
    segments, first = [], 0
    for name, frames in named[1:] if layout else named:
        if name != "~" and frames:
            segments.append(_segment(path.parent / f"{name}.hea", first, frames, rate))
        first += frames
    if layout is not None:
        channels = channels_of(layout, rate, (1,) * check_layout(layout))
    elif segments:
        channels = segments[0].channels
    else:
        raise DataError(f"file {path}", got="no segment with samples", wanted="at least one")
    known = {channel.name: channel for channel in channels}
    for segment in segments:
        if any(known.get(channel.name) != channel for channel in segment.channels):
            raise DataError(
                f"file {segment.claims.path}",
                got="a channel, rate or unit that its record does not have",
                wanted="the channels of the first segment, or of the layout",
            )
    return Recording(
        id=path.stem,
        channels=channels,
        stretches=_stretches(segments, rate),
        samples=bound(_joined_samples, tuple(segments), channels, rate),
    )


def _segment(path: Path, first: int, frames: int, rate: float) -> _Segment:
    claims = check_header(path)
    if claims.frames != frames or claims.rate != rate:
        raise DataError(
            f"file {path}",
            got="another length or sampling rate than its record says",
            wanted=f"{frames} frames at {rate:g} Hz",
        )
    return _Segment(first, claims, channels_of(path, rate, claims.per_frame))


def _stretches(segments: list[_Segment], rate: float) -> tuple[tuple[float, float], ...]:
    frames: list[list[int]] = []
    for segment in segments:
        if frames and frames[-1][1] == segment.first:
            frames[-1][1] += segment.claims.frames
        else:
            frames.append([segment.first, segment.first + segment.claims.frames])
    return tuple((first / rate, last / rate) for first, last in frames)


def _joined_samples(
    segments: tuple[_Segment, ...],
    channels: tuple[Channel, ...],
    rate: float,
    wanted: tuple[int, ...],
    first: int,
    last: int,
) -> np.ndarray:
    """float32 [last - first, wanted]; NaN in gaps and where a segment lacks the channel."""
    values = np.full((last - first, len(wanted)), np.nan, np.float32)
    size = round(channels[wanted[0]].sampling_rate / rate)
    for segment in segments:
        begin = segment.first * size
        end = begin + segment.claims.frames * size
        a, b = max(first, begin), min(last, end)
        places = {channel.name: place for place, channel in enumerate(segment.channels)}
        here = [index for index in wanted if channels[index].name in places]
        if a >= b or not here:
            continue
        chosen = tuple(places[channels[index].name] for index in here)
        columns = [wanted.index(index) for index in here]
        values[a - first : b - first, columns] = samples(
            segment.claims, chosen, a - begin, b - begin
        )
    return values
