"""What simulated notes are made of: names, numbers and the sentences around them.

All of it is invented. Three sets, ``train``, ``tune`` and ``test``, of the names, surname endings,
eponyms, places and templates, so that what is measured on one says something of the others; of the
templates a fourth, ``epoch``. The forms in which names, dates and numbers are written are shared
(training notes have more), and so are the months. A place for
something that identifies is written ``{LABEL}``, in the words of i2b2 2014; ``{}`` in small letters
is filled with what looks like it and is none: ``{lab}``, ``{dose}``, ``{eponym}``, ``{score}``.
"""

from __future__ import annotations

__all__ = [
    "CITIES",
    "ENDINGS",
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
        "Jose Mei Priya Ahmed James John Robert Michael William Richard Thomas Charles",
        "Christopher Matthew Anthony Steven Andrew Kenneth Kevin George Edward Ronald",
        "Timothy Jason Jeffrey Ryan Gary Nicholas Eric Stephen Jonathan Larry Scott",
        "Gregory Raymond Jerry Tyler Aaron Adam Harold Douglas Carl Arthur Roger Keith",
        "Mary Patricia Jennifer Barbara Elizabeth Susan Jessica Sarah Lisa Nancy Betty",
        "Margaret Sandra Ashley Kimberly Emily Donna Michelle Dorothy Carol Amanda",
        "Melissa Deborah Stephanie Rebecca Laura Cynthia Kathleen Amy Angela Shirley",
        "Brenda Pamela Nicole Katherine Virginia Catherine Christine Debra Rachel Janet",
        "Carmen Diego Sofia Mateo Lucia Pablo Hiroshi Yuki Wei Ming Xin Anh Minh Tuan",
        "Deepak Anjali Rahul Sunita Omar Layla Hassan Aisha Ibrahim Amara Chidi Ngozi",
        "Kwame Lars Astrid Bjorn Greta Dmitri Katya Ivan Svetlana Giulia Marco Pierre",
        "Colette Heinz Liesl Aoife Sean Siobhan Ewan Rhys Bo Ty Al Ed Jo Lu Viv Gus",
    ),
    "tune": _words(
        "Abigail Bernard Cecilia Dwight Estelle Forrest Gwen Harriet Isaac Josephine",
        "Kurt Lorraine Milton Nora Otto Philip Rudy Sylvia Trevor Vivian Wendell Young",
        "Star Sandy Jade Rich Chuck Ariel Tomas Noor Ravindra Mingyu",
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
        "Park Hunt Abr Ald Arm Bar Ben Bur Cam Cart Chap Cor Craw Dan Dav Dem Don Dun",
        "East Eld Fen Fisch Flem Fost Gal Gil Gold Good Ham Han Har Hend Hern Hop Hor",
        "Jack Jef John Kap Kenn King Kov Lam Law Leb Lind Lor Mac Mart Mas Mend Mor Mull",
        "Nav New Nguy Od Ols Ort Pat Paw Pet Pop Pow Ram Rob Rod Rom Ros Salz",
        "Sch Schu Sim Smi Spen Stef Sull Swan Tan Tayl Tor Turn Vald Vas Vog Walt War",
        "Web Wein Wil Win Wolf Yam Young Zub Brown Long Short Rivers Field Day Bush",
    ),
    "tune": _words(
        "Ack Bond Crane Dew Ever Fitz Gran Hob Iv Jessup Knox Lock Moss Norr Ogle Pike",
        "Quil Rush Sharp Till Upt Vance Weath Yates Banks Little Church Wise Brook Gray",
    ),
    "test": _words(
        "Alb Brad Cross Dal Edg Frost Grim Hart Ing Jar Kirk Lowe Mill Nash Orm",
        "Pem Red Stan Trent Under Vick Wain Yard Zim Bell Stone Rich Cole Lamb",
        "Snow",
    ),
}
ENDINGS = {
    "train": _words(
        "er man sen ston ford ham son ner field ski ez ano ova stein well",
        "dale berg ell ick ard ian ini ton ins ard ett low",
    ),
    "tune": _words("ley by elli moto beck land"),
    "test": _words("wick den worth kar haus more"),
}
CITIES = {
    "train": _words(
        "Ashford Bellmont Cedarville Dunmore Eastlake Fairview Glenwood Hillcrest",
        "Albany Boston Chicago Denver Dallas Houston Phoenix Portland Springfield",
        "Arlington Lexington Concord Salem Dover Newton Quincy Brookfield Milton",
        "Greenville Clayton Franklin Clinton Madison Georgetown Bristol Manchester",
        "Kingston Burlington Millbrook Lakewood Westfield Ridgemont Harborview",
        "Elmhurst Maplewood Birchwood Rockport Sandwick Marston Thornbury Lynnfield",
        "Bayside Southport Woodhaven Summerville Winchester Charlton Plainfield",
    ),
    "tune": _words(
        "Avondale Briarcliff Coldwater Deerfield Edgewater Foxborough Grafton Holbrook",
    ),
    "test": _words(
        "Northgate Oakdale Pinehurst Quarryville Riverton Stonebridge Weston",
        "Yarmouth",
    ),
}
STATES = {
    "train": _words(
        "OH TX Ohio Texas MA Oregon CA Maine AL AZ AR CO CT DE ID IL IN KY LA MD ME MI MN MS MO",
        "MT NE NH NJ NM NC ND OK OR PA RI SC SD TN VT VA WV WI WY Alabama Arizona Colorado",
        "California Connecticut Illinois Indiana Kentucky Michigan Minnesota Missouri Montana",
        "Massachusetts Pennsylvania Tennessee Vermont Virginia Wisconsin Maryland",
    ),
    "tune": _words("AK HI Alaska Hawaii Delaware Arkansas"),
    "test": _words("NY WA Iowa Kansas FL Utah GA Nevada"),
}
ROADS = {
    "train": _words("Street Ave Road Lane Dr. Way Place Terrace Rd Ln Parkway Circle Trail Ave."),
    "tune": _words("Square Highway Row Crescent"),
    "test": _words("St. Avenue Blvd Court Drive"),
}
WARDS = {
    "train": (
        *("General Hospital", "Medical Center", "Memorial Hospital", "Clinic"),
        *("Community Hospital", "Children's Hospital", "Rehabilitation Center", "Hospice"),
        *("Surgery Center", "Nursing Home", "Veterans Hospital", "Heart Institute", "General"),
        *("Lodge", "House", "Pavilion", "Wellness Center", "Care Home", "Medical Group", "Retreat"),
        *("Gardens", "Village", "Commons", "Dispensary", "Polyclinic", "Sanatorium", "Place"),
        *(
            "Emergency Hospital",
            "State Hospital",
            "Methodist",
            "Baptist",
            "Presbyterian",
            "Lutheran",
        ),
        *("Women's Hospital", "Day Surgery", "Walk-In Clinic", "Eye Clinic", "Specialists", "Hall"),
    ),
    "tune": ("County Hospital", "Family Practice", "Cancer Center", "Manor"),
    "test": ("Regional Hospital", "Health Center", "University Hospital", "Infirmary"),
}
MONTHS = _words(
    "January February March April May June July August September October November December"
)
#: Diseases, signs and devices that bear a surname, and are no name here.
EPONYMS = {
    "train": _words(
        "Parkinson Crohn Alzheimer Hodgkin Graves Addison Cushing Foley Babinski",
        "Murphy Wilson Bell Raynaud Huntington Paget Hashimoto Swan-Ganz Kerley Baker",
        "Marfan Kaposi Burkitt Kernig Trousseau Colles Charcot Tourette Wernicke Korsakoff",
        "Ewing Wilms Peyronie Bowen Zenker Valsalva Trendelenburg Doppler Hickman Kocher",
    ),
    "tune": _words("Barrett Meniere Kawasaki Wegener Dupuytren Tinel Chvostek Osgood Lachman"),
    "test": _words(
        "Takayasu Osler Gilbert Lhermitte Brudzinski Romberg Whipple Castleman Dressler"
    ),
}

