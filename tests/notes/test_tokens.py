"""The law of tokens, and where clinical text comes apart."""

from __future__ import annotations

import itertools
import sys
import unicodedata

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.tiers import examples

from sequela.errors import ConfigError
from sequela.notes import tokenised, windows

ODD = "ab Zé9٣\u0301\u200b\u200d\ufeff\u202e\r\n\t\u2028\u0085\x00-_'’s*/.😀\U0001d400\u0903漢²½ß"
TEXTS = st.text(max_size=60) | st.text(ODD, max_size=60)


def pieces(text: str) -> list[str]:
    return [text[start:end] for start, end in tokenised(text)]


@settings(max_examples=examples(150))
@given(TEXTS)
def test_all_but_white_space_is_covered_once(text):
    behind = 0
    for start, end in tokenised(text):
        assert behind <= start < end
        assert text[behind:start].strip() == ""
        assert not any(one.isspace() for one in text[start:end])
        behind = end
    assert behind <= len(text)
    assert text[behind:].strip() == ""


@settings(max_examples=examples(50))
@given(TEXTS, TEXTS)
def test_a_blank_parts_texts(left, right):
    shift = len(left) + 1
    both = tokenised(left) + [(start + shift, end + shift) for start, end in tokenised(right)]
    # A text in ASCII is read by a simpler pattern: it gives the same.
    assert tokenised(f"{left} {right}") == both


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("Dr.Smith saw him", "Dr . Smith saw him"),
        ("12/03/2019 2019-03-12T08:05", "12 / 03 / 2019 2019 - 03 - 12 T 08 : 05"),
        ("5mg b.i.d., 98.6F 2nd", "5 mg b . i . d . , 98 . 6 F 2 nd"),
        ("MRN12345 B12 A1c", "MRN 12345 B 12 A 1 c"),
        ("HISTORY:Patient (HPI):", "HISTORY : Patient ( HPI ) :"),
        ("JohnSmith SmithMD McDonald mmHg eGFR", "John Smith Smith MD McDonald mmHg eGFR"),
        ("O'Brien's don't Smith's James'", "O'Brien 's don't Smith 's James '"),
        ("O’Brien’s Ward’S", "O’Brien ’s Ward ’S"),
        ("Smith-Jones well-known", "Smith - Jones well - known"),
        ("[**Name**] ---- ((5)) Inc..", "[ ** Name ** ] ---- ( ( 5 ) ) Inc . ."),
        ("a_b@c.org", "a _ b @ c . org"),
        ("\r\nNAME:\r\n\tJOSÉ", "NAME : JOSÉ"),
        ("Jose\u0301 Jo\u200bhn \ufeffx", "Jose\u0301 Jo\u200bhn \ufeff x"),
        ("राम٣٤", "राम ٣٤"),
        ("m² \x00x", "m² \x00 x"),
        ("", ""),
        (" \r\n\u2028", ""),
    ],
)
def test_where_text_comes_apart(text, wanted):
    assert pieces(text) == wanted.split(" ") if wanted else pieces(text) == []


def test_no_letter_is_a_mark():
    # The pattern is linear because no character is both.
    for point in range(sys.maxunicode + 1):
        one = chr(point)
        if unicodedata.category(one) in ("Mn", "Mc", "Me", "Cf"):
            assert not one.isalnum(), hex(point)


@pytest.mark.parametrize("unit", ["a", "1", "-", "a\u0301", "'a", "aB", "\u0301", "Aaa", "''s"])
def test_long_lines_take_their_time_only(unit):
    text = unit * (200_000 // len(unit))
    found = tokenised(text)
    assert sum(end - start for start, end in found) == len(text)


@given(st.integers(0, 300), st.integers(1, 40), st.integers(0, 39))
def test_windows_cover_and_share(count, size, overlap):
    if overlap >= size:
        with pytest.raises(ConfigError, match="fewer shared than all"):
            windows(count, size, overlap)
        return
    found = windows(count, size, overlap)
    assert bool(found) == bool(count)
    if not found:
        return
    assert found[0][0] == 0
    assert found[-1][1] == count
    assert all(behind - first == min(size, count) for first, behind in found)
    for (first, behind), (start, end) in itertools.pairwise(found):
        assert first < start <= behind - overlap
        assert behind < end
