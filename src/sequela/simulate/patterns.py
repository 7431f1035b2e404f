"""Patterns of what identifies, for simulated training notes: heads, lines, sentences and ends.

Each stands for many: ``[one|two|]`` is one of these. So a name is met behind hundreds of words, and
none of them can be learnt by heart. Places as in :mod:`sequela.simulate.phrases`; a line that
begins with blanks goes on the one before. Some sentences of these hold a cue of the templates for
tuning and testing (:mod:`sequela.simulate.cues`); these are left out when notes are drawn.
"""

from __future__ import annotations

from sequela.simulate.wording import patterns

__all__ = ["ENDS", "HEADS", "LINES", "SENTENCES"]

HEADS = patterns("""
[{HOSPITAL}|{HOSPITAL} - {service}|{HOSPITAL}, {CITY}|{HOSPITAL} | {service}|Department of
  {service}, {HOSPITAL}]
[{service} |]{kind} [{DATE}||- {DATE}|of {DATE}|({DATE})] [{hour}|]
[{DATE}|{DATE} {hour}|Date of service: {DATE}|DOS {DATE}|Visit date {DATE}|Date dictated:
  {DATE}|Note date {DATE} {hour}] [{kind}|{service}|]
[{PATIENT}|Patient: {PATIENT}|PATIENT NAME: {PATIENT}|Client {PATIENT}|Re: {PATIENT}|RE:
  {PATIENT}, {age} y/o] [  |, |; |\\n|   ][{MEDICALRECORD}|MRN {MEDICALRECORD}|MR#
  {MEDICALRECORD}|(MRN: {MEDICALRECORD})|#{MEDICALRECORD}|Record {MEDICALRECORD}] [|  {DATE}|, DOB
  {DATE}|   Sex: [M|F]   Age: {age}]
{kind} [for|on|re:|regarding] {PATIENT} [|by {DOCTOR}|, {DATE}|, {age}F]
[{PATIENT} ({MEDICALRECORD})|{PATIENT} - {age} {quality} {role}|{PATIENT}, MRN {MEDICALRECORD},
  bed {digit}{digit}]
[Dear|To|Attn:|ATTN] [Dr. |Doctor |Dr |]{DOCTOR}[,|:|] [Thank you for {act}.|I saw {PATIENT} on
  {DATE}.|Re: {PATIENT}|Enclosed is {test} of {PATIENT}.|]
[Page 1|Page 2 of 3|CONFIDENTIAL|DRAFT|Final report|Addendum|AMENDED] [   ||\\n][{PATIENT}
  {DATE}|{IDNUM}|{HOSPITAL}|Report #{IDNUM}]
[OR|Clinic|Unit|Shift|Team|Ward] [{weekday}|days|nights|{service}] [{DATE}|{DATE} {hour}] [|RN
  {DOCTOR}|MD {DOCTOR}|{DOCTOR}]
""")

