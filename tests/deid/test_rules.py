"""What each rule finds, what it leaves alone, and that no text makes it slow."""

from __future__ import annotations

import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.tiers import examples

from sequela.deid import RULES, Found, Names, by_rules, find, united
from sequela.deid.dates import written_date
from sequela.deid.found import lowered
from sequela.deid.phrases import Phrases, Runs
from sequela.errors import DataError
from sequela.notes import Document

# In each line what stands between < and > is to be found, with the label in front.
FOUND = """
EMAIL Write to <ann.o'hara+x@mail.example.org>.
EMAIL <a@b.co>,<c@d.net>
URL See <https://www.example.org/p?id=12&x=y>.
URL at <www.example.com/a_b>, or
URL (<mychart.example.org>)
URL <portal.example.co.uk/login>
IPADDR from <192.168.10.254>.
IPADDR host <2001:db8::8a2e:370:7334> said
PHONE Call <(617) 555-1234> today
PHONE <617-555-1234>
PHONE <617.555.1234 x12>;
PHONE <+1 617 555 1234>
PHONE <1-800-555-0199>
PHONE tel<(617)555-1234>
PHONE 10 digits <6175551234>.
PHONE London <+44 20 7946 0958>,
PHONE pager <45219>
PHONE Pager # <4-5219>
PHONE the home number is <555-1234>
PHONE <x45219>
PHONE OCR dash <617\u2013555\u20131234>
FAX Fax: <617-555-1234>
FAX Phone 617-555-0000 fax <617-555-1234>
SSN <123-45-6789>
SSN SSN <123456789>
SSN ss# <000-12-3456>
SSN Social Security number ends in <6789>
SSN SSN: <xxx-xx-6789>
MEDICALRECORD MRN: <0012345>
MEDICALRECORD MRN <123 45 67>
MEDICALRECORD medical record number <AB-12345>,
MEDICALRECORD Med. Rec. #<7654321>
MEDICALRECORD Unit No: <123-45-67>
MEDICALRECORD patient ID <P12345>
MEDICALRECORD MR #<88123>
ACCOUNT Account number: <A-9912345>
ACCOUNT acct. <1234567>
ACCOUNT paid by <4111 1111 1111 1111> today
ACCOUNT to <GB82 WEST 1234 5698 7654 32>.
ACCOUNT visit number <V123456>
HEALTHPLAN Medicare <1EG4-TE5-MK73>
HEALTHPLAN <1EG4TE5MK73>
HEALTHPLAN Policy # <XYZ123456>
HEALTHPLAN Member ID: <W99112345>
LICENSE DEA <AB1234563>
LICENSE by <AB1234563>.
LICENSE driver's license no. <S12345678>
LICENSE NPI <1234567893>
VEHICLE License plate <7ABC123>
VEHICLE plate: <XYZ 4567>
VEHICLE plate no. <12-AB>
VEHICLE VIN <1M8GDM9AXKP042788>
VEHICLE a <1M8GDM9AXKP042788> struck
DEVICE serial number <PJN123456H>
DEVICE S/N <12345-AB>
DEVICE lot # <A1234>
DEVICE <(01)00643169007222(21)ABC123> scanned
DEVICE mac <00:1B:44:11:3A:B7>
IDNUM accession <S12-34567>
IDNUM Pathology: <SP12-34567>
IDNUM number <12345678> on the band
DATE <2012-03-04>
DATE <2012-03-04>T10:30:00
DATE <2012/3/4>
DATE printed <20120304> at
DATE <03/04/2012>
DATE <3/4/12>
DATE <3-4-12>
DATE <03.04.2012>
DATE <3 / 4 / 2012>
DATE <3/4/2012>-3/9/2012
DATE since <3/4>.
DATE Seen on <3/4> in clinic
DATE in <3/2012>
DATE <March 4, 2012>
DATE <MARCH 4TH, 2012>
DATE <Mar. 4> she
DATE <Mar 4-7, 2012>
DATE <march 4>
DATE <May 5th>
DATE the <4th of March>
DATE <4 March 2012>
DATE <04MAR2012>
DATE <4-Mar-12>
DATE <March 2012>
DATE <Sept of 2011>
DATE in <May>
DATE since last <October>
DATE on the <23rd>
DATE born in <1950>
DATE at <Christmas>
DATE since last <October>. Then
DATE in <Sept.> he
DATE on <July twenty ninth two thousand four> when
DATE <April seventh>, he
DATE on <February seven two thousand and five>,
DATE <January eighth, nineteen ninety five>.
DATE the <seventh of August in two thousand and one>?
DATE on <July thirty first oh eight>
DATE about <June of two thousand eight>.
DATE <May first> of
DATE <March two thousand and seven>
AGE <92> year old
AGE <101>-year-old
AGE <92>yo man
AGE aged <97>
AGE Age: <90>
AGE <ninety-two> year old
AGE in her late <90s>
ZIP Boston, MA <02139>
ZIP Boston MA <02139-1234>.
ZIP Massachusetts <02139>
ZIP zip code <90210>
ZIP at <02139-1234>
DATE DOB: __<01/02/1950>__
SSN SSN: _<123-45-6789>_
PHONE Phone: __<617-555-1234>__
MEDICALRECORD MRN: __<00981234>__
ZIP zip __<02139>__
PHONE Tel_<617-555-1234>
DATE DOB<01/02/1950>
DATE on<1/2/2012>
DATE <3/4/12>am
DATE Smith<01/02/2012>
IDNUM No.<12345678>
IDNUM carrier <A12345678>
IDNUM carrier <XSN883998817>,
EMAIL to <_a@b.org>
URL _<www.example.com/a>
IPADDR _<192.168.1.1>_
ACCOUNT card <4111 1111 1111 1111> 04/27
ACCOUNT card <4111 1111 1111 1111> 123 ok
ACCOUNT 04 2012 <3782 822463 10005> 04/27
ACCOUNT AB12 <GB82 WEST 1234 5698 7654 32>.
ACCOUNT ID AB12 99 <GB82 WEST 1234 5698 7654 32>.
DATE DOB: <11/31/1950>
DATE <02/30/1948>
DATE on <11/31/50>,
DATE <February 30, 1948>
DATE <2012-02-30>
DATE <00/00/1950>
DATE since <2012-12>.
DATE seen <03 04 2012>
DATE DOB <3 4 1950>
DATE YOB <1925>
DATE <1/2/2012>/5
DATE DOB <030450>
DATE Adm <030412> Disch
AGE <92>F with
AGE is a <92>F, CHF
AGE <101>M with
AGE a <98>F with
AGE Age/Sex: <92>/F
AGE <92>-y-o
AGE <92>_yo
AGE she turned <92>
AGE died at <97>
AGE a <93>-woman
AGE a <nonagenarian>
"""

