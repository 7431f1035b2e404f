"""Reading MIMIC-III (https://physionet.org/content/mimiciii): the tables as published."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path

import polars as pl

from sequela.errors import DataError
from sequela.events import Delimited, Drops, Extract, Table, find_table
from sequela.events.cells import as_times
from sequela.events.rows import Change, described, looked_up, parents, rows_table
from sequela.sources.mimic3.rules import DESCRIBED, FAULTY, ORDERED, RULES, STAY

__all__ = ["read"]

_DATASET = {
    "dataset_name": "MIMIC-III",
    "license": "PhysioNet Credentialed Health Data License 1.5.0; the demo: ODbL 1.0",
}
_NEEDED = {"patients": ("subject_id", "dob"), "admissions": ("subject_id", "hadm_id", "admittime")}
_KEY = "hadm_id"


def read(path: Path | str) -> Extract:
    """Finds the tables; rows are read when they are asked for.

    Args:
        path: the folder with ``PATIENTS.csv`` and ``ADMISSIONS.csv``, plain or ``.csv.gz``, in
            either case of letters, and any of the other tables.

    Returns:
        Events as the room's README says.

    Raises:
        DataError: a needed table is missing, or a file cannot be read.
        SchemaError: a column is missing.
    """
    folder = Path(path)
    names = [*RULES, *dict.fromkeys(name for name, _, _ in DESCRIBED if name not in RULES)]
    found = {name: find_table(folder, name) for name in names} if folder.is_dir() else {}
    for name in _NEEDED:
        if found.get(name) is None:
            raise DataError(
                f"data {folder}",
                got=f"no {name}.csv" if folder.is_dir() else "a file",
                wanted="the folder with the CSV files of MIMIC-III",
                todo="Give the folder that holds PATIENTS.csv or PATIENTS.csv.gz.",
            )
    files = {
        name: Delimited.open(file, required=_NEEDED.get(name) or _columns(name))
        for name, file in found.items()
        if file is not None
    }
    drops = Drops()
    return Extract(
        tables=tuple(_table(name, files, drops) for name in RULES if name in files),
        codes=partial(_codes, files),
        dataset=_DATASET,
        drops=drops,
        missing=tuple(name for name in names if name not in files),
        files=tuple(file.path for file in files.values()),
    )


def _columns(name: str) -> tuple[str, ...]:
    # Only what makes a row an event at all; what else a rule names may be absent.
    needed = {
        "diagnoses_icd": ("icd9_code", _KEY),
        "procedures_icd": ("icd9_code", _KEY),
        "drgcodes": ("drg_code", _KEY),
        "cptevents": ("cpt_cd", _KEY),
        "prescriptions": ("drug", "startdate"),
        "icustays": ("intime",),
        "transfers": ("intime",),
        "services": ("curr_service", "transfertime"),
        "microbiologyevents": ("spec_itemid", "chartdate", _KEY),
        "inputevents_mv": ("itemid", "starttime"),
        "procedureevents_mv": ("itemid", "starttime"),
    }
    if name in RULES:
        return ("subject_id", *needed.get(name, ("itemid", "charttime")))
    return ("itemid", "label") if name in ("d_items", "d_labitems") else ("icd9_code",)


def _table(name: str, files: dict[str, Delimited], drops: Drops) -> Table:
    named = {column for rule in RULES[name] for column in rule.columns()}
    prepare: Callable[[], Change] | None = None
    extra: tuple[str, ...] = ()
    if name == "patients":
        prepare = partial(_of_patients, files["admissions"])
    elif name == "prescriptions":
        prepare = partial(_of_prescriptions, files["admissions"])
        extra = (_KEY,)
    elif named & set(STAY):
        prepare = looked_up(files["admissions"], _KEY, STAY)
        extra = (_KEY,)
    elif name in FAULTY:
        column, cell, reason = FAULTY[name]
        prepare = partial(_without_faulty, name, column, cell, reason, drops)
        extra = (column,)
    return rows_table(files[name], name, RULES[name], drops, prepare=prepare, columns=extra)


def _of_patients(admissions: Delimited) -> Change:
    """Adds the time of a death in hospital, and the ethnicity of the first admission."""
    columns = ("subject_id", "admittime", "deathtime", "ethnicity")
    empty = pl.DataFrame(schema=dict.fromkeys(columns, pl.String()))
    stays = pl.concat([empty, *admissions.frames(columns)], how="diagonal").sort("admittime")
    first = [pl.col(name).drop_nulls().first() for name in columns[2:]]
    known = stays.drop_nulls("subject_id").group_by("subject_id", maintain_order=True).agg(first)
    return lambda rows: rows.join(known, on="subject_id", how="left", maintain_order="left")


def _of_prescriptions(admissions: Delimited) -> Change:
    """Adds when each was ordered at the latest: when its day, or its stay if earlier, was over."""
    join = looked_up(admissions, _KEY, STAY)()

    def change(rows: pl.DataFrame) -> pl.DataFrame:
        rows = join(rows)
        ends = (
            rows["stay_end"] if "stay_end" in rows.columns else rows["startdate"].clear(len(rows))
        )
        times = pl.DataFrame({"begun": as_times(rows["startdate"]), "left": as_times(ends)})
        over = pl.col("begun").dt.truncate("1d").dt.offset_by("1d")
        left = pl.when(pl.col("left") >= pl.col("begun")).then("left")
        known = times.select(pl.min_horizontal(over, left)).to_series()
        return rows.with_columns(known.dt.strftime("%Y-%m-%d %H:%M:%S").alias(ORDERED))

    return change


def _without_faulty(name: str, column: str, cell: str, reason: str, drops: Drops) -> Change:
    def change(rows: pl.DataFrame) -> pl.DataFrame:
        if column not in rows.columns:
            return rows
        return drops.keep(rows, pl.col(column).ne_missing(pl.lit(cell)), name, reason)

    return change


def _codes(files: dict[str, Delimited]) -> pl.DataFrame:
    found = [
        described(files[name], code, words) for name, code, words in DESCRIBED if name in files
    ]
    if "prescriptions" in files:
        # A drug has several packages; maps of drugs start from these.
        found.append(parents(files["prescriptions"], "DRUG//{drug}", "NDC//{ndc}", ("NDC//0",)))
    kinds = {"code": pl.String(), "description": pl.String(), "parent_codes": pl.List(pl.String())}
    return pl.concat([pl.DataFrame(schema=kinds), *found], how="diagonal")
