"""Invented people, places and days of simulated notes, in the forms in which they are written.

The parts for tuning and testing have few forms. Training notes have many more, and names made of
syllables beside those of the lists: a name must be known by where it stands.
"""

from __future__ import annotations

from datetime import date

import numpy as np

from sequela.simulate.drafts import pick
from sequela.simulate.phrases import CITIES, ENDINGS, FIRST, MONTHS, ROADS, SURNAMES, WARDS

__all__ = [
    "HOUSES",
    "day_forms",
    "employer",
    "hospital",
    "name",
    "person_forms",
    "street",
    "surname",
    "town",
]


def _words(text: str) -> tuple[str, ...]:
    return tuple(text.split())


def _listed(text: str) -> tuple[str, ...]:
    return tuple(" ".join(one.split()) for one in text.split(","))


#: Of training notes alone.
_COMMON = _words("""
Adams Aguilar Allen Alvarez Anderson Arnold Bailey Barnes Bennett Boyd Brooks Bryant Burke Burns
Butler Byrne Campbell Carroll Castillo Castro Chan Chang Chavez Chen Choi Clark Cohen Collins Cook
Cooper Cox Cruz Cunningham Daniels Das Delgado Desai Diaz Dixon Doyle Dubois Duncan Edwards Ellis
Espinoza Evans Fernandez Ferrari Fisher Flores Foster Fox Garcia Gibson Gomez Gonzalez Graham
Greene Griffin Gupta Gutierrez Hall Hamilton Harris Hayes Henderson Hernandez Herrera Hicks Ho
Howard Hsu Hughes Hussain Ivanov Jackson Jenkins Jensen Jimenez Jones Joseph Kaplan Katz Kelly
Kennedy Khan Kim Klein Kowalski Kumar Larsen Le Lee Lewis Li Lin Liu Lopez Lynch MacDonald Malik
Marshall Martin Martinez McCarthy McCoy McDonald Medina Mehta Mendoza Meyer Mitchell Morales
Morgan Morris Mueller Murphy Murray Myers Nakamura Nelson Nguyen Novak Nunez O'Brien O'Connor
Okafor Olsen Ortiz Owens Pacheco Parker Patel Perez Perry Peters Peterson Petrov Pham Phillips
Powell Ramirez Ramos Rao Reddy Reed Reyes Reynolds Rice Richardson Rivera Roberts Robinson
Rodriguez Rogers Rosen Rossi Russell Ryan Salazar Sanchez Santos Sato Schmidt Schneider Shah Shaw
Shapiro Silva Singh Smith Stevens Stewart Suzuki Tanaka Taylor Thomas Thompson Torres Tran Tucker
Turner Vargas Vasquez Vega Wagner Walker Wallace Wang Ward Washington Watson Weaver Webb Weiss
Wells Wheeler White Williams Wong Wright Wu Xu Yang Yilmaz Zhang Zhou Zimmerman
""")
_SYLLABLES = _words("""
ba bel bri ca cho da de dra el fa fi ga gre ha hi jo ka ki la le li lo ma me mi mo na ne no ol pa
pe ra re ri ro sa se sha si so sta ta te ti to tra va ve vi wa ya yo za zu ar en in or un
""")
_TOWN_ENDINGS = _words(
    "ville ton burg field wood ham port mont dale ford view side haven boro bury"
)
_OWNERS = _words("""
Bakery Bank Builders Construction Electric Farms Foods Foundation Freight Group Hardware Holdings
Insurance Laboratories Logistics Manufacturing Market Motors Nursery Partners Plumbing Properties
Realty Roofing School Shipping Software Staffing Steel Stores Supply Systems Textiles Transport
""")


