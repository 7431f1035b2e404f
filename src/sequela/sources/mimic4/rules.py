"""What the tables of MIMIC-IV say: their columns, as events."""

from __future__ import annotations

import polars as pl

from sequela.events import BIRTH_CODE, DEATH_CODE
from sequela.events.cells import ISO_FORMATS
from sequela.events.rows import Rule

__all__ = ["DESCRIBED", "FORMATS", "NEEDED", "RULES", "STAY", "VOCABULARIES"]

#: The demo was saved by a spreadsheet in part: 5/7/2180 1:54.
FORMATS = (*ISO_FORMATS, "%m/%d/%Y %H:%M:%S", "%m/%d/%Y %H:%M", "%m/%d/%Y")

#: What a row gets from its admission, for tables that have no time or are coded at discharge.
STAY = {"stay_start": "admittime", "stay_end": "dischtime"}

#: By table, what ``icd_version`` means.
VOCABULARIES = {
    "diagnoses_icd": {"9": "ICD9CM", "10": "ICD10CM"},
    "procedures_icd": {"9": "ICD9PROC", "10": "ICD10PCS"},
    "d_icd_diagnoses": {"9": "ICD9CM", "10": "ICD10CM"},
    "d_icd_procedures": {"9": "ICD9PROC", "10": "ICD10PCS"},
}

_AT_END = ("stay_end",)
_STORED = ("storetime",)
_ICD = "{vocabulary}//{icd_code}"
_MICROBIOLOGY = (
    "MICROBIOLOGY//{spec_itemid}//{test_itemid?}//{org_itemid?}//{ab_itemid?}//{interpretation?}"
)

#: By table, in the order in which events of one moment stand.
RULES: dict[str, tuple[Rule, ...]] = {
    "patients": (
        Rule("GENDER//{gender}", when=pl.col("gender").is_not_null()),
        Rule("RACE//{race}", when=pl.col("race").is_not_null()),
        Rule(BIRTH_CODE, time=("born",)),
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
    "transfers": (Rule("TRANSFER//{eventtype?}//{careunit?}", time=("intime",), optional=True),),
    "services": (Rule("SERVICE//{curr_service}", time=("transfertime",)),),
    "diagnoses_icd": (Rule(_ICD, time=("stay_start",), available=_AT_END, awaited=True),),
    "procedures_icd": (
        Rule(_ICD, time=("chartdate", "stay_start"), available=_AT_END, awaited=True),
    ),
    "drgcodes": (
        Rule("DRG//{drg_type}//{drg_code}", time=("stay_start",), available=_AT_END, awaited=True),
    ),
    "hcpcsevents": (
        Rule(
            "HCPCS//{hcpcs_cd}", time=("chartdate", "stay_start"), available=_AT_END, awaited=True
        ),
    ),
    "labevents": (
        Rule(
            "LAB//{itemid}//{valueuom?}",
            time=("charttime",),
            available=_STORED,
            number="valuenum",
            text="value",
        ),
    ),
    "microbiologyevents": (
        Rule(
            _MICROBIOLOGY,
            time=("charttime", "chartdate"),
            available=("storetime", "storedate", "stay_end"),
            dates=("chartdate", "storedate"),
        ),
    ),
    "omr": (
        Rule(
            "OMR//{result_name}", time=("chartdate",), dates=("chartdate",), number="result_value"
        ),
    ),
    "prescriptions": (Rule("DRUG//{drug}", time=("starttime",), number="dose_val_rx"),),
    "emar": (Rule("EMAR//{medication}//{event_txt?}", time=("charttime",), available=_STORED),),
    "inputevents": (
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
    "procedureevents": (
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

#: Columns without which a table cannot be read; what else a rule names may be absent.
NEEDED: dict[str, tuple[str, ...]] = {
    "patients": ("subject_id", "anchor_age", "anchor_year"),
    "admissions": ("subject_id", "hadm_id", "admittime", "dischtime"),
    "icustays": ("subject_id", "intime"),
    "transfers": ("subject_id", "intime"),
    "services": ("subject_id", "curr_service", "transfertime"),
    "diagnoses_icd": ("subject_id", "hadm_id", "icd_code", "icd_version"),
    "procedures_icd": ("subject_id", "hadm_id", "icd_code", "icd_version"),
    "drgcodes": ("subject_id", "hadm_id", "drg_type", "drg_code"),
    "hcpcsevents": ("subject_id", "hadm_id", "hcpcs_cd"),
    "labevents": ("subject_id", "itemid", "charttime", "valuenum"),
    "microbiologyevents": ("subject_id", "spec_itemid", "chartdate", "storetime"),
    "omr": ("subject_id", "result_name", "result_value", "chartdate"),
    "prescriptions": ("subject_id", "drug", "starttime"),
    "emar": ("subject_id", "medication", "charttime"),
    "inputevents": ("subject_id", "itemid", "starttime", "amount"),
    "outputevents": ("subject_id", "itemid", "charttime", "value"),
    "procedureevents": ("subject_id", "itemid", "starttime"),
    "chartevents": ("subject_id", "itemid", "charttime", "valuenum"),
    "d_icd_diagnoses": ("icd_code", "icd_version", "long_title"),
    "d_icd_procedures": ("icd_code", "icd_version", "long_title"),
    "d_labitems": ("itemid", "label"),
    "d_items": ("itemid", "label"),
}

#: Table, code and words of what is described.
DESCRIBED = (
    ("d_icd_diagnoses", _ICD, "{long_title}"),
    ("d_icd_procedures", _ICD, "{long_title}"),
    ("d_labitems", "LAB//{itemid}", "{label}, {fluid?}"),
    ("d_items", "CHART//{itemid}", "{label}"),
    ("d_items", "INPUT//{itemid}", "{label}"),
    ("d_items", "OUTPUT//{itemid}", "{label}"),
    ("d_items", "PROCEDURE//{itemid}", "{label}"),
    ("drgcodes", "DRG//{drg_type}//{drg_code}", "{description}"),
    ("hcpcsevents", "HCPCS//{hcpcs_cd}", "{short_description}"),
    (
        "microbiologyevents",
        _MICROBIOLOGY,
        "{spec_type_desc}; {test_name?}; {org_name?}; {ab_name?}; {interpretation?}",
    ),
)
