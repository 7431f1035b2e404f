"""Passages that simulated training notes are put together from, each note in another order.

A model that reads a handful of templates learns the templates: what stands before a name there is
all that it knows of names. So notes are assembled: a head, lines of keys and values, sentences
under headings, an end. Places are written as in :mod:`sequela.simulate.phrases`. What
holds a cue of the templates for tuning and testing (:mod:`sequela.simulate.cues`) is left out when
notes are drawn.
"""

from __future__ import annotations

__all__ = ["ENDS", "HEADINGS", "HEADS", "LINES", "SENTENCES"]


def _lines(text: str) -> tuple[str, ...]:
    return tuple(line for line in text.strip().split("\n") if line)


def _listed(text: str) -> tuple[str, ...]:
    return tuple(one.strip() for one in text.replace("\n", ",").split(",") if one.strip())


HEADS = _lines("""
{HOSPITAL}
{HOSPITAL}, {STREET}, {CITY}, {STATE} {ZIP}
DEPARTMENT OF {service}   {HOSPITAL}
{service} CONSULTATION
Consult Note - {service}
{DATE}
{DATE} - {service} follow-up
Admission Date: {DATE}   Discharge Date: {DATE}
OPERATIVE REPORT    Date of Surgery: {DATE}
EMERGENCY DEPARTMENT NOTE
ED triage {DATE}
History and Physical
Physical therapy evaluation, {HOSPITAL}
Social work note
Telephone encounter {DATE}
Name: {PATIENT}   Unit No: {MEDICALRECORD}   Sex: F
Pt: {PATIENT}     Acct: {ACCOUNT}     Date: {DATE}
{PATIENT}    {MEDICALRECORD}    {DATE}
{PATIENT} | {DATE} | {service}
RE: {PATIENT}
Re: {PATIENT}, date of birth {DATE}
Dear Dr. {DOCTOR}:
Dear {DOCTOR},
To: {DOCTOR}, {HOSPITAL}    Fax: {FAX}
FROM: {DOCTOR}   TO: {DOCTOR}   RE: {PATIENT}
ECHOCARDIOGRAM REPORT
MRI LUMBAR SPINE WITH AND WITHOUT CONTRAST
Ultrasound abdomen, {DATE}
Pathology report     Specimen {IDNUM}
Transfer summary from {HOSPITAL} to {HOSPITAL}
Night float event note
""")

LINES = _lines("""
Patient Name: {PATIENT}
PATIENT: {PATIENT}
Patient: {PATIENT}    Age: {age}
Name {PATIENT}
Last name, first name: {PATIENT}
MRN: {MEDICALRECORD}
Medical record number: {MEDICALRECORD}
Record No. {MEDICALRECORD}
Hospital number {MEDICALRECORD}
Date of Birth: {DATE}
D.O.B. {DATE}
Birthdate {DATE}   Sex: M
Date of admission: {DATE}
Service: {service}   Attending: {DOCTOR}
Attending physician: {DOCTOR}, M.D.
Primary care physician: {DOCTOR}
PCP: {DOCTOR}
Referring: Dr. {DOCTOR}
Surgeon: {DOCTOR}, MD     Assistant: {DOCTOR}
Anesthesiologist: Dr. {DOCTOR}
Emergency contact: {PATIENT}, {PHONE}
Next of kin: {PATIENT} ({kin})
Phone: {PHONE}   Cell: {PHONE}
Address: {STREET}, {CITY}, {STATE} {ZIP}
Home address {STREET}
E-mail: {EMAIL}
Insurance number: {HEALTHPLAN}
Medicare no. {HEALTHPLAN}
Policy {HEALTHPLAN}
Social Security Number: {SSN}
SSN: {SSN}
Account number: {ACCOUNT}
Employer: {ORGANIZATION}
Occupation: {role} at {ORGANIZATION}
Case number: {IDNUM}
Order number {IDNUM}   Priority: routine
Device: dual chamber pacemaker, serial no. {DEVICE}
Lot / serial: {DEVICE}
Driver license no. {LICENSE}
DEA / license: {LICENSE}
License plate: {VEHICLE}
Palm print: {BIOID}
Voice print id {BIOID}
User: {USERNAME}    Workstation: {IPADDR}
Entered by {USERNAME} on {DATE}
Web: {URL}
Allergies: {drug}, {drug}
ALLERGIES: no known drug allergies
Code status: full code
Chief complaint: {sign}
Diagnosis: {eponym} disease
Vitals: T {score}, BP {lab}, HR {score}, SpO2 {lab}
Weight {score} kg   Height {score} cm
Room {score}, bed {score}
""")

