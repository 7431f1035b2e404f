"""Reading EDF, EDF+ and BDF files as recordings."""

from __future__ import annotations

import io
import math
import warnings
from datetime import MAXYEAR, timedelta
from functools import partial as bound
from pathlib import Path

import numpy as np

from sequela.errors import DataError, MissingDependencyError, install_line
from sequela.folders import files_below, recording_id, subject_of
from sequela.signals import Channel, Recording, RecordingSet
from sequela.sources.edf.header import MAIN, Header, read_header
from sequela.sources.edf.join import joined
from sequela.sources.edf.marks import first_onset, marks, record_onsets

__all__ = ["read"]

_ENDINGS = (".edf", ".bdf", ".rec")

# Bytes of data records handed to edfio at once.
_BLOCK = 1 << 24


def read(
    path: Path | str,
    *,
    subject: str | None = None,
    join: str | None = None,
    partial: bool = False,
) -> RecordingSet:
    """Opens one file, or every .edf, .bdf and .rec file below a folder; reads headers only.

    Args:
        path: the file or the folder.
        subject: whose the recordings are: "code" takes the patient code of EDF+ headers, "folder"
            the name of a file's folder, anything else is a regular expression with one group that
            is looked for in the file's path below ``path``: ``(S\\d+)R`` finds S001 in
            ``S001R04.edf``. By default the subjects stay unknown.
        join: a regular expression with one group, looked for in the path as well: where it finds
            the same, a file of annotations alone belongs to the file of signals. ``(SC4\\d{3})``
            joins ``SC4001E0-PSG.edf`` and ``SC4001EC-Hypnogram.edf``.
        partial: read the whole data records of files that are cut off or hold more than their
            header says.

    Returns:
        Recordings in order of their paths, ids the paths below ``path`` without ending.

    Raises:
        DataError: no such file, a wrong header field, a file of another length than it says, a
            damaged annotation; named by file and field or data record.
        ConfigError: ``subject`` or ``join`` is none of these.
        MissingDependencyError: edfio is not installed.
    """
    _edfio()
    root, files = files_below(path, _ENDINGS, "an EDF or BDF file")
    recordings, keys = [], []
    for file in files:
        header = read_header(file, partial)
        owner = header.patient_code if subject == "code" else subject_of(root, file, subject)
        recordings.append(_recording(header, recording_id(root, file), owner))
        keys.append(subject_of(root, file, join, "join"))
    return RecordingSet(joined(recordings, keys), "one recording for each EDF file of signals")


def _edfio():
    try:
        import edfio
    except ImportError as error:
        raise MissingDependencyError(
            "reading EDF files", wanted="edfio", todo=f"Run: {install_line('signals')}"
        ) from error
    return edfio


def _recording(header: Header, name: str, subject: str | None) -> Recording:
    onsets, offset = None, 0.0
    if header.is_plus:
        offset = first_onset(header)
        if not header.continuous:
            onsets = record_onsets(header)
    start = header.start
    if start is not None and 0 < offset < 1 and start.year < MAXYEAR:
        start += timedelta(seconds=offset)
    places = [index for index, one in enumerate(header.signals) if not one.is_annotation]
    channels = tuple(
        Channel(one.label, one.unit, one.samples / header.duration)
        for one in (header.signals[index] for index in places)
    )
    return Recording(
        id=name,
        channels=channels,
        stretches=_stretches(header, onsets) if channels else (),
        samples=bound(
            _samples, header, tuple(places), None if onsets is None else np.array(onsets)
        ),
        notes=bound(marks, header),
        start=start,
        subject=subject,
    )


def _stretches(header: Header, onsets: list[float] | None) -> tuple[tuple[float, float], ...]:
    if onsets is None:
        return ((0.0, header.records * header.duration),)
    result: list[list[float]] = []
    for onset in onsets:
        if result and onset - result[-1][1] <= 1e-6:
            result[-1][1] = onset + header.duration
        else:
            result.append([onset, onset + header.duration])
    return tuple((start, stop) for start, stop in result)


def _samples(
    header: Header,
    places: tuple[int, ...],
    onsets: np.ndarray | None,
    channels: tuple[int, ...],
    first: int,
    last: int,
) -> np.ndarray:
    """float32 [last - first, channels] of channels of one rate; NaN in gaps."""
    values = np.full((last - first, len(channels)), np.nan, np.float32)
    size = header.signals[places[channels[0]]].samples
    if onsets is None:
        begin, end = max(first // size, 0), min(math.ceil(last / size), header.records)
        starts = np.arange(header.records, dtype=np.int64) * size
    else:
        starts = np.rint(onsets * (size / header.duration)).astype(np.int64)
        begin = max(int(np.searchsorted(starts, first - size, "right")), 0)
        end = int(np.searchsorted(starts, last, "left"))
    at_once = max(1, _BLOCK // header.record_bytes)
    for low in range(begin, end, at_once):
        high = min(low + at_once, end)
        block = _decoded(header, channels, low, high)
        for number in range(low, high):
            target = starts[number] - first
            a, b = max(target, 0), min(target + size, len(values))
            if a < b:
                source = (number - low) * size - target
                values[a:b] = block[source + a : source + b]
    return values


def _decoded(header: Header, channels: tuple[int, ...], low: int, high: int) -> np.ndarray:
    """float32 [samples, channels] of the data records ``low`` to ``high - 1``."""
    edfio = _edfio()
    with open(header.path, "rb") as file:
        file.seek(len(header.raw) + low * header.record_bytes)
        data = file.read((high - low) * header.record_bytes)
    if len(data) < (high - low) * header.record_bytes:
        raise DataError(f"file {header.path}", got="a file that became shorter")
    # A small file of its own: edfio reads BDF files whole, and maps EDF files into memory, which
    # kills the process when somebody shortens the file meanwhile.
    small = io.BytesIO(_counted(header.raw, high - low) + data).getvalue()
    reader = edfio.read_bdf if header.is_bdf else edfio.read_edf
    try:
        with warnings.catch_warnings(), np.errstate(all="ignore"):
            warnings.simplefilter("ignore")
            signals = reader(small, header_encoding="latin-1").signals
            columns = np.stack([signals[index].data for index in channels], axis=1)
            values = columns.astype(np.float32)
    except Exception as error:
        # edfio's own messages may quote the file.
        raise DataError(
            f"file {header.path}", got=f"data that edfio cannot read ({type(error).__name__})"
        ) from None
    return values


def _counted(raw: bytes, records: int) -> bytes:
    """The header with another number of data records."""
    names = list(MAIN)
    place = sum(MAIN[name] for name in names[: names.index("number of data records")])
    return raw[:place] + str(records).encode().ljust(8) + raw[place + 8 :]
