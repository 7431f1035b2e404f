"""Small extracts made by hand, and what they hold once written."""

from __future__ import annotations

import datetime as dt
import hashlib
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import polars as pl

from sequela.events import Drops, Extract, Table

START = dt.datetime(2020, 1, 1)


def random_frame(rows: int, subjects: int, seed: int, name: str) -> pl.DataFrame:
    """Events in any order, many of them at one moment."""
    random = np.random.default_rng(seed)
    hours = random.integers(0, 2000, rows)
    return pl.DataFrame(
        {
            "subject_id": random.integers(1, subjects + 1, rows),
            "time": pl.Series(
                [None if h < 20 else START + dt.timedelta(hours=int(h)) for h in hours],
                dtype=pl.Datetime("us"),
            ),
            "code": [f"{name}//{n}" for n in random.integers(0, 30, rows)],
            "numeric_value": pl.Series(np.arange(rows), dtype=pl.Float32),
        }
    )


def extract(
    *frames: pl.DataFrame, chunk: int = 100, files: tuple[Path, ...] = (), **more
) -> Extract:
    """Tables t0, t1 ... that are read in chunks; rows with the code DROP are dropped."""
    drops = Drops()

    def table(place: int, frame: pl.DataFrame) -> Table:
        def chunks() -> Iterator[pl.DataFrame]:
            for start in range(0, frame.height, chunk):
                part = frame[start : start + chunk]
                yield drops.keep(part, pl.col("code") != "DROP", f"t{place}", "not wanted")

        return Table(f"t{place}", chunks)

    tables = tuple(table(place, frame) for place, frame in enumerate(frames))
    return Extract(tables=tables, drops=drops, files=files, **more)


def digests(root: Path) -> dict[str, str]:
    """Every file of a folder and its SHA-256."""
    return {
        str(path.relative_to(root)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(root.rglob("*"))
        if path.is_file()
    }
