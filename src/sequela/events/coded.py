"""Events whose codes are numbers: what is asked of a code is asked once, not once an event."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import polars as pl
import pyarrow as pa

from sequela.events.files import from_arrow, read_arrow
from sequela.events.schema import COLUMNS, VALUE_COLUMNS, conform, in_order

__all__ = ["CodedEvents", "numbered", "read_coded"]


@dataclass(frozen=True, eq=False)
class CodedEvents:
    """Aligned events with their codes as numbers.

    Args:
        frame: the columns of :data:`sequela.events.COLUMNS` but for ``text_value``; ``code`` is an
            integer. Sorted by subject and time, static facts first.
        names: the distinct codes; number ``i`` stands for ``names[i]``.
    """

    frame: pl.DataFrame
    names: pl.Series

    def only(self, subjects: Iterable[int] | np.ndarray) -> CodedEvents:
        """The events of some subjects."""
        keys = pl.DataFrame({"subject_id": pl.Series(subjects, dtype=pl.Int64)})
        kept = self.frame.join(keys, on="subject_id", how="semi", maintain_order="left")
        return CodedEvents(kept, self.names)


def numbered(events: pl.DataFrame) -> CodedEvents:
    """Aligned events with numbers for their codes."""
    names = events["code"].unique().sort()
    numbers = pl.DataFrame({"code": names, "number": np.arange(len(names), dtype=np.int32)})
    found = events.select("code").join(numbers, on="code", how="left", maintain_order="left")
    kept = [name for name in COLUMNS if name != "text_value" and name in events.columns]
    return CodedEvents(events.with_columns(found["number"].alias("code")).select(kept), names)


def read_coded(path: Path, where: str, value_column: str | None) -> CodedEvents | None:
    """The events of a Parquet file, whose list of distinct codes is taken as it stands there.

    Args:
        path: of the file.
        where: its name in messages.
        value_column: see :func:`sequela.events.schema.conform`.

    Returns:
        None where codes are no plain text, or something is wrong with one of them: then they have
        to be looked at one by one.
    """
    wanted = {*COLUMNS, *VALUE_COLUMNS, *filter(None, [value_column])} - {"text_value"}
    table = read_arrow(path, sorted(wanted), ["code"])
    place = table.schema.get_all_field_indices("code")
    if len(place) != 1 or not _is_listed_text(table.schema.types[place[0]]):
        return None
    column = table.column(place[0])
    if column.null_count or not len(column):
        return None
    codes = pa.concat_arrays(column.unify_dictionaries().chunks)
    names = pl.Series("code", pl.Series(codes.dictionary).cast(pl.String()))
    if names.null_count() or (names == "").any() or names.n_unique() < len(names):
        return None
    numbers = codes.indices.cast(pa.int32())
    frame = from_arrow(table.set_column(place[0], "code", numbers), path.name, wanted)
    aligned = conform(frame, where, value_column, coded=True).drop("text_value")
    return CodedEvents(in_order(aligned), names)


def _is_listed_text(kind: pa.DataType) -> bool:
    if not pa.types.is_dictionary(kind):
        return False
    return pa.types.is_string(kind.value_type) or pa.types.is_large_string(kind.value_type)
