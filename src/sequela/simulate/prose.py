"""What notes mostly say: sentences that identify nobody, for simulated training notes.

Written as in :mod:`sequela.simulate.patterns`, with places for words that identify nobody alone
(:mod:`sequela.simulate.lexicon`). Years alone, days of the week, times, and ages below ninety are
left standing in notes, and so they are here.
"""

from __future__ import annotations

from sequela.simulate.wording import patterns

__all__ = ["LISTS", "PROSE"]

PROSE = patterns("""
[The patient|Patient|Pt|He|She|This patient] [is|was] a[n| {quality}] {age}-[year-old|year
  old|yo|month-old] [{people}|] [male|female|man|woman|gentleman|lady|child] [who|with {sign}|with
  a history of {sign}] [{verb} {how}|{verb} {sign}|comes in today for {sign}|presents for
  followup|returns for recheck].
This is a {age}-year-old [{people} |]{quality} [male|female|G2, P2 woman|smoker|{role}] with
  [known|longstanding|new|no prior|a remote history of] {sign}[, {sign}|] and {sign}.
{age} y/o [M|F|male|female] c/o {sign} [x|for] {count} [days|weeks|months|years|hrs].
{age}yo[M|F] h/o {sign}, {sign} s/p {procedure} [in {year}|{year}|] p/w {sign}.
[He|She|Patient|The patient] [denies|has had no|reports no|complains of|has noted|admits
  to|describes|endorses] {sign}, {sign}[, {sign}|], or {sign}.
[Denies|Positive for|Negative for|No|Reports|Has|Also has] {sign}[ or {sign}|, {sign}, {sign}|, no
  {sign}| and {sign}].
[The|Her|His|This] {sign} [began|started|has been present|was first noticed|came on {how}] {count}
  [days|weeks|months|years|hours] ago[ while {act}| after {act}|, {how}|].
[She|He] {verb} [the|a|his|her|some|any] {noun} [of|in|with|from|for|about] {noun}[, and {verb}
  {how}|].
[She|He|The patient|Pt|Mom|Mother|Dad|The family|The {kin}|His {kin}] {how} {verb} [that|]
  [the|his|her] {noun} {verb} [with|after|before|during|since|because of|due to] {act}.
[The|Her|His|Their] {part} [is|was|were|feels|appears|looked|remained] {how} {quality}[ and
  {quality}|, {quality}, and {quality}| but {quality}|].
[The|Right|Left|Bilateral] {part}[:| is| was| with|] {quality}, {quality},
  [no|without|with|mild|moderate] {sign}.
[No|Without|Mild|Some|Slight] {noun}, {noun}[, {noun}|] or {noun}[ in the {part}| of the {part}|].
[There|It|This|That|What] [is|was|has been] [no|some|a {quality}|{how} a {quality}|any] {noun} [of
  the {part}|to {act}|with {act}|over the {part}|at night|in the morning|].
[{how}|However|Unfortunately|Apparently|Also|Otherwise|Since then|At that time|In
  addition|Currently], [he|she|the patient|this|they] {verb} [the {noun}|{drug}|a {quality}
  {noun}|to the {noun}].
[He|She] [has|had] [one|two|three|four|several|{count}]
  [children|sons|daughters|brothers|sisters|siblings|grandchildren|dogs|cats], ages {age}[ and
  {age}|, {age} and {age}], all [healthy|alive and well|living|in good health|grown].
[Mother|Father|His mother|Her father|Maternal grandmother|A sister|One brother|An aunt|Paternal
  uncle] [died|passed away|is alive] at [age |the age of |]{age} [of|from|with|secondary to]
  {sign}.
Family history[:| is| significant for| positive for| negative for] {sign} in [his|her|a|the]
  {kin}[ and {sign} in the {kin}|].
{kin} with {sign}, {kin} with {sign}.
[He|She|Patient] [smokes|smoked|drinks|quit|uses|used] {substance}[, {count} a day|, a pack per
  day for {count} years|, quit in {year}|, quit {count} years ago| on weekends| socially|].
[Denies|No|Negative for|Denied any|Does not use] [{substance}|{substance} or
  {substance}|{substance}/{substance}|{substance}, {substance}, or {substance}][ use| abuse|].
[Social history|SOCIAL HISTORY|SH|Habits|Soc hx]: [Married|Single|Divorced|Widowed|Lives
  alone|Lives with {kin}]. [Retired|Works as a|Former|Part-time|Full-time] {role}.
  [No|Occasional|Daily|Former] {substance}.
[He|She] [works|worked|is employed|retired] as a[n|] {role} [and|who|but] {how} {verb} [at work|on
  the job|at home|the {thing}|].
[He|She|The patient] [fell|slipped|tripped|was hit|was struck|hurt the {part}]
  [off|on|over|by|with|against] a[n|] {thing} [in|at] [work|home|school|the {thing}|the yard|a
  parking lot|a store|the gym] [on {weekday}|yesterday|last night|last week|in {year}|{count} days
  ago|].
[He|She] [is able to|can|cannot|is unable to|was told to|has trouble|tries to|wants to|has
  difficulty] [walk|sleep|drive|work|eat|bend|climb stairs|use the {thing}|lift a {thing}|hold a
  {thing}] [more than|about|for] {count} [minutes|blocks|miles|hours|pounds].
[Past|Prior|Previous] [surgical|medical] history[:| includes| is significant for| is remarkable
  for| notable for] {sign}, {procedure}[ in {year}| {year}| (year {year})|], and {sign}.
Status post {procedure} [in {year}|{count} years ago|, {year}|at age {age}|for {sign}|with good
  result].
[1|2|3|4|5|6]. {procedure}[, {year}| in {year}| {year}|]. [2|3|4|5|6|7]. {sign}. [3|4|5|8]. {drug}
  {dose} [p.o.|by mouth|] [b.i.d.|daily|q.h.s.|p.r.n.|t.i.d.|q. 6 hours].
[1|2|3|4|5]. {sign}[ -|:|,|.] [stable|improved|resolved|worsening|unclear etiology|controlled on
  {drug}|on {drug}].
[#|-|*|1)|2)|a.] {sign}: [continue|start|stop|hold|increase|wean|d/c|consider] {drug}[ {dose}|],
  [check|recheck|follow|repeat|order] {test}.
[Continue|Start|Stop|Hold|Resume|Taper|Increase|Decrease|Restart|Give|Trial of|Refill|Discontinue]
  {drug}[ {dose}| at bedtime| as needed| for {sign}|].
[She|He|Patient] [takes|took|is on|was on|was given|has tried|was started on|ran out
  of|stopped|was switched to] {drug}[ {dose}|], {drug}[ and {drug}|, {drug}, and {drug} {dose}]
  [for {sign}|without relief|with good effect|with minimal benefit|once a day|at night|].
[Medications|MEDICATIONS|Meds|Home meds|CURRENT MEDICATIONS]: {drug} {dose}, {drug}[ {dose}|],
  {drug}, [{drug}|vitamin D|multivitamin|fish oil|calcium], [{drug}|{drug} p.r.n.].
[Allergies|ALLERGIES|Allergy|NKDA; intolerances]: [None|NKDA|No known drug allergies|{drug}|{drug}
  ({sign})|{drug} and {drug} cause {sign}|Penicillin, sulfa|Latex|Seasonal].
{drug} [caused|gave her|gave him|helps|worked well for|did nothing for|made worse] [{sign}|the
  {sign}|the {noun}].
{drug} {dose} [IV|PO|IM|SC|topically] x[1|2|3] [given|ordered|pending|on board|with relief].
[Vital signs|VITALS|VS|Vitals|On arrival]: [Temperature|T|Temp] 9{digit}.{digit}, [pulse|HR|P]
  {age}, [respirations|RR|R] {digit}{digit}, [blood pressure|BP] {lab}, [oxygen saturation|O2
  sat|SpO2|pulse ox] 9{digit}% [on room air|RA|on 2L|on {digit} L NC|].
[Blood pressure|BP|Her blood pressure] [is|was|today is] {lab}[ sitting and {lab} standing|,
  repeat {lab}|]. [Weight|Wt|His weight] [is|was] {weight} [pounds|lb|lbs|kg|][, height 5 feet
  {digit} inches|, down {count} pounds| (BMI 3{digit}.{digit})|].
[General|GENERAL|Gen|GEN]: [Well-appearing|{quality}|{quality} and {quality}|No acute
  distress|NAD|A&O x3], {quality}.
[HEENT|Eyes|EYES|ENT|Head]: [Normocephalic, atraumatic|PERRLA|Pupils equal|EOMI|Oropharynx
  clear|Mucosa {quality}|{quality}]. [Sclerae anicteric.|TMs clear.|No {sign}.|]
[NECK|Neck|LUNGS|Lungs|CHEST|Cardiac|CV|HEART|ABDOMEN|Abdomen|Abd|EXTREMITIES|Ext|Skin|SKIN|NEURO|Neuro|BACK|GU|MSK|Psych]:
  [{quality}|{quality}, {quality}|No {sign}|{quality} without {sign}|Clear to auscultation|Regular
  rate and rhythm|RRR, no m/r/g|Deferred|No cyanosis, clubbing or edema|Normal].
[Review of systems|ROS|REVIEW OF
  SYSTEMS|Constitutional|Cardiovascular|Respiratory|Gastrointestinal|GASTROINTESTINAL|Genitourinary|MUSCULOSKELETAL|Integumentary|ENDOCRINE|Hematologic|PSYCHIATRIC|Neurologic]:
  [Negative for|Denies|Positive for|No|As above, otherwise|See HPI;] {sign}[, {sign}|, {sign},
  {sign}| or {sign}].
[Strength|Sensation|Reflexes|Tone|Gait|Motor] [{lab}|5/5|4/5|2+|intact|{quality}] [throughout|in
  the {part}|bilaterally|and symmetric|at the {part}].
{test} [was|is|were]
  [{quality}|normal|negative|positive|pending|reviewed|ordered|obtained|repeated|unremarkable|read
  as {finding}|consistent with {finding}].
{test} [in {year}|last year|{count} weeks ago|today|from outside|yesterday|this {weekday}]
  [showed|revealed|demonstrated|was consistent with|again shows] {finding}[ and {finding}|,
  {finding}|].
[Labs|LABS|Laboratory data|Lab data|Data|Results]: [WBC|White
  count|Hemoglobin|Hgb|Hct|Platelets|Sodium|Potassium|K|Creatinine|Cr|BUN|Glucose|INR|A1c|TSH|ALT|AST|Troponin|BNP|Lactate]
  {number},
  [WBC|Hemoglobin|Hct|Plt|Sodium|Na|Potassium|Chloride|CO2|Creatinine|BUN|Glucose|Calcium|Magnesium|Phos]
  {number}[, [bilirubin|albumin|lipase|INR|alk phos|ESR|CRP] {number}|].
[Sodium|Potassium|Creatinine|Hematocrit|The INR|A1c|The white count|Ferritin|Glucose] [is|was|rose
  to|fell to|remains|of] {number}[, up from {number}|, previously {number}| on admission|].
[Radiation|He received|She received|Completed|Total of] {weight}0 cGy in {count} fractions[,
  {drug} x {count} cycles|].
[Levels|Fusion|Laminectomy|Bulge|Disc protrusion|Stenosis] at
  [C3-C4|C4-5|C5-C6|C6-T1|T11-12|L2-L3|L3-4|L4-5|L5-S1][ and [C6-7|L4-L5|S1]|],
  [{quality}|mild|moderate|unchanged].
[Pain|The pain|Her pain|Discomfort|Headache] [is|was|rated|scored] [{digit}/10|{digit} out of
  10|{digit} on a scale of 10|0-10 scale at {digit}|{quality}],
  [worse|better|relieved|aggravated|reproduced] [with|by|after] {act}[, {act}| and {act}|].
[I|We] [discussed|reviewed|explained|went over|recommended|talked about|considered|ordered|will
  arrange|advised|offered|suggest] [the {noun}|the {noun} and
  {noun}|{act}|{test}|{procedure}|risks and benefits|options including {procedure}|{drug}] [with
  the patient|at length|today|and {kin}|with her|again|in {count} weeks|, who {verb}|].
[All|Her|His|Their|Further] questions were [answered|addressed][ to satisfaction|, and the patient
  {verb}| in detail|].
[She|He|Patient|The {kin}|Family] [verbalized understanding|agrees with the plan|was instructed to
  return|was given instructions|knows to call|has our number] [if {sign} {verb}|for {sign}|and
  will {verb}|of the {noun}|].
[Return|Follow up|Followup|RTC|F/u|Recheck|See again|Call] in {count} [days|weeks|months|mo][,
  sooner if {sign}| or p.r.n.| with {test}| for {noun}|].
[Follow up|Referral|Referred|Consult] [with|to] [{service}|the {service} clinic|a[n|]
  {clinician}|her {clinician}|the {clinician}] [in {count} weeks|next week|on {weekday}|for
  {procedure}|regarding {sign}|].
[The|A|His|Her|Our|An outside] {clinician} {verb} [the patient|him|her|the {noun}|{test}|that
  {sign} {verb}|{drug}] [yesterday|on {weekday}|last week|in {year}|{how}|at the bedside|].
[Seen|Evaluated|Examined|Followed|Cleared|Treated|Referred] by [{service}|the {clinician}|a[n|]
  {clinician}|outside {clinician}|her {clinician}], who {verb} {drug}.
[Discharged|Transferred|Admitted|Sent|Moved|Brought] [to|from] [home|the floor|the ICU|rehab|the
  ED|a nursing home|jail|the {service} service|a skilled nursing facility|Urgent Care|Labor and
  Delivery|Same Day Surgery] [in {quality} condition|on {weekday}|at {hour}|with {kin}|for
  {sign}|].
[In|Since|Before|By|Around|Until] {year}[,|] [he|she|the patient|they]
  [had|underwent|developed|was diagnosed with|was treated for|moved|retired|quit]
  [{sign}|{procedure}|{sign} and {sign}|smoking|{drug}].
[At|About|Around|By] {hour}[ today| this morning| on {weekday}|], [he|she|pt|patient] [became
  {quality}|had {sign}|was {quality}|{verb} {drug}|voided {weight} mL|was found
  {quality}|vomited].
[{hour}|{hour} -|{hour}:] [pt|patient|resting|IV|dressing|Foley|bed alarm|report|meds]
  [{quality}|{verb}|intact, {quality}|{quality} and {quality}|given per order|received from
  {service}].
[I/O|Intake|Output|UOP|Drain] {weight}[/{weight}| mL| cc][ over {count} hours| since midnight|].
  [Diet|Access|Activity|Lines|Code|PPx|Dispo]: [regular|NPO|full liquids|PIV x2|PICC|bedrest|OOB
  to chair|full|DNR/DNI|SC heparin|home|pending].
[The {part} was|Incision|A {quality} incision was|The wound was|Trocars were|The {part} and {part}
  were] [made|prepped and draped|irrigated|closed in layers|inspected|infiltrated with
  {drug}|dissected|retracted {how}][. Estimated blood loss {weight} mL|. Counts were correct|.
  Hemostasis was {quality}|].
[PREOPERATIVE DIAGNOSIS|POSTOPERATIVE
  DIAGNOSIS|Procedure|PROCEDURE|Anesthesia|ANESTHESIA|Complications|Specimens|EBL|Drains|Indication|Technique|Comparison|Implants|Condition]:
  [{sign}|{procedure}|General|Spinal|None|Local with sedation|{weight}
  mL|{finding}|{quality}|Same|Minimal].
[Impression|IMPRESSION|Findings|FINDINGS|Conclusion|Interpretation|Assessment|Diagnosis]:
  [{finding}|{finding}. {finding}|{sign}|1. {finding} 2. {finding}|{sign}, {quality}|Stable
  {sign}].
[The|There is|Small|Large|Stable|New] {part} [shows|demonstrates|with|is without|has]
  [{finding}|{quality} {sign}|{quality} {noun}|no {sign}].
[Menses|LMP|Periods|Menarche at age {age}|Gravida {digit}, para {digit}|G{digit}P{digit}][,|:|.]
  [{quality}|regular|every {count} days|last {count} weeks ago|no {sign}|on {drug}].
[Immunizations|Vaccines|Tetanus|Flu shot|Diet|Exercise|Sleep|Hobbies|Education|Travel|Occupation]:
  [up to date|{count} years ago|{quality}|regular|{count} times a week|{act}|{age} hours|12th
  grade|none recently|{role}|declined].
[She|He] [enjoys|likes|prefers|avoids|loves] {act}, {act}, and {act}[ with {kin}| on {weekday}|].
[Two|Three|Several|A few|{count}] [days|weeks|months|hours|years] [ago|later|prior|prior to
  admission|after the {noun}], [she|he|the patient|the {kin}] {verb} [a {thing}|the
  {thing}|{sign}|a {quality} {noun}][ and {verb} {how}|].
{noun} [and|or|of|with] {noun} [is|are|was|were] {quality}[, {noun} {quality}|].
{how} {quality} {part} [with|and] {quality} {part}.
{quality} {noun}[, {quality} {noun}|; {noun} {verb}|. {noun} {quality}].
{thing}, {thing} and {thing} [were|are] [at|by|near|under] the [bed|{thing}|door|chair|window].
[Uses|Needs|Ordered|Given|Requires|Lost] a[n|] [{quality} |]{thing} [for|when|while|after] {act}.
{part} {sign}, {part} {sign}, {sign}.
{drug}, {drug}, {drug}, {drug}, {drug}.
{role}, {role}, then {role} [for {count} years|until {year}|].
[Eponymous|Positive|Negative|Equivocal] {eponym}['s|] [sign|test|maneuver|phenomenon|criteria],
  [no|with] {sign}.
{eponym}['s|]
  [disease|syndrome|lymphoma|palsy|thyroiditis|procedure|clamp|catheter|contracture|fracture]
  [since {year}|, {quality}|is {quality}|in her {kin}|treated with {drug}|].
[may|May|might|will|Will] [need|benefit from|be a candidate for|require|consider] {drug}[ in the
  future| or {procedure}|] [if|should|when] {sign} {verb}.
[He|She|Pt] may [have|be|take|try|use|go] [{sign}|{quality}|{drug}|home|{act}|a {thing}] [as
  tolerated|later today|tomorrow|in the fall|this summer|on {weekday}|].
[Advance diet|Ambulate|March in place|Rest, ice|Mark the site|Grant leave|Bill to follow|Grace
  period|Pray with chaplain|Good faith effort|Art therapy|Hope therapy|Sunny disposition|Rose to
  stand|Drew blood|Chase with water|Frank blood|Miles walked {count}|Will power|Dawn effect|Robust
  response|Crystal arthropathy|Iris normal|Basil and ginger tea|Olive oil daily|Jack of all
  trades|Penny swallowed|Rusty sputum|Sandy gravel|Violet light|Ruby red lesion|Pearly
  papule|Brown discharge|White plaques|Green sputum|Black stool|Gray matter|Long acting|Short of
  breath|Young for age|Small for dates|Wood splinter|Stone in duct|Rivers of mucus|Field cut|Park
  bench fall|Hill climbing|Banks full time|Day surgery|West wing|North unit][,|;|:|] {quality}.
[{abbr}|{abbr}, {abbr}|{abbr}/{abbr}|{abbr} and {abbr}|h/o {abbr}|s/p {abbr}|r/o {abbr}|no
  {abbr}|known {abbr}][, {sign}| in {year}| {year}|, on {drug}|: {quality}|. {Quality}|; {verb}|].
[Father|Mother|He|She|Brother|His dad|An aunt] [died of|has|had|died from|passed from|with] [an |a
  |]{abbr}[ at {age}|, {abbr}| in the {abbr}| at age {age}|, {sign}].
[The|His|Her|A|An|This|Left|Right] {abbr} [was|is|showed|in the|to the|without|with|of the]
  [{quality}|{noun}|{abbr}|{part}|{finding}|{odd}].
[In|From|To|At|By|Via|Per|With|Without|For|Since|On] [the |his |her |a |an
  |][{abbr}|{odd}|{noun}|{thing}|{odd} {noun}|{part}|{abbr} {noun}|{quality} {odd}], [{verb}
  {how}|he {verb}|she {verb} {odd}|{noun} {verb}|{sign} {verb}].
{Odd}[.|, {odd}.|: {odd}.|; {quality}.| {verb}.|, {sign}.]
{Sign}[.|, {quality}.| and {sign}.|: {quality}.|, {abbr}.|.]
{Verb} [{odd}|the {thing}|{how}|a {odd}|{noun} {odd}|to {thing}|with {odd}|{odd} and {odd}][ each
  {noun}| over the {noun}|, {odd}|].
{Odd} {odd} [{odd}|{verb}|{noun}|{quality}|and {odd}|or {odd}|{digit}|{number}][, {odd} {noun}|,
  {quality} {odd}|; {odd} {verb}| {how}|].
[Has|Had|Used|Uses|Bought|Wears|Keeps|Saw|Took|Tried|Given|Reports] {odd}[, {odd}| for {odd}| and
  {odd}| since {year}| every {noun}| by {act}].
{Odd} [{digit}|{score}|{lab}|{number}|{nineties}|{digit}/{digit}|{age}], {odd}
  [{digit}|{score}|{lab}|{number}|{nineties}|{digit}/{digit}], {odd} [{lab}|{score}].
[Strength|Pulse|GCS|Score|Grade|Sugar|Reflexes|Vision|Ratio|APGAR|ASA|NIHSS|Stage|Level|Muscle
  power|Murmur|Dose|Rate|Scale|Test|Index|Value] [was |of |is |at |now |:
  |][{lab}|{score}|{digit}/{digit}|{digit}|{number}|{digit}/{digit}{digit}][, {lab}|. {Noun}
  {verb}|, {digit}/{digit}| and {digit}/{digit}| in the {part}|].
[Fever of|Temp|Heart rate|HR|Pulse|Glucose|Sugars|Weighs|Weight|Level of|Sat|Sats|Rate|BP
  systolic|Platelets|Hct|Dose|Took|Given|Waited|Up to|Less than|About] {nineties}[ mg| kg| pounds|
  units| mcg| mL| percent|%| bpm| last night| in clinic|, then {nineties}| to {nineties}| minutes|
  days|].
[Sleep|Smoked|Diabetic|Married|Sober|Worked there|Lived there|Has had it] [for |x |times |over
  |about |][{count}|{age}|{digit}{digit}] [years|days|months|hours|pack
  years|times|units|minutes][, {odd}| ago| in all|].
[He|She|Pt|The patient|They|I|We] [{verb}|{how} {verb}] [{odd}|the {odd}|{odd} {odd}|his {odd}|to
  {odd}|with the {odd}|{drug} and {odd}][, {odd} {verb}| {how}| in the {abbr}|].
[On|At] [exam|rest|baseline|review|night|home|work|school|noon|times],
  [{part}|{abbr}|{noun}|{odd}|she|he] {verb}[ {odd}| {how}| {nineties}| and {verb}|].
[Grade|Stage|Type|Class|Phase|Lead|Zone|Level|Segment|Table|Figure|Version|Cassette|Block|Part|Site|Line]
  [{digit}|{digit}{digit}|A{digit}|B{digit}|II|III|IV|V{digit}|C{digit}|T{digit}|L{digit}-{digit}|{digit}A][,
  {quality}|: {odd}| {noun}| of {digit}| and {digit}|].
""")

LISTS = patterns("""
{sign}\\n{sign}\\n{sign}
1. {sign}\\n2. {sign}\\n3. {sign}
1. {drug} {dose}\\n2. {drug} {dose} daily\\n3. {drug}\\n4. {drug} {dose} p.r.n. {sign}
- {drug} {dose}\\n- {drug}\\n- {drug} {dose}
{procedure} {year}\\n{procedure}, {year}\\n{procedure}
Na {number}   K {number}   Cl {number}   CO2 {number}   BUN {number}   Cr {number}   Glu {number}
WBC {number}  Hgb {number}  Hct {number}  Plt {weight}
T {number} HR {age} BP {lab} RR {digit}{digit} SaO2 9{digit}%
[GENERAL|General]: {quality}\\n[HEENT|Heent]: {quality}\\n[CHEST|Chest]:
  {quality}\\n[ABD|Abdomen]: {quality}, {quality}
[Father|Mother]: {sign}\\n[Brother|Sister]: {sign}\\nChildren: {quality}
{sign} | {quality} | {drug} {dose}
{test}\\t{quality}\\t{number}
""")
