from __future__ import annotations

import itertools
import re

import numpy as np
import pytest

from sequela.errors import ConfigError
from sequela.notes import tags_of_spans, tokenised
from sequela.simulate import identities, lexicon, phrases
from sequela.simulate import patterns as patterns_of
from sequela.simulate.cues import HELD_OUT, cues
from sequela.simulate.drafts import draft
from sequela.simulate.notes import notes, template_of
from sequela.simulate.wording import expanded, patterns
from sequela.simulate.written_notes import exchanged, written, written_notes
from sequela.simulate.written_notes import sentences as written_sentences

#: The kinds of identifiers of Safe Harbor, as far as a text can hold them.
KINDS = (
    "PATIENT DOCTOR DATE AGE HOSPITAL ORGANIZATION STREET CITY STATE ZIP PHONE FAX SSN EMAIL URL "
    "IPADDR USERNAME MEDICALRECORD HEALTHPLAN ACCOUNT LICENSE VEHICLE DEVICE BIOID IDNUM"
)


@pytest.mark.parametrize("part", ["train", "epoch", "tune", "test"])
def test_all_kinds_are_there_and_marked_to_the_character(part):
    made = notes(60, seed=3, part=part, noise=0.0)
    assert set(made.types()) == set(KINDS.split(" "))
    for one in made:
        assert "{" not in one.text
        assert not any(a.end > b.start for a, b in zip(one.spans, one.spans[1:], strict=False))
        for span in one.spans:
            words = one.text[span.start : span.end]
            assert words == words.strip() != ""
            if span.type in ("PHONE", "SSN", "ZIP", "MEDICALRECORD"):
                assert any(one.isdigit() for one in words)
        # Tokens begin and end where spans do.
        assert tags_of_spans(tokenised(one.text), one.spans)[1:] == (0, 0)


def test_the_same_each_time_and_others_for_another_seed():
    first, again, other = (list(notes(8, seed)) for seed in (1, 1, 2))
    assert first == again
    assert all(one.text != two.text for one, two in zip(first, other, strict=True))
    # A longer set begins as a shorter one.
    assert list(notes(4, 1)) == first[:4]
    assert [one.subject for one in first[:4]] == ["patient0", "patient0", "patient1", "patient1"]


def test_noise_changes_characters_and_keeps_the_marks():
    plain, worn = list(notes(20, 1, noise=0.0)), list(notes(20, 1, noise=0.05))
    assert any(one.text != two.text for one, two in zip(plain, worn, strict=True))
    for one in worn:
        assert all(one.text[span.start : span.end].strip() for span in one.spans)


def test_parts_share_no_names():
    words = []
    for part in ("train", "test"):
        found: set[str] = set()
        for one in notes(80, 5, part=part, noise=0.0):
            for span in one.spans:
                if span.type == "PATIENT":
                    found.add(one.text[span.start : span.end])
        words.append(found)
    assert len(words[0]) > 40
    assert not words[0] & words[1]
    parts_of = ("train", "tune", "test")
    tables = "FIRST SURNAMES ENDINGS EPONYMS CITIES STATES ROADS WARDS TEMPLATES"
    for name in tables.split(" "):
        parts = [set(getattr(phrases, name)[part]) for part in parts_of]
        for one, two in itertools.combinations(parts, 2):
            assert not one & two, name
    others = set(phrases.WARDS["tune"]) | set(phrases.WARDS["test"])
    assert not set(identities.HOUSES) & others
    assert not set(phrases.TEMPLATES["epoch"]) & set(phrases.TEMPLATES["tune"])
    random = np.random.default_rng(0)
    places = {part: {identities.town(random, part) for _ in range(3000)} for part in parts_of}
    assert not places["train"] & (places["tune"] | places["test"])


def test_cues_are_places_with_two_words_beside_them():
    found = cues("Copy to: Dr. {DOCTOR}, FAX number {FAX} {age} today")
    assert found == {
        ("to", "dr", "{doctor}"),
        ("dr", "{doctor}", "fax"),
        ("{doctor}", "fax", "number"),
        ("fax", "number", "{fax}"),
        ("number", "{fax}", "today"),
    }


