"""What a reader of raw tables hands over: tables of near-MEDS events in chunks, not yet sorted."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import polars as pl

__all__ = ["Drops", "Extract", "Table"]


class Drops:
    """How many rows were left out, by table and reason; never what stood in them.

    A reason is a fixed sentence of the reader ("time unreadable"), so that it holds no cell.
    """

    def __init__(self) -> None:
        self._counts: dict[tuple[str, str], int] = {}

    def __repr__(self) -> str:
        return f"Drops({sum(self._counts.values())} row(s))"

    def add(self, table: str, reason: str, rows: int) -> None:
        """Counts ``rows`` more; 0 is passed over."""
        if rows:
            key = (table, reason)
            self._counts[key] = self._counts.get(key, 0) + int(rows)

    def keep(
        self, frame: pl.DataFrame, condition: pl.Expr | pl.Series, table: str, reason: str
    ) -> pl.DataFrame:
        """The rows where ``condition`` is true; the others, null among them, are counted."""
        kept = frame.filter(condition)
        self.add(table, reason, frame.height - kept.height)
        return kept

    def counts(self) -> dict[tuple[str, str], int]:
        """Rows by (table, reason), sorted."""
        return dict(sorted(self._counts.items()))


@dataclass(frozen=True, eq=False)
class Table:
    """One input table of a source.

    Args:
        name: as the source calls it ("labevents").
        frames: near-MEDS frames in chunks that fit into memory: ``subject_id``, ``time``, ``code``,
            and where there are ``numeric_value``, ``text_value``, ``available_time`` (null: known
            when it happened). It can be called again and gives the same rows in the same order.
        share: of a table so large that several processes read it together; None for the others.
            ``share(part, of)`` gives the frames of one of ``of`` parts, each with the number of its
            run; a run lies in one part, and runs in the order of their numbers are all frames.
    """

    name: str
    frames: Callable[[], Iterator[pl.DataFrame]]
    share: Callable[[int, int], Iterator[tuple[int, pl.DataFrame]]] | None = None


@dataclass(frozen=True, eq=False)
class Extract:
    """What ``read`` of a raw source returns; no row is read before ``frames`` is called.

    Args:
        tables: in the order in which events of one subject and moment stand.
        codes: columns ``code``, ``description``, ``parent_codes`` (a list) where known.
        dataset: keys of MEDS ``dataset.json`` (``dataset_name``, ``dataset_version``, ``license``).
        drops: filled while frames are read; frames that are read again are counted again.
        missing: tables that were not found and are not needed.
        notes: what else the user should know, in sentences.
        splits: columns ``subject_id`` and ``split``, where the source brings them.
        subjects: columns ``subject_id`` and ``source_id`` where the source's own ids are texts;
            who holds that table can find the patients again (see :mod:`sequela.events.subjects`).
        files: what is read; their names, sizes and times tell whether the input is still the same.
            Empty where that is not known: then the work is always done anew.
    """

    tables: tuple[Table, ...]
    codes: Callable[[], pl.DataFrame] | None = None
    dataset: Mapping[str, str] = field(default_factory=dict)
    drops: Drops = field(default_factory=Drops)
    missing: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    splits: pl.DataFrame | None = None
    subjects: Callable[[], pl.DataFrame] | None = None
    files: tuple[Path, ...] = ()
