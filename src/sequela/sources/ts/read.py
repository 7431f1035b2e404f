"""Reading .ts files (sktime) and the older tables of the UCR archive as labelled records."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from sequela.errors import ConfigError, DataError, LabelError
from sequela.folders import files_below
from sequela.signals import SignalSet

__all__ = ["read"]

_ENDINGS = (".ts", ".txt", ".tsv")
_PARTS = ("all", "train", "test")
_ENDS = {"_TRAIN": "train", "_TEST": "held_out"}
_FLAG = {"true": True, "false": False}


@dataclass
class _Case:
    values: np.ndarray  # float32 [T, C]
    label: str | None


@dataclass
class _Head:
    # What the lines with @ say; None where they say nothing.
    dimensions: int | None = None
    length: int | None = None
    has_labels: bool = False
    classes: list[str] = field(default_factory=list)


def read(path: Path | str, *, part: str = "all", sampling_rate: float | int = 1.0) -> SignalSet:
    """Reads one file, or the files of a folder.

    Args:
        path: a .ts file, a table of the archive's older form (label first, then the samples, with
            blanks, tabs or commas between them), or a folder that holds such files.
        part: "all", or "train" or "test" for the files of a folder whose names end in _TRAIN or
            _TEST.
        sampling_rate: hertz, which these files do not tell; 1 makes a second of each sample.

    Returns:
        One record for each case, of any lengths; the label as written (a whole number where all
        are); the recording is the file's name and the case's number, since the files do not say
        which cases belong together; and where all files are named _TRAIN or _TEST, the part.

    Raises:
        DataError: a file that is no such table, a value missing or not finite, cases of different
            dimensions; named by file, line and dimension, never by value.
        LabelError: a case without label, or with one that the header does not list.
        ConfigError: an unknown part, or a rate that is none.
    """
    if part not in _PARTS:
        raise ConfigError("option 'part' of source ts", wanted=", ".join(_PARTS))
    if not (np.isfinite(sampling_rate) and sampling_rate > 0):
        raise ConfigError("option 'sampling_rate' of source ts", wanted="hertz, above 0")
    _, files = files_below(path, _ENDINGS, "a .ts file or a table of the UCR archive")
    if part != "all":
        files = [file for file in files if file.stem.upper().endswith(f"_{part.upper()}")]
        if not files:
            raise DataError(f"data {path}", got=f"no file whose name ends in _{part.upper()}")
    cases, names, parts = [], [], []
    for file in files:
        found = list(_ts(file) if file.suffix.lower() == ".ts" else _table(file))
        if not found:
            raise DataError(f"file {file}", got="no cases", wanted="at least one")
        cases += found
        names += [f"{file.stem} {number}" for number in range(1, len(found) + 1)]
        parts += [_part_of(file)] * len(found)
    return _joined(cases, names, parts, float(sampling_rate))


def _part_of(file: Path) -> str | None:
    stem = file.stem.upper()
    return next((part for end, part in _ENDS.items() if stem.endswith(end)), None)


def _joined(
    cases: list[_Case], names: list[str], parts: list[str | None], rate: float
) -> SignalSet:
    widths = {case.values.shape[1] for case in cases}
    if len(widths) > 1:
        raise DataError("the files", got="cases of several numbers of dimensions", wanted="one")
    labels = [case.label for case in cases]
    if any(label is None for label in labels) and any(label is not None for label in labels):
        raise LabelError("the files", got="labels in some, none in others")
    width = widths.pop()
    return SignalSet(
        values=np.concatenate([case.values for case in cases]),
        offsets=np.cumsum([0, *(len(case.values) for case in cases)], dtype=np.int64),
        recording=np.array(names, dtype=np.str_),
        sampling_rate=rate,
        channels=tuple(f"dimension {number}" for number in range(1, width + 1)),
        label=None if labels[0] is None else _label_column(labels),
        part=None if None in parts else np.array(parts, dtype=np.str_),
        group_note="each case counted as a recording of its own: the files do not say which "
        "belong together",
    )


def _label_column(labels: list[str | None]) -> np.ndarray:
    texts = [str(label) for label in labels]
    # The older tables write whole numbers as 1.0000000e+00.
    if all(re.fullmatch(r"[+-]?\d{1,15}(\.0*(e[+-]?0+)?)?", text, re.IGNORECASE) for text in texts):
        return np.array([int(float(text)) for text in texts], dtype=np.int64)
    return np.array(texts, dtype=np.str_)


def _lines(file: Path) -> Iterator[tuple[int, str]]:
    try:
        with open(file, encoding="utf-8-sig") as stream:
            for number, line in enumerate(stream, 1):
                yield number, line.strip()
    except UnicodeDecodeError:
        raise DataError(f"file {file}", got="bytes that are not UTF-8", wanted="text") from None
    except OSError as error:
        raise DataError(f"file {file}", got=type(error).__name__, wanted="a text file") from None


def _bad(file: Path, line: int, got: str, wanted: str | None = None) -> DataError:
    return DataError(f"line {line} of {file}", got=got, wanted=wanted)


def _numbers(file: Path, line: int, fields: list[str], what: str) -> np.ndarray:
    """float32 [T], all finite."""
    try:
        values = np.array(fields, dtype=np.float64)
    except (ValueError, OverflowError):
        raise _bad(file, line, f"a value that is no number{what}", "numbers") from None
    with np.errstate(over="ignore"):
        values = values.astype(np.float32)
    if not np.isfinite(values).all():
        raise _bad(file, line, f"a value that is missing or not finite{what}", "finite numbers")
    return values


def _table(file: Path) -> Iterator[_Case]:
    """Rows of label and samples."""
    width = None
    for number, line in _lines(file):
        if not line:
            continue
        fields = re.split(r"[\s,]+", line.strip(","))
        if len(fields) < 2:
            raise _bad(file, number, "one field", "a label and samples")
        # Rows of equal length are what tells a cut-off file.
        if width is not None and len(fields) != width:
            raise _bad(file, number, f"{len(fields)} fields", f"{width}, as in the rows above")
        width = len(fields)
        label = fields[0]
        _numbers(file, number, [label], " in the place of the label")
        yield _Case(_numbers(file, number, fields[1:], "").reshape(-1, 1), label)


def _ts(file: Path) -> Iterator[_Case]:
    described, in_data = _Head(), False
    for number, line in _lines(file):
        if not line or line.startswith("#"):
            continue
        if in_data:
            yield _case(file, number, line, described)
        elif line.lower() == "@data":
            in_data = True
        elif line.startswith("@"):
            _described(file, number, line, described)
        else:
            raise _bad(file, number, "data before @data", "a header line")
    if not in_data:
        raise DataError(f"file {file}", got="no line @data", wanted="a .ts file")


def _described(file: Path, number: int, line: str, head: _Head) -> None:
    word, *rest = line[1:].split() or [""]
    word = word.lower()
    if word in ("timestamps", "missing", "targetlabel", "classlabel", "univariate"):
        flag = _FLAG.get(rest[0].lower()) if rest else None
        if flag is None:
            raise _bad(file, number, f"@{word} without true or false")
        if flag and word == "timestamps":
            raise _bad(file, number, "cases with time stamps", "samples at equal distances")
        if flag and word == "targetlabel":
            raise _bad(file, number, "targets that are numbers", "class labels")
        if word == "classlabel":
            head.has_labels, head.classes = flag, rest[1:]
        if word == "univariate" and flag:
            head.dimensions = 1
    elif word in ("dimensions", "dimension", "serieslength"):
        if len(rest) != 1 or not re.fullmatch(r"[1-9]\d{0,8}", rest[0]):
            raise _bad(file, number, f"@{word} without a number", "a whole number above 0")
        if word == "serieslength":
            head.length = int(rest[0])
        else:
            head.dimensions = int(rest[0])


def _case(file: Path, number: int, line: str, head: _Head) -> _Case:
    parts = line.split(":")
    label = parts.pop().strip() if head.has_labels else None
    if head.has_labels and (not label or (head.classes and label not in head.classes)):
        raise LabelError(
            f"line {number} of {file}",
            got="a label that @classLabel does not list" if label else "no label",
            wanted=f"one of {len(head.classes)} classes" if head.classes else "a label",
        )
    if not parts or (head.dimensions and len(parts) != head.dimensions):
        wanted = f"{head.dimensions}, as the header says" if head.dimensions else "one or more"
        raise _bad(file, number, f"{len(parts)} dimensions", wanted)
    columns = []
    for place, part in enumerate(parts, 1):
        columns.append(_numbers(file, number, part.split(","), f" in dimension {place}"))
    lengths = {len(column) for column in columns}
    if len(lengths) > 1:
        raise _bad(file, number, "dimensions of different lengths", "one length in a case")
    if head.length and lengths != {head.length}:
        raise _bad(file, number, f"{lengths.pop()} samples", f"{head.length}, as the header says")
    return _Case(np.stack(columns, axis=1), label)
