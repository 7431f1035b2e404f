"""What the challenge measures: names, descriptions and units, as its page lists them."""

from __future__ import annotations

from collections.abc import Mapping

__all__ = ["ICU_TYPES", "PARAMETERS"]

#: Types of intensive care unit, by the number in the files.
ICU_TYPES: Mapping[int, str] = {
    1: "CORONARY",
    2: "CARDIAC_SURGERY_RECOVERY",
    3: "MEDICAL",
    4: "SURGICAL",
}

#: Parameters that become events with a value.
PARAMETERS: Mapping[str, str] = {
    "ALP": "alkaline phosphatase (IU/L)",
    "ALT": "alanine transaminase (IU/L)",
    "AST": "aspartate transaminase (IU/L)",
    "Albumin": "albumin (g/dL)",
    "BUN": "blood urea nitrogen (mg/dL)",
    "Bilirubin": "bilirubin (mg/dL)",
    "Cholesterol": "cholesterol (mg/dL)",
    "Creatinine": "serum creatinine (mg/dL)",
    "DiasABP": "invasive diastolic arterial blood pressure (mmHg)",
    "FiO2": "fractional inspired oxygen (0 to 1)",
    "GCS": "Glasgow coma score (3 to 15)",
    "Glucose": "serum glucose (mg/dL)",
    "HCO3": "serum bicarbonate (mmol/L)",
    "HCT": "haematocrit (%)",
    "HR": "heart rate (1/min)",
    "Height": "height at admission (cm)",
    "K": "serum potassium (mEq/L)",
    "Lactate": "lactate (mmol/L)",
    "MAP": "invasive mean arterial blood pressure (mmHg)",
    "MechVent": "mechanical ventilation (1 where on)",
    "Mg": "serum magnesium (mmol/L)",
    "NIDiasABP": "non-invasive diastolic arterial blood pressure (mmHg)",
    "NIMAP": "non-invasive mean arterial blood pressure (mmHg)",
    "NISysABP": "non-invasive systolic arterial blood pressure (mmHg)",
    "Na": "serum sodium (mEq/L)",
    "PaCO2": "partial pressure of arterial CO2 (mmHg)",
    "PaO2": "partial pressure of arterial O2 (mmHg)",
    "Platelets": "platelets (1000/uL)",
    "RespRate": "respiration rate (1/min)",
    "SaO2": "O2 saturation in haemoglobin (%)",
    "SysABP": "invasive systolic arterial blood pressure (mmHg)",
    "Temp": "temperature (degrees Celsius)",
    "TroponinI": "troponin-I (ug/L)",
    "TroponinT": "troponin-T (ug/L)",
    "Urine": "urine output (mL)",
    "WBC": "white blood cell count (1000/uL)",
    "Weight": "weight (kg)",
    "pH": "arterial pH",
}