# In these the rule of that label finds nothing.
LEFT = """
EMAIL @home, a@ b, 5@10
URL pt.took 5 mg.then left, e.g. this, http://
IPADDR 999.1.2.3 and 1.2.3 and 12:30:45 and 1.2.3.4.5
PHONE 120/80 and 98.6 and 1234 and 250-1000 mg
PHONE glucose 117 555 mg, cell count 4500, pH 7.3512
PHONE 200-1000 ml
FAX faxed yesterday
SSN 000-12-3456 and 666-12-3456 and 123-00-4567 and 123-45-0000 and 123-45-67890
MEDICALRECORD MR angiogram 12, patient was 65, unit 4 and record 2012
ACCOUNT 4111 1111 1111 1112 and on account of 2
ACCOUNT GB82 WEST 1234 5698 7654 33
HEALTHPLAN the plan: 250 mg, group A
LICENSE AB1234564 and licensed
VEHICLE 1M8GDM9A1KP042788 and platelets 250
DEVICE serial troponins, lead placed, device 2
IDNUM WBC 12.5, platelets 250000, K 4.1234567
DATE 120/80, 5/5 strength, 1/2 tablet, 13/45, 7.5, 3/4 of it
DATE 31/32/2012 and 2012-13-45 and 99/99/99
DATE grade 4 may be, they march on, in 2012, 1990s, on Monday, at 10:30
DATE it may first be seen, twenty may come, one march, second opinion, two thousand ml
DATE strength 4/5 in all, on 3/6 systolic murmur, since 1/2 tablet
AGE temp 94F, 98F, 101F, T 92F, 92 m high, turned 90 degrees, 98 F
IDNUM K 0.1234567 and .1234567 and 4.1234567
ACCOUNT 12 14 15 16 18 20 22 24 1, card 4111 1111 1111 1112 04/27
DATE on 2/31 and 20121399 and DOB 993399, 45/45/2012, 1/2/3mg, 12/34, 2010-2012, 2010-13
AGE 89 year old, 92 mg, 45yo, age 130, 95 years ago, 90 %
ZIP 02139 and IN 12345.5 and MA 00012 and OK 123456
"""


