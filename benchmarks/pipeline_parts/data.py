"""What the measurements run on: rows by a formula, and tables in the form that a rival reads."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import polars as pl

__all__ = ["DAYS", "OUTCOME", "frames", "mimic_tables", "split_meds", "write_csv"]

CHUNK = 500_000
PER_SUBJECT = 200
START = 1_577_836_800_000_000  # 2020-01-01 in microseconds
MINUTE = 60_000_000
DAYS = 1_800
CODES = 2_000
#: The code that the label of the scaling plot asks for.
OUTCOME = "LAB//7//mg/dL"


def frames(events: int) -> Iterator[pl.DataFrame]:
    """Events like laboratory results, in the order of time: every subject is spread over all.

    They are made by a formula, not drawn, so that making them costs little: a subject, a minute of
    1,800 days (seven results have the same), one of 2,000 codes, a value.
    """
    subjects = max(events // PER_SUBJECT, 1)
    names = pl.DataFrame({"code": [f"LAB//{code}//mg/dL" for code in range(CODES)]})
    minutes = DAYS * 1_440
    for first in range(0, events, CHUNK):
        row = np.arange(first, min(first + CHUNK, events), dtype=np.uint64)
        # Seven rows of one subject and minute follow one another.
        group = row // np.uint64(7)
        mixed = (row * np.uint64(0x9E3779B97F4A7C15)) >> np.uint64(20)
        whose = (group * np.uint64(0x9E3779B97F4A7C15)) >> np.uint64(20)
        minute = (group.astype(np.float64) * (7 * minutes / events)).astype(np.int64)
        code = (mixed % np.uint64(CODES)).astype(np.int32)
        yield pl.DataFrame(
            {
                "subject_id": (whose // np.uint64(7919) % np.uint64(subjects)).astype(np.int64),
                "time": pl.Series(START + minute * MINUTE).cast(pl.Datetime("us")),
                "code": names["code"].gather(code),
                "numeric_value": (code / 7).astype(np.float32),
            }
        )


def write_csv(folder: Path, events: int) -> Path:
    """The events as one CSV file, and the YAML file that names its columns."""
    with open(folder / "labs.csv", "wb") as file:
        for number, frame in enumerate(frames(events)):
            frame.write_csv(file, include_header=number == 0)
    mapping = folder / "events.yaml"
    mapping.write_text(
        "tables:\n  - file: labs.csv\n    subject: subject_id\n    events:\n"
        '      - {code: "{code}", time: time, number: numeric_value}\n'
    )
    return mapping


#: What both read of each demo: table, and the columns that neither may find empty.
_TABLES = {
    "mimic3_demo": {
        "patients": (),
        "admissions": (),
        "diagnoses_icd": ("hadm_id", "icd9_code"),
        "procedures_icd": ("hadm_id", "icd9_code"),
        "prescriptions": ("hadm_id", "ndc", "drug", "startdate"),
        "labevents": ("hadm_id", "itemid", "charttime"),
    },
    "mimic4_demo": {
        "patients": (),
        "admissions": (),
        "diagnoses_icd": ("hadm_id", "icd_code", "icd_version"),
        "procedures_icd": ("hadm_id", "icd_code", "icd_version", "chartdate"),
        "prescriptions": ("hadm_id", "ndc", "drug", "starttime"),
    },
}


def mimic_tables(name: str, origin: Path, out: Path) -> dict[str, int]:
    """A copy of a demo's tables that both parse to the same events.

    PyHealth passes over rows without an admission or a code, and reads plain CSV; its reader of
    MIMIC-III wants names in capitals. What one of the two would pass over is left out here.

    Args:
        name: of the demo.
        origin: its folder.
        out: the new folder.

    Returns:
        The rows of each table of events.
    """
    from sequela.events import Delimited, find_table

    out.mkdir()
    folder = origin / "hosp" if (origin / "hosp").is_dir() else origin
    capitals = name.startswith("mimic3")
    rows = {}
    for table, needed in _TABLES[name].items():
        found = find_table(folder, table)
        assert found is not None, table
        frame = pl.concat(Delimited.open(found).frames()).drop_nulls(list(needed))
        if capitals:
            frame = frame.rename(str.upper)
        frame.write_csv(out / f"{table.upper() if capitals else table}.csv")
        if needed:
            rows[table] = frame.height
    return rows


def split_meds(folder: Path, events: int) -> Path:
    """MEDS 0.4 with a folder of shards for each part, as meds-torch-data wants it."""
    import pyarrow.parquet as pq

    from sequela.events.schema import align, to_arrow
    from sequela.events.write import write_metadata

    made = pl.concat(frames(events))
    # Without any static fact, meds-torch-data 0.9.0 makes no batch.
    sexes = made.select(pl.col("subject_id").unique().sort()).with_columns(
        time=pl.lit(None, pl.Datetime("us")),
        code=pl.when(pl.col("subject_id") % 2 == 0)
        .then(pl.lit("GENDER//F"))
        .otherwise(pl.lit("GENDER//M")),
        numeric_value=pl.lit(None, pl.Float32),
    )
    every = align(pl.concat([sexes, made]), "made")
    subjects = sexes["subject_id"]
    place = np.arange(len(subjects)) % 10
    part = np.where(place < 8, "train", np.where(place == 8, "tuning", "held_out"))
    splits = pl.DataFrame({"subject_id": subjects, "split": part})
    (folder / "metadata").mkdir(parents=True)
    write_metadata(folder, every["code"].unique().sort(), splits=splits)
    for name in ("train", "tuning", "held_out"):
        (folder / "data" / name).mkdir(parents=True)
        mine = splits.filter(pl.col("split") == name).select("subject_id")
        chosen = every.join(mine, on="subject_id", how="semi", maintain_order="left")
        pq.write_table(to_arrow(chosen), folder / "data" / name / "0.parquet", compression="zstd")
    return folder