_DISCHARGE_TRAIN = """\
{HOSPITAL}
DISCHARGE SUMMARY

NAME: {PATIENT}          MRN: {MEDICALRECORD}
DOB: {DATE}    ADMITTED: {DATE}    DISCHARGED: {DATE}
ATTENDING: Dr. {DOCTOR}, MD

HISTORY OF PRESENT ILLNESS: Mr. {PATIENT} is a {age}-year-old man with {eponym}'s disease who came \
to {HOSPITAL} on {DATE} with chest pain. He may have missed doses of Norvasc {dose}. BP {lab}, \
K {score}, Hgb {score}.
HOSPITAL COURSE: Consulted {DOCTOR} of cardiology. A {eponym} catheter was placed, strength {lab}.
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

_OPERATION_TEST = """\
{HOSPITAL} * REPORT OF OPERATION * confirmation {IDNUM}

Operating surgeon        {DOCTOR}
First helper             {DOCTOR}, PGY4
Individual operated on   {PATIENT}     sheet {MEDICALRECORD}
Performed on             {DATE}

After a timeout {PATIENT} was laid supine and the belly painted and draped. A {eponym} retractor \
gave
exposure; a mesh ({DEVICE}) was tacked down with eight clips. Loss {score} mL. He got Kefzol \
{dose} at
incision. {DOCTOR} scrubbed out before closure. Family ({PATIENT}, waiting area, {PHONE}) was told.
Spoken into the recorder {DATE}, typed {DATE} / {USERNAME}
"""
_DIETITIAN_TEST = """\
Dietary consult. Asked by {DOCTOR} on {DATE}.
{AGE} yrs, BMI {score}, intake {lab} of trays. Likes custard, refuses beef. {eponym} disease rules
out bread. {PATIENT} cooked for years at the {ORGANIZATION} canteen, {CITY}. Sister {PATIENT} brings
meals from {STREET}, {CITY}, {STATE} {ZIP} on weekends. Goal 1800 kcal. Vitamin D {dose}.
Handouts mailed to {EMAIL}; recipes on {URL}. Weigh again {DATE}.
{DOCTOR}, RDN
"""
_CASEWORK_TEST = """\
Case management sheet                                           {DATE}