def lines(text: str) -> list[tuple[str, str]]:
    return [tuple(line.split(" ", 1)) for line in text.strip("\n").split("\n")]


@pytest.mark.parametrize(("label", "marked"), lines(FOUND))
def test_is_found(label, marked):
    start, end = marked.index("<"), marked.index(">") - 1
    for text in (plain := marked.replace("<", "").replace(">", ""), f"Ab\r\n{plain}\r\nCd"):
        shift = text.index(plain)
        found = united(text, by_rules(text))
        assert (start + shift, end + shift, label) in [(o.start, o.end, o.label) for o in found]


@pytest.mark.parametrize(("label", "text"), lines(LEFT))
def test_is_left_alone(label, text):
    for each in text.split(", ") if label == "DATE" else [text]:
        assert [each[o.start : o.end] for o in by_rules(each) if o.label == label] == []


def test_lower_case_keeps_places():
    for text in ("İstanbul MRN: 0012345", "straße", "ΣΑΣ", "A\u0130B"):
        assert len(lowered(text)) == len(text)
    found = united("İİİ MRN: 0012345", by_rules("İİİ MRN: 0012345"))
    assert [(one.start, one.end) for one in found] == [(9, 16)]


def test_dates_are_read():
    def read(words, **how):
        found = written_date(words, **how)
        return found and (found.year, found.month, found.day)

    assert read("3/4/12") == (2012, 3, 4)
    assert read("3/4/12", day_first=True) == (2012, 4, 3)
    assert read("13/4/1999") == (1999, 4, 13)
    assert read("04MAR98") == (1998, 3, 4)
    assert read("the 4th of March") is None
    assert read("4th of March") == (None, 3, 4)
    assert read("Mar 4-7, 2012") is None, "a range is no date"
    assert read("2/30/2012") is None
    assert read("nothing") is None


# --- union ---------------------------------------------------------------------------------------


def test_overlaps_are_settled_as_said():
    text = "Dr Smith 617-555-1234 x"
    rule, model = Found(9, 21, "PHONE", 0.95), Found(3, 12, "DOCTOR", 0.5, "model")
    assert united(text, [model, rule]) == [Found(3, 8, "DOCTOR", 0.5, "model"), rule]
    wide = Found(0, 21, "PHONE", 0.2, "model")
    assert united(text, [rule, wide]) == [Found(0, 21, "PHONE", 0.95)], "one label: one span"
    inner = Found(3, 8, "DOCTOR", 0.9, "model")
    other = Found(0, 23, "IDNUM", 0.1, "model")
    pieces = [Found(0, 2, "IDNUM", 0.1, "model"), inner, Found(9, 23, "IDNUM", 0.1, "model")]
    assert united(text, [inner, other]) == pieces