SENTENCES = _lines("""
{PATIENT} is a {age} year-old man with a history of {sign} and {sign}.
{PATIENT} is a {age} yo F admitted with {sign}.
Ms. {PATIENT} is a pleasant {age}-year-old woman who presents with {sign}.
Mr. {PATIENT} was brought in by ambulance from {CITY}.
Mrs. {PATIENT} has done well since her last visit on {DATE}.
This {age} year old {role} was transferred from {HOSPITAL} on {DATE}.
He is {AGE} years old and still drives.
She turned {AGE} last month.
A {AGE}-year-old widow from {CITY}, {STATE}, was found on the floor by her {kin}.
The patient, now age {AGE}, lives alone.
Her {kin}, {PATIENT}, is the health care proxy.
His {kin} {PATIENT} was at the bedside and was updated.
Spoke with {PATIENT} ({kin}) at {PHONE} about the plan.
I called the {kin} at {PHONE} and left a message.
Contact {PATIENT} on {PHONE} with results.
{kin} name is {PATIENT}.
Patient's {kin} {PATIENT} can be reached at {EMAIL}.
The patient moved here from {CITY}, {STATE} in {DATE}.
Lives in {CITY} with {kin} and two cats.
Resident of {HOSPITAL} since {DATE}.
He works as a {role} for {ORGANIZATION}.
She retired from {ORGANIZATION} where she was a {role}.
Employed by {ORGANIZATION}, {CITY}.
Discussed with Dr. {DOCTOR}, who agrees.
Case reviewed with {DOCTOR} from {service}.
Seen and examined with Dr. {DOCTOR} on morning rounds.
Dr. {DOCTOR} of {service} was consulted and recommended {drug}.
{DOCTOR} and {DOCTOR} were present for the entire procedure.
Procedure performed by {DOCTOR}, MD without complication.
Thank you, {DOCTOR}, for this referral.
Per {DOCTOR} NP, hold {drug} until {DATE}.
Pt was seen by {DOCTOR}, RN, CDE for teaching.
Paged {DOCTOR} at {PHONE}, awaiting call back.
Covering: {DOCTOR}, pager {PHONE}.
Previously followed by {DOCTOR} at {HOSPITAL}.
Was last at {HOSPITAL} in {DATE} for {sign}.
Records were requested from {HOSPITAL} by fax {FAX}.
Please fax the report to {FAX}.
Transferred to {HOSPITAL} for further care.
On {DATE} he underwent {test} which showed {finding}.
{test} on {DATE}: {finding}.
{test} ({DATE}) {finding}, unchanged from {DATE}.
On {DATE}, the patient developed {sign} and was given {drug} {dose}.
Between {DATE} and {DATE} she received {drug}.
Symptoms began on {DATE}.
Sutures to be removed on {DATE}.
Return to {service} clinic {DATE} at 10:30 AM with {DOCTOR}.
Appointment with Dr. {DOCTOR} ({service}) {DATE}, {STREET}, {CITY}.
Date of last tetanus shot: {DATE}.
LMP {DATE}.
Blood drawn {DATE} by {USERNAME}.
Account {ACCOUNT} has been notified.
Insurance {HEALTHPLAN} was verified with {ORGANIZATION}.
The ICD (serial {DEVICE}) was interrogated.
Knee prosthesis {DEVICE} implanted {DATE}.
His license {LICENSE} was suspended after the seizure.
Car with plate {VEHICLE} was towed from the lot.
Identity was checked by retinal scan {BIOID}.
The request {IDNUM} was closed.
Enrolled in the study as subject {IDNUM}.
Results are posted at {URL}.
See {URL} for patient information.
The portal was opened from {IPADDR}.
Write to {EMAIL} for refills.
MRN {MEDICALRECORD} was merged with {MEDICALRECORD}.
Chart {MEDICALRECORD} reviewed.
Social security number on file is {SSN}.
Mail to {STREET}, {CITY} {ZIP}.
He stays at {STREET} with his {kin}.
{PATIENT} tolerated the procedure well.
{PATIENT} denies {sign}, {sign} or {sign}.
{PATIENT} reports taking {drug} {dose} daily.
We will see {PATIENT} again in three weeks.
Informed consent was obtained from {PATIENT}.
{PATIENT} has {eponym}'s disease and sees {DOCTOR} for it.
Mr. {PATIENT}'s {kin} has {eponym} disease.
Denies {sign} or {sign}.
No {sign}, no {sign}.
Past history is notable for {eponym}'s disease, {sign} and {sign}.
{eponym} sign is absent.
{eponym} catheter was removed.
{eponym} score {score}.
Started {drug} {dose}, stopped {drug}.
Continue {drug} {dose} and {drug} {dose} twice daily.
{drug} was increased to {dose} for {sign}.
Home medications include {drug}, {drug}, {drug} and {drug} {dose}.
{test} showed {finding}.
{test}: {finding}.
IMPRESSION: {finding}.
{finding}, {finding}.
Labs notable for WBC {score}, Hct {lab}, platelets 210, creatinine {score}.
Na 138, K {score}, Cl 102, BUN {score}, glucose 141.
BP {lab}, pulse 72, respirations 16, afebrile.
Temp 37.1, HR 88, RR 18, O2 sat {lab} on room air.
Motor {lab} throughout, reflexes 2+ and symmetric.
Visual acuity 20/40 in the right eye.
Pain {lab} on arrival, {lab} after {drug}.
HEENT: normocephalic, pupils equal. Neck: supple. Lungs: clear. Abdomen: soft.
Will follow up on cultures and may need {drug}.
Patient may be discharged in the morning if stable.
She will call if {sign} returns; mark the site before surgery.
Plan is to wean oxygen, advance diet and ambulate.
Discharge to rehab pending bed availability.
Given {sign} we will obtain {test} and grant him leave.
I hope for a bill of good health; faith and rest will help.
The {role} was counseled on diet and exercise for 30 minutes.
Risks, benefits and alternatives were explained.
Drinks two beers a day, smokes 1/2 pack per day, 20 pack-years.
Family history: {kin} with {sign}, {kin} with {eponym} disease.
Social history: retired {role}, lives with {kin}.
Seen on Monday and again on Friday.
Last week he was seen in the {service} clinic.
In the fall she had {sign}.
{service} was consulted.
Stable for transfer to the floor.
1. {sign}: continue {drug}.
2. {eponym} disease - {drug} {dose}, recheck in 2-3 weeks.
# {sign}: likely due to {drug}, will hold.
""")

