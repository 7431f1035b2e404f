"""Reading images of handwritten digits as UCI publishes them and scikit-learn ships them."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from sequela.errors import DataError
from sequela.folders import files_below, text_of
from sequela.signals import SignalSet

__all__ = ["read"]

_ENDINGS = (".csv", ".csv.gz", ".tes", ".tra")
_PIXELS, _BRIGHTEST, _LARGEST = 64, 16, 1 << 26


def read(path: Path | str) -> SignalSet:
    """Reads one file, or the files of a folder.

    Args:
        path: a table without a header: on each line 64 whole numbers from 0 to 16, the pixels row
            by row, and the digit.

    Returns:
        A record of one sample for each image, a channel for each pixel, the digit as its label. An
        image is a recording of its own: who wrote it is not told.

    Raises:
        DataError: no such file, a damaged one, or a line of another form; by file and line.
    """
    _, files = files_below(path, _ENDINGS, "images of digits")
    tables = [_table(file) for file in files]
    names = [
        f"{file.name.split('.')[0]} {number}"
        for file, table in zip(files, tables, strict=True)
        for number in range(1, len(table) + 1)
    ]
    found = np.concatenate(tables)
    return SignalSet(
        values=found[:, :_PIXELS].astype(np.float32),
        offsets=np.arange(len(found) + 1, dtype=np.int64),
        recording=np.array(names, dtype=np.str_),
        sampling_rate=1.0,
        channels=tuple(f"pixel {number}" for number in range(1, _PIXELS + 1)),
        label=found[:, _PIXELS].astype(np.int64),
        group_note="each image counted as a recording of its own: who wrote it is not told",
    )


def _table(file: Path) -> np.ndarray:
    """int64 [n, 65]."""
    rows = []
    for number, line in enumerate(text_of(file, largest=_LARGEST).splitlines(), 1):
        if not line.strip():
            continue
        cells = [cell.strip() for cell in line.split(",")]
        whole = all(cell.isascii() and cell.isdecimal() and len(cell) < 3 for cell in cells)
        values = [int(cell) for cell in cells] if whole else []
        if len(values) != _PIXELS + 1 or max(values[:-1]) > _BRIGHTEST or values[-1] > 9:
            wanted = "64 whole numbers from 0 to 16 and a digit"
            raise DataError(f"line {number} of {file}", got="another form", wanted=wanted)
        rows.append(values)
    if not rows:
        raise DataError(f"file {file}", got="no images", wanted="at least one")
    return np.array(rows, dtype=np.int64)
