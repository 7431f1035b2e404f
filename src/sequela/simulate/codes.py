"""The codes of the simulated cohort, and what they mean."""

from __future__ import annotations

__all__ = [
    "COMMON",
    "DESCRIPTIONS",
    "HEART_FAILURE",
    "INTERACTIONS",
    "LABORATORY",
    "REGISTRATION",
]

#: The first event of every patient; says nothing.
REGISTRATION = "ENCOUNTER//REGISTRATION"

#: Mentioned at onset and at later visits, never before.
HEART_FAILURE = ("ICD10CM//I50.9", "ICD10CM//I50.22", "ICD10CM//I50.32")

#: Code, usual value, spread, and the risk code whose carriers have values shifted so far.
LABORATORY = (
    ("LAB//2160-0//mg/dL", 0.95, 0.18, "ICD10CM//N18.30", 0.85),
    ("LAB//4548-4//%", 5.6, 0.35, "ICD10CM//E11.9", 1.7),
    ("LAB//2951-2//mmol/L", 140.0, 2.3, None, 0.0),
    ("LAB//2823-3//mmol/L", 4.2, 0.35, None, 0.0),
    ("LAB//718-7//g/dL", 13.6, 1.2, "ICD10CM//N18.30", -1.3),
    ("LAB//2093-3//mg/dL", 198.0, 31.0, "ATC//C10AA05", -25.0),
)

#: Drugs of the cohort that are better not given together: an example of a list, no list for care.
INTERACTIONS = (
    ("ATC//M01AE01", "ATC//B01AC06"),
    ("ATC//M01AE01", "ATC//C09AA05"),
    ("ATC//C01BD01", "ATC//J01FA10"),
    ("ATC//C01BD01", "ATC//C10AA05"),
    ("ATC//N02AX02", "ATC//N06AB06"),
    ("ATC//N02AX02", "ATC//N05CF02"),
)

_DISEASE = {
    REGISTRATION: "Registration with the practice",
    "ICD10CM//I50.9": "Heart failure, unspecified",
    "ICD10CM//I50.22": "Chronic systolic (congestive) heart failure",
    "ICD10CM//I50.32": "Chronic diastolic (congestive) heart failure",
    "ICD10CM//I10": "Essential (primary) hypertension",
    "ICD10CM//I25.10": "Atherosclerotic heart disease of native coronary artery",
    "ICD10CM//E11.9": "Type 2 diabetes mellitus without complications",
    "ICD10CM//N18.30": "Chronic kidney disease, stage 3 unspecified",
    "ICD10CM//E66.9": "Obesity, unspecified",
    "ICD10CM//F17.210": "Nicotine dependence, cigarettes",
    "ICD10CM//R06.02": "Shortness of breath",
    "ICD10CM//R60.0": "Localized oedema",
    "ICD10CM//I20.0": "Unstable angina",
    "ICD10CM//I48.0": "Paroxysmal atrial fibrillation",
    "ICD10CM//E11.65": "Type 2 diabetes mellitus with hyperglycaemia",
    "ATC//C10AA05": "Atorvastatin",
    "ATC//C09AA05": "Ramipril",
    "ATC//M01AE01": "Ibuprofen",
    "ATC//C07AB02": "Metoprolol",
    "ATC//C01BD01": "Amiodarone",
    "ATC//A10BK03": "Empagliflozin",
    "LAB//2160-0//mg/dL": "Creatinine in serum or plasma",
    "LAB//4548-4//%": "Haemoglobin A1c",
    "LAB//2951-2//mmol/L": "Sodium in serum or plasma",
    "LAB//2823-3//mmol/L": "Potassium in serum or plasma",
    "LAB//718-7//g/dL": "Haemoglobin in blood",
    "LAB//2093-3//mg/dL": "Cholesterol in serum or plasma",
}

_COMMON = {
    "ICD10CM//J06.9": "Acute upper respiratory infection",
    "ICD10CM//M54.50": "Low back pain",
    "CPT//99213": "Office visit, 20 minutes",
    "ICD10CM//K21.9": "Gastro-oesophageal reflux disease",
    "ATC//A02BC01": "Omeprazole",
    "CPT//85025": "Complete blood count",
    "ICD10CM//Z23": "Encounter for immunization",
    "ATC//N02BE01": "Paracetamol",
    "CPT//99214": "Office visit, 30 minutes",
    "ICD10CM//E78.5": "Hyperlipidaemia, unspecified",
    "ICD10CM//F41.9": "Anxiety disorder",
    "ATC//J01CA04": "Amoxicillin",
    "ICD10CM//M19.90": "Osteoarthritis",
    "CPT//80053": "Comprehensive metabolic panel",
    "ICD10CM//R51.9": "Headache",
    "ATC//H03AA01": "Levothyroxine",
    "ICD10CM//E03.9": "Hypothyroidism",
    "ICD10CM//N39.0": "Urinary tract infection",
    "ATC//B01AC06": "Acetylsalicylic acid",
    "CPT//36415": "Venous blood draw",
    "ICD10CM//G47.00": "Insomnia",
    "ICD10CM//F32.A": "Depression",
    "ATC//N06AB06": "Sertraline",
    "ICD10CM//M25.561": "Pain in right knee",
    "CPT//93000": "Electrocardiogram",
    "ICD10CM//L30.9": "Dermatitis",
    "ICD10CM//R10.9": "Abdominal pain",
    "ATC//R06AE07": "Cetirizine",
    "ICD10CM//J30.9": "Allergic rhinitis",
    "ICD10CM//H52.4": "Presbyopia",
    "ATC//A11CC05": "Colecalciferol",
    "ICD10CM//K59.00": "Constipation",
    "ICD10CM//R42": "Dizziness",
    "CPT//71046": "Chest radiograph, two views",
    "ICD10CM//H25.9": "Age-related cataract",
    "ICD10CM//N40.0": "Benign prostatic hyperplasia",
    "ATC//G04CA02": "Tamsulosin",
    "ICD10CM//J20.9": "Acute bronchitis",
    "ICD10CM//R53.83": "Fatigue",
    "ATC//J01FA10": "Azithromycin",
    "ICD10CM//M79.1": "Myalgia",
    "ICD10CM//L57.0": "Actinic keratosis",
    "ICD10CM//M81.0": "Age-related osteoporosis",
    "CPT//90686": "Influenza vaccination",
    "ICD10CM//K57.30": "Diverticulosis of the large intestine",
    "ATC//D07AC01": "Betamethasone",
    "ICD10CM//R05.9": "Cough",
    "ICD10CM//H61.20": "Impacted cerumen",
    "ATC//A06AD15": "Macrogol",
    "ICD10CM//M10.9": "Gout",
    "ATC//M04AA01": "Allopurinol",
    "ICD10CM//L03.90": "Cellulitis",
    "ICD10CM//E55.9": "Vitamin D deficiency",
    "ATC//S01ED51": "Timolol, combinations",
    "ICD10CM//D64.9": "Anaemia",
    "ICD10CM//K64.9": "Haemorrhoids",
    "ATC//N05CF02": "Zolpidem",
    "ICD10CM//G43.909": "Migraine",
    "ICD10CM//S93.401A": "Sprain of right ankle",
    "ICD10CM//Z12.11": "Screening for malignant neoplasm of colon",
    "ATC//N02AX02": "Tramadol",
    "ICD10CM//B34.9": "Viral infection",
}

#: Codes of everyday practice, from frequent to rare; they say nothing about heart failure.
COMMON = tuple(_COMMON)

DESCRIPTIONS = {**_DISEASE, **_COMMON}
