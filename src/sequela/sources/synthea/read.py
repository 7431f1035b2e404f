"""Reading Synthea's CSV export (https://github.com/synthetichealth/synthea/wiki/CSV-File-Data-Dictionary)."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import polars as pl

from sequela.errors import DataError
from sequela.events import (
    BIRTH_CODE,
    DEATH_CODE,
    Delimited,
    Drops,
    Extract,
    find_table,
    subject_ids,
)
from sequela.events.rows import Rule, described, rows_table

__all__ = ["read"]

_SNOMED = "SNOMED//{code}"

#: By table, in the order in which events of one moment stand: what happens first comes first.
_RULES: dict[str, tuple[Rule, ...]] = {
    "patients": (
        Rule("GENDER//{gender}", when=pl.col("gender").is_not_null()),
        Rule("RACE//{race}", when=pl.col("race").is_not_null()),
        Rule("ETHNICITY//{ethnicity}", when=pl.col("ethnicity").is_not_null()),
        Rule(BIRTH_CODE, time=("birthdate",)),
        Rule(DEATH_CODE, time=("deathdate",), optional=True),
    ),
    "encounters": (
        Rule("ENCOUNTER//{encounterclass}//{code?}", time=("start", "date")),
        Rule("ENCOUNTER_END//{encounterclass}", time=("stop",), optional=True),
    ),
    "conditions": (Rule(_SNOMED, time=("start",)),),
    "procedures": (Rule(_SNOMED, time=("start", "date")),),
    "observations": (Rule("LOINC//{code}//{units?}", time=("date",), number="value"),),
    "medications": (Rule("RXNORM//{code}", time=("start",)),),
    "immunizations": (Rule("CVX//{code}", time=("date",)),),
    "allergies": (Rule("ALLERGY//{system}//{code}", time=("start",)),),
    "careplans": (Rule(_SNOMED, time=("start",)),),
    "devices": (Rule(_SNOMED, time=("start",)),),
}

#: The code that a table's DESCRIPTION describes.
_DESCRIBED = {
    "conditions": _SNOMED,
    "procedures": _SNOMED,
    "careplans": _SNOMED,
    "devices": _SNOMED,
    "encounters": "ENCOUNTER//{encounterclass}//{code}",
    "observations": "LOINC//{code}",
    "medications": "RXNORM//{code}",
    "immunizations": "CVX//{code}",
    "allergies": "ALLERGY//{system}//{code}",
}

_DATASET = {"dataset_name": "Synthea", "license": "synthetic data; see the publisher's own terms"}


def read(path: Path | str) -> Extract:
    """Finds the tables; rows are read when they are asked for.

    Args:
        path: the folder with ``patients.csv`` (or ``.csv.gz``, in either case of letters) and any
            of the other tables.

    Returns:
        Events as the room's README says.

    Raises:
        DataError: no ``patients.csv``, or a file that cannot be read.
        SchemaError: a column is missing.
    """
    folder = Path(path)
    found = {name: find_table(folder, name) for name in _RULES} if folder.is_dir() else {}
    patients = found.get("patients")
    if patients is None:
        raise DataError(
            f"data {folder}",
            got="no patients.csv",
            wanted="a folder with the CSV files of Synthea",
            todo="Give the folder 'csv' of Synthea's output.",
        )
    files = {
        name: Delimited.open(file, required=_required(name))
        for name, file in found.items()
        if file is not None
    }
    drops = Drops()
    number = _Numbers(files["patients"])
    tables = tuple(
        rows_table(
            file,
            name,
            _RULES[name],
            drops,
            subjects=partial(_subjects, number, "id" if name == "patients" else "patient"),
            prepare=(lambda: _systems) if name == "allergies" else None,
            columns=("id" if name == "patients" else "patient",),
        )
        for name, file in files.items()
    )
    return Extract(
        tables=tables,
        codes=partial(_descriptions, files) if len(files) > 1 else None,
        dataset=_DATASET,
        drops=drops,
        missing=tuple(name for name in _RULES if name not in files),
        subjects=number.table,
        files=tuple(file.path for file in files.values()),
    )


def _required(name: str) -> tuple[str, ...]:
    return {
        "patients": ("id", "birthdate"),
        "encounters": ("patient", "encounterclass"),
        "procedures": ("patient", "code"),
        "observations": ("patient", "code", "date", "value"),
        "immunizations": ("patient", "code", "date"),
    }.get(name, ("patient", "code", "start"))


class _Numbers:
    """The numbers of the patients, made when the first row asks for them."""

    def __init__(self, patients: Delimited):
        self._patients = patients
        self._table: pl.DataFrame | None = None

    def table(self) -> pl.DataFrame:
        if self._table is None:
            ids = [frame["id"].str.strip_chars() for frame in self._patients.frames(("id",))]
            texts = pl.concat(ids) if ids else pl.Series([], dtype=pl.String())
            self._table = subject_ids(texts, self._patients.name)
        return self._table


def _subjects(numbers: _Numbers, column: str, rows: pl.DataFrame) -> pl.Series:
    # Null for who is not among the patients: the row is dropped and counted.
    ids = rows.select(pl.col(column).str.strip_chars().alias("source_id"))
    return ids.join(numbers.table(), on="source_id", how="left", maintain_order="left")[
        "subject_id"
    ]


def _systems(rows: pl.DataFrame) -> pl.DataFrame:
    # Older exports name no system and mean SNOMED; newer ones spell it their own way.
    if "system" not in rows.columns:
        return rows.with_columns(system=pl.lit("SNOMED"))
    spelt = pl.col("system").str.to_uppercase().str.replace("-CT", "", literal=True)
    return rows.with_columns(system=spelt.fill_null("SNOMED"))


def _descriptions(files: dict[str, Delimited]) -> pl.DataFrame:
    return pl.concat(
        described(
            files[name],
            code,
            "{description}",
            prepare=_systems if name == "allergies" else None,
        )
        for name, code in _DESCRIBED.items()
        if name in files
    )