LINES = patterns("""
[Patient|Pt|Pt.|PATIENT|Client|Resident|Name|NAME|Patient's name|Full name|Legal
  name|Subject|Member|Child|Infant|Baby|Insured|Mother's
  name|Subscriber|Guarantor|Beneficiary|Preferred name|Alias|Maiden name][: |:|  | - | = |#1:
  |\\t]{PATIENT}
[{kin}|Contact|Next of kin|NOK|Emergency contact|Health care
  proxy|HCP|POA|Guardian|Parent|Interpreter for|Informant|Source|Accompanied
  by|Visitor|Witness|Lives with|Spouse][: |:| - |  ]{PATIENT}[ ({kin})|, {kin}| - {PHONE}|,
  {PHONE}|, tel. {PHONE}|]
[{clinician}|Attending|ATTENDING|Attending MD|Resident|Surgeon|First
  assistant|Provider|Physician|PHYSICIAN|MD|RN|Nurse|NP|PA|Consultant|Therapist|PCP|Primary|Referring
  MD|Ordering provider|Requesting|Interpreted by|Read by|Reader|Performed by|Operator|Assisted
  by|Anesthesia by|Author|Note by|Written by|Scribe|Dictated
  by|Signed|Cosigner|Reviewed|Supervised
  by|Prescriber|Counselor|Technician|Endoscopist|Pathologist|Radiologist|Intern|Covering MD|On
  call|Charge RN|Case manager|Staff|Admitting|Discharging|Called to|Notified|Cc|CC|Pronounced
  by|Circulator|Dentist][: |:|  | - |: Dr. |: Dr |. |/]{DOCTOR}[|, MD|, M.D.|, RN|, DO|, PA-C|
  MD|, NP| ({service})|, {service}|, PhD|, {DATE}|, pager {PHONE}| [x|ext.
  ]{digit}{digit}{digit}{digit}]
[MRN|MR#|Med rec|Med. Rec. No.|Unit number|Unit #|Hosp no|Hospital ID|Patient number|Pt #|Medical
  Record Number|History number|Medical rec #|EMPI][: |:| | #|. ]{MEDICALRECORD}
[DOB|D.O.B.|Born|Birth date|Date of birth|BIRTH DATE|dob][: |:| | - ]{DATE}[ ({age})|   Age:
  {age}|, {age} yo|]
[Date|DATE|Admitted|Adm|ADMIT|Discharged|D/C date|DISCHARGE DATE|Surgery date|Exam date|Date of
  exam|Date of procedure|Transferred|Seen|Signed|Dictated|D|T|Transcribed|Updated|Last seen|Next
  appt|Expires|Collected|Ordered|Printed|Effective|Onset|Due date|EDC|LMP|Placed|Removed|Last
  dose|Last menstrual period|Time of death|Reviewed on|Filled|Date last seen][: |:| | - ]{DATE}[|
  {hour}| at {hour}|, {hour}]
[Phone|Tel|TEL|Ph|Telephone number|Home|Home phone|Work|Work
  phone|Mobile|Cell|Callback|Call|Pager|Beeper|Contact number|Daytime phone|Alt phone|Office][:
  |:| |. ]{PHONE}[|   Fax: {FAX}| (home)| (cell)|   Cell {PHONE}]
[Fax|FAX|Fax number|Office fax|Fax no.|F][: |:| ]{FAX}
[Address|ADDRESS|Addr|Home address|Mailing address|Street|Lives at|Residence address|Ship to][:
  |:|\\n| ]{STREET}[, |\\n|  ]{CITY}[, | ]{STATE}[ |  |, ]{ZIP}
[{STREET}, {CITY}|{STREET}|{STREET}\\n{CITY}, {STATE} {ZIP}|{CITY}, {STATE}|{CITY}, {STATE}
  {ZIP}|{CITY} {STATE} {ZIP}|{HOSPITAL}\\n{STREET}, {CITY}, {STATE} {ZIP}|{HOSPITAL}\\n{CITY},
  {STATE}|{PATIENT}\\n{STREET}\\n{CITY}, {STATE}  {ZIP}]
[City|Town|Birthplace|Place of birth|Hometown|County][: |:| ]{CITY}[, {STATE}|   State: {STATE}|
  State {STATE}   Zip {ZIP}|]
[E-mail|Email|email|EMAIL|Contact email|Mail][: |:| ]{EMAIL}
[Insurance ID|Insurance|Member ID|Plan ID|Group no.|Plan number|Medicaid|Medicaid
  ID|Medicare|Subscriber ID|Payor ID|Policy no.|HIC|Beneficiary no.|Blue plan][: |:| |
  #]{HEALTHPLAN}
[SSN|SS#|Soc Sec #|Social security|SSN no.|SS number|Social][: |:| | # ]{SSN}
[Acct|Account|Account #|Acct no|Billing account|Visit account|Bank account|Guarantor
  account|ACCT#|Invoice account][: |:| | #]{ACCOUNT}
[Accession|Accession #|ACC|Case|Case #|Specimen|Specimen no.|Req|Requisition|Report
  no.|Order|Encounter|Visit ID|Claim|Protocol|Study ID|Ticket|Sample|Job|Job #|Document|File
  no.|Prescription|Rx|Referral no.|Slide][: |:| | #]{IDNUM}
[Serial|Serial no.|Serial number|S/N|SN|Implant|Device ID|Lead|Generator|Valve|Pump
  serial|Ventilator|Stent|Lens|Lot|Lot number|Model/serial|Implant lot|Monitor ID][: |:| |
  #]{DEVICE}
[License|License no.|Driver's license|DL|D.L.|State license|RN license|MD
  license|Lic|Certificate|DEA no.|Operator license][: |:| | #]{LICENSE}
[Plate|Vehicle plate|License plate|Tag|Car|Car tag|Registration|Vehicle reg|Auto plate][: |:| |
  #]{VEHICLE}
[Fingerprint|Fingerprint ID|Retina scan|Iris scan|Biometric ID|Face scan|Voiceprint|Palm scan|Bio
  ID|Thumbprint|Hand scan][: |:| | #| no. ]{BIOID}
[User|User name|Username|Login|user id|Logged in as|Entered by|Typed
  by|Initials|Operator|tech|Tech|by][: |:| | = ]{USERNAME}[| {DATE}| at {hour}]
[IP|IP address|Terminal|Source IP|From IP|Logged from|Device IP|Client address][: |:| ]{IPADDR}
[Website|Web|Portal|Link|Online|URL|More at|Site|Home page][: |:| ]{URL}
[Employer|EMPLOYER|Company|Works for|Workplace|Sponsor|School|Insurer|Agency|Church|Former
  employer][: |:| ]{ORGANIZATION}[|, {CITY}| ({role})|, {PHONE}]
[Hospital|Facility|FACILITY|Site|Location|Clinic|Transfer from|Transferring hospital|Receiving
  facility|Pharmacy|Dialysis unit|Outside hospital|Nursing home|Seen at|PCP office|Admitted
  to|Dispo][: |:| - ]{HOSPITAL}[|, {CITY}|, {CITY}, {STATE}| {DATE}| ({PHONE})]
[Age|AGE][: |:| ]{AGE}[|   Sex: [M|F]]
[Age|AGE][: |:| ]{age}[|   Sex: [M|F]| [years|yrs]]
[Unit|Floor|Service|Room|Bed|Ward|Sex|Race|Marital
  status|Language|Religion|Status|Priority|Class|Type|Mode of arrival|Triage level|Isolation|Fall
  risk|Diet|Activity][: |:| ][{digit}|{service}|{people}|{quality}|{role}|{noun}|[M|F]]
[{noun}|{Quality} {noun}|{part}|{Sign}|{Test}][: |:| - ][{quality}|{digit}|{noun}
  {verb}|yes|no|N/A|see below|none|{finding}]
{PATIENT}[, | |  |; | - ]{age}[ y| yo|yo| y/o| yrs|M|F| M| F|-year-old| years|YF| y.o.][, {odd}|,
  {sign}| {sign}|  {odd} {digit}|, {quality}| {people}|, {abbr} {digit}|]
[{odd}|{Odd}|{Odd} {odd}|{Noun}|{Quality} {noun}|{odd} {noun}|{Odd} no.|{noun} number|{Odd}
  ID|{odd} #|{abbr}|{abbr} no.][: |:| |  | # |.
  ][{odd}|{Odd}|{digit}|{lab}|{quality}|{score}|{noun}|{number}|{abbr}|{nineties}]
[Name of {odd}|{Odd} name|{odd} (person)|{Kin}|{Odd} {kin}|My {kin}][: |:|  | - ]{PATIENT}
[{Odd} by|{Verb} by|{Odd} MD|{Clinician} of record|{Odd} {clinician}|{Service} {clinician}][: |:|
  | - ]{DOCTOR}[|, MD|, {DATE}|   {Odd}: {odd}]
[{Odd} date|{Verb}|Date {verb}|{Verb} on|{Noun} date|{Odd}][: |:| |  ]{DATE}[|    {Verb}: {DATE}|
  {Odd} {DATE}|    {odd}| {hour}|]
[{Odd} phone|{Odd}|Line|{Kin}][: |:| ]{PHONE}[|   {Odd} {FAX}|  {Odd}: {FAX}|  fax {FAX}| ({odd})]
[{Odd} ID|{Odd} number|{Odd} no.][: |:| | #][{IDNUM}|{IDNUM}]
""")

