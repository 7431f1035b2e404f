"""What simulated notes are made of: names, numbers and the sentences around them.

All of it is invented. Two sets of everything that a model could learn by heart, ``train`` and
``test``, so that what is measured on one says something of the other. A place for something that
identifies is written ``{LABEL}``, in the words of i2b2 2014; ``{}`` in small letters is filled with
what looks like it and is none: ``{lab}``, ``{dose}``, ``{eponym}``, ``{score}``.
"""

from __future__ import annotations

__all__ = [
    "CITIES",
    "EPONYMS",
    "FIRST",
    "MONTHS",
    "ROADS",
    "STATES",
    "SURNAMES",
    "TEMPLATES",
    "WARDS",
]


def _words(*lines: str) -> tuple[str, ...]:
    return tuple(" ".join(lines).split())


FIRST = {
    "train": _words(
        "Anna Ben Carla David Elena Frank Grace Henry Irene Jacob Karen Luis Maria",
        "Nadia Oscar Paula Quentin Rosa Samuel Teresa Ursula Victor Wanda Xavier",
        "Yvonne Zachary April June May Rose Hope Summer Will Mark Grant Art Faith",
        "Jose Mei Priya Ahmed",
    ),
    "test": _words(
        "Alice Brian Chloe Dennis Edith Felix Gloria Hugo Ivana Joel Kirsten Leon",
        "Monica Nathan Olga Peter Renata Simon Tina Umar Vera Walter Yusuf Zoe",
        "August Ivy Joy Autumn Pearl Bill Chase Wade Dawn Jean Juan Fatima Ravi",
        "Linh Kofi Ingrid Sven",
    ),
}
#: Beginnings and endings; surnames are put together, so that none can be learnt by heart.
SURNAMES = {
    "train": _words(
        "And Bak Cald Dors Ells Fair Gars Holl Ives Jans Kell Lang Mar Nor Oak",
        "Pers Quin Ras Sand Thorn Ul Var West York Zell Black Green Price Wood",
        "Park Hunt",
    ),
    "test": _words(
        "Alb Brad Cross Dal Edg Frost Grim Hart Ing Jar Kirk Lowe Mill Nash Orm",
        "Pem Red Stan Trent Under Vick Wain Yard Zim Bell Stone Rich Cole Lamb",
        "Snow",
    ),
    "endings": _words(
        "er man sen ston ford ley ham by wick son ner den field worth ski ez ano",
        "elli ova kar moto beck stein haus well land more",
    ),
}
CITIES = {
    "train": _words(
        "Ashford Bellmont Cedarville Dunmore Eastlake Fairview Glenwood Hillcrest",
    ),
    "test": _words(
        "Northgate Oakdale Pinehurst Quarryville Riverton Stonebridge Weston",
        "Yarmouth",
    ),
}
STATES = {
    "train": _words("OH TX Ohio Texas MA Oregon CA Maine"),
    "test": _words("NY WA Iowa Kansas FL Utah GA Nevada"),
}
ROADS = {
    "train": _words("Street Ave Road Lane Dr."),
    "test": _words("St. Avenue Blvd Court Drive"),
}
WARDS = {
    "train": ("General Hospital", "Medical Center", "Memorial Hospital", "Clinic"),
    "test": ("Regional Hospital", "Health Center", "University Hospital", "Infirmary"),
}
MONTHS = _words(
    "January February March April May June July August September October November December"
)
#: Diseases, signs and devices that bear a surname, and are no name here.
EPONYMS = _words(
    "Parkinson Crohn Alzheimer Hodgkin Graves Addison Cushing Foley Babinski",
    "Murphy Wilson Bell Raynaud Huntington Paget Hashimoto Swan-Ganz Kerley Baker",
    "Marfan",
)

