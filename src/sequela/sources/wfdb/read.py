"""Reading WFDB records and their annotations as recordings."""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable
from functools import partial as bound
from pathlib import Path
from typing import Any

import numpy as np

from sequela.errors import ConfigError, DataError, MissingDependencyError
from sequela.folders import files_below, recording_id, subject_of
from sequela.signals import Annotation, Channel, Recording, RecordingSet
from sequela.sources.wfdb.header import Claims, check_header

__all__ = ["read"]

# The symbol of a change of rhythm; what changed stands in its note.
_RHYTHM = "+"


def read(path: Path | str, *, annotator: str = "atr", subject: str | None = None) -> RecordingSet:
    """Opens one record, or every record below a folder; reads headers only.

    Args:
        path: a header (.hea), or the folder.
        annotator: the ending of the annotation files; records without one have no annotations.
        subject: whose the recordings are: "folder" takes the name of a header's folder, anything
            else is a regular expression with one group that is looked for in the header's path
            below ``path``. By default the subjects stay unknown.

    Returns:
        Recordings in order of their paths, ids the paths below ``path`` without ending. The text
        of an annotation is its symbol ("N", "V"), or for a change of rhythm the rhythm ("(AFIB"),
        which lasts until the next.

    Raises:
        DataError: no such file, a malformed header, a sample file that is missing, elsewhere or
            cut off, a damaged annotation file; named by file and line, never by content.
        ConfigError: ``annotator`` is no ending, or ``subject`` no expression.
        MissingDependencyError: wfdb is not installed.
    """
    if not annotator.isalnum():
        raise ConfigError("option 'annotator' of source wfdb", wanted="letters and digits")
    _wfdb()
    root, files = files_below(path, (".hea",), "a WFDB header")
    recordings = [
        _recording(check_header(file), recording_id(root, file), annotator, owner)
        for file in files
        for owner in [subject_of(root, file, subject)]
    ]
    return RecordingSet(tuple(recordings), "one recording for each WFDB record")


def _wfdb() -> Any:
    try:
        with warnings.catch_warnings():
            # It uses what pandas will drop, and says so at import.
            warnings.simplefilter("ignore")
            import wfdb
    except ImportError as error:
        raise MissingDependencyError(
            "reading WFDB files", wanted="wfdb", todo="pip install 'sequela[signals]'"
        ) from error
    return wfdb


def _quietly(path: Path, call: Callable[[], Any]) -> Any:
    """What the package gives; its own messages may quote the file and are not passed on."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return call()
    except Exception as error:
        raise DataError(
            f"file {path}",
            got=f"something that wfdb cannot read ({type(error).__name__})",
            todo="The file is damaged, or of another kind.",
        ) from None


def _recording(claims: Claims, name: str, annotator: str, subject: str | None) -> Recording:
    record = str(claims.path.with_suffix(""))
    header = _quietly(claims.path, lambda: _wfdb().rdheader(record))
    units = header.units or []
    names = header.sig_name or []
    channels = tuple(
        Channel(names[index] or f"signal {index + 1}", units[index] or "", claims.rate * size)
        for index, size in enumerate(claims.per_frame)
    )
    return Recording(
        id=name,
        channels=channels,
        stretches=((0.0, claims.frames / claims.rate),) if channels else (),
        samples=bound(_samples, claims),
        notes=bound(_annotations, claims, annotator),
        start=header.base_datetime,
        subject=subject,
    )


def _samples(claims: Claims, channels: tuple[int, ...], first: int, last: int) -> np.ndarray:
    """float32 [last - first, channels] of channels of one rate; NaN where none was recorded."""
    values = np.full((last - first, len(channels)), np.nan, np.float32)
    size = claims.per_frame[channels[0]]
    begin, end = max(first // size, 0), min(math.ceil(last / size), claims.frames)
    if begin >= end:
        return values
    record = str(claims.path.with_suffix(""))
    read = _quietly(
        claims.path,
        lambda: _wfdb().rdrecord(
            record, sampfrom=begin, sampto=end, channels=list(channels), smooth_frames=False
        ),
    )
    columns = np.stack(read.e_p_signal, axis=1)
    if columns.shape != ((end - begin) * size, len(channels)):
        raise DataError(f"file {claims.path}", got="fewer samples than its header says")
    target = begin * size - first
    a, b = max(target, 0), min(target + len(columns), len(values))
    values[a:b] = columns[a - target : b - target]
    return values


def _annotations(claims: Claims, annotator: str) -> tuple[Annotation, ...]:
    path = claims.path.with_suffix(f".{annotator}")
    if not path.exists():
        return ()
    if path.is_symlink() and not path.resolve().is_relative_to(path.parent.resolve()):
        raise DataError(f"file {path}", got="a link that leads out of the folder")
    size = path.stat().st_size
    if size < 2:
        raise DataError(f"file {path}", got="an empty file", wanted="annotations")
    with open(path, "rb") as file:
        file.seek(-2, 2)
        # The format ends a file with a zero word; wfdb reads on without it.
        if size % 2 or file.read() != b"\x00\x00":
            raise DataError(
                f"file {path}",
                got="a file that does not end as it must",
                wanted="annotations up to a zero word",
                todo="The file is cut off: copy it again.",
            )
    record = str(path.with_suffix(""))
    labels = ["symbol", "label_store"]
    read = _quietly(path, lambda: _wfdb().rdann(record, annotator, return_label_elements=labels))
    places = np.asarray(read.sample, dtype=np.int64)
    wrong = np.flatnonzero((places < 0) | (np.diff(places, prepend=0) < 0))
    if len(wrong):
        raise DataError(
            f"annotation {wrong[0] + 1} of {path}",
            got="a time before that of the one before it",
            wanted="annotations in order",
            todo="The file is damaged there.",
        )
    onsets = places / (read.fs or claims.rate)
    # Codes that mean nothing to wfdb have no symbol.
    symbols = [
        symbol if isinstance(symbol, str) and symbol else f"[{code}]"
        for symbol, code in zip(read.symbol, read.label_store, strict=True)
    ]
    return _with_rhythms(onsets, symbols, list(read.aux_note), claims)


def _with_rhythms(
    onsets: np.ndarray, symbols: list[str], asides: list[str], claims: Claims
) -> tuple[Annotation, ...]:
    stop = max(claims.frames / claims.rate, onsets[-1] if len(onsets) else 0.0)
    result: list[Annotation] = []
    for onset, symbol, aside in zip(onsets[::-1], symbols[::-1], asides[::-1], strict=True):
        if symbol == _RHYTHM and aside.strip("\x00 "):
            text = aside.strip("\x00 ")
            result.append(Annotation(float(onset), float(stop - onset), text))
            stop = onset
        else:
            result.append(Annotation(float(onset), None, symbol))
    return tuple(result[::-1])
