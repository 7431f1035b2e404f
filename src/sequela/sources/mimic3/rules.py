"""What the tables of MIMIC-III say: their columns, as events."""

from __future__ import annotations

import polars as pl

from sequela.events import BIRTH_CODE, DEATH_CODE
from sequela.events.rows import Rule

__all__ = ["DESCRIBED", "FAULTY", "ORDERED", "RULES", "STAY"]

#: What a row gets from its admission, for tables that have no time or are coded at discharge.
STAY = {"stay_start": "admittime", "stay_end": "dischtime"}

#: The column of a prescription that says when it was ordered at the latest.
ORDERED = "ordered"

# Written down while the stay lasts, but without a time of result: known when it ends.
_AT_END = ("stay_end",)
_STORED = ("storetime",)

#: By table, in the order in which events of one moment stand.
RULES: dict[str, tuple[Rule, ...]] = {
    "patients": (
        Rule("GENDER//{gender}", when=pl.col("gender").is_not_null()),
        Rule("RACE//{ethnicity}", when=pl.col("ethnicity").is_not_null()),
        Rule(BIRTH_CODE, time=("dob",)),
        Rule(DEATH_CODE, time=("deathtime", "dod"), dates=("dod",), optional=True),
    ),
    "admissions": (
        Rule("ED_REGISTRATION", time=("edregtime",), optional=True),
        Rule("HOSPITAL_ADMISSION//{admission_type?}", time=("admittime",)),
        Rule("ED_OUT", time=("edouttime",), optional=True),
        Rule("HOSPITAL_DISCHARGE//{discharge_location?}", time=("dischtime",), optional=True),
    ),
    "icustays": (
        Rule("ICU_ADMISSION//{first_careunit?}", time=("intime",)),
        Rule("ICU_DISCHARGE//{last_careunit?}", time=("outtime",), optional=True),
    ),
    "transfers": (
        Rule("TRANSFER//{eventtype?}//{curr_careunit?}", time=("intime",), optional=True),
    ),
    "services": (Rule("SERVICE//{curr_service}", time=("transfertime",)),),
    "diagnoses_icd": (
        Rule("ICD9CM//{icd9_code}", time=("stay_start",), available=_AT_END, awaited=True),
    ),
    "procedures_icd": (
        Rule("ICD9PROC//{icd9_code}", time=("stay_start",), available=_AT_END, awaited=True),
    ),
    "drgcodes": (
        Rule("DRG//{drg_type}//{drg_code}", time=("stay_start",), available=_AT_END, awaited=True),
    ),
    "cptevents": (
        Rule("CPT//{cpt_cd}", time=("chartdate", "stay_start"), available=_AT_END, awaited=True),
    ),
    "labevents": (
        Rule("LAB//{itemid}//{valueuom?}", time=("charttime",), number="valuenum", text="value"),
    ),
    "microbiologyevents": (
        Rule(
            "MICROBIOLOGY//{spec_itemid}//{org_itemid?}//{ab_itemid?}//{interpretation?}",
            time=("charttime", "chartdate"),
            available=_AT_END,
            dates=("chartdate",),
        ),
    ),
    "prescriptions": (
        Rule("DRUG//{drug}", time=("startdate",), available=(ORDERED,), number="dose_val_rx"),
    ),
    "inputevents_cv": (
        Rule(
            "INPUT//{itemid}//{amountuom?}",
            time=("charttime",),
            available=_STORED,
            number="amount",
        ),
    ),
    "inputevents_mv": (
        Rule(
            "INPUT//{itemid}//{amountuom?}",
            time=("starttime",),
            available=_STORED,
            ends="endtime",
            number="amount",
        ),
    ),
    "outputevents": (
        Rule(
            "OUTPUT//{itemid}//{valueuom?}",
            time=("charttime",),
            available=_STORED,
            number="value",
        ),
    ),
    # Its value is the duration, which nobody knows at the start.
    "procedureevents_mv": (
        Rule("PROCEDURE//{itemid}", time=("starttime",), available=("storetime", "endtime")),
    ),
    "chartevents": (
        Rule(
            "CHART//{itemid}//{valueuom?}",
            time=("charttime",),
            available=_STORED,
            number="valuenum",
            text="value",
        ),
    ),
}

#: Rows that the hospital itself took back: column, its cell, and what is counted.
FAULTY = {
    "chartevents": ("error", "1", "marked as an error"),
    "outputevents": ("iserror", "1", "marked as an error"),
    "inputevents_mv": ("statusdescription", "Rewritten", "rewritten later"),
}

#: Table, code and words of what is described.
DESCRIBED = (
    ("d_icd_diagnoses", "ICD9CM//{icd9_code}", "{long_title}"),
    ("d_icd_procedures", "ICD9PROC//{icd9_code}", "{long_title}"),
    ("d_labitems", "LAB//{itemid}", "{label}, {fluid?}"),
    ("d_items", "CHART//{itemid}", "{label}"),
    ("d_items", "INPUT//{itemid}", "{label}"),
    ("d_items", "OUTPUT//{itemid}", "{label}"),
    ("d_items", "PROCEDURE//{itemid}", "{label}"),
    ("drgcodes", "DRG//{drg_type}//{drg_code}", "{description}"),
    ("cptevents", "CPT//{cpt_cd}", "{sectionheader}: {subsectionheader?}"),
    (
        "microbiologyevents",
        "MICROBIOLOGY//{spec_itemid}//{org_itemid?}//{ab_itemid?}//{interpretation?}",
        "{spec_type_desc}; {org_name?}; {ab_name?}; {interpretation?}",
    ),
)