_DISCHARGE_TRAIN = """\
{HOSPITAL}
DISCHARGE SUMMARY

NAME: {PATIENT}          MRN: {MEDICALRECORD}
DOB: {DATE}    ADMITTED: {DATE}    DISCHARGED: {DATE}
ATTENDING: Dr. {DOCTOR}, MD

HISTORY OF PRESENT ILLNESS: Mr. {PATIENT} is a {age}-year-old man with {eponym}'s disease who came \
to {HOSPITAL} on {DATE} with chest pain. He may have missed doses of Norvasc {dose}. BP {lab}, \
K {score}, Hgb {score}.
HOSPITAL COURSE: Seen by {DOCTOR} of cardiology. A {eponym} catheter was placed, strength {lab}.
DISCHARGE MEDICATIONS: lisinopril {dose} daily, march to {dose} as tolerated.
FOLLOW-UP: with {DOCTOR} on {DATE}, call {PHONE}, fax {FAX}.
Lives at {STREET}, {CITY}, {STATE} {ZIP}. SSN {SSN}. Insurance: {HEALTHPLAN}.
"""
_PROGRESS_TRAIN = """\
Progress note {DATE}
{PATIENT} (MRN {MEDICALRECORD}), {age} y/o, seen on rounds by Dr.{DOCTOR}.
S: no pain, slept well. Denies fever. Daughter {PATIENT} visits; reach her at {PHONE} or {EMAIL}.
O: T 98.6, BP {lab}, RASS {score}. {eponym} sign negative. Pacemaker serial {DEVICE}.
A/P: continue heparin {dose}; will repeat labs in May if needed. Patient is {AGE} years old.
Account no. {ACCOUNT}, license {LICENSE}, car plate {VEHICLE}. Portal {URL}, from {IPADDR}.
Signed: {DOCTOR} {DATE}
"""
_RADIOLOGY_TRAIN = """\
CHEST X-RAY, TWO VIEWS          ACCESSION {IDNUM}
PATIENT:{PATIENT}  EXAM DATE:{DATE}
COMPARISON: {DATE}.
FINDINGS: {eponym} lines at both bases, about {score} cm. Heart size at {lab} of the thorax.
IMPRESSION: 1. No pneumonia. 2. Mild congestion.
Discussed with {DOCTOR} at {HOSPITAL} by phone ({PHONE}).  Dictated by {USERNAME}
"""
_NURSING_TRAIN = """\
Nursing: pt {PATIENT} alert x3, ambulates to chair, pain {score}/10. Foley in place, UOP {score} L.
Family of {PATIENT} from {CITY}, {STATE} at bedside; works at {ORGANIZATION}. Fingerprint file \
{BIOID}. Dr {DOCTOR} aware. Next dose {dose}. Given {DATE}.
"""
_DISCHARGE_TEST = """\
SUMMARY OF STAY - {HOSPITAL}, {CITY}

Patient {PATIENT}, record number {MEDICALRECORD}, born {DATE}, was with us from {DATE} until
{DATE} under the care of {DOCTOR}, M.D.
PAST MEDICAL HISTORY: {eponym} disease, hypertension, gout. Takes Coumadin {dose} and Lasix {dose}.
She is {AGE} and lives with her son {PATIENT} at {STREET}, {CITY} {STATE} {ZIP}
(tel. {PHONE}).
LABS: Na {score}, INR {score}, BP {lab}.
Copy to Dr. {DOCTOR}, fax number {FAX}. Member ID {HEALTHPLAN}; social security {SSN}.
"""
_PROGRESS_TEST = """\
{DATE} CLINIC VISIT
Ms. {PATIENT} returns to see Dr. {DOCTOR}. MRN#{MEDICALRECORD}. The {age} year old woman is \
doing well;
{eponym} syndrome is stable. BP {lab} today, pain {score}. Ejection fraction {lab}.
Plan: carvedilol {dose}. E-mail {EMAIL} or see {URL}. Billing account {ACCOUNT}. Next visit {DATE}.
Implant {DEVICE}; driver's license {LICENSE}; vehicle {VEHICLE}; logged from {IPADDR}.
{DOCTOR}
"""
_RADIOLOGY_TEST = """\
CT HEAD WITHOUT CONTRAST; order {IDNUM}
NAME {PATIENT}   DATE {DATE}   REQUESTED BY {DOCTOR}
TECHNIQUE: {score} mm slices. FINDINGS: no bleed, midline shift {score} mm.
IMPRESSION: no change since {DATE}. {eponym} disease was asked for. Read by {USERNAME}, {HOSPITAL}.
"""
_NURSING_TEST = """\
RN note: {PATIENT} resting, vitals stable, BP {lab}, glucose {score}. Wife {PATIENT} phoned from \
{PHONE}. Employer {ORGANIZATION} in {CITY}. Iris scan {BIOID} on file. {DOCTOR} paged {DATE}; gave \
{dose} as ordered.
"""

TEMPLATES = {
    "train": (_DISCHARGE_TRAIN, _PROGRESS_TRAIN, _RADIOLOGY_TRAIN, _NURSING_TRAIN),
    "test": (_DISCHARGE_TEST, _PROGRESS_TEST, _RADIOLOGY_TEST, _NURSING_TEST),
}