HOUSES = _listed("""
Adventist, Army Hospital, Assisted Living, Asylum, Behavioral Health, Birth Center, Blood Center,
Breast Center, Burn Center, Cardiology Associates, Care Center, Community Clinic, Convalescent
Home, Counseling Center, Day Surgery Center, Deaconess, Dental Care, Dental Group, Dermatology,
Dialysis, Dialysis Unit, District Hospital, Emergency Physicians, Express Care, Eye Institute,
Fertility, Foot and Ankle, Free Clinic, Good Samaritan, Health, Health Partners, Health System,
Healthcare, Hearing Center, Hematology Center, Holy Cross, Home Care, Home Health, Hospice House,
Hospital for Women, Imaging, Imaging Center, Immediate Care, Internal Medicine, Jewish Hospital,
Kidney Center, Lab, Long Term Care, Lying-In, Maternity, Medical Associates, Medical Park, Medical
Plaza, Memorial, Naval Hospital, Neurology Group, Nursing Center, Oncology, Orthopedic Group, Pain
Clinic, Palliative Home, Pediatrics, Pharmacy, Physicians Group, Post Acute, Primary Care,
Providence, Psychiatric Hospital, Radiology Associates, Recovery Center, Rehab, Rehabilitation
Hospital, Residence, Sacred Heart, School of Medicine, Skilled Nursing, Sleep Center, Spine
Center, Surgical Associates, Teaching Hospital, Terrace, Transplant Center, Trauma Center,
Treatment Center, Urgent Care, VA, Veterans Home, Villa, Visiting Nurses, Walk-In, Ward, Women's
Health, Wound Center
""")
"""What hospitals and practices of training notes are, beside the wards of their part."""


def _made_up(random: np.random.Generator) -> str:
    """A word of syllables that nobody has read before."""
    count = int(random.integers(2, 4))
    return "".join(pick(random, _SYLLABLES) for _ in range(count)).capitalize()


def surname(random: np.random.Generator, part: str) -> str:
    """One word."""
    if part == "train":
        chance = random.random()
        if chance < 0.35:
            return pick(random, _COMMON)
        if chance < 0.5:
            return _made_up(random)
    return pick(random, SURNAMES[part]) + pick(random, ENDINGS[part])


def name(random: np.random.Generator, part: str) -> tuple[str, str]:
    """A first name and a surname."""
    last = surname(random, part)
    if random.random() < 0.15:
        second = surname(random, part)
        forms = [f"{last}-{second}", f"O'{last}", f"Mc{last}"]
        if part == "train":
            forms += [f"{last}-{second}", f"{last} {second}", f"{pick(random, _PARTICLES)} {last}"]
        last = pick(random, forms)
    if part == "train" and random.random() < 0.15:
        return _made_up(random), last
    return pick(random, FIRST[part]), last


_PARTICLES = ("de", "De La", "van", "Van der", "von", "Di", "El", "St.", "Le", "da")


def person_forms(random: np.random.Generator, part: str, whole: tuple[str, str]) -> list[str]:
    """A name as it may be written."""
    first, last = whole
    initial = pick(random, list("ABCDEH"))
    forms = [f"{first} {last}", last, f"{last}, {first}", f"{first[0]}. {last}", last.upper()]
    forms.append(f"{first} {initial}. {last}")
    if part == "train":
        forms += forms
        forms += [f"{last}, {first}".upper(), f"{first} {last}".upper(), f"{last},{first}", first]
        forms += [
            f"{last}, {first} {initial}",
            f"{last}, {first} {initial}.",
            f"{first} {initial} {last}",
        ]
        forms += [f"{first[0]}.{initial}. {last}", f"{first} {last} Jr.", f"{last} {first}", first]
        forms += [f"{last}, {first[0]}.", f"{first[0]} {last}"]
    return forms


def day_forms(part: str, day: date) -> list[str]:
    """A date as it may be written."""
    month = MONTHS[day.month - 1]
    forms = [
        f"{day.month:02}/{day.day:02}/{day.year}",
        f"{day.month}/{day.day}/{day.year % 100:02}",
        f"{day.month}/{day.day}",
        day.isoformat(),
        f"{month} {day.day}, {day.year}",
        f"{month[:3]} {day.day}",
        f"{day.day} {month} {day.year}",
        f"{day.month:02}-{day.day:02}-{day.year % 100:02}",
    ]
    if part == "train":
        forms += forms
        forms += [f"{month} of {day.year}", f"{month} {day.year}", f"{day.month}/{day.year}"]
        forms += [f"{day.day}-{month[:3]}-{day.year}", f"{day.day:02}{month[:3].upper()}{day.year}"]
        forms += [f"{month} {day.day}{_ordinal(day.day)}", f"{month[:3]} {day.day}, {day.year}"]
        forms += [f"the {day.day}{_ordinal(day.day)} of {month}", f"{month[:3]}. {day.day}"]
        forms += [f"{day.month:02}/{day.day:02}", f"{day.day:02}.{day.month:02}.{day.year}"]
        forms += [f"{month.upper()} {day.day}, {day.year}", f"{day:%Y/%m/%d}", f"{day:%m-%d-%Y}"]
    return forms