SPANS = st.lists(
    st.builds(
        lambda start, length, label, score: Found(start, start + length, label, score),
        st.integers(0, 18),
        st.integers(1, 8),
        st.sampled_from(["DATE", "PATIENT", "ZIP"]),
        st.sampled_from([0.1, 0.5, 0.9]),
    ),
    max_size=12,
)


@settings(max_examples=examples(60), deadline=None)
@given(SPANS)
def test_union_leaves_nothing_out_and_overlaps_nowhere(spans):
    text = "ab1 cd2-ef3 gh4 ij5/kl6 mn7"
    found = united(text, spans)
    covered = [place for one in found for place in range(one.start, one.end)]
    assert len(covered) == len(set(covered))
    given_ = {place for one in spans for place in range(one.start, one.end)}
    assert set(covered) <= given_
    assert all(not text[place].isalnum() for place in given_ - set(covered))
    assert found == sorted(found)
    assert united(text, found) == found


# --- names and models ----------------------------------------------------------------------------


def test_names_of_a_list():
    names = Names(["Ann-Marie White", "Smith, José", "Nguyễn Văn An"])

    def hits(text):
        return [text[o.start : o.end] for o in find(Document("n", text), names=names)]

    assert hits("Seen: ANN-MARIE WHITE, a white woman.") == ["ANN-MARIE WHITE"]
    assert hits("Mrs White and jose smith;") == ["White", "jose smith"]
    assert hits("Jo\u200bsé's sister") == ["Jo\u200bsé"], "unseen characters part no name"
    assert hits("JOSE\u0301 came") == ["JOSE\u0301"]
    assert hits("Smith,\r\nJose") == ["Smith,\r\nJose"]
    assert hits("Whitening smithers") == []
    assert find(Document("n", "Ann White")) == [], "without a list there are no names"


@pytest.mark.parametrize(
    ("name", "text", "wanted"),
    [
        ("सीता शर्मा", "रोगी सीता शर्मा आज आई। शर्मा जी।", ["सीता शर्मा", "शर्मा"]),
        ("தமிழ் செல்வி", "நோயாளி தமிழ் செல்வி வந்தார்", ["தமிழ் செல்வி"]),
        ("สมหญิง", "ผู้ป่วย สมหญิง มา", ["สมหญิง"]),
        ("מֹשֶׁה כהן", "החולה משה כהן", ["משה כהן"]),
        ("محمد", "المريض مُحَمَّد هنا", ["مُحَمَّد"]),
        ("सीता", "सीतापुर में सीत", []),
    ],
)
def test_listed_names_whose_letters_carry_signs(name, text, wanted):
    found = find(Document("n", text), names=Names([name]))
    assert [text[one.start : one.end] for one in found] == wanted
    assert Names.usable(name)


def test_what_of_a_list_is_no_name_to_look_for():
    assert not any(map(Names.usable, ("", "A", "12", "- -", "J. R.", "\u0301")))
    assert Names.usable("Li")


def test_a_model_is_united_and_its_names_are_found_again():
    def model(document):
        yield 4, 9, "DOCTOR", 0.8

    note = Document("n", "Dr. Jones called. Jones said 3/4/2012; jones-like.")
    found = [(note.text[o.start : o.end], o.label, o.by) for o in find(note, model=model)]
    assert found == [
        ("Jones", "DOCTOR", "model"),
        ("Jones", "DOCTOR", "model"),
        ("3/4/2012", "DATE", "rule"),
    ]