def test_patterns_can_hold_cues_of_other_templates_and_training_notes_do_not():
    """Of all drafts, and of the templates that are whole; without the sieve some would hold one."""
    random = np.random.default_rng(1)
    held = [cues(expanded(one, random)) & HELD_OUT for one in patterns_of.LINES for _ in range(40)]
    assert any(held)
    known = set().union(*(cues(draft(random)) for _ in range(1500)), set())
    known |= set().union(*(cues(exchanged(random, written(random))) for _ in range(500)))
    for template in phrases.TEMPLATES["train"]:
        known |= cues(template)
    assert len(known) > 4000
    # Counted, not shown: who writes for one part must not read the others.
    assert len(known & HELD_OUT) == 0


def test_parts_share_no_sentences():
    """Between two marks or line ends; up to three words may stand anywhere."""
    held = {
        part: set().union(*map(sentences, phrases.TEMPLATES[part]))
        for part in ("epoch", "tune", "test")
    }
    random = np.random.default_rng(4)
    known = set().union(*(sentences(draft(random)) for _ in range(1500)))
    known |= set().union(*map(sentences, phrases.TEMPLATES["train"]))
    assert len(known) > 5000
    assert min(map(len, held.values())) > 25
    # Counted, not shown: who writes for one part must not read the others.
    for one, two in itertools.combinations([known, *held.values()], 2):
        assert len(one & two) == 0
    # A sentence of the test that training notes did hold would be seen.
    assert sentences(f"{phrases.TEMPLATES['test'][0]}\nand so on") & held["test"]


def sentences(text: str) -> set[tuple[str, ...]]:
    """Those of four words or more; a place is one, and one at least is none."""
    pieces = re.split(r"[.:;?!|\n\r\t]+| {2,}", text.lower())
    found = {tuple(re.findall(r"\{\w+\}|[^\W\d_]+|\d+", one)) for one in pieces}
    return {one for one in found if len(one) > 3 and any(word[0] != "{" for word in one)}


def test_written_notes_are_whole_and_hold_nobodys_words():
    texts = " ".join(written_notes())
    assert len(written_notes()) > 200
    assert texts.count("[") == texts.count("]")
    # Counted, not shown.
    words = set(re.findall(r"[^\W\d_]+", texts))
    others = {one for part in ("tune", "test") for one in phrases.EPONYMS[part]}
    assert len(words & others) == 0
    plain, telling = written_sentences()
    assert min(len(plain), len(telling)) > 300
    assert not any(re.search(r"\{[A-Z]{2,}\}", one) for one in plain)


def test_words_are_exchanged_away_from_what_identifies():
    random = np.random.default_rng(4)
    text = "Spoke with {PATIENT} today. " + "Every other word here may become another one. " * 9
    made = [exchanged(random, text) for _ in range(40)]
    assert all(one.startswith("Spoke with {PATIENT} today. ") for one in made)
    assert 10 < len(set(made)) <= 40
    assert all(len(one.split()) == len(text.split()) for one in made)


def test_the_template_of_a_note_is_told():
    for number, one in enumerate(notes(12, 3, "test", noise=0.0)):
        template = phrases.TEMPLATES["test"][template_of(number, 3, "test")]
        assert all(words in one.text for words in re.split(r"\{\w+\}", template))


def test_choices_within_choices():
    random = np.random.default_rng(2)
    pattern = patterns("one [a|b [c|d]|]\n  two\nthree")
    assert pattern == ("one [a|b [c|d]|] two", "three")
    found = {expanded(pattern[0], random) for _ in range(200)}
    assert found == {"one a two", "one b c two", "one b d two", "one  two"}
    assert expanded(r"a\nb\tc", random) == "a\nb\tc"


def test_odd_words_are_none_of_the_list():
    random = np.random.default_rng(3)
    for kind in lexicon.ODD:
        made = {lexicon.odd(random, kind) for _ in range(50)}
        assert len(made) > 40
        assert all(one.isalpha() for one in made)
        assert kind == "drug" or all(one.islower() for one in made)


@pytest.mark.parametrize("wrong", [{"count": 0}, {"noise": 1.0}, {"part": "x"}])
def test_mistakes(wrong):
    with pytest.raises(ConfigError, match="simulated notes"):
        notes(**{"count": 1, **wrong})
