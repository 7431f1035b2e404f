"""Reading samples from CSV files; a small YAML file says which column is what."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import polars as pl
from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from sequela.errors import ConfigError, DataError
from sequela.events.cells import as_numbers, refuse_unreadable
from sequela.events.delimited import Delimited
from sequela.folders import files_below
from sequela.settings import checked, read_yaml
from sequela.signals import SignalSet

__all__ = ["Columns", "read"]

# Steps of a time column may differ by this share, for they are written rounded.
_UNEVEN = 0.01


class Columns(BaseModel):
    """What the YAML file says; names of columns in any letter case.

    Args:
        record: the column that tells the records apart; the rows of a record stand together.
        channels: the columns of samples, as a list, or as a table with the unit of each.
        time: the column of seconds, if the sampling rate is not given.
        sampling_rate: hertz, if there is no time column.
        label: the column of the class; the same in all rows of a record.
        recording: the column of what a split keeps whole; the record by default.
        subject: the column of the subject.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    record: str = Field(min_length=1)
    channels: dict[str, str] = Field(min_length=1)
    time: str | None = None
    sampling_rate: float | None = Field(default=None, gt=0, allow_inf_nan=False)
    label: str | None = None
    recording: str | None = None
    subject: str | None = None

    @field_validator("channels", mode="before")
    @classmethod
    def _a_list_has_no_units(cls, value: object) -> object:
        return {str(name): "" for name in value} if isinstance(value, list) else value

    @model_validator(mode="after")
    def _time_or_rate(self) -> Columns:
        if (self.time is None) == (self.sampling_rate is None):
            raise ValueError("either time or sampling_rate")
        return self

    def words(self) -> dict[str, str]:
        """The columns of text, by what they are; in lower case."""
        named = {name: getattr(self, name) for name in ("record", "recording", "subject", "label")}
        return {what: name.lower() for what, name in named.items() if name is not None}


@dataclass
class _Table:
    # One file: rows in order.
    texts: dict[str, np.ndarray]
    values: np.ndarray  # float32 [rows, C]
    times: np.ndarray | None
    starts: np.ndarray  # first row of each record


def read(path: Path | str, *, columns: str | None = None) -> SignalSet:
    """Reads a CSV, or all .csv, .csv.gz and .tsv files below a folder.

    Args:
        path: the file or the folder.
        columns: the YAML file; ``columns.yaml`` beside the data by default.

    Returns:
        One record for each value of the record column, with the file's name in front where
        ``path`` is a folder. Labels are whole numbers where all are, else text.

    Raises:
        ConfigError: the YAML file is missing or wrong.
        SchemaError: a column is missing, or a sample is no number.
        DataError: a damaged file, an empty cell, rows of a record that do not stand together or
            disagree, times that do not rise evenly; named by file, column and row.
    """
    root, files = files_below(path, (".csv", ".csv.gz", ".tsv"), "a CSV of samples")
    described = _described(root / "columns.yaml" if columns is None else Path(columns))
    tables = [_table(file, described) for file in files]
    prefixes = [""] if Path(path).is_file() else [f"{file.name.split('.')[0]}/" for file in files]
    rates = [_rate(table, described, file) for table, file in zip(tables, files, strict=True)]
    if max(rates) - min(rates) > 1e-3 * min(rates):
        raise DataError("the files", got="several sampling rates", wanted="one")
    lengths = [np.diff([*table.starts, len(table.values)]) for table in tables]
    units = tuple(described.channels.values())
    has_subject, has_label = described.subject is not None, described.label is not None
    which = "recording" if described.recording is not None else "record"
    return SignalSet(
        values=np.concatenate([table.values for table in tables]),
        offsets=np.cumsum([0, *np.concatenate(lengths)], dtype=np.int64),
        recording=_of_records(tables, which, prefixes),
        sampling_rate=rates[0],
        channels=tuple(described.channels),
        subject=_of_records(tables, "subject") if has_subject else None,
        label=_labels(_of_records(tables, "label")) if has_label else None,
        group_note=f"recordings as named in the column of the {which}",
        units=units if all(units) else (),
    )


def _described(path: Path) -> Columns:
    if not path.is_file():
        raise ConfigError(
            f"file {path}",
            got="no such file",
            wanted="a YAML file that names the columns",
            todo="Write one (the README of the source shows it), or give columns=FILE.",
        )
    return checked(Columns, read_yaml(path), f"file {path.name}")


