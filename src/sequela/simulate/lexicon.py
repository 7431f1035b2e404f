"""Ordinary and clinical words for simulated training notes, none of which identifies anybody.

Most stand in few notes, so that a tagger that learns its words from the notes does not know them.
It must see by their letters and by what is around them that they are no names.
"""

from __future__ import annotations

import numpy as np

__all__ = ["LEXICON", "ODD", "odd"]


def _words(text: str) -> tuple[str, ...]:
    return tuple(text.split())


def _listed(text: str) -> tuple[str, ...]:
    return tuple(one.strip() for one in text.replace("\n", " ").split(",") if one.strip())


LEXICON: dict[str, tuple[str, ...]] = {
    "drug": _words("""
Norvasc Lipitor Plavix Zocor Toprol Ativan Haldol Zofran Percocet Tylenol Protonix Nexium Keppra
Dilantin Neurontin Synthroid Glucophage Lantus Humalog Bactrim Levaquin Rocephin Flagyl Zosyn
Diovan Cozaar Colace Senna Ambien Zoloft Prozac Celexa Seroquel Flomax Proscar Advair Spiriva
Singulair Lovenox Eliquis Xarelto Premarin Fosamax Celebrex Ancef Cipro Decadron Reglan Benadryl
Abilify Accupril Aciphex Actonel Actos Adalat Adderall Aldactone Allegra Altace Amaryl Aricept
Arimidex Atacand Atrovent Augmentin Avandia Avapro Avelox Azmacort Biaxin Boniva Bumex BuSpar
Calan Cardizem Cardura Catapres Ceftin Chantix Cialis Clarinex Claritin Climara Clozaril Cogentin
Combivent Compazine Concerta Coreg Crestor Cymbalta Demerol Depakote Desyrel Detrol Diflucan
Ditropan Dulcolax Duragesic Effexor Elavil Enbrel Entresto Epogen Evista Excedrin Farxiga Femara
Fioricet Flexeril Flonase Flovent Geodon Glucotrol Humira Hytrin Hyzaar Imdur Imitrex Januvia
Jardiance Kenalog Klonopin Lamictal Lamisil Lasix Levemir Lexapro Librium Lomotil Lopressor Lortab
Lotensin Lunesta Lyrica Macrobid Maxalt Medrol Mevacor Micardis Microzide Miralax Mobic Motrin
Mucinex Namenda Naprelan Nasonex Nitrostat Nizoral Norco Novolog Omnicef Orapred Ortho-Novum
OxyContin Pamelor Parlodel Paxil Pepcid Phenergan Prandin Pravachol Prednisolone Prevacid Prilosec
Prinivil Procardia Provera Pyridium Remeron Requip Restoril Risperdal Ritalin Robaxin Roxicodone
Sandimmune Skelaxin Soma Strattera Suboxone Symbicort Tegretol Tenormin Tessalon Topamax Toradol
Trazodone Tricor Trileptal Ultram Valium Valtrex Vasotec Ventolin Viagra Vicodin Voltaren Vytorin
Wellbutrin Xalatan Xanax Zanaflex Zantac Zetia Zithromax metoprolol atorvastatin aspirin
furosemide warfarin insulin vancomycin prednisone morphine omeprazole amlodipine metformin
gabapentin levothyroxine albuterol ceftriaxone acetaminophen hydralazine digoxin amiodarone
sertraline tamsulosin ibuprofen naproxen lorazepam clonidine losartan carvedilol simvastatin
pravastatin clopidogrel enoxaparin famotidine pantoprazole ondansetron metronidazole azithromycin
doxycycline cephalexin amoxicillin ampicillin gentamicin fluconazole acyclovir methotrexate
hydroxychloroquine azathioprine tacrolimus mycophenolate cisplatin carboplatin paclitaxel
tamoxifen letrozole rituximab bevacizumab adenosine atropine epinephrine norepinephrine dobutamine
midazolam ketamine etomidate rocuronium hydromorphone oxycodone tramadol naloxone buprenorphine
citalopram fluoxetine venlafaxine bupropion lithium quetiapine olanzapine haloperidol donepezil
memantine levetiracetam phenytoin carbamazepine lamotrigine topiramate baclofen cyclobenzaprine
allopurinol colchicine alendronate estradiol medroxyprogesterone finasteride sildenafil
montelukast fluticasone ipratropium loratadine guaifenesin pseudoephedrine docusate bisacodyl
lactulose loperamide glyburide glipizide sitagliptin spironolactone torsemide bumetanide
metolazone isosorbide nitroglycerin
"""),
    "sign": _listed("""
chest pain, shortness of breath, fever, chills, nausea, vomiting, abdominal pain, headache,
dizziness, syncope, cough, hematuria, dysuria, back pain, leg swelling, palpitations, weakness,
numbness, rash, weight loss, fatigue, diarrhea, constipation, confusion, hypertension, diabetes
mellitus, atrial fibrillation, COPD, asthma, CHF, coronary artery disease, hyperlipidemia, GERD,
chronic kidney disease, pneumonia, cellulitis, urinary tract infection, anemia, depression,
anxiety, osteoarthritis, hypothyroidism, stroke, seizures, deep vein thrombosis, breast cancer,
gout, sepsis, night sweats, hot flashes, sore throat, runny nose, nasal congestion, sinus
pressure, ear pain, hearing loss, tinnitus, vertigo, blurred vision, double vision, photophobia,
eye redness, hoarseness, dysphagia, heartburn, bloating, early satiety, melena, hematochezia,
jaundice, pruritus, urinary frequency, urgency, nocturia, incontinence, flank pain, pelvic pain,
vaginal bleeding, amenorrhea, menorrhagia, joint stiffness, neck stiffness, shoulder pain, knee
pain, hip pain, ankle sprain, muscle cramps, tremor, gait instability, frequent falls, memory
loss, insomnia, daytime sleepiness, snoring, orthopnea, wheezing, hemoptysis, pleurisy, exertional
dyspnea, claudication, edema, easy bruising, epistaxis, swollen glands, polyuria, polydipsia, cold
intolerance, hair loss, dry skin, acne, eczema, psoriasis, hives, shingles, migraine, sciatica,
scoliosis, kyphosis, fibromyalgia, carpal tunnel syndrome, plantar fasciitis, rotator cuff tear,
bursitis, tendinitis, osteoporosis, lupus, sarcoidosis, pancreatitis, cholecystitis, appendicitis,
diverticulitis, colitis, gastritis, peptic ulcer disease, cirrhosis, hepatitis C, kidney stones,
prostate cancer, lung cancer, colon cancer, melanoma, lymphoma, leukemia, myeloma, thyroid nodule,
goiter, glaucoma, cataracts, macular degeneration, otitis media, bronchitis, emphysema, sleep
apnea, pulmonary embolism, pulmonary fibrosis, tuberculosis, HIV, malaria, endocarditis,
pericarditis, cardiomyopathy, aortic stenosis, mitral regurgitation, bradycardia, ventricular
tachycardia, heart murmur, aneurysm, varicose veins, lymphedema, neuropathy, dementia, multiple
sclerosis, epilepsy, meningitis, concussion, schizophrenia, bipolar disorder, panic attacks,
suicidal ideation, hallucinations, alcohol abuse, tobacco use, obesity, malnutrition, dehydration,
hyponatremia, hyperkalemia, thrombocytopenia, neutropenia, coagulopathy, hypoxia, respiratory
failure
"""),
    "test": _listed("""
CT of the abdomen, Chest CT, MRI brain, Echocardiogram, EKG, Stress test, Colonoscopy, Chest
radiograph, Ultrasound, Urinalysis, Blood cultures, EEG, Bone scan, PET CT, Angiography, KUB,
Mammogram, Biopsy, Spirometry, Head CT, LP, Cardiac catheterization, Doppler study, EGD, MRCP,
ERCP, V/Q scan, Holter monitor, Nerve conduction study, Sleep study, DEXA, Pap smear, Barium
swallow, Bronchoscopy, Cystoscopy, Arthroscopy, Paracentesis, Thoracentesis, Lumbar puncture, Bone
marrow biopsy, Lower extremity duplex, Carotid ultrasound, Renal ultrasound, Plain films, C-spine
films, Tilt table test, Audiogram, Visual field testing, HIDA scan, Gastric emptying study, Skin
biopsy, Sputum culture, Stool studies, Lipid panel, Liver function tests, CBC, Basic metabolic
panel, Hemoglobin A1c, TSH, PSA
"""),
    "finding": _listed("""
no acute abnormality, small pleural effusion, mild cardiomegaly, no evidence of fracture, EF 55%,
normal sinus rhythm, ST depression in V4-V6, diverticulosis, a 3 cm mass in the left lobe, patent
vessels, moderate stenosis, benign tissue, negative for malignancy, no growth, trace
regurgitation, hepatic steatosis, cholelithiasis, degenerative changes at L4-L5, stable nodules,
white matter changes, clear lungs, no hydronephrosis, elevated troponin, unremarkable study, disc
bulge at C5-C6, herniation at L5-S1, bibasilar atelectasis, patchy infiltrate in the right middle
lobe, no midline shift, old infarct, ground glass opacities, mild mitral regurgitation, diastolic
dysfunction, left ventricular hypertrophy, T wave inversion in lead III, right bundle branch
block, thickened gallbladder wall, fatty liver, simple renal cyst, 4 mm nonobstructing stone,
enlarged prostate, adnexal cyst, fibroid uterus, intrauterine pregnancy at 12 weeks, tubular
adenoma, chronic inflammation, mild dysplasia, invasive ductal carcinoma, grade II, margins
negative, 2/14 nodes positive, tricompartmental arthritis, full-thickness tear, nondisplaced
fracture of the fifth metatarsal, soft tissue swelling, normal alignment, hardware intact,
osteopenia, T-score -2.1, moderate obstruction, FEV1 64% predicted
"""),
    "service": _listed("""
Cardiology, Neurology, General Surgery, Medicine, Oncology, Nephrology, Psychiatry, Orthopedics,
Urology, Gastroenterology, Pulmonary, Endocrinology, Infectious Disease, Dermatology, Hematology,
Rheumatology, Pediatrics, Obstetrics, Radiology, Anesthesia, Plastic Surgery, Palliative Care,
ICU, Neurosurgery, Vascular Surgery, Ophthalmology, ENT, Gynecology, Trauma, Physical Therapy,
Nutrition, Speech Pathology, Wound Care, Interventional Radiology, Emergency Medicine, Family
Medicine, Geriatrics, Pain Management, Transplant, Electrophysiology, Occupational Therapy, Case
Management, Pharmacy, Renal
"""),
    "kin": _listed("""
wife, husband, daughter, son, brother, sister, mother, father, niece, nephew, partner, friend,
neighbor, granddaughter, grandson, cousin, aunt, uncle, guardian, caregiver, spouse, mom, dad,
fiancee, girlfriend, boyfriend, stepson, stepdaughter, mother-in-law, son-in-law, daughter-in-law,
grandmother, grandfather, roommate, landlord, foster mother, twin sister, ex-husband, older
sister, eldest son
"""),
    "role": _listed("""
teacher, carpenter, nurse, engineer, farmer, driver, cook, lawyer, mechanic, secretary, plumber,
accountant, librarian, musician, baker, miner, veteran, student, waiter, tailor, mason, clerk,
welder, electrician, housekeeper, janitor, cashier, truck driver, bus driver, firefighter, police
officer, security guard, machinist, roofer, painter, landscaper, hairdresser, barber, bartender,
chef, dentist, pharmacist, paralegal, attorney, real estate agent, bookkeeper, bank teller, postal
worker, flight attendant, pilot, fisherman, butcher, florist, seamstress, custodian, professor,
homemaker, salesman, construction worker, factory worker, software developer, social worker,
crossing guard, forklift operator
"""),
    "clinician": _listed("""
attending, resident, intern, fellow, surgeon, cardiologist, neurologist, oncologist, nephrologist,
hospitalist, intensivist, internist, pediatrician, psychiatrist, radiologist, pathologist,
dermatologist, urologist, orthopedist, gynecologist, obstetrician, midwife, nurse practitioner,
physician assistant, charge nurse, staff nurse, night nurse, case manager, social worker,
dietitian, pharmacist, chaplain, physical therapist, occupational therapist, speech therapist,
respiratory therapist, podiatrist, dentist, optometrist, anesthesiologist, scrub nurse,
technologist, phlebotomist, primary doctor, family physician, referring physician, house officer,
consultant, endocrinologist, gastroenterologist, pulmonologist
"""),
    "part": _listed("""
abdomen, ankle, arm, axilla, back, bladder, breast, buttock, calf, cervix, cheek, chest, chin,
clavicle, colon, ear, elbow, esophagus, eye, eyelid, face, femur, finger, foot, forearm, forehead,
gallbladder, groin, hand, heel, hip, humerus, jaw, kidney, knee, liver, lung, nostril, neck,
nipple, ovary, pancreas, patella, pelvis, prostate, rectum, rib, sacrum, scalp, scapula, scrotum,
shin, shoulder, spine, spleen, sternum, stomach, temple, testis, thigh, throat, thumb, thyroid,
tibia, toe, tongue, tonsil, trachea, ureter, urethra, uterus, vagina, wrist, mandible, maxilla,
duodenum, jejunum, appendix, aorta
"""),
    "thing": _listed("""
bandage, blanket, bottle, brace, breakfast, brochure, cane, car, cast, catheter, cereal, chair,
cigarette, coffee, computer, couch, crutch, curtain, dinner, dog, door, dressing, floor, fork,
garage, garden, glass, glove, grass, gym, hammer, handrail, hearing aid, ice pack, kitchen,
ladder, lamp, lawn mower, lunch, milk, mirror, monitor, needle, pet cat, phone, pillow, pizza,
pump, ramp, razor, salad, sandwich, scale, shoe, shower, sink, sling, soap, soup, splint,
staircase, suitcase, suture, table, tea, television, thermometer, ticket, toilet, toothbrush,
towel, tray, truck, tube, umbrella, vacuum cleaner, walker, wheelchair, window
"""),
    "act": _listed("""
bending, carrying groceries, chewing, climbing stairs, coughing, crawling, dancing, doing dishes,
driving, eating, exercising, gardening, getting dressed, hiking, ironing, jogging, kneeling,
lifting, lying flat, mopping, moving boxes, painting, pulling, pushing, raking leaves, reaching
overhead, reading, riding a bike, running, sewing, shaving, shoveling, singing, sitting, sleeping,
sneezing, squatting, standing, stretching, swallowing, sweeping, swimming, talking, turning,
twisting, typing, urinating, walking, washing, writing
"""),
    "how": _listed("""
acutely, actually, adequately, again, also, apparently, appropriately, approximately, bilaterally,
briefly, carefully, clearly, completely, consistently, constantly, currently, daily, deeply,
easily, eventually, fairly, finally, frequently, fully, generally, gradually, however,
immediately, improperly, initially, intermittently, lately, likely, mainly, markedly, mildly,
mostly, nearly, nicely, normally, obviously, occasionally, often, otherwise, partially, perhaps,
possibly, presumably, previously, primarily, probably, progressively, promptly, quickly, quietly,
quite, rapidly, rarely, really, reasonably, recently, regularly, reportedly, roughly, severely,
sharply, significantly, slightly, slowly, somewhat, soon, spontaneously, steadily, still,
strictly, suddenly, thoroughly, today, tonight, typically, unfortunately, usually, well
"""),
    "quality": _listed("""
abnormal, absent, achy, active, acute, adequate, agitated, alert, ambulatory, anterior, anxious,
apical, asymptomatic, awake, bilateral, bland, blunted, bright, broken, bulky, burning, calm,
chronic, clean, clear, cloudy, comfortable, cooperative, crampy, deep, dense, diffuse, dilated,
distal, distended, drowsy, dull, elevated, engaged, enlarged, erythematous, faint, firm, focal,
frail, friable, full, gentle, guarded, healthy, heavy, hoarse, inflamed, intact, intermittent,
irregular, lateral, lethargic, localized, loose, low, medial, mild, mobile, moderate, moist,
nontender, normal, numb, obese, oriented, pale, patent, persistent, pleasant, posterior,
productive, prominent, proximal, purulent, quiet, radiating, regular, restless, rough, scattered,
severe, shallow, sharp, sluggish, soft, sore, stable, steady, stiff, superficial, supple, swollen,
symmetric, tender, thin, throbbing, tight, tired, unchanged, uneven, unremarkable, unsteady, warm,
watery, weak, worse
"""),
    "substance": _listed("""
alcohol, tobacco, marijuana, cocaine, heroin, caffeine, nicotine, beer, wine, whiskey, cigarettes,
cigars, chewing tobacco, ETOH, methamphetamine, LSD, opioids, street drugs, illicit drugs, IV
drugs, salt, sugar
"""),
    "procedure": _listed("""
appendectomy, cholecystectomy, hysterectomy, tonsillectomy, adenoidectomy, hernia repair,
C-section, vasectomy, tubal ligation, mastectomy, lumpectomy, thyroidectomy, splenectomy,
colectomy, gastric bypass, laminectomy, spinal fusion, discectomy, arthroplasty, ACL
reconstruction, knee replacement, hip replacement, CABG, stenting, angioplasty, pacemaker
placement, valve replacement, carotid endarterectomy, AV fistula creation, nephrectomy, TURP,
lithotripsy, prostatectomy, cataract extraction, LASIK, myringotomy, septoplasty, rhinoplasty,
skin graft, debridement, incision and drainage, amputation of the great toe, open reduction and
internal fixation, BTL, TAH, bunionectomy, carpal tunnel release, craniotomy, shunt revision,
tracheostomy, PEG placement, liver transplant
"""),
    "people": _listed("""
African-American, Caucasian, Hispanic, Asian, white, black, Latino, Native American, Filipino,
Korean, Haitian, Spanish-speaking, English-speaking, right-handed, left-handed, married, divorced,
widowed, single, retired, unemployed, disabled, obese, thin, elderly, young, middle-aged,
well-nourished, well-developed, Catholic, Jewish
"""),
    "noun": _listed("""
ability, activity, admission, advice, agreement, ambulation, appetite, appointment, arrival,
assessment, attempt, attention, balance, baseline, behavior, benefit, bleeding, breathing, burden,
care, cause, chance, change, choice, color, comfort, compliance, concern, condition, consent,
contact, control, course, culture, damage, decision, decrease, delivery, detail, diet, difficulty,
discharge, discomfort, disease, distress, dizziness, dose, drainage, duration, education, effort,
energy, episode, evaluation, event, evidence, exercise, exposure, extent, failure, feeling, fluid,
focus, food, function, gait, goal, growth, habit, handling, healing, health, heat, history,
hygiene, improvement, incision, increase, infection, injury, insight, intake, interest,
irritation, itching, judgment, lack, lesion, level, limit, load, loss, meal, medication, memory,
mood, motion, movement, need, noise, nursing, observation, odor, onset, option, order, output,
pain, pattern, plan, position, practice, pressure, progress, question, range, rate, reaction,
reason, recovery, relief, report, request, response, rest, result, review, rhythm, risk, routine,
safety, sample, sensation, side effects, sleep, speech, strength, stress, stretching, support,
surgery, symptom, teaching, temperature, tenderness, therapy, thought, tone, treatment, trial,
understanding, urine, use, visit, vision, weight, wound, work
"""),
    "verb": _listed("""
accepted, admitted, adjusted, advised, agreed, allowed, answered, appeared, applied, arranged,
asked, assisted, avoided, became, began, believed, bled, brought, called, carried, caused,
changed, checked, cleaned, completed, complained, considered, continued, counseled, covered,
decided, declined, decreased, demonstrated, described, developed, discontinued, discussed, drank,
drove, encouraged, ended, enjoyed, evaluated, examined, expected, experienced, explained, fainted,
fell, felt, filled, finished, followed, forgot, found, gained, given, grew, handled, healed,
heard, helped, hurt, improved, increased, indicated, injured, instructed, kept, knew, lasted,
learned, leaned, left, lifted, liked, limped, lost, managed, measured, missed, monitored, moved,
needed, noted, noticed, obtained, offered, opened, ordered, panicked, passed, placed, planned,
preferred, prepared, prescribed, presented, prevented, progressed, provided, pulled, put, quit,
radiated, ran, reached, read, received, recovered, reduced, refused, remained, remembered,
removed, repeated, replaced, reported, requested, required, resolved, responded, rested, resumed,
returned, reviewed, rolled, said, sat, saw, seemed, sent, showed, sipped, slept, slipped, smoked,
sought, spilled, spoke, started, stated, stayed, stepped, stood, stopped, struggled, suffered,
swallowed, switched, talked, tested, thought, tolerated, took, tried, tripped, turned, twisted,
underwent, understood, used, voided, waited, walked, wanted, washed, watched, weaned, went, woke,
wondered, wore, worsened
"""),
    "abbr": _words("""
ABG ACE ADA ADHD ADL AKA ALS ALT AMS ANA AP ARDS ARF ASD AST AVM AVR BKA BMI BNP BPH BSO BUN CA
CABG CAD CBC CCU CHF CKD CLL CML CMV CN CNS COPD CP CPAP CPK CPR CRP CSF CT CTA CVA CVC CXR DIC
DJD DKA DM DNI DNR DOE DTR DVT ECG ECHO ECMO ED EEG EF EGD EKG EMG ENT EOM ER ERCP ESR ESRD ET
ETOH FEV FFP FHR FUO GBS GCS GERD GFR GI GSW GTT GU HA HAART HBV HCC HCT HCV HEENT HIT HIV HPV HR
HSV HTN IBD IBS ICD ICP ICU IM INR IUD IV IVC IVDU IVF JVD KUB LAD LAP LBBB LBP LFT LIMA LLE LLL
LLQ LMA LOC LP LUE LUL LUQ LV LVEF LVH MAP MCA MDI MI MMR MRA MRI MRSA MS MVA MVP NAD NG NGT NICU
NKDA NPH NPO NSAID NSR NSTEMI OA OCD ORIF OSA OT PACU PAD PCA PCI PCN PCP PDA PE PEA PEEP PET PFT
PICC PID PND PO PPD PPI PRBC PRN PSA PT PTSD PTT PUD PVC PVD RA RBBB RBC RCA RHF RHM RLE RLL RLQ
ROM ROS RSV RUE RUL RUQ RV SAH SBE SBO SBP SC SDH SIADH SICU SLE SOB STD STEMI SVC SVT TAH TB TBI
TEE THA TIA TKA TMJ TPA TPN TSH TTE TURP UA UGI URI US UTI VATS VF VRE VSD VT WBC XR XRT
"""),
}
"""By the name of the place that they fill."""

