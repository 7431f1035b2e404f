from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sequela.errors import DataError
from sequela.notes import decoded


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