ENDS = _lines("""
{DOCTOR}, M.D.
{DOCTOR} MD
Signed by: {DOCTOR}, MD on {DATE}
Electronically signed: {DOCTOR} {DATE} 14:05
Dictated by: {DOCTOR}   D: {DATE}   T: {DATE}
cc: {DOCTOR}, {HOSPITAL}
cc: Dr. {DOCTOR}, Dr. {DOCTOR}
Sincerely, {DOCTOR}
Resident: {DOCTOR}, PGY-2, pager {PHONE}
{DOCTOR}, RN  {DATE}
Transcribed {DATE} by {USERNAME}, job {IDNUM}
Attested: Dr {DOCTOR}, {service}, {HOSPITAL}
{USERNAME} {DATE}
Thank you for allowing us to take part in the care of {PATIENT}.
""")

HEADINGS = _listed("""
HISTORY, HPI, PMH, PSH, Past Medical History, PAST SURGICAL HISTORY, Medications, MEDICATIONS ON
ADMISSION, Social History, FAMILY HISTORY, Review of Systems, PHYSICAL EXAM, Exam, Labs, Laboratory
Data, Imaging, Assessment, ASSESSMENT AND PLAN, Plan, A/P, Hospital Course, BRIEF HOSPITAL COURSE,
Procedure, DESCRIPTION OF PROCEDURE, Indication, Technique, Findings, IMPRESSION, Recommendations,
Disposition, DISCHARGE INSTRUCTIONS, Events, Neuro, CV, Resp, GI, GU, Skin, Pain, Access, Reason for
Consult, CLINICAL INFORMATION, GROSS DESCRIPTION, Diagnosis, Subjective, Objective
""")
