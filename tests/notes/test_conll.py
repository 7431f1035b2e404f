from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sequela import sources
from sequela.errors import DataError
from sequela.notes import Document, Span, decoded, tags_of_spans, tokenised, write_conll


@pytest.mark.parametrize(
    "tags",
    [
        "B-x I-x O B-x B-y O",
        "I-x I-x O I-x I-y O",
        "B-x E-x O S-x S-y O",
        "B-x L-x O U-x U-y O",
        "B-x I-x O B-x I-y O",
    ],
)
def test_all_schemes_mean_the_same_spans(tags):
    text, spans = decoded(["a", "bb", "c", "d", "e", "f"], tags.split())
    assert text == "a bb c d e f"
    assert spans == [(0, 4, "x"), (7, 8, "x"), (9, 10, "y")]


def test_an_end_closes_its_span():
    assert len(decoded(["a", "b", "c"], ["B-x", "E-x", "I-x"])[1]) == 2
    assert len(decoded(["a", "b"], ["S-x", "I-x"])[1]) == 2


@pytest.mark.parametrize("tag", ["", "o", "x", "B", "B-", "-x", "B-x,B-y", "B_x", "Z-x", "B-a b"])
def test_other_tags_are_refused(tag):
    with pytest.raises(DataError, match="token 2: got another form of tag") as caught:
        decoded(["a", "canary"], ["O", tag])
    assert "canary" not in str(caught.value)


@given(st.lists(st.tuples(st.integers(1, 3), st.sampled_from(["O", "x", "y"])), max_size=8))
def test_spans_cover_their_tokens(pieces):
    tokens, tags, expected = [], [], []
    for size, kind in pieces:
        begin = len(" ".join(tokens)) + bool(tokens)
        tokens += ["tok"] * size
        if kind == "O":
            tags += ["O"] * size
        else:
            tags += [f"B-{kind}"] + [f"I-{kind}"] * (size - 1)
            expected.append((begin, len(" ".join(tokens)), kind))
    assert decoded(tokens, tags) == (" ".join(tokens), expected)


@pytest.mark.parametrize("scheme", ["bio", "bioes"])
def test_what_is_written_has_the_same_tokens_and_tags(tmp_path, scheme):
    text = "Dr.Ames saw Ann\r\nSmith on 3/4.\n\nMRN:12 -DOCSTART- \u200bx\x85é"
    spans = (Span(3, 7, "DOCTOR"), Span(12, 22, "PATIENT"), Span(26, 29, "DATE"))
    some = [Document("a", text, spans), Document("b", "No one.")]
    assert write_conll(tmp_path / "n.conll", some, scheme) == 2
    again = list(sources.read("conll", tmp_path / "n.conll", whole=True))
    assert len(again) == 2
    for one, other in zip(some, again, strict=True):
        words = [
            [each.text[start:end] for start, end in tokenised(each.text)] for each in (one, other)
        ]
        assert words[0] == words[1]
    tags = tags_of_spans(tokenised(again[0].text), again[0].spans, "bio").tags
    # A sentence ends with its line, and a span with its sentence.
    assert [tag for tag in tags if tag != "O"] == (
        ["B-DOCTOR", "B-PATIENT", "B-PATIENT", "B-DATE", "I-DATE", "I-DATE"]
    )


def test_types_that_no_line_can_hold(tmp_path):
    with pytest.raises(DataError, match="type of a span of document 1"):
        write_conll(tmp_path / "n.conll", [Document("a", "Ann", (Span(0, 3, "a b"),))])
    assert list(tmp_path.iterdir()) == []
