"""What stands for what was found: forms, consistency, and a tag wherever something fails."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from tests.tiers import examples

from sequela import deid
from sequela.deid import Names, Replacer, clean
from sequela.deid.dates import written_date
from sequela.deid.shift import RESTRICTED_ZIP3, pooled_age, shifted, year_alone, zip3
from sequela.errors import ConfigError
from sequela.notes import Document

KEY = b"0123456789abcdef"
NAMES = Names(["Ann Smith"])
NOTE = Document(
    "n1",
    "Ann Smith, 92 yo, MRN: 0012345, Boston MA 02139, seen 03/04/2012.\r\n"
    "SMITH to call 617-555-1234.",
    subject="p1",
)


def text_of(mode, note=NOTE, model=None, **options):
    return clean(note, Replacer(mode, KEY, **options), names=NAMES, model=model).text


def test_tag():
    assert text_of("tag") == (
        "[PATIENT], [AGE] yo, MRN: [MEDICALRECORD], Boston MA [ZIP], seen [DATE].\r\n"
        "[PATIENT] to call [PHONE]."
    )


def test_mask_keeps_places():
    masked = text_of("mask")
    assert len(masked) == len(NOTE.text)
    assert masked.startswith(
        "*** *****, ** yo, MRN: *******, Boston MA *****, seen **/**/****.\r\n"
    )


def test_remove():
    assert text_of("remove") == ",  yo, MRN: , Boston MA , seen .\r\n to call ."


def test_hash_is_keyed_and_the_same_for_the_same():
    one, other = text_of("hash"), clean(NOTE, Replacer("hash", b"f" * 16), names=NAMES).text
    assert one == text_of("hash")
    assert one != other
    assert "Smith" not in one
    twice = Document("n2", "On 3/4/2012 and 3/4/2012 and 3/5/2012.", subject="p2")
    codes = text_of("hash", twice).split("[DATE-")[1:]
    assert codes[0][:12] == codes[1][:12] != codes[2][:12]


def test_safe_harbor_keeps_years_alone():
    assert text_of("tag", safe_harbor=True) == (
        "[PATIENT], 90+ yo, MRN: [MEDICALRECORD], Boston MA 021, seen 2012.\r\n"
        "[PATIENT] to call [PHONE]."
    )
    old = Document("n", "Born in 1920, seen 3/4/2012, on 3/5.")
    assert text_of("tag", old, safe_harbor=True) == "Born in [DATE], seen 2012, on [DATE]."
    # Surrogates are made from the names, keep their initials, and a letter of one stays.
    for mode in ("hash", "shift-dates", "surrogate"):
        with pytest.raises(ConfigError, match="safe-harbor"):
            Replacer(mode, KEY, safe_harbor=True)


def test_shifts_keep_intervals_within_a_patient():
    notes = [
        Document(f"n{number}", "Seen 2012-03-04, then 3/9/2012 and Mar 14, 2012.", subject="p1")
        for number in range(2)
    ]
    texts = [text_of("shift-dates", note) for note in notes]
    assert texts[0] == texts[1]
    found = [texts[0][o.start : o.end] for o in deid.find(Document("x", texts[0]))]
    first, second, third = (
        datetime(read.year, read.month, read.day) for read in map(written_date, found) if read
    )
    assert (second - first, third - first) == (timedelta(5), timedelta(10))
    days = Replacer("shift-dates", KEY).shift_of("subject p1")
    assert first - datetime(2012, 3, 4) == timedelta(days)
    assert days % 7 == 0
    assert 35 <= abs(days) <= 329
    others = {Replacer("shift-dates", KEY).shift_of(f"subject p{number}") for number in range(40)}
    assert len(others) > 20


@pytest.mark.parametrize(
    ("words", "days", "wanted"),
    [
        ("03/04/2012", 7, "03/11/2012"),
        ("3/4/12", 30, "4/3/12"),
        ("12/31/99", 1, "01/01/00"),
        ("2012-03-04", -4, "2012-02-29"),
        ("20120304", 365, "20130304"),
        ("March 4th, 2012", 18, "March 22nd, 2012"),
        ("MAR 4", 30, "APR 3"),
        ("4 Mar. 2012", 30, "3 Apr. 2012"),
        ("04MAR12", 30, "03APR12"),
        ("March 2012", 35, "April 2012"),
        ("May", 35, "June"),
        ("4-sep-2012", 1, "5-sep-2012"),
        ("13/4/2012", 1, "14/4/2012"),
        ("Mar 4-7, 2012", 7, None),
        ("Christmas", 7, None),
        ("1950", 7, None),
        ("on the 4th", 7, None),
        ("12/31/9999", 7, None),
        ("31/31/2012", 7, None),
    ],
)
def test_a_shifted_date_is_written_as_it_was(words, days, wanted):
    assert shifted(words, days) == wanted


@settings(max_examples=examples(60), deadline=None)
@given(
    st.dates(datetime(1951, 1, 1).date(), datetime(2048, 1, 1).date()),
    st.integers(-400, 400),
    st.sampled_from(["%m/%d/%Y", "%Y-%m-%d", "%d %B %Y", "%b %d, %Y", "%m-%d-%y", "%Y%m%d"]),
)
def test_shifting_there_and_back(day, days, form):
    # "May" is both the name of a month and its abbreviation.
    assume("%b" not in form or 5 not in (day.month, (day + timedelta(days)).month))
    words = day.strftime(form)
    there = shifted(words, days)
    assert there == (day + timedelta(days)).strftime(form)
    assert shifted(there, -days) == words


def test_years_ages_and_zip_codes():
    assert year_alone("3/4/2012") == "2012"
    assert year_alone("3/4") is None
    assert year_alone("1920", latest=2012) is None
    assert [pooled_age(words) for words in ("92", "89", "45 year old", "ninety-two", "90s")] == [
        *("90+", "89", "45 year old", "90+", "90+s")
    ]
    assert [pooled_age(words) for words in ("old", "3 of 4", "92 Elm", "1234", "")] == [None] * 5
    assert [zip3(words) for words in ("02139", "02139-1234", "03601", "8300", "x")] == [
        *("021", "021", "000", None, None)
    ]
    assert len(RESTRICTED_ZIP3) == 17


# --- failing closed ------------------------------------------------------------------------------


def test_a_search_that_fails_withholds_the_document():
    def model(document):
        raise RuntimeError(document.text)

    for broken in (model, lambda document: [(0, 999, "DATE", 1.0)], lambda document: [1]):
        cleaned = clean(NOTE, Replacer("tag", KEY), model=broken)
        assert (cleaned.text, cleaned.withheld, cleaned.done) == ("[WITHHELD]", True, ())
        assert "Smith" not in repr(cleaned)


@pytest.mark.parametrize("mode", deid.MODES)
def test_a_replacement_that_fails_is_a_tag(mode, monkeypatch):
    if mode == "surrogate":
        pytest.importorskip("faker")

    def broken(*arguments):
        raise ValueError(arguments)

    monkeypatch.setattr(Replacer, "_made", broken)
    assert text_of(mode) == text_of("tag")


def test_a_replacement_equal_to_the_text_is_a_tag(monkeypatch):
    monkeypatch.setattr(Replacer, "_made", lambda self, document, label, words, latest: words)
    assert "Smith" not in text_of("mask")
    assert "[PATIENT]" in text_of("mask")


def test_the_output_is_scanned_once_more():
    # The model finds the words in one place only; in the other they are no whole finding.
    def model(document):
        start = document.text.index("Jones")
        return [(start, start + 5, "PATIENT", 0.9), (21, 30, "IDNUM", 0.9)]

    note = Document("n", "Seen by Jones today, QX-77-Q51 known. qx 77\nq51; \u200bJo\u200bnes")
    assert note.text[21:30] == "QX-77-Q51"
    cleaned = clean(note, Replacer("tag", KEY), model=model)
    assert "q51" not in cleaned.text.lower()
    assert "nes" not in cleaned.text
    assert cleaned.again == 1


def test_shifted_dates_are_no_remainders():
    text = "Seen " + ", ".join(f"2012-03-{day:02d}" for day in range(1, 29))
    cleaned = clean(Document("n", text, subject="p"), Replacer("shift-dates", KEY))
    assert cleaned.again == 0
    assert "[" not in cleaned.text


def test_unknown_modes_and_short_keys():
    with pytest.raises(ConfigError, match="Did you mean 'mask'"):
        Replacer("masks", KEY)
    with pytest.raises(ConfigError, match="got 3 bytes"):
        Replacer("tag", b"abc")


@settings(max_examples=examples(80), deadline=None)
@given(
    st.text(alphabet="ab1/-. @\u200b(M2", max_size=60),
    st.sampled_from(["tag", "mask", "remove", "hash", "shift-dates"]),
)
def test_what_is_not_found_stays_and_what_is_found_goes(text, mode):
    note = Document("n", text)
    found = deid.find(note)
    cleaned = clean(note, Replacer(mode, KEY))
    assert [span for span, _ in cleaned.done] == found
    if not found:
        assert cleaned.text == text
    for span, made in cleaned.done:
        assert made != text[span.start : span.end]


# --- surrogates ----------------------------------------------------------------------------------


def test_surrogates_are_the_same_within_a_patient():
    pytest.importorskip("faker")
    note = Document("a", "Ann Smith. SMITH; Smith, Ann; Mrs. Smith", subject="p1")
    made = text_of("surrogate", note)
    words = made.replace(".", "").replace(";", "").replace(",", "").split()
    first, last = words[0], words[1]
    assert (first[0], last[0]) == ("A", "S")
    assert (first, last) != ("Ann", "Smith")
    assert words == [first, last, last.upper(), last, first, "Mrs", last]
    same = Document("b", "Ann Smith", subject="p1")
    assert text_of("surrogate", same) == f"{first} {last}"
    others = {
        text_of("surrogate", Document("c", "Ann Smith", subject=f"p{number}"))
        for number in range(20)
    }
    assert len(others) > 5


def test_surrogates_keep_gender_and_form():
    pytest.importorskip("faker")
    from sequela.deid.surrogates import Surrogates, _known

    make = Surrogates(KEY).make
    men, women = _known()
    assert make("PATIENT", "Robert", "p").lower() in men
    assert make("PATIENT", "Margaret", "p").lower() in women
    assert make("PHONE", "617-555-1234", "p")[4:10] == "555-01"
    assert make("SSN", "123-45-6789", "p").startswith("000-")
    number = make("MEDICALRECORD", "AB-123", "p")
    assert (number[2], number[:2].isupper(), number[3:].isdigit()) == ("-", True, True)
    assert make("EMAIL", "a@b.org", "p").endswith("@example.com")
    assert make("CITY", "Boston", "p") == make("CITY", "Boston", "p") != "Boston"
    assert make("OTHER", "x", "p") is None
    assert text_of("surrogate", Document("n", "J. S. came", subject="p")) == "J. S. came"


@pytest.mark.parametrize("name", ["Quentin", "Uma", "Xavier", "Ann", "Xu", "Underwood"])
def test_a_surrogate_does_not_tell_the_name_by_itself(name):
    pytest.importorskip("faker")
    from sequela.deid.surrogates import Surrogates, _known

    make = Surrogates(KEY).make
    made = [make("PATIENT", name, f"p{number}") for number in range(300)]
    assert len(set(made)) >= 8
    assert max(made.count(one) for one in set(made)) <= 60
    if name in ("Xavier", "Ann"):
        assert {one.lower() for one in made} <= _known()[name == "Ann"]
    assert not {"Ann", "Anna", "Ana", "Anne", name} & set(made)


def test_the_order_of_one_date_is_that_of_all():
    days = timedelta(Replacer("shift-dates", KEY).shift_of("subject p"))

    def moved(day, form="%d/%m/%Y"):
        there = datetime(2012, *day) + days
        return "/".join(str(int(part)) for part in there.strftime(form).split("/"))

    def cleaned(text, **options):
        note = Document("n", text, subject="p")
        return clean(note, Replacer("shift-dates", KEY, **options))

    note = cleaned("On 13/4/2012, 3/4/2012 and 5/4/2012.")
    assert note.text == f"On {moved((4, 13))}, {moved((4, 3))} and {moved((4, 5))}."
    assert note.against_order
    american = "%m/%d/%Y"
    note = cleaned("On 4/13/2012 and 3/4/2012.", day_first=True)
    assert note.text == f"On {moved((4, 13), american)} and {moved((3, 4), american)}."
    assert note.against_order
    note = cleaned("On 13/4/2012, 4/13/2012 and 3/4/2012.")
    both = f"{moved((4, 13))}, {moved((4, 13), american)}"
    assert (note.text, note.against_order) == (f"On {both} and [DATE].", True)
    assert not cleaned("On 4/13/2012 and 3/4/2012.").against_order


def test_a_surrogate_is_nobody_else_in_the_document():
    pytest.importorskip("faker")
    made = text_of("surrogate", Document("a", "Ann Smith", subject="p1")).split()[1]
    names = Names(["Ann Smith", f"Bob {made}"])
    note = Document("a", f"Smith and {made}", subject="p1")
    assert clean(note, Replacer("surrogate", KEY), names=names).text.startswith("[PATIENT] and ")


def test_a_surrogate_is_never_the_name_turned_around():
    pytest.importorskip("faker")
    # James and Jordan are first names of men with one initial: one may be drawn for the other.
    swapped = 0
    for number in range(300):
        note = Document("a", "James Jordan came", subject=f"p{number}")
        names = Names(["James Jordan"])
        made = clean(note, Replacer("surrogate", KEY), names=names).text
        assert "James" not in made
        assert "Jordan" not in made
        swapped += made.startswith("[PATIENT]")
    assert swapped


def test_no_surrogate_holds_a_name_of_the_note(monkeypatch):
    pytest.importorskip("faker")
    from sequela.deid.surrogates import Surrogates

    made = {"PATIENT": "Bob Brown", "EMAIL": "smith.12@example.com", "CITY": "Annville"}
    monkeypatch.setattr(Surrogates, "make", lambda self, label, words, person: made.get(label))
    text = text_of("surrogate", Document("n", "Ann Smith, a@b.org", subject="p"))
    assert text == "Bob Brown, [EMAIL]"


def test_years_that_tell_an_age_over_89_today():
    note = Document("n", "Born in 1925. Seen 3/4/1990, and 5/6/1971.")
    assert text_of("tag", note, safe_harbor=True) == "Born in [DATE]. Seen 1990, and 1971."
    assert text_of("tag", Document("n", "Seen 3/4/1921."), safe_harbor=True) == "Seen [DATE]."


@pytest.mark.parametrize("year", [f"{year:02d}" for year in range(50)])
def test_two_digits_of_a_birth_never_tell_an_age_over_89(year):
    this = datetime.now().year
    for words, time in (
        (f"DOB: 3/4/{year}, seen 5/6/2012", None),
        (f"DOB: 3/4/{year}, seen 5/6/12", None),
        (f"Ann 3/4/{year}, seen 5/6/2012", None),
        (f"DOB: 3/4/{year}", datetime(2012, 5, 6)),
        (f"DOB: 3/4/{year}", None),
    ):
        text = text_of("tag", Document("n", words, time=time), safe_harbor=True)
        born = 2000 + int(year) if int(year) <= 12 else 1900 + int(year)
        told = this - born < 90 and ("seen" in words or time is not None)
        wanted = words.replace(f"3/4/{year}", str(born) if told else "[DATE]")
        wanted = wanted.replace("5/6/2012", "2012").replace("5/6/12", "2012")
        assert text.replace("[PATIENT]", "Ann") == wanted


def test_years_to_come_are_no_years_of_the_note():
    future = datetime.now().year + 3
    note = Document("n", f"Code 3/4/{future}, seen 5/6/2012, on 3/5.")
    assert text_of("tag", note, safe_harbor=True) == "Code [DATE], seen 2012, on [DATE]."


@pytest.mark.parametrize(
    ("text", "words", "label", "wanted"),
    [
        ("MRN 48213", "48213", "ZIP", "MRN [MEDICALRECORD]"),
        ("Code 30311", "30311", "ZIP", "Code [ZIP]"),
        ("Boston MA 02139", "02139", "ZIP", "Boston MA 021"),
        ("Bed 12", "12", "AGE", "Bed [AGE]"),
        ("Mother (103) came", "103", "AGE", "Mother (90+) came"),
        ("A 45 yo man", "45", "AGE", "A 45 yo man"),
        ("A 92-year-old man", "92-year-old", "AGE", "A 90+-year-old man"),
        ("Age: 45-year-old", "45-year-old", "AGE", "Age: 45-year-old"),
        ("Room 1950", "1950", "DATE", "Room [DATE]"),
    ],
)
def test_a_model_does_not_choose_what_is_kept(text, words, label, wanted):
    def model(document):
        start = document.text.index(words)
        return [(start, start + len(words), label, 0.97)]

    note = Document("n", text, subject="p")
    assert text_of("tag", note, model, safe_harbor=True) == wanted
    assert text_of("shift-dates", note, model) == wanted


def test_a_date_keeps_its_edges_in_a_longer_one():
    def model(document):
        return [(5, 19, "DATE", 0.99)]

    note = Document("n", "Seen 3/4/2012 at 10 by us", subject="p")
    assert text_of("tag", note, model, safe_harbor=True) == "Seen 2012 [DATE] by us"
    moved = shifted("3/4/2012", Replacer("shift-dates", KEY).shift_of("subject p"))
    assert text_of("shift-dates", note, model) == f"Seen {moved} [DATE] by us"


def test_unseen_and_wide_characters_are_replaced_like_plain_ones():
    note = Document("n", "Seen ３/4/\u200b2012 and 3/9/2012.", subject="p1")
    plain = Document("n", "Seen 3/4/2012 and 3/9/2012.", subject="p1")
    for mode in ("shift-dates", "hash"):
        assert text_of(mode, note) == text_of(mode, plain)


def test_names_in_small_letters_and_halves_of_names():
    def model(document):
        return [(0, 5, "PATIENT", 0.9)]

    cleaned = clean(
        Document("n", "jones came; later jones left"), Replacer("tag", KEY), model=model
    )
    assert cleaned.text == "[PATIENT] came; later [PATIENT] left"

    def doubtful(document):
        return [(0, 4, "PATIENT", 0.5)]

    cleaned = clean(Document("n", "also came; also left"), Replacer("tag", KEY), model=doubtful)
    assert cleaned.text == "[PATIENT] came; also left"
    names = Names(["Ann Smith-Jones"])
    assert clean(Document("n", "Mrs. Jones"), Replacer("tag", KEY), names=names).text == (
        "Mrs. [PATIENT]"
    )


def test_a_mask_hides_vowel_signs():
    def model(document):
        return [(0, 9, "PATIENT", 0.9)]

    made = clean(Document("n", "राम शर्मा: well"), Replacer("mask", KEY), model=model).text
    assert made == "*** *****: well"


def test_what_was_found_is_found_again_small_and_without_what_parts_it():
    def again(text, *names, model=None):
        listed = Names(names) if names else None
        return clean(Document("n", text), Replacer("tag", KEY), names=listed, model=model).text

    found = again("Ann Smith came. smith left; ann ate, the smithy.", "Ann Smith")
    assert found == "[PATIENT] came. [PHI] left; [PHI] ate, the smithy."
    assert again("Mrs. White wore white", "Ann White") == "Mrs. [PATIENT] wore white"
    assert again("O'Brien, OBrien, Obrien", "O'Brien") == "[PATIENT], [PATIENT], [PATIENT]"
    assert again("Smith01/02/2012 x", "Ann Smith") == "[PATIENT][DATE] x"
    found = again("ID QX-77-Q51 is qx77q51 or QX 77Q51", model=lambda note: [(3, 12, "IDNUM", 0.9)])
    assert found == "ID [IDNUM] is [PHI] or [PHI]"
    assert again("MRN 9921, code 9921, 19921") == "MRN [MEDICALRECORD], code [PHI], 19921"
    assert again("MRN 2012, in 2012") == "MRN [MEDICALRECORD], in 2012"