def _table(file: Path, described: Columns) -> _Table:
    words = described.words()
    channels = [name.lower() for name in described.channels]
    numbers = channels if described.time is None else [*channels, described.time.lower()]
    table = Delimited.open(file, required=[*words.values(), *numbers])
    texts: dict[str, list[np.ndarray]] = {what: [] for what in words}
    blocks: list[np.ndarray] = []
    row = 1
    for frame in table.frames(list(dict.fromkeys([*words.values(), *numbers]))):
        for what, name in words.items():
            texts[what].append(_words(frame[name], file, row))
        columns = [_numbers(frame[name], file, row) for name in numbers]
        blocks.append(np.stack(columns, axis=1))
        row += len(frame)
    if not blocks:
        raise DataError(f"file {file}", got="a header without rows", wanted="samples")
    joined = np.concatenate(blocks)
    with np.errstate(over="ignore"):
        values = joined[:, : len(channels)].astype(np.float32)
    too_large = np.asarray(np.isinf(values).any(axis=1))
    _refuse(too_large, file, "a sample too large for 32 bits")
    whole = {what: np.concatenate(parts) for what, parts in texts.items()}
    times = None if described.time is None else joined[:, -1]
    return _Table(whole, values, times, _starts(whole, file))


def _words(column: pl.Series, file: Path, first: int) -> np.ndarray:
    text = column.str.strip_chars()
    empty = (text.fill_null("") == "").to_numpy()
    if empty.any():
        raise DataError(
            f"column '{column.name}' of {file}", got=f"nothing in row {first + empty.argmax()}"
        )
    return text.to_numpy().astype(np.str_)


def _numbers(column: pl.Series, file: Path, first: int) -> np.ndarray:
    read = as_numbers(column)
    refuse_unreadable(column, read, str(file), "a finite number", first)
    empty = read.is_null().to_numpy()
    if empty.any():
        raise DataError(
            f"column '{column.name}' of {file}",
            got=f"nothing in row {first + empty.argmax()}",
            wanted="a number",
            todo="Fill the gap, or cut the record there.",
        )
    return read.to_numpy()


def _refuse(bad: np.ndarray, file: Path, got: str, wanted: str | None = None) -> None:
    if bad.any():
        raise DataError(f"row {bad.argmax() + 1} of {file}", got=got, wanted=wanted)


def _starts(texts: dict[str, np.ndarray], file: Path) -> np.ndarray:
    """The first row of each record."""
    record = texts["record"]
    new = np.concatenate([[True], record[1:] != record[:-1]])
    starts = np.flatnonzero(new)
    _, first = np.unique(record[starts], return_index=True)
    again = np.ones(len(starts), dtype=bool)
    again[first] = False
    marks = np.zeros(len(record), dtype=bool)
    marks[starts[again]] = True
    _refuse(marks, file, "a record that ended above", "the rows of a record together")
    for what, column in texts.items():
        same = np.concatenate([[True], column[1:] == column[:-1]])
        _refuse(~new & ~same, file, f"another {what} than in the row above", "one in a record")
    return starts


def _rate(table: _Table, described: Columns, file: Path) -> float:
    if table.times is None:
        return float(described.sampling_rate or 0)
    with np.errstate(all="ignore"):
        return _even_rate(table, table.times, file)


def _even_rate(table: _Table, times: np.ndarray, file: Path) -> float:
    steps = np.diff(times, prepend=np.nan)
    inside = np.ones(len(steps), dtype=bool)
    inside[table.starts] = False
    if not inside.any():
        raise DataError(f"file {file}", got="records of one sample", wanted="a sampling rate")
    usual = float(np.median(steps[inside]))
    _refuse(inside & ~(steps > 0), file, "a time that is not after the one above")
    uneven = inside & (np.abs(steps - usual) > _UNEVEN * usual)
    _refuse(uneven, file, "a step in time unlike the others", "samples at equal distances")
    # The mean step is exact where the written times are rounded.
    return float(inside.sum() / steps[inside].sum())


def _of_records(tables: list[_Table], what: str, prefixes: list[str] | None = None) -> np.ndarray:
    parts = [table.texts[what][table.starts] for table in tables]
    if prefixes is not None:
        pairs = zip(prefixes, parts, strict=True)
        parts = [np.char.add(prefix, part) for prefix, part in pairs]
    return np.concatenate(parts).astype(np.str_)


def _labels(texts: np.ndarray) -> np.ndarray:
    try:
        return texts.astype(np.int64)
    except (ValueError, OverflowError):
        return texts