Whom we serve ........ {PATIENT} ({age})
Benefit card ......... {HEALTHPLAN}
Soc sec .............. {SSN}
Hospital bill ........ {ACCOUNT}
Lives ................ {STREET}, {CITY}, {STATE}
Drives ............... {VEHICLE} (permit {LICENSE})
Reach by ............. {PHONE}; facsimile machine {FAX}

Since {DATE} {PATIENT} has slept in the van behind {ORGANIZATION}. A bed at {HOSPITAL} opens {DATE};
{DOCTOR} will countersign. Thumb reader at the shelter knows him as {BIOID}. Mood {score}, no
{eponym} signs. He may march in the parade, he says. Form sent out from {IPADDR}.
"""
_EXCHANGE_TEST = """\
Message thread opened {DATE}
> From {PATIENT}: my ankles swell since {DATE}, is it the Procardia {dose}?
> From {DOCTOR}: could be. Were you not at {HOSPITAL} in {CITY} lately? Which number rings best?
> From {PATIENT}: {PHONE}. Yes, till {DATE}, Dr {DOCTOR} let me go. My husband {PATIENT} turned \
{AGE}.
> From {DOCTOR}: Halve it. I rang {DOCTOR}. Cuff reads {lab}? Your {eponym} test was fine.
Thread closed by {USERNAME}, ref {IDNUM}, chart {MEDICALRECORD}
"""

_TRIAGE_TUNE = """TRIAGE {DATE} 03:12   Pt {PATIENT}   Chart no {MEDICALRECORD}
CC: fall. {age}M lives {STREET}, {CITY} {STATE} {ZIP}; found by neighbor {PATIENT}. GCS {score}.
{eponym} disease on Sinemet. BP {lab}, pain {lab}. Given Toradol {dose}.
Mother ({AGE}) notified at {PHONE}. Social: clerk for {ORGANIZATION}. Carrier ID {HEALTHPLAN}.
EMS unit plate {VEHICLE}; belongings: ID card {LICENSE}. Reviewed by attending {DOCTOR} / {USERNAME}
"""
_LETTER_TUNE = """{HOSPITAL}
{STREET}
{CITY}, {STATE} {ZIP}
Telephone {PHONE}  Facsimile {FAX}

{DATE}

Dear Colleague,
It was my pleasure to meet your patient {PATIENT} ({DATE}, our number {MEDICALRECORD}). As you know,
{PATIENT} carries a diagnosis of {eponym} disease and was admitted under {DOCTOR} on {DATE}. Since
then Zestril {dose} has been added. Strength {lab}. A follow-up at {HOSPITAL} is booked for {DATE}.
Kind regards,
{DOCTOR}, MD, PhD        {EMAIL}        {URL}
"""
_ANESTHESIA_TUNE = """ANESTHESIA RECORD #{IDNUM}   SURGEON {DOCTOR}   DATE {DATE}
{PATIENT}, {age} y, ASA {score}, Mallampati {score}. NPO since midnight. {eponym} forceps on tray.
Propofol {dose}, fentanyl {dose}. Pump {DEVICE} checked from host {IPADDR}. Wristband scan {BIOID}.
Billing: acct {ACCOUNT}; soc sec no {SSN}. Relieved by {DOCTOR} at 1405.
"""

_CLINIC_TUNE = """\
{CITY} office visit {DATE}                              Seen by: {DOCTOR}, DO
Patient ID {MEDICALRECORD} / {PATIENT} / born {DATE}
S> {age} yo here for recheck of knee swelling and to go over bloodwork. Walks the dog daily. \
Ran out of Inderal over the weekend and took her aunt's. Tolerating soft foods. Aunt, {PATIENT}, \
came along and did most of the talking.
O> Pulse {score}, {lab}. Effusion smaller, gait antalgic, {eponym} negative. Sugar {score}.
A> Gouty flare, settling. Mild anemia, cause unclear. Stopped Indocin.
P> Naprosyn {dose} with meals; hold if melena. Iron studies. Dr. {DOCTOR} in rheum to weigh in by \
{DATE}. Letter for {ORGANIZATION} regarding light duty given. RTC one month or sooner.
"""
_EMERGENCY_TUNE = """\
{HOSPITAL} EMERGENCY SERVICES               Encounter {IDNUM}
{PATIENT}   {MEDICALRECORD}   arrived {DATE} 22:47 by private vehicle