def test_who_is_a_patient_in_one_place_is_no_doctor_in_another():
    text = "Ann Smith, seen by Rose Lee. Smith slept; SMITH, ANN ate, Rose Bush left."
    labels = {
        "Ann Smith": "PATIENT",
        "Rose Lee": "DOCTOR",
        "Smith": "DOCTOR",
        "SMITH, ANN": "DOCTOR",
        "Rose Bush": "DOCTOR",
    }

    def model(document):
        for words, label in labels.items():
            start = text.index(words + (" s" if words == "Smith" else ""))
            yield start, start + len(words), label, 0.8

    found = {text[o.start : o.end]: o.label for o in find(Document("n", text), model=model)}
    others = {"Smith": "PATIENT", "SMITH, ANN": "PATIENT"}
    # One shared word of two is another person.
    assert found == labels | others


@pytest.mark.parametrize(
    "span", [(0, 99, "DATE", 1.0), (-1, 2, "DATE", 1.0), (3, 3, "DATE", 1.0), (0, 2, "A b", 1.0)]
)
def test_a_model_that_errs_is_refused(span):
    with pytest.raises(DataError, match="the model: got a span that is none"):
        find(Document("n", "abcdef"), model=lambda document: [span])


def test_phrases_take_the_longest():
    text = "a b c, a b"
    assert list(Phrases(["a b c", "a b", "b"]).find(text)) == [(0, 5), (2, 3), (7, 10), (9, 10)]
    assert not Phrases(["", "--"])


# --- hostile text --------------------------------------------------------------------------------

HOSTILE = [
    "a", "1", "1 ", "1-", "1.", "1/", "(1", "+1", "a.", "a@", "@", "a@a.", "-", " ", "\n", "0:",
    "mrn ", "mrn:", "no ", "mrn number number ", "license plate ", "phone number is ", "fax ",
    "12/", "3/4 ", "march ", "on ", "may 5", "1 of ", "19", "2012-", "age of ", "90 ",
    "one hundred ",
    "MA ", "MA 0213", "AB12", "A1", "(01)1", "GB82 WEST ", "x1", "www.", "http://", "a-b.", "ssn ",
    "ssn xxx", "ssn number is ", "Ab ", "A\u0301", "\u200b", "é", "İ", "1\u2013", "12 12 ", "%+'",
]  # fmt: skip


def seconds(size: int, piece: str, rule) -> float:
    text = piece * (size // len(piece))
    low = lowered(text)
    begin = time.process_time()
    for _ in rule(text, low):
        pass
    return time.process_time() - begin


@pytest.mark.parametrize("name", RULES)
def test_small_hostile_text(name):
    # Were a rule of the square of the length, the longer one would take hundreds of times as long.
    for piece in HOSTILE:
        assert seconds(4000, piece, RULES[name]) < 0.4, repr(piece)


@pytest.mark.long
@pytest.mark.parametrize("name", RULES)
def test_a_megabyte_of_hostile_text(name):
    for piece in HOSTILE:
        assert seconds(1_000_000, piece, RULES[name]) < 4, repr(piece)


@pytest.mark.long
def test_a_megabyte_of_hostile_names_and_spans():
    names = Names(["A " * 20, "Ab Ab Ab Ab Ab Ab", "Ann Ann Smith"] * 50)
    for piece in ("A ", "Ab ", "Ann ", "A\u0301"):
        text = piece * (1_000_000 // len(piece))
        begin = time.process_time()
        find(Document("n", text), names=names)
        assert time.process_time() - begin < 60, repr(piece)


@pytest.mark.parametrize("text", ["Siobhán OʼMalley here", "met OʻMalley"])
def test_listed_names_with_an_apostrophe_that_is_a_letter(text):
    names = Names(["Siobhán O'Malley"])
    kept = list(text)
    for one in find(Document("n", text), names=names):
        kept[one.start : one.end] = " " * (one.end - one.start)
    left = "".join(kept)
    assert "Malley" not in left


def test_runs_of_megabytes_are_told_by_their_beginning():
    long = "7" * 100_000
    runs = Runs([long, "QX-77"])
    assert list(runs.find(f"a {long} qx 77 b")) == [(2, 100_002), (100_003, 100_008)]
    assert list(runs.find("7" * 200)) == []
    assert len(runs._begun) < 300