SENTENCES = patterns("""
[{PATIENT}|Mr. {PATIENT}|Mrs. {PATIENT}|Ms. {PATIENT}|Miss {PATIENT}|Ms {PATIENT}|Mr
  {PATIENT}|Patient {PATIENT}|Baby {PATIENT}|Pt {PATIENT}] is a[n| {quality}|] {age}[-year-old|
  y.o.| year old|yo] [{people} |][male|female|man|woman|{role}|F|M] [who {verb} {sign}|with
  {sign}|here for {noun}|s/p {procedure}|seen today for {sign}|admitted {DATE} for {sign}|from
  {CITY}].
[{PATIENT}|Mr. {PATIENT}|Mrs. {PATIENT}|Ms. {PATIENT}|Miss {PATIENT}|Ms {PATIENT}|Mr {PATIENT}]
  [{verb} {how}|{how} {verb} the {noun}|{verb} a {thing} and {verb} {sign}|denies {sign}|was
  {quality} and {quality}|continues on {drug}|is doing well|has had {sign} since {year}|underwent
  {procedure} on {DATE}|{verb} in {CITY}|had {test} on {DATE}|will return on {DATE}|does not
  smoke|feels {quality}|lives alone|needs {procedure}|remains {quality}].
[Today|{how}|In summary|At baseline|On exam|Yesterday|This morning|Overnight|On {DATE}|In
  clinic|When {quality}|After {act}], [{PATIENT}|Mr. {PATIENT}|Mrs. {PATIENT}|Ms. {PATIENT}]
  [{verb} the {noun}|was {quality}|had {sign}|{verb} {how}|denied {sign}|looked {quality}|slept
  {how}].
[We|I|Staff|The team|Nursing|{service}]
  [{verb}|saw|met|called|examined|evaluated|followed|treated|discharged|admitted|intubated|reassured|spoke
  with] [{PATIENT}|Mr. {PATIENT}|Mrs. {PATIENT}|Ms. {PATIENT}|patient {PATIENT}] [on
  {DATE}|today|{how}|about {noun}|for {sign}|in {service}|after {procedure}|and {kin}].
[A|The|His|Her|Their|Pt's|Patient's|My patient's] {kin}[,| |, named |, Mr. |, Mrs. |, Ms. | named
  ]{PATIENT}[,| ,|] [{verb} {how}|{verb} the {noun}|is involved in care|lives in {CITY}|was at
  bedside|works at {ORGANIZATION}|has {sign}|called on {DATE}|can be reached at {PHONE}|will
  drive|{verb} {sign}|is {AGE}|is {age}].
[Per|According to|History from|Accompanied by|Lives with|Married to|Brought in by|Cared for
  by|Spoke to|Called|Updated|Met with|Left message for|Information given by|Consent from|Visited
  by|Witnessed by|Message from|Ride with|Asked|Paged for|Found by] [the |her |his |a |patient's
  |][{kin} |friend |daughter |son |][{PATIENT}|Mr. {PATIENT}|Mrs. {PATIENT}|Ms. {PATIENT}][ on
  {DATE}| at {PHONE}| ({kin})| ({PHONE})|, who {verb} {how}|, {noun} {verb}|].
[Care|Case|Findings|Results|Consent|Plan|Diagnosis|Discharge|Report|Images|History|Operation|Visit|Transfer|Chart|Wound|Bed|Room|Chemotherapy|Birth|Death]
  of [{PATIENT}|Mr. {PATIENT}|Mrs. {PATIENT}|Ms. {PATIENT}|our patient {PATIENT}|baby {PATIENT}]
  [was {verb}|is {quality}|{verb} {how}|and {noun}|reviewed|on {DATE}].
[{PATIENT}|Mr. {PATIENT}|Ms. {PATIENT}]'s [{noun}|{part}|{kin}|{sign}|{drug}|{test}|blood
  pressure|next visit|{kin} {PATIENT}] [is {quality}|was {quality}|{verb} {how}|has
  {sign}|{verb}|on {DATE}].
[The|Our|Her|His|A|Outside|Your|Night|Covering|Primary] [{clinician}|{service}
  {clinician}|{service} team][, Dr. |, |, Dr | Dr. | ]{DOCTOR}[, MD,|,|] [{verb} {how}|{verb}
  {drug}|was called|recommended {drug}|will follow|{verb} {test}|{verb} the {noun}|saw {PATIENT}
  on {DATE}|agrees|performed {procedure}|at bedside|is aware|was paged {hour}].
[Seen|Evaluated|Examined|Followed|Admitted|Discharged|Operated|Referred|Signed|Reviewed|Approved|Cleared|Interpreted|Supervised|Assisted|Placed|Performed|Repaired|Ordered|Taught|Accepted|Signed
  out|Read|Confirmed|Verified|Requested|Typed|Prepared|Treated|Countersigned|Counseled] [on {DATE}
  |in {service} |{how} |]by [Dr. |Dr |Dr.|Doctor |]{DOCTOR}[, MD|, RN|, NP|, PA-C|, M.D.| MD|,
  PT|, DDS|, {service}| of {service}| ({service})| from {HOSPITAL}|] [on {DATE}|today||, {noun}
  {quality}|for {sign}|at {hour}].
[Discussed|Reviewed|D/w|Conferred|Rounds|Seen|Staffed|Coordinated|Handed off|Follow
  up|Follow-up|Appointment|Appt|Visit|Recheck|Surgery|Scheduled|F/u|RTC] with [Dr. |Dr |Drs.
  |attending |{clinician} |the {clinician}, |{service} ({clinician}) |]{DOCTOR}[ and {DOCTOR}|,
  who {verb}|, MD| in {service}| of {service}| at {HOSPITAL}| on {DATE}| {DATE} {hour}|, {PHONE}|
  ({service})|, {STREET}|].
[Dr. |Dr |DR. |Doctor |][{DOCTOR}|{DOCTOR}, MD,|{DOCTOR} ({service})|{DOCTOR}, RN,|{DOCTOR} of
  {service}|{DOCTOR} from {HOSPITAL}] [{verb} the {noun}|{verb} {how}|was {verb}|recommends
  {test}|will see {PATIENT} on {DATE}|{verb} that {sign} {verb}|is the {clinician}|took over at
  {hour}|came to the bedside|does not think {sign} is {quality}|{verb} {drug} {dose}|did the
  {procedure}].
[Refer|Referred|Transfer care|Send
  copy|Copy|Copies|Fax|Letter|Results|Report|Call|Page|Return|Sent|Sign out|Addressed|cc] to [Dr.
  |Dr |Drs. |{clinician} |]{DOCTOR}[ and Dr. {DOCTOR}|, {service}|, {HOSPITAL}| at {FAX}| {PHONE}|
  for {sign}| on {DATE}|, {STREET}, {CITY}|].
[{Clinician}|{Service}|RN|MD|PT|Scribe|Chaplain|Intern|Anesthesia|Surgery|Pharmacist|Coordinator]
  {DOCTOR} [{verb} {how}|at bedside|notified|aware|{verb} {PATIENT}|called {hour}|gave report to
  {DOCTOR}|{verb} {noun}|to {verb} {drug}].
[Report|Handoff|Sign-out|Care|Shift report|Pass-off|Call] [given|received|taken|endorsed]
  [to|from|by] {DOCTOR}[ RN|, RN| at {hour}| {DATE}|, {service}|].
[Thank you|Thanks|Many thanks|Greetings|Hello|Hi|Dear|Respectfully], [Dr. |Dr |]{DOCTOR}[, for
  {act}|, {PATIENT} {verb}| and colleagues|].
[She|He|Patient|{PATIENT}|The {kin}|Family] [lives|stays|resides|lived|grew up|was
  born|vacations|has a house|moved|owns a {thing}|is staying] [in|near|outside|outside of]
  {CITY}[, {STATE}|, {STATE}, with {kin}| with {kin}| since {DATE}| in {year}| and {verb} {how}|].
[Traveled|Moved|Came|Flew|Drove|Transferred|Relocated|Returned|Originally|Visiting|Brought] from
  {CITY}[, {STATE}| to {CITY}| {DATE}| last week|, {STATE} in {year}|].
[She|He|Patient|{PATIENT}|The {kin}] [lives|stays|resides|was found|fell|was picked up] at
  {STREET}[ in {CITY}|, {CITY}|, {CITY}, {STATE} {ZIP}| with {kin}| since {DATE}|].
[A native of|Born in|Raised in|Resident of|Police from|Fire department of|Public schools
  of|Weather in|Trip to|Accident in|Jail in|Shelter in|Court in|Home in] {CITY}[, {STATE}|]
  [{verb} {how}|, {role}|{DATE}|in {year}|].
[She|He|Patient|{PATIENT}|The {kin}] [works for|works at|is employed by|retired from|was a {role}
  at|was laid off by|drives for|volunteers at|is a {role} with|interns at|owns|left|hurt the
  {part} at] {ORGANIZATION}[ in {CITY}| as a {role}| until {year}| since {DATE}|, {count} days a
  week|].
[Claim|Form|Letter|Bill|Forms|Note|Excuse|Records] [for|from|to|sent to|mailed to|faxed to|signed
  for] {ORGANIZATION}[ on {DATE}| {FAX}| regarding {PATIENT}|, {STREET}, {CITY}|].
[She|He|Patient|Mr. {PATIENT}|Mrs. {PATIENT}|{PATIENT}] [was admitted to|was seen at|was treated
  at|presented to|came from|was transferred from|was transferred to|was discharged from|is
  followed at|had {procedure} at|gets dialysis at|delivered at|went to|was sent to|was born
  at|lives at] [the |]{HOSPITAL}[ on {DATE}| in {CITY}| for {sign}| in {year}| with {sign}| by
  {DOCTOR}| from {DATE} to {DATE}|].
[Outside films|Records|Prior {test}|Old
  chart|Labs|Bed|Transfer|Clinic|Dialysis|Rehab|Prescriptions|Pickup|Placement|Follow up|Studies]
  [from|at|to] [the |]{HOSPITAL}[ {verb}| on {DATE}| reviewed| with {DOCTOR}| {PHONE}|, {finding}|
  pending|].
[On|As of|Since|Until|Before|By|After|From|Through|Effective] {DATE}[,| the| she| he| patient|,
  the patient|, he|] [{verb} {how}|had {sign}|was {quality}|{verb} the {noun}|underwent
  {procedure}|{verb} {drug} {dose}|{test}: {finding}].
[{test}|{procedure}|{Sign}|{Noun}|Last {noun}|Last dose|Last seen|Next visit|Prior
  study|Surgery|Culture|Clinic|Suture removal|Cast off|Due|Visit] [on |dated |of |from |as of |-
  |{quality} |was |scheduled |scheduled for |compared to |done |][{DATE}|{DATE} and {DATE}|{DATE},
  {DATE}|{DATE} to {DATE}|({DATE})][: {finding}|, {finding}|, {quality}| {quality}| at {hour}|
  with {DOCTOR}| at {HOSPITAL}|].
[Admitted|Discharged|Seen|Died|Delivered|Extubated|Intubated|Operated
  on|Returned|Readmitted|Transferred|Diagnosed|Started|Stopped|Given|Vaccinated|Injured|Fell]
  {DATE}[ with {sign}| for {procedure}| and {DATE}| after {act}| at {hour}| by {DOCTOR}| to
  {HOSPITAL}|, {quality}|].
[Day {digit} of {digit}|POD {digit}|POD#{digit}|HD {digit}|Week {count}|Cycle {digit}][ ({DATE})|,
  {DATE}|: {quality}|, started {DATE}].
[She|He|Patient|Pt|The {kin}|His mother|Her father|{PATIENT}|Grandmother] [is|turned|was|will
  be|is now|died at|lived to|at age|, aged|aged] {AGE}[ years old| yo| and {quality}| and lives
  alone| years of age| of {sign}|, still {act}|].
[A|This|The|An] [{quality} |]{AGE}[-year-old|yo| year old| y/o|-yr-old] [{people}
  |][male|female|man|woman|F|M|patient|{role}|resident of {HOSPITAL}] [with {sign}|{verb}
  {how}|s/p fall|who {verb} {sign}|admitted {DATE}].
[Call|Contact|Page|Phone|Dial|Text|Reach us at|Questions? Call|Available at|Number is|Left
  voicemail at|Clinic line|After hours|Office] {PHONE}[ with questions| for {sign}| and ask for
  {DOCTOR}| or fax {FAX}| ({kin})| anytime| if {sign} {verb}|].
[Fax|Faxed|Send|Sent by fax|Fax results|Fax orders|Refill faxed] [to |at ||number ]{FAX}[ on
  {DATE}| attn {DOCTOR}|].
[Email|Write|Sent|Mailed|Messages go|Reply|Contact] [to |at |]{EMAIL}[ for {noun}| on {DATE}| or
  call {PHONE}| ({kin})|].
[Visit|See|Log on at|Instructions at|Video at|Handout|Images at|Register at|Sign up at|Results on]
  {URL}[ for {noun}| by {DATE}| after {act}|].
[Session|Access|Log in|Record opened|Uploaded|Viewed|Fax server|Printed] [from|at|on|via]
  {IPADDR}[ by {USERNAME}| on {DATE}| {hour}|].
[Charted|Entered|Edited|Opened|Scanned|Verified|Signed|Printed|Ordered|Amended] by {USERNAME}[ on
  {DATE}| at {hour}| ({IPADDR})|, {DATE} {hour}|].
[The|A|New|Old|Replaced|Explanted|Interrogated|Faulty|Rental] [pump|pacemaker|ICD|ventilator|CPAP
  machine|infusion pump|monitor|wheelchair|valve|hearing
  aid|stent|glucometer|implant|walker|bed|hip prosthesis|lens|generator|lead][, serial | serial |
  (serial | #| no. | ID | with serial number |, S/N | ]{DEVICE}[)|, {quality}|, placed {DATE}| was
  {verb}| {verb} {how}| by {DOCTOR}|].
[Driver's license|License|His license|Her RN license|Drives with license|ID shown:
  license|Surrendered license|License number|Nursing license] [no. |number |#|][{LICENSE}]
  [expired|was {verb}|on file|{DATE}|is {quality}|].
[Car|Truck|Van|Vehicle|Motorcycle|Ambulance|His car|Her car|Parked|Plate|The sedan] [with plate
  |plate |with tag |registered |, plate |(plate |tag ][{VEHICLE}] [{verb} {how}|was {verb}|hit a
  {thing}|in lot {digit}|{DATE}|].
[Identity|Consent|Blood|Drug cabinet|Door|Match|Medication]
  [confirmed|verified|opened|checked|signed|released] [by|with|using|against] [fingerprint|iris
  scan|palm scan|thumbprint|voice print|face scan|hand geometry] [no. |ID |#|]{BIOID}[ on {DATE}|
  at {hour}|].
[Bill|Charges|Payment|Refund|Balance|Statement|Copay] [to|on|for|from|under] [account |acct
  |account no. |acct #|]{ACCOUNT}[, {ORGANIZATION}| on {DATE}| is {quality}|].
[Covered|Insured|Billed|Authorization|Prior auth|Eligibility|Coverage] [under|by|through|with|for]
  [plan |policy |member |Medicaid |Medicare |ID |]{HEALTHPLAN}[, {ORGANIZATION}| through {DATE}|
  {verb}|].
[Specimen|Sample|Request|Accession|Encounter|Order|Claim|Report|Study
  subject|Ticket|Slide|Case|Film] [no. |number |#|ID |][{IDNUM}] [was {verb}|{verb}
  {how}|collected {DATE}|by {DOCTOR}|is {quality}|from {HOSPITAL}].
[SSN|Social security|Social security no.|SS no.|SS#] [is |on file |verified |given as |]{SSN}[ per
  {kin}| on {DATE}|].
[Chart|Record|Records|Old record|MRN|Med rec|Duplicate|Wristband|Merged with] [number |no.
  |#|under |]{MEDICALRECORD}[ reviewed| {verb}| and {MEDICALRECORD}| for {PATIENT}| on {DATE}|].
[{Odd}|{Verb}|{Noun} {verb}|{Test} {verb}|{Procedure} {verb}|{Sign} {verb}|{Odd} {verb}|Films
  {verb}|Was {verb}|{Thing} {verb}] [by|per|under|through|from] [Dr. |Dr |the {clinician},
  |{clinician} |][{DOCTOR}|{DOCTOR} and {DOCTOR}][, MD,|,|: {finding}|: {odd} {odd}| on {DATE}| at
  {hour}| and {verb}| in {service}|, who {verb}|. {Odd} {verb}].
[{Odd}|{Verb}|{Quality}|{How}|{Noun}|{Thing}|{Sign}] [to|of|for|with|by|from|in|as|and|when|while]
  [her |his |the |a |our |][{kin}|{quality} {kin}|{odd} {kin}|{role}|{kin} and {role}|{quality}
  {role}][ |, ]{PATIENT}[, {odd}|, {age}| {verb}|; {odd} {digit}|. {Odd} {verb}| and {odd}|, who
  {verb}|].
[{odd}|{Odd}|{how}|{How}|{noun}|as {odd}|when {verb}|that|because|and|but|so|while|then], [Mr.
  |Mrs. |Ms. |]{PATIENT} [{verb}|{odd}|{odd} {odd}|{how} {verb}|{verb} {odd}|{verb} a {odd} of
  {odd}|{verb} the {noun}|has {odd}|is {odd}|was {odd}|had {odd}].
[{Odd}|{Verb}|{Noun}|The {noun}|A {odd}|{Quality} {noun}] [at|in|near|from|to]
  [{HOSPITAL}|{HOSPITAL}|the {HOSPITAL}|{CITY}|{CITY}, {STATE}|{STREET}, {CITY}|{ORGANIZATION}|the
  {odd}|{service}][ on {DATE}|, {odd}| {verb}| by {DOCTOR}| ({DOCTOR})|, {PHONE}|; {odd} {odd}|].
{Odd} {odd} [{PATIENT}|{PATIENT}|Mr. {PATIENT}|Mrs. {PATIENT}] [{odd}|{verb}|{odd}
  {odd}|{noun}|{odd}, {odd}|({kin})|{age}|{verb} {how}|on {DATE}].
[{HOSPITAL}|{CITY}|{ORGANIZATION}|{HOSPITAL} {service}|{CITY} {noun}]
  [{odd}|{noun}|{verb}|{service}|{odd} {noun}|OFFICE|UNIT|SERVICE|clinic visit|{odd} visit]
  [{DATE}|{digit}|{IDNUM}|{verb}|{hour}|by {DOCTOR}].
[The|A|Her|His|{odd}] {role} [at|for|with|of|from] {ORGANIZATION}[, {odd} {digit}|. {Odd} {odd}|,
  {verb}| {verb}| and {odd}|].
[{Odd}|{Verb}|{Noun}] [{DATE}|on {DATE}|until {DATE}|{DATE} and {DATE}|since {DATE}|by {DATE}][,
  {odd}| {verb}| {odd} {odd}| at {hour}|; {odd} {lab}| {score}|].
""")

