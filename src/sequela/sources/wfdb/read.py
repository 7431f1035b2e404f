"""Reading WFDB records and their annotations as recordings."""

from __future__ import annotations

from dataclasses import replace
from functools import partial as bound
from pathlib import Path

import numpy as np

from sequela.errors import ConfigError, DataError
from sequela.folders import files_below, recording_id, subject_of
from sequela.signals import Annotation, Recording, RecordingSet
from sequela.sources.wfdb.header import check_header, segments_of
from sequela.sources.wfdb.package import package, quietly
from sequela.sources.wfdb.segments import channels_of, joined, samples

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
    package()
    root, files = files_below(path, (".hea",), "a WFDB header")
    several = {file: segments_of(file) for file in files}
    pieces = {
        file.parent / f"{name}.hea"
        for file, found in several.items()
        if found is not None
        for name, _ in found[1]
    }
    recordings = []
    for file, found in several.items():
        if file not in pieces:
            one = _single(file) if found is None else joined(file, *found)
            recordings.append(_finished(one, root, file, annotator, subject))
    return RecordingSet(tuple(recordings), "one recording for each WFDB record")


def _single(file: Path) -> Recording:
    claims = check_header(file)
    channels = channels_of(file, claims.rate, claims.per_frame)
    return Recording(
        id=file.stem,
        channels=channels,
        stretches=((0.0, claims.frames / claims.rate),) if channels else (),
        samples=bound(samples, claims),
    )


def _finished(
    one: Recording, root: Path, file: Path, annotator: str, subject: str | None
) -> Recording:
    """With what stands beside the samples."""
    header = quietly(file, lambda: package().rdheader(str(file.with_suffix(""))))
    return replace(
        one,
        id=recording_id(root, file),
        notes=bound(_annotations, file, float(header.fs), one.duration, annotator),
        start=header.base_datetime,
        subject=subject_of(root, file, subject),
    )


def _annotations(
    header: Path, rate: float, duration: float, annotator: str
) -> tuple[Annotation, ...]:
    path = header.with_suffix(f".{annotator}")
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
    read = quietly(path, lambda: package().rdann(record, annotator, return_label_elements=labels))
    places = np.asarray(read.sample, dtype=np.int64)
    wrong = np.flatnonzero((places < 0) | (np.diff(places, prepend=0) < 0))
    if len(wrong):
        raise DataError(
            f"annotation {wrong[0] + 1} of {path}",
            got="a time before that of the one before it",
            wanted="annotations in order",
            todo="The file is damaged there.",
        )
    onsets = places / (read.fs or rate)
    # Codes that mean nothing to wfdb have no symbol.
    symbols = [
        symbol if isinstance(symbol, str) and symbol else f"[{code}]"
        for symbol, code in zip(read.symbol, read.label_store, strict=True)
    ]
    return _with_rhythms(onsets, symbols, list(read.aux_note), duration)


def _with_rhythms(
    onsets: np.ndarray, symbols: list[str], asides: list[str], duration: float
) -> tuple[Annotation, ...]:
    stop = max(duration, onsets[-1] if len(onsets) else 0.0)
    result: list[Annotation] = []
    for onset, symbol, aside in zip(onsets[::-1], symbols[::-1], asides[::-1], strict=True):
        if symbol == _RHYTHM and aside.strip("\x00 "):
            text = aside.strip("\x00 ")
            result.append(Annotation(float(onset), float(stop - onset), text))
            stop = onset
        else:
            result.append(Annotation(float(onset), None, symbol))
    return tuple(result[::-1])