def _ordinal(number: int) -> str:
    if number in (11, 12, 13):
        return "th"
    return {1: "st", 2: "nd", 3: "rd"}.get(number % 10, "th")


def town(random: np.random.Generator, part: str) -> str:
    """A city."""
    if part != "train" or random.random() < 0.5:
        return pick(random, CITIES[part])
    base = pick(random, [pick(random, SURNAMES[part]), _made_up(random), pick(random, _COMMON)])
    before = (
        "New",
        "East",
        "West",
        "North",
        "South",
        "Lake",
        "Mount",
        "Fort",
        "Port",
        "San",
        "Saint",
    )
    behind = ("Springs", "Falls", "City", "Beach", "Heights", "Hills", "Park", "Grove", "Junction")
    forms = [base + pick(random, _TOWN_ENDINGS)] * 3
    return pick(
        random, [*forms, f"{pick(random, before)} {base}", f"{base} {pick(random, behind)}"]
    )


def hospital(random: np.random.Generator, part: str) -> str:
    """A hospital, a practice, a home."""
    if part != "train" or random.random() < 0.5:
        return f"{town(random, part)} {pick(random, WARDS[part])}"
    ward, last, place = pick(random, WARDS[part]), surname(random, part), town(random, part)
    letters = "".join(
        pick(random, list("ABCEGHLMNPRSTUVW")) for _ in range(int(random.integers(2, 5)))
    )
    forms = [
        f"{last} {ward}",
        f"{place} {pick(random, HOUSES)}",
        f"{last} {pick(random, HOUSES)}",
    ]
    forms += [f"St. {pick(random, FIRST[part])}'s {ward}", f"{letters}H", f"Mercy {ward}", letters]
    forms += [
        f"{place} {_made_up(random)}",
        f"University of {place}",
        f"{last}-{surname(random, part)} {ward}",
        f"{place} {ward}",
    ]
    return pick(random, [*forms, f"{place} {ward}".upper()])


def employer(random: np.random.Generator, part: str) -> str:
    """A company."""
    last, kind = surname(random, part), pick(random, ["Inc.", "& Sons", "Ltd"])
    if part != "train" or random.random() < 0.4:
        return f"{last} {kind}"
    other, what, place = surname(random, part), pick(random, _OWNERS), town(random, part)
    forms = [f"{last} {what}", f"{last} & {other}", f"{last} and {other} LLP", f"{place} {what}"]
    forms += [
        f"{last} {what} Co.",
        f"{last} {what}, {kind}",
        f"{last}{pick(random, ['Tech', 'Mart', 'Co'])}",
    ]
    return pick(
        random, [*forms, f"{place} Public Schools", f"{place} Fire Department", f"{last}'s"]
    )


def street(random: np.random.Generator, part: str) -> str:
    """A number, a name and what it is."""
    plain = f"{int(random.integers(1, 9999))} {surname(random, part)} {pick(random, ROADS[part])}"
    if part != "train" or random.random() < 0.5:
        return plain
    number, road = int(random.integers(1, 999)), pick(random, ROADS[part])
    forms = [
        f"{number} {pick(random, ['N.', 'South', 'E', 'West'])} {surname(random, part)} {road}"
    ]
    forms += [
        f"{plain}, Apt {number % 40}",
        f"{plain} #{number % 40}",
        f"{number} {number % 90 + 20}th {road}",
    ]
    forms += [
        f"PO Box {number}",
        f"{number} {town(random, part)} {road}",
        f"{plain}, Unit {number % 9}B",
    ]
    return pick(random, [*forms, f"{number} {_made_up(random)} {road}"])
