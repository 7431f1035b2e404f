"""A MEDS data set on disk, read shard by shard."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from functools import cached_property
from pathlib import Path

import meds
import numpy as np
import polars as pl

from sequela.errors import DataError, LeakageError, SchemaError
from sequela.events.coded import CodedEvents, numbered, read_coded
from sequela.events.files import existing, read_columns, tables_in
from sequela.events.lists import unfolded
from sequela.events.schema import COLUMNS, VALUE_COLUMNS, align
from sequela.events.splits import PARTS

__all__ = ["EventData"]


class EventData:
    """Events of many subjects: a MEDS root, or a single file; nothing is held but where they lie.

    A subject lies in one shard only, so that what is counted per subject can be counted shard by
    shard. Made by :meth:`open`.

    Args:
        root: the folder or file.
        files: its shards, in order.
        value_column: the column that holds the number of an event, see :func:`schema.align`.
    """

    def __init__(self, root: Path, files: tuple[Path, ...], value_column: str | None = None):
        self.root, self.files, self.value_column = root, files, value_column

    @classmethod
    def open(cls, root: Path | str, value_column: str | None = None) -> EventData:
        """Finds the shards; reads nothing yet.

        Args:
            root: a folder with ``data/**/*.parquet`` (MEDS 0.3 and 0.4), a folder of Parquet files,
                one Parquet file, or one CSV file (for small hand-made data).
            value_column: see :func:`schema.align`.

        Raises:
            DataError: no such path, or no MEDS data in it.
        """
        root = existing(root, "data")
        if root.is_file():
            files = [root] if root.suffix in (".parquet", ".csv") else []
        elif (root / meds.data_subdirectory).is_dir():
            files = tables_in(root / meds.data_subdirectory)
        else:
            files = sorted(file for file in root.glob("*.parquet") if file.name[0] != ".")
        if not files:
            raise DataError(
                f"data {root}",
                got="not MEDS data",
                wanted="a folder with data/*.parquet, or one Parquet file of events",
                todo="Give the folder that holds 'data' and 'metadata'; raw tables need the name of"
                " their source: --source NAME, in training source=NAME (see sequela list).",
            )
        return cls(root, tuple(files), value_column)

    def __repr__(self) -> str:
        return f"EventData({str(self.root)!r}, {len(self.files)} shard(s))"

    def _name(self, file: Path) -> str:
        return file.name if file == self.root else str(file.relative_to(self.root))

    def _aligned(self, file: Path) -> pl.DataFrame:
        names = {*COLUMNS, *VALUE_COLUMNS, *filter(None, [self.value_column])}
        return align(read_columns(file, names), self._name(file), self.value_column)

    @cached_property
    def _subjects(self) -> tuple[np.ndarray, ...]:
        # One light pass over one column settles what every later pass relies on.
        found = []
        for file in self.files:
            frame = read_columns(file, ["subject_id"])
            known = frame.columns == ["subject_id"] and frame["subject_id"].dtype == pl.Int64
            if not known or frame["subject_id"].null_count():
                frame = self._aligned(file)
            found.append(_distinct(frame["subject_id"].to_numpy()))
        every = np.concatenate(found)
        if not len(every):
            raise DataError(f"data {self.root}", got="no events", wanted="at least one event")
        self._refuse_shared(found, every)
        return tuple(found)

    def _refuse_shared(self, found: list[np.ndarray], every: np.ndarray) -> None:
        distinct, counts = np.unique(every, return_counts=True)
        shared = distinct[counts > 1]
        if not len(shared):
            return
        names = [
            self._name(file)
            for file, subjects in zip(self.files, found, strict=True)
            if np.isin(shared[:1], subjects).any()
        ]
        raise LeakageError(
            f"data {self.root}",
            got=f"{len(shared)} subject(s) in several files, such as {names[0]} and {names[1]}",
            wanted="each subject in one file",
            todo="Write the data set anew with all events of a subject in one shard.",
        )

    def shards(self, subjects: Iterable[int] | np.ndarray | None = None) -> Iterator[pl.DataFrame]:
        """The aligned events, one shard at a time, each sorted by subject and time.

        Args:
            subjects: only these; shards without any of them are not read.

        Yields:
            Frames as :func:`schema.align` returns them; never an empty one.

        Raises:
            DataError: a file is damaged, the data set is empty, a subject stands in two files.
        """
        for file, wanted in self._wanted(subjects):
            frame = self._aligned(file)
            if wanted is not None:
                keys = pl.DataFrame({"subject_id": wanted})
                frame = frame.join(keys, on="subject_id", how="semi", maintain_order="left")
            yield frame

    def coded(self, subjects: Iterable[int] | np.ndarray | None = None) -> Iterator[CodedEvents]:
        """As :meth:`shards`, with numbers for the codes and without texts; several times as fast.

        Args:
            subjects: see there.

        Raises:
            DataError: see there.
        """
        if not self.files:  # what is in memory has only shards
            yield from map(numbered, self.shards(subjects))
            return
        for file, wanted in self._wanted(subjects):
            found = None
            if file.suffix != ".csv":
                found = read_coded(file, self._name(file), self.value_column)
            found = numbered(self._aligned(file)) if found is None else found
            yield found if wanted is None else found.only(wanted)

    def _wanted(
        self, subjects: Iterable[int] | np.ndarray | None
    ) -> Iterator[tuple[Path, np.ndarray | None]]:
        """The files with any of the subjects, and those of them; None for all of a file's."""
        if subjects is not None and not isinstance(subjects, np.ndarray):
            subjects = np.asarray(list(subjects), np.int64)
        chosen = None if subjects is None else np.unique(subjects.astype(np.int64))
        for file, present in zip(self.files, self._subjects, strict=True):
            wanted = present if chosen is None else np.intersect1d(present, chosen, True)
            if len(wanted):
                yield file, wanted if len(wanted) < len(present) else None

    def read(self, subjects: Iterable[int] | np.ndarray | None = None) -> pl.DataFrame:
        """All events, or those of some subjects, in memory, sorted by subject and time."""
        frames = list(self.shards(subjects))
        if not frames:
            return pl.DataFrame(schema=COLUMNS)
        return pl.concat(frames).sort("subject_id", "time", maintain_order=True)

    def subject_ids(self) -> np.ndarray:
        """The ids of all subjects, int64, sorted."""
        return np.sort(np.concatenate(self._subjects))

    def _metadata(self, relative: str) -> Path | None:
        path = self.root / relative
        return path if self.root.is_dir() and path.is_file() else None

    def splits(self) -> pl.DataFrame | None:
        """The data set's own parts, from ``metadata/subject_splits.parquet``.

        Returns:
            Columns ``subject_id`` int64 and ``split`` (train, tuning or held_out), sorted, or None
            where the data set brings none.

        Raises:
            LeakageError: a subject stands in two parts.
            DataError: a part has another name, or the file is damaged.
        """
        path = self._metadata(meds.subject_splits_filepath)
        if path is None:
            return None
        where = meds.subject_splits_filepath
        frame = read_columns(path)
        for name in ("subject_id", "split"):
            if name not in frame.columns:
                raise SchemaError(f"column '{name}' of {where}", got="no such column")
        kinds = {"subject_id": pl.Int64(), "split": pl.String()}
        frame = _cast(frame, kinds, where).unique().sort("subject_id", "split")
        others = frame.filter(~pl.col("split").is_in(list(PARTS)) | pl.col("split").is_null())
        if others.height or frame["subject_id"].null_count():
            raise DataError(
                f"column 'split' of {where}",
                got=f"another name or nothing for {others.height} subject(s)",
                wanted=", ".join(PARTS),
            )
        twice = frame.height - frame["subject_id"].n_unique()
        if twice:
            raise LeakageError(
                f"column 'split' of {where}",
                got=f"{twice} subject(s) in more than one part",
                wanted="each subject in one part",
                todo="Correct the file, or let the parts be assigned anew (split.source=assign).",
            )
        return frame

    def code_descriptions(self) -> dict[str, str]:
        """What ``metadata/codes.parquet`` says about codes; empty where it says nothing."""
        path = self._metadata(meds.code_metadata_filepath)
        if path is None:
            return {}
        frame = read_columns(path, ["code", "description"])
        if frame.width < 2:
            return {}
        kinds = {"code": pl.String(), "description": pl.String()}
        frame = _cast(frame, kinds, meds.code_metadata_filepath).drop_nulls()
        return dict(zip(frame["code"].to_list(), frame["description"].to_list(), strict=True))

    def code_children(self) -> dict[str, list[str]]:
        """The codes directly below each code, by ``parent_codes`` of ``metadata/codes.parquet``."""
        path = self._metadata(meds.code_metadata_filepath)
        if path is None:
            return {}
        frame = read_columns(path, ["code", "parent_codes"])
        if frame.width < 2:
            return {}
        kinds = {"code": pl.String(), "parent_codes": pl.List(pl.String())}
        frame = _cast(frame, kinds, meds.code_metadata_filepath)
        pairs = unfolded(frame, "parent_codes").drop_nulls().unique().sort("parent_codes", "code")
        below = pairs.group_by("parent_codes", maintain_order=True).agg("code")
        return dict(zip(below["parent_codes"].to_list(), below["code"].to_list(), strict=True))


def _distinct(subjects: np.ndarray) -> np.ndarray:
    if (subjects[1:] >= subjects[:-1]).all():  # as in every file that we wrote
        return subjects[np.append(np.ones(min(1, len(subjects)), bool), np.diff(subjects) != 0)]
    return np.unique(subjects)


def _cast(frame: pl.DataFrame, kinds: Mapping[str, pl.DataType], where: str) -> pl.DataFrame:
    try:
        return frame.select(pl.col(name).cast(kind) for name, kind in kinds.items())
    except pl.exceptions.PolarsError:
        got = ", ".join(f"{name} of type {frame[name].dtype}" for name in kinds)
        wanted = ", ".join(f"{name} of type {kind}" for name, kind in kinds.items())
        # The cause quotes cells, and a traceback shows the cause.
        raise SchemaError(where, got=got, wanted=wanted) from None