#: What odd words of a kind end in.
ODD: dict[str, tuple[str, ...]] = {
    "noun": _words("tion ness ity ment age ance sion ure th ship ism ery al"),
    "verb": _words("ed ing es s ized ated ened ted ded ied"),
    "quality": _words("ic al ous ive able y ful less ed ish ary oid ent"),
    "how": _words("ly ally ily edly wise ward"),
    "thing": _words("er or et le ow in ock ack ish ump ool amp own"),
    "act": _words("ing ting ning ding ating"),
    "sign": _words("itis emia osis algia uria pathy plegia edema oma rrhea asthenia"),
    "drug": _words("in ol ex a ine ide um ax il one am pril statin mab azole cillin"),
    "procedure": _words("ectomy otomy ostomy plasty scopy graphy centesis desis"),
    "part": _words("us um is a ion oid ium"),
}
_STEMS = _words("""
ab ac ad al am an ap ar as at bal bar bas ber bil bin bol bor bra bran bre bri bro bru bul bun bur
cal cap car cel cen cer chem cho chro cla cle clo col com con cor cra cre cri cro cru cul cy dac
dal dan dar deb del der des dia dif dil dis dol dor dra dri dro dru dul dur dys ec ed el em en ep
er es ex fab fac fas fer fi fil fla fle flo flu for fra fri fro fun gal gan gas gel ger gla glo
gly gra gri gro gyn hem hep her hor hy hyp il im in ir jec jun ker la lac lam lap lar lec len lep
leu lig lin lip lis lob log lor lum lym mac mag mal man mar mas mat med mel men mes met mic mil
min mis mo mob mol mon mor mos mu mul mus my nar nas neb nec ner neu nod nor nu nul ob oc ol op or
os ov pal pan par pas pat pec pel pen per pet pha phi phle pi pil pla ple plo pol pon por pre pri
pro pru psy pul pun pur qua quin ra rad ram ran re rec ref rem ren res ret ro rub rum ru sal san
sar sca scle scri sec sed sel sem sen ser sic sin sis soc sol som son spa spe spi spo spu sta ste
sti sto stra stri stru sub suc suf sul sup sur syn tab tac tan tar tec tel ten ter tes thal ther
thor thro ti tin to tol tom ton tor tox tra tre tri tro tru tub tum tur ul un ur vac val van var
vas vec vel ven ver ves vi vil vir vis viv vol vul zo zy
""")


def odd(random: np.random.Generator, kind: str) -> str:
    """A word that there is not, made as words of its kind are; most drugs with a capital."""
    parts = [_STEMS[int(random.integers(len(_STEMS)))] for _ in range(int(random.integers(1, 4)))]
    ends = ODD[kind]
    word = "".join(parts) + ends[int(random.integers(len(ends)))]
    return word.capitalize() if kind == "drug" and random.random() < 0.7 else word
