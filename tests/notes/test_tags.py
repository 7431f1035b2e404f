from __future__ import annotations

import itertools

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.tiers import examples

from sequela.errors import ConfigError
from sequela.nn import legal_tags
from sequela.notes import Span, spans_of_tags, tag_names, tags_of_spans, tokenised

SCHEMES = ("bio", "bioes")
TOKENS = [(0, 1), (2, 4), (5, 6), (6, 9), (10, 11)]


@pytest.mark.parametrize(
    ("spans", "bio", "bioes"),
    [
        ([(0, 4, "x")], "B-x I-x O O O", "B-x E-x O O O"),
        ([(0, 9, "x"), (10, 11, "x")], "B-x I-x I-x I-x B-x", "B-x I-x I-x E-x S-x"),
        ([(2, 4, "x"), (5, 6, "y")], "O B-x B-y O O", "O S-x S-y O O"),
        ([], "O O O O O", "O O O O O"),
    ],
)
def test_spans_at_tokens(spans, bio, bioes):
    for scheme, wanted in zip(SCHEMES, (bio, bioes), strict=True):
        found = tags_of_spans(TOKENS, [Span(*span) for span in spans], scheme)
        assert found == (wanted.split(), 0, 0)
        assert spans_of_tags(TOKENS, found.tags) == [Span(*span) for span in spans]


@pytest.mark.parametrize(
    ("spans", "wanted", "moved", "dropped"),
    [
        ([(3, 8, "x")], "O B-x I-x I-x O", 1, 0),  # from inside a token into another
        ([(0, 6, "x"), (2, 4, "y")], "B-x I-x I-x O O", 0, 1),  # one within the other
        ([(0, 6, "x"), (2, 11, "y")], "B-x B-y I-y I-y I-y", 1, 0),  # crossing: the longer one
        ([(0, 3, "x"), (3, 4, "y")], "B-x I-x O O O", 1, 1),  # two in one token
        ([(0, 4, "y"), (0, 4, "x")], "B-x I-x O O O", 0, 1),
        ([(1, 2, "x"), (4, 5, "x")], "O O O O O", 0, 2),  # nothing but blanks
        ([(1, 5, "x")], "O B-x O O O", 1, 0),
    ],
)
def test_spans_that_tags_cannot_hold_are_counted(spans, wanted, moved, dropped):
    found = tags_of_spans(TOKENS, [Span(*span) for span in spans], "bio")
    assert found == (wanted.split(), moved, dropped)


@settings(max_examples=examples(60))
@given(st.text("ab1 .-\n", max_size=40), st.data())
def test_tags_are_legal_and_mean_their_spans(text, data):
    tokens = tokenised(text)
    spans = []
    if text:
        for _ in range(data.draw(st.integers(0, 4))):
            start = data.draw(st.integers(0, len(text) - 1))
            end = data.draw(st.integers(start + 1, len(text)))
            spans.append(Span(start, end, data.draw(st.sampled_from("xy"))))
    for scheme in SCHEMES:
        tags, moved, dropped = tags_of_spans(tokens, spans, scheme)
        numbers = [tag_names("xy", scheme).index(tag) for tag in tags]
        legal = legal_tags(2, scheme)
        if numbers:
            assert legal.start[numbers[0]]
            assert legal.end[numbers[-1]]
        assert all(legal.transitions[a, b] for a, b in itertools.pairwise(numbers))
        again = spans_of_tags(tokens, tags)
        assert len(again) == len(spans) - dropped
        assert len(set(spans) - set(again)) <= moved + dropped
        assert tags_of_spans(tokens, again, scheme) == (tags, 0, 0)
        # A token that touches a span is marked, whatever else is lost.
        for (start, end), tag in zip(tokens, tags, strict=True):
            assert (tag != "O") == any(one.start < end and start < one.end for one in spans)


def test_names_and_schemes():
    assert tag_names(["A", "B"], "bio") == ["O", "B-A", "I-A", "B-B", "I-B"]
    assert tag_names(["A"]) == ["O", "B-A", "I-A", "E-A", "S-A"]
    with pytest.raises(ConfigError, match="'bilou', wanted bio or bioes"):
        tag_names(["A"], "bilou")
