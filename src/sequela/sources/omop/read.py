"""Reading the OMOP Common Data Model (https://ohdsi.github.io/CommonDataModel), 5.3 and 5.4."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import polars as pl

from sequela.errors import DataError, SchemaError, nearest_column
from sequela.events import Drops, Extract, Table
from sequela.events.cells import as_integers
from sequela.events.rows import Change, TextTable, rows_table
from sequela.sources.omop.concepts import Vocabulary
from sequela.sources.omop.rules import CONCEPTS, KNOWN, RULES, Concepts
from sequela.sources.omop.tables import find_tables

__all__ = ["read"]

_VOCABULARY = ("concept", "concept_ancestor", "concept_relationship")
_DATASET = {"dataset_name": "OMOP", "license": "see the terms of the data"}
_NEEDED = {
    "person": ("person_id", "gender_concept_id", "year_of_birth"),
    "observation_period": ("person_id", "observation_period_start_date"),
    "death": ("person_id", "death_date"),
    "concept": ("concept_id", "concept_name", "vocabulary_id", "concept_code"),
}
#: What a person's facts are called: the concept, what the source wrote.
_PERSON = {
    "gender": ("gender_concept_id", "gender_source_value"),
    "race": ("race_concept_id", "race_source_value"),
    "ethnicity": ("ethnicity_concept_id", "ethnicity_source_value"),
}
_BORN = ("year_of_birth", "month_of_birth", "day_of_birth")


def read(path: Path | str) -> Extract:
    """Finds the tables; rows are read when they are asked for.

    Args:
        path: a folder of CSV files (also ``.csv.gz``, ``.tsv``) or Parquet files (or folders of
            them), a ``.zip`` of CSV files, or a ``.duckdb`` file; ``person`` is needed.

    Returns:
        Events as the room's README says.

    Raises:
        DataError: no ``person``, or a file that cannot be read.
        SchemaError: a column is missing.
        MissingDependencyError: a database, and duckdb is not installed.
    """
    path = Path(path)
    tables, files = find_tables(path, (*RULES, *_VOCABULARY))
    if "person" not in tables:
        raise DataError(
            f"data {path}",
            got="no table 'person'",
            wanted="tables of the OMOP Common Data Model",
            todo="Give the folder, zip or database that holds PERSON and the tables of events.",
        )
    for name, table in tables.items():
        _check(name, table)
    drops, vocabulary = Drops(), Vocabulary(tables)
    notes = () if vocabulary.present else ("Without the table CONCEPT codes are OMOP//NUMBER.",)
    return Extract(
        tables=tuple(
            _table(name, tables[name], vocabulary, drops) for name in RULES if name in tables
        ),
        codes=partial(_codes, tables, vocabulary),
        dataset=_DATASET,
        drops=drops,
        missing=tuple(name for name in (*RULES, "concept") if name not in tables),
        notes=notes,
        files=tuple(files),
    )


def _check(name: str, table: TextTable) -> None:
    needed = CONCEPTS[name].needed if name in CONCEPTS else _NEEDED.get(name, ())
    for column in needed:
        if column not in table.columns:
            raise SchemaError(
                f"column '{column}' of table {name}",
                got="no such column",
                todo=nearest_column(column, table.columns),
            )


def _table(name: str, table: TextTable, vocabulary: Vocabulary, drops: Drops) -> Table:
    change: Change | None = None
    extra: tuple[str, ...] = ()
    if name == "person":
        change = partial(_person, vocabulary)
        extra = (*_BORN, *(column for pair in _PERSON.values() for column in pair))
    elif name in CONCEPTS:
        concepts = CONCEPTS[name]
        change = partial(_with_code, name, vocabulary)
        extra = (concepts.standard, concepts.source, concepts.value)
        extra += (concepts.unit, concepts.unit_value)
    return rows_table(
        table,
        name,
        RULES[name],
        drops,
        subjects=lambda rows: as_integers(rows["person_id"]),
        prepare=None if change is None else lambda: change,
        columns=("person_id", *extra),
    )


def _with_code(name: str, vocabulary: Vocabulary, rows: pl.DataFrame) -> pl.DataFrame:
    concepts = CONCEPTS[name]
    code = vocabulary.code_of(rows, (concepts.standard, concepts.source), concepts.value)
    if name.startswith("visit"):
        code = _short(rows, concepts.standard, code)
    rows = rows.with_columns(code)
    return rows.with_columns(_unit(concepts, vocabulary, rows).alias("unit"))


def _unit(concepts: Concepts, vocabulary: Vocabulary, rows: pl.DataFrame) -> pl.Series:
    """mg/dL, from the vocabulary of units, else as the source wrote it."""
    code = vocabulary.code_of(rows, (concepts.unit,), "")
    known = pl.when(~pl.col("code").str.starts_with("OMOP//")).then("code")
    frame = code.to_frame().select(known.str.replace("^UCUM//", ""))
    if concepts.unit_value not in rows.columns:
        return frame.to_series()
    return (
        frame.with_columns(rows[concepts.unit_value].alias("written"))
        .select(pl.coalesce("code", "written"))
        .to_series()
    )


def _short(rows: pl.DataFrame, concept: str, code: pl.Series) -> pl.Series:
    # What every data set has is called alike with and without a vocabulary.
    known = rows[concept].str.strip_chars().replace_strict(KNOWN, default=None)
    plain = code.str.replace(r"^(Visit|UNMAPPED)//", "")
    frame = pl.DataFrame({"known": known.cast(pl.String()), "plain": plain})
    return frame.select(pl.coalesce("known", "plain").alias("code")).to_series()


def _person(vocabulary: Vocabulary, rows: pl.DataFrame) -> pl.DataFrame:
    facts = []
    for name, (concept, value) in _PERSON.items():
        if concept not in rows.columns:
            rows = rows.with_columns(pl.lit(None, pl.String()).alias(concept))
        code = vocabulary.code_of(rows, (concept,), value)
        plain = code.str.replace(r"^(Gender|Race|Ethnicity|UNMAPPED)//", "")
        facts.append(_short(rows, concept, plain).alias(name))
    year, month, day = (as_integers(rows[name]) if name in rows.columns else None for name in _BORN)
    frame = pl.DataFrame(
        {"year": year, "month": month, "day": day},
        schema_overrides=dict.fromkeys(("year", "month", "day"), pl.Int64()),
    )
    born = pl.format("{}-{}-{}", "year", pl.col("month").fill_null(1), pl.col("day").fill_null(1))
    return rows.with_columns(*facts, frame.select(born.alias("born")).to_series())


def _codes(tables: dict[str, TextTable], vocabulary: Vocabulary) -> pl.DataFrame:
    """Names and hierarchy of the concepts that the tables use."""
    used = [pl.Series("concept_id", [], pl.Int64())]
    for name, concepts in CONCEPTS.items():
        if name in tables and vocabulary.present:
            for rows in tables[name].frames((concepts.standard, concepts.source)):
                used += [as_integers(column).unique().alias("concept_id") for column in rows]
                used = [pl.concat(used).unique()]
    words = vocabulary.words(pl.concat(used))
    visits = words.filter(pl.col("code").str.starts_with("Visit//"))
    short = [
        visits.select(
            pl.col("code").str.replace("^Visit", place),
            "description",
            pl.lit(None, pl.List(pl.String())).alias("parent_codes"),
        )
        for place in ("VISIT", "VISIT_DETAIL")
    ]
    return pl.concat([words, *short])
