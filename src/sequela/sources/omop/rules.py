"""What the tables of the OMOP Common Data Model say: their columns, as events."""

from __future__ import annotations

from dataclasses import dataclass

import polars as pl

from sequela.events import BIRTH_CODE, DEATH_CODE
from sequela.events.rows import Rule

__all__ = ["CONCEPTS", "KNOWN", "RULES", "Concepts"]


@dataclass(frozen=True)
class Concepts:
    """The columns of a table that hold concepts.

    Args:
        standard: the standard concept's number.
        source: the source's own concept, used where nothing standard is known.
        value: what the source wrote, used where neither is known; empty if that is no code.
        unit: number of the unit.
        unit_value: what the source wrote as the unit.
        needed: without these columns the table cannot be read.
    """

    standard: str
    source: str
    value: str
    unit: str = ""
    unit_value: str = ""
    needed: tuple[str, ...] = ()


def _domain(name: str, start: str) -> Concepts:
    standard = f"{name}_concept_id"
    return Concepts(
        standard,
        f"{name}_source_concept_id",
        f"{name}_source_value",
        "unit_concept_id",
        "unit_source_value",
        ("person_id", standard, start),
    )


def _visit(name: str) -> Concepts:
    # Its source value is the number of the visit, which is no code.
    standard = f"{name}_concept_id"
    needed = ("person_id", standard, f"{name}_start_date")
    return Concepts(standard, f"{name}_source_concept_id", "", needed=needed)


#: By table: its concepts. The concept becomes the column ``code`` before the rules see a row.
CONCEPTS: dict[str, Concepts] = {
    "visit_occurrence": _visit("visit"),
    "visit_detail": _visit("visit_detail"),
    "condition_occurrence": _domain("condition", "condition_start_date"),
    "procedure_occurrence": _domain("procedure", "procedure_date"),
    "measurement": _domain("measurement", "measurement_date"),
    "observation": _domain("observation", "observation_date"),
    "drug_exposure": _domain("drug", "drug_exposure_start_date"),
    "device_exposure": _domain("device", "device_exposure_start_date"),
}


def _times(name: str) -> tuple[str, str]:
    return (f"{name}_datetime", f"{name}_date")


#: By table, in the order in which events of one moment stand.
RULES: dict[str, tuple[Rule, ...]] = {
    "person": (
        Rule("GENDER//{gender}", when=pl.col("gender").is_not_null()),
        Rule("RACE//{race}", when=pl.col("race").is_not_null()),
        Rule("ETHNICITY//{ethnicity}", when=pl.col("ethnicity").is_not_null()),
        Rule(BIRTH_CODE, time=("birth_datetime", "born")),
    ),
    "observation_period": (
        Rule("OBSERVATION_START", time=("observation_period_start_date",)),
        Rule("OBSERVATION_END", time=("observation_period_end_date",), optional=True),
    ),
    "visit_occurrence": (
        Rule("VISIT//{code?}", time=_times("visit_start")),
        Rule("VISIT_END//{code?}", time=_times("visit_end"), optional=True),
    ),
    "visit_detail": (
        Rule("VISIT_DETAIL//{code?}", time=_times("visit_detail_start")),
        Rule("VISIT_DETAIL_END//{code?}", time=_times("visit_detail_end"), optional=True),
    ),
    "condition_occurrence": (Rule("{code}", time=_times("condition_start")),),
    "procedure_occurrence": (Rule("{code}", time=_times("procedure")),),
    "measurement": (
        Rule(
            "{code}//{unit?}",
            time=_times("measurement"),
            number="value_as_number",
            text="value_source_value",
        ),
    ),
    "observation": (
        Rule(
            "{code}//{unit?}",
            time=_times("observation"),
            number="value_as_number",
            text="value_as_string",
        ),
    ),
    "drug_exposure": (Rule("{code}", time=_times("drug_exposure_start")),),
    "device_exposure": (Rule("{code}", time=_times("device_exposure_start")),),
    "death": (Rule(DEATH_CODE, time=("death_datetime", "death_date")),),
}

#: Concepts that every data set uses, known without a vocabulary: what they become in a code.
KNOWN = {
    "8507": "M",
    "8532": "F",
    "8515": "Asian",
    "8516": "Black or African American",
    "8527": "White",
    "8557": "Native Hawaiian or Other Pacific Islander",
    "8657": "American Indian or Alaska Native",
    "38003563": "Hispanic or Latino",
    "38003564": "Not Hispanic or Latino",
    "262": "ERIP",
    "9201": "IP",
    "9202": "OP",
    "9203": "ER",
    "32037": "ICU",
}
