"""Reading MIMIC-IV (https://physionet.org/content/mimiciv): the tables as published."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path

import polars as pl

from sequela.errors import DataError
from sequela.events import Delimited, Drops, Extract, Table, find_table
from sequela.events.cells import as_integers
from sequela.events.rows import Change, described, looked_up, parents, rows_table
from sequela.sources.mimic4.rules import DESCRIBED, FORMATS, NEEDED, RULES, STAY, VOCABULARIES

__all__ = ["read"]

_DATASET = {
    "dataset_name": "MIMIC-IV",
    "license": "PhysioNet Credentialed Health Data License 1.5.0; the demo: ODbL 1.0",
}
_FOLDERS = ("hosp", "icu", "core")
_KEY = "hadm_id"
_OLDEST = 130


def read(path: Path | str) -> Extract:
    """Finds the tables; rows are read when they are asked for.

    Args:
        path: the folder with ``hosp`` and ``icu`` (or all tables in one folder), plain or
            ``.csv.gz``, in either case of letters; ``patients`` and ``admissions`` are needed.

    Returns:
        Events as the room's README says.

    Raises:
        DataError: a needed table is missing, or a file cannot be read.
        SchemaError: a column is missing.
    """
    folder = Path(path)
    places = _places(folder) if folder.is_dir() else []
    found = {
        name: next(filter(None, (find_table(place, name) for place in places)), None)
        for name in NEEDED
    }
    for name in ("patients", "admissions"):
        if found[name] is None:
            raise DataError(
                f"data {folder}",
                got=f"no {name}.csv" if folder.is_dir() else "a file",
                wanted="the folder with the CSV files of MIMIC-IV",
                todo="Give the folder that holds 'hosp' and 'icu'.",
            )
    files = {
        name: Delimited.open(file, required=NEEDED[name])
        for name, file in found.items()
        if file is not None
    }
    drops = Drops()
    return Extract(
        tables=tuple(_table(name, files, drops) for name in RULES if name in files),
        codes=partial(_codes, files),
        dataset=_DATASET,
        drops=drops,
        missing=tuple(name for name in NEEDED if name not in files),
        files=tuple(file.path for file in files.values()),
    )


def _places(folder: Path) -> list[Path]:
    inner = {place.name.lower(): place for place in sorted(folder.iterdir()) if place.is_dir()}
    return [*(inner[name] for name in _FOLDERS if name in inner), folder]


def _table(name: str, files: dict[str, Delimited], drops: Drops) -> Table:
    named = {column for rule in RULES[name] for column in rule.columns()}
    prepare: Callable[[], Change] | None = None
    extra: tuple[str, ...] = ()
    if name == "patients":
        prepare = partial(_of_patients, files["admissions"])
        extra = ("anchor_age", "anchor_year")
    elif named & set(STAY):
        prepare = partial(_of_stays, name, files["admissions"])
        extra = (_KEY, "icd_version")
    return rows_table(
        files[name], name, RULES[name], drops, prepare=prepare, columns=extra, formats=FORMATS
    )


def _of_patients(admissions: Delimited) -> Change:
    """Adds the year of birth, the time of a death in hospital and the race first written down."""
    columns = ("subject_id", "admittime", "deathtime", "race")
    empty = pl.DataFrame(schema=dict.fromkeys(columns, pl.String()))
    stays = pl.concat([empty, *admissions.frames(columns)], how="diagonal").sort("admittime")
    first = [pl.col(name).drop_nulls().first() for name in columns[2:]]
    known = stays.drop_nulls("subject_id").group_by("subject_id", maintain_order=True).agg(first)

    def change(rows: pl.DataFrame) -> pl.DataFrame:
        numbers = {name: as_integers(rows[f"anchor_{name}"]) for name in ("age", "year")}
        age = pl.when(pl.col("age").is_between(0, _OLDEST)).then("age")
        born = pl.format("{}-01-01", pl.col("year") - age)
        rows = rows.with_columns(pl.DataFrame(numbers).select(born=born)["born"])
        return rows.join(known, on="subject_id", how="left", maintain_order="left")

    return change


def _of_stays(name: str, admissions: Delimited) -> Change:
    """Adds start and end of the admission, and to ICD codes their vocabulary."""
    join = looked_up(admissions, _KEY, STAY)()
    if name not in VOCABULARIES:
        return join
    return lambda rows: join(_with_vocabulary(name, rows))


def _with_vocabulary(name: str, rows: pl.DataFrame) -> pl.DataFrame:
    version = pl.col("icd_version").str.strip_chars()
    vocabulary = version.replace_strict(VOCABULARIES[name], default=None, return_dtype=pl.String())
    return rows.with_columns(vocabulary=vocabulary)


def _codes(files: dict[str, Delimited]) -> pl.DataFrame:
    found = []
    for name, code, words in DESCRIBED:
        if name in files:
            change = partial(_with_vocabulary, name) if name in VOCABULARIES else None
            extra = ("icd_version",) if change else ()
            found.append(described(files[name], code, words, change, extra))
    if "prescriptions" in files:
        # A drug has several packages; maps of drugs start from these.
        found.append(parents(files["prescriptions"], "DRUG//{drug}", "NDC//{ndc}", ("NDC//0",)))
    kinds = {"code": pl.String(), "description": pl.String(), "parent_codes": pl.List(pl.String())}
    return pl.concat([pl.DataFrame(schema=kinds), *found], how="diagonal")
