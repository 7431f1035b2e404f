"""Reading WFDB records and their annotations as recordings."""

from __future__ import annotations

from dataclasses import replace
from functools import partial as bound
from pathlib import Path

from sequela.errors import ConfigError, DataError
from sequela.folders import files_below, recording_id, subject_of
from sequela.signals import Annotation, Recording, RecordingSet
from sequela.sources.wfdb.header import check_header, segments_of
from sequela.sources.wfdb.marks import read_marks
from sequela.sources.wfdb.package import package, quietly
from sequela.sources.wfdb.segments import channels_of, joined, samples

__all__ = ["read"]


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
    return read_marks(path, rate, duration)
