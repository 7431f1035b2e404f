from __future__ import annotations

import itertools
import re

import pytest

from sequela.errors import ConfigError
from sequela.notes import tags_of_spans, tokenised
from sequela.simulate import passages, phrases
from sequela.simulate.notes import notes

#: The kinds of identifiers of Safe Harbor, as far as a text can hold them.
KINDS = (
    "PATIENT DOCTOR DATE AGE HOSPITAL ORGANIZATION STREET CITY STATE ZIP PHONE FAX SSN EMAIL URL "
    "IPADDR USERNAME MEDICALRECORD HEALTHPLAN ACCOUNT LICENSE VEHICLE DEVICE BIOID IDNUM"
)


@pytest.mark.parametrize("part", ["train", "tune", "test"])
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


def test_parts_share_neither_names_nor_sentences():
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
    for name in ("FIRST", "SURNAMES", "CITIES", "STATES", "ROADS", "WARDS", "TEMPLATES"):
        parts = [set(getattr(phrases, name)[part]) for part in ("train", "tune", "test")]
        for one, two in itertools.combinations(parts, 2):
            assert not one & two, name
    passages_there = {*passages.HEADS, *passages.LINES, *passages.SENTENCES, *passages.ENDS}
    whole = "\n".join(line for part in ("tune", "test") for line in phrases.TEMPLATES[part])
    known = {one.strip() for one in re.findall(r"[^.:;\n]+", whole)}
    worded = {one for one in known if re.search(r"\w", re.sub(r"\{\w+\}", "", one))}
    assert not worded & passages_there


@pytest.mark.parametrize("wrong", [{"count": 0}, {"noise": 1.0}, {"part": "x"}])
def test_mistakes(wrong):
    with pytest.raises(ConfigError, match="simulated notes"):
        notes(**{"count": 1, **wrong})