This is a {age}-year-old right-handed male who, while shoveling snow earlier today, noted squeezing
substernal discomfort radiating to the jaw. He chewed two baby aspirin. No diaphoresis, no emesis.
Grandfather lived to {AGE}. He had a normal treadmill study at {HOSPITAL} on {DATE}. {PATIENT} works
nights stocking shelves at {ORGANIZATION} and has not slept. Denies cocaine, vapes occasionally.
Wife {PATIENT} ({PHONE}) drove him in. Physical: anxious, clammy, S1 S2 crisp, {eponym} sign none.
Troponin {score}, repeat {score}. Tracing read by {DOCTOR}: sinus tachycardia, no ectopy. Heparin
bolus {dose} withheld. Case turned over to Dr {DOCTOR} at shift change. Chart closed by {USERNAME}.
"""
_HOMECARE_TUNE = """\
HOME CARE VISIT  |  {DATE}  |  Clinician {DOCTOR} RN  |  badge {USERNAME}
Client: {PATIENT}  Residence: {STREET}, {CITY}, {STATE}  {ZIP}  Tel {PHONE}
Payer: {HEALTHPLAN}     Physician to sign orders: {DOCTOR}, fax {FAX}

Wound on left heel measures {score} by {score} cm, granulating, scant drainage. Redressed with
Aquacel. Oxygen concentrator ({DEVICE}) humming, filter cleaned. Pillbox filled through Sunday;
Coumadin {dose} tonight. Client's roommate {PATIENT} cooks and shops. Throw rugs removed, grab bar
advised. Great-uncle in the home is {AGE} and frail. Client states "I feel like my old self."
Next visit {DATE}; telehealth link {URL}. Questions to {EMAIL}.
"""
_COUNSELING_TUNE = """\
BEHAVIORAL HEALTH INTAKE
Name (last, first): {PATIENT}      Soc. Sec. {SSN}      Intake date {DATE}
Referred from: {HOSPITAL} by {DOCTOR}, PhD
Presenting problem: low mood since a layoff from {ORGANIZATION}, poor appetite, early waking.
Client grew up in {CITY}, {STATE}, youngest of five. Moved often. {PATIENT} describes a strict but
loving household. Brother {PATIENT} had {eponym} disease. Court papers: license {LICENSE} revoked,
vehicle {VEHICLE} impounded {DATE}. Uses cannabis to unwind. Sertraline {dose} begun. PHQ-9 {score}.
Safety plan reviewed; agrees to call {PHONE} if thoughts worsen. Account {ACCOUNT} on sliding scale.
Therapist: {DOCTOR}, LICSW
"""
_TISSUE_TUNE = """\
SURGICAL TISSUE EXAMINATION                 Accession: {IDNUM}
Submitted by {DOCTOR}    Collected {DATE}    Received {DATE}    Reported {DATE}
Subject of report: {PATIENT}, DOB {DATE}, Hosp # {MEDICALRECORD}

Tissue: sigmoid polyp, hot snare. One tan nodule, {lab} mm, bisected, embedded in cassette A1.
Microscopic: tubular adenoma, margins free, no high-grade dysplasia. {eponym} cells not seen. Ki-67
index {score}. Slides shared with {DOCTOR} ({HOSPITAL}), who concurs.
Verified by voice key {BIOID} from {IPADDR}.      {DOCTOR}, MD, Pathologist
"""

TEMPLATES = {
    "train": (_DISCHARGE_TRAIN, _PROGRESS_TRAIN, _RADIOLOGY_TRAIN, _NURSING_TRAIN),
    "epoch": (_CLINIC_TUNE, _HOMECARE_TUNE, _COUNSELING_TUNE, _TISSUE_TUNE),
    "tune": (_TRIAGE_TUNE, _LETTER_TUNE, _ANESTHESIA_TUNE, _EMERGENCY_TUNE),
    "test": (
        *(_DISCHARGE_TEST, _PROGRESS_TEST, _RADIOLOGY_TEST, _NURSING_TEST),
        *(_OPERATION_TEST, _DIETITIAN_TEST, _CASEWORK_TEST, _EXCHANGE_TEST),
    ),
}
