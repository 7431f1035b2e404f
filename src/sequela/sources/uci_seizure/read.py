"""The UCI Epileptic Seizure Recognition table as a set of one-second EEG records."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl

from sequela.errors import DataError, LabelError, LeakageError, SchemaError
from sequela.events import existing
from sequela.signals import SignalSet
from sequela.sources.uci_seizure.groups import recovered_recordings

__all__ = ["SAMPLES", "SAMPLING_RATE", "read"]

SAMPLES = 178
"""Samples in a record."""

SAMPLING_RATE = 173.61
"""Hertz (Andrzejak et al. 2001, Phys. Rev. E 64:061907)."""

_SAMPLE_COLUMNS = [f"X{number}" for number in range(1, SAMPLES + 1)]
_LABEL = "y"
_LABELS = (1, 2, 3, 4, 5)

# The published file, its copies and pandas name the first column differently; all mean the id.
_ID_NAMES = ("Unnamed", "", "Unnamed: 0", "id")

# No 16-bit recorder writes a larger number: such a value is a damaged or joined field.
_LARGEST = 32768.0


def read(path: Path | str, *, recordings: Path | str | None = None) -> SignalSet:
    """Reads the table; each row is one record of 178 samples, 1.025 seconds.

    Args:
        path: the CSV, or the folder that holds it as ``data.csv``.
        recordings: a CSV with the columns ``id``, ``recording`` and ``y`` in the same row order,
            which gives each row's true recording. By default ``recordings.csv`` beside the table
            when it is there; without one the recordings are recovered from the ids.

    Returns:
        11,500 records (in the published file) of one channel, labels 1 to 5, in the file's order.
        ``group_note`` says how the recordings were found.

    Raises:
        SchemaError: columns are missing or extra, or hold something else than numbers.
        LabelError: a label is not 1 to 5.
        LeakageError: the same samples stand in two recordings.
        DataError: the file is missing, empty, cut off, or has missing, infinite, impossible or
            repeated rows, ids of an unknown form, or does not fit its recordings file. Messages
            name file, column and row (counted from 1 below the header), never a value.
    """
    path = existing(path, "data")
    file = path / "data.csv" if path.is_dir() else path
    table = _text_table(file)
    table = _named_columns(table, file)
    ids = _ids(table, file)
    values = _numbers(table, _SAMPLE_COLUMNS, file).astype(np.float32)
    label = _labels(table, file)
    _refuse_impossible(values, file)
    beside = file.parent / "recordings.csv"
    if recordings is not None or beside.is_file():
        source = beside if recordings is None else existing(recordings, "recordings")
        recording = _true_recordings(source, file, ids, label)
        note = f"recordings as listed in {source.name}"
    else:
        recording, note = recovered_recordings(ids, label, file.name)
    _refuse_repeated(values, ids, label, recording, file)
    return SignalSet(
        values=values.reshape(-1, 1),
        offsets=np.arange(0, values.size + 1, SAMPLES, dtype=np.int64),
        recording=recording,
        sampling_rate=SAMPLING_RATE,
        channels=("EEG",),
        label=label,
        group_note=note,
    )


def _text_table(file: Path) -> pl.DataFrame:
    """Every field as text: what is not a number is then named by column and row."""
    if not file.is_file():
        raise DataError(
            f"file {file}",
            got="no such file",
            wanted="the seizure table",
            todo="Give the CSV, or the folder that holds it as data.csv.",
        )
    try:
        # The fields that a short row lacks become null; a row with too many is an error.
        table = pl.read_csv(file, infer_schema=False)
    except pl.exceptions.NoDataError:
        raise DataError(f"file {file.name}", got="an empty file", wanted="a CSV") from None
    except OSError as error:
        raise DataError(
            f"file {file}", got=type(error).__name__, wanted="a readable file"
        ) from None
    # The reader's own message may quote the line, so it is not passed on.
    except pl.exceptions.PolarsError:
        raise DataError(
            f"file {file.name}",
            got="something that cannot be read as a table (a row with too many fields, perhaps)",
            wanted="a CSV in UTF-8 with commas",
        ) from None
    if not len(table):
        raise DataError(f"file {file.name}", got="a header without rows", wanted="data")
    names = [name.strip() for name in table.columns]
    if names[0] in _ID_NAMES:
        names[0] = "id"
    if len(set(names)) < len(names):
        twice = next(name for place, name in enumerate(names) if name in names[:place])
        raise SchemaError(f"columns of {file.name}", got=f"{twice!r} twice", wanted="each once")
    return table.rename(dict(zip(table.columns, names, strict=True)))


def _listed(names: list[str]) -> str:
    shown = ", ".join(repr(name) for name in names[:3])
    return shown if len(names) <= 3 else f"{shown} and {len(names) - 3} more"


def _named_columns(table: pl.DataFrame, file: Path) -> pl.DataFrame:
    """The columns id, X1 to X178 and y, in this order, or an error that names the others."""
    wanted = ["id", *_SAMPLE_COLUMNS, _LABEL]
    what = f"columns of {file.name}"
    if missing := [name for name in wanted if name not in table.columns]:
        raise SchemaError(
            what,
            got=f"no {_listed(missing)}",
            wanted="an id first, then X1 to X178, then y",
            todo="Use the published file as it is.",
        )
    if extra := [name for name in table.columns if name not in wanted]:
        raise SchemaError(
            what, got=f"extra {_listed(extra)}", wanted="an id first, then X1 to X178, then y"
        )
    table = table.select(wanted)
    _refuse_cut_off(table, file)
    return table


def _refuse_cut_off(table: pl.DataFrame, file: Path) -> None:
    last = table.select(pl.col(_LABEL).is_null()).to_series()
    if not last.any():
        return
    row = int(last.arg_true()[0]) + 1
    filled = sum(value is not None for value in table.row(row - 1))
    raise DataError(
        f"file {file.name}, row {row}",
        got=f"{filled} of {table.width} fields",
        wanted="a whole row",
        todo="The file is probably cut off: copy or download it again.",
    )


def _ids(table: pl.DataFrame, file: Path) -> np.ndarray:
    ids = table["id"].fill_null("").str.strip_chars()
    empty = (ids == "").arg_true()
    if len(empty):
        raise DataError(f"id column of {file.name}", got=f"no id in row {empty[0] + 1}")
    return ids.to_numpy().astype(np.str_)


def _numbers(table: pl.DataFrame, names: list[str], file: Path) -> np.ndarray:
    """float64 [rows, columns], all finite, or an error that names the first field that is not."""
    text = table.select(pl.col(names).str.strip_chars())
    numbers = text.select(pl.col(names).cast(pl.Float64, strict=False))
    values = numbers.to_numpy()
    bad = np.argwhere(~np.isfinite(values))
    if not len(bad):
        return values
    row, column = (int(index) for index in bad[0])
    field = text[names[column]][row]
    what = f"column {names[column]!r} of {file.name}"
    if field is None or field == "":
        raise DataError(what, got=f"nothing in row {row + 1}", wanted="a number")
    if numbers[names[column]][row] is None:
        raise SchemaError(what, got=f"text in row {row + 1}", wanted="a number")
    raise DataError(what, got=f"NaN or an infinite value in row {row + 1}", wanted="a number")


def _labels(table: pl.DataFrame, file: Path) -> np.ndarray:
    label = _numbers(table, [_LABEL], file)[:, 0]
    wrong = np.flatnonzero(~np.isin(label, _LABELS))
    if len(wrong):
        raise LabelError(
            f"column 'y' of {file.name}",
            got=f"another value in {len(wrong)} rows, the first is row {wrong[0] + 1}",
            wanted="1, 2, 3, 4 or 5",
            todo="Use the published file: tasks join the classes themselves.",
        )
    return label.astype(np.int64)


def _refuse_impossible(values: np.ndarray, file: Path) -> None:
    large = np.argwhere(np.abs(values) > _LARGEST)
    if len(large):
        row, column = large[0]
        raise DataError(
            f"column {_SAMPLE_COLUMNS[column]!r} of {file.name}",
            got=f"a value beyond any 16-bit recorder in row {row + 1}",
            wanted=f"between {-_LARGEST:.0f} and {_LARGEST:.0f}",
        )


def _true_recordings(source: Path, file: Path, ids: np.ndarray, label: np.ndarray) -> np.ndarray:
    listed = _text_table(source)
    if missing := [name for name in ("id", "recording", "y") if name not in listed.columns]:
        raise SchemaError(f"columns of {source.name}", got=f"no {_listed(missing)}")
    if len(listed) != len(ids):
        raise DataError(
            f"file {source.name}",
            got=f"{len(listed)} rows",
            wanted=f"{len(ids)}, as many as {file.name}",
            todo="Use the recordings file that was made with this table.",
        )
    same_label = _numbers(listed, ["y"], source)[:, 0] == label
    differs = np.flatnonzero(~((_ids(listed, source) == ids) & same_label))
    if len(differs):
        raise DataError(
            f"file {source.name}",
            got=f"another id or y than {file.name} in row {differs[0] + 1}",
            wanted="the same rows in the same order",
        )
    recording = listed["recording"].fill_null("").str.strip_chars()
    empty = (recording == "").arg_true()
    if len(empty):
        raise DataError(f"column 'recording' of {source.name}", got=f"no id in row {empty[0] + 1}")
    return recording.to_numpy().astype(np.str_)


def _refuse_repeated(
    values: np.ndarray, ids: np.ndarray, label: np.ndarray, recording: np.ndarray, file: Path
) -> None:
    """Equal rows would count one second twice; across recordings they would leak."""
    rows = np.ascontiguousarray(values).view(np.dtype((np.void, values.itemsize * SAMPLES)))[:, 0]
    order = np.argsort(rows, kind="stable")
    same = np.flatnonzero(rows[order[1:]] == rows[order[:-1]])
    for place in same:
        one, other = sorted(int(row) for row in order[[place, place + 1]])
        pair = f"the same 178 samples in rows {one + 1} and {other + 1}"
        if recording[one] != recording[other]:
            raise LeakageError(
                f"file {file.name}",
                got=f"{pair}, of different recordings",
                wanted="a second of EEG in one recording only",
                todo="Remove one of the rows.",
            )
        if ids[one] == ids[other] and label[one] == label[other]:
            raise DataError(f"file {file.name}", got=pair, todo="Remove the repeated row.")