ENDS = patterns("""
[{DOCTOR}|{DOCTOR}, MD|{DOCTOR}, M.D.|{DOCTOR} RN|{DOCTOR}, NP|{DOCTOR}, PA-C|Dr.
  {DOCTOR}|{DOCTOR}, D.O.|{DOCTOR}, PT, DPT|{DOCTOR}, {clinician}][|\\n{service}|\\n{HOSPITAL}|,
  {HOSPITAL}|\\n{DATE}|  {DATE} {hour}|, pgr {PHONE}|\\n{PHONE}|\\n{EMAIL}| ({service})]
[Signed|SIGNED|Electronically signed by|E-signed|Authenticated by|Attending
  signature|Author|Dictated by|Transcribed for|Cosigned by|Signature|Respectfully submitted|Yours
  truly|Best wishes|Sincerely yours|Regards|Attestation|Authored by|Provider|/s/][: |,
  |,\\n|\\n|:\\n| ][Dr. |]{DOCTOR}[, MD|, M.D.|, RN| MD|] [{DATE}|{DATE} {hour}|on
  {DATE}|({service})|]
[cc|CC|Copy to|Copies|c][: |:][Dr. |]{DOCTOR}[, Dr. {DOCTOR}| (PCP)|; {DOCTOR}|, {service}|, fax
  {FAX}|, {HOSPITAL}|]
[D|DD|Dictated][: |:]{DATE}[ {hour}|]  [T|DT|TD][: |:]{DATE}[ {hour}|] [{USERNAME}|/{USERNAME}|Job
  {IDNUM}|]
[{DOCTOR}/{USERNAME}|{USERNAME}|{USERNAME} {DATE} {hour}|tr: {USERNAME}|/{USERNAME}]
[End of report|END OF NOTE|Page 1 of 1|Not for redistribution|Draft until signed|Preliminary]
  [{DATE}|{IDNUM}|]
""")
