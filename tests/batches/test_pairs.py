"""Texts that are to be written, as numbers of tokens, and back."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sequela.batches.pairs import TargetEncoder
from sequela.errors import BundleError, ConfigError

TEXTS = ["Va !", "Va-t'en, vite.", "Il a 3,5 ans.", "  Oui\u202f?  "]


@pytest.mark.parametrize("unit", ["words", "characters"])
def test_there_and_back(unit):
    encoder = TargetEncoder.fit(TEXTS, unit, 1)
    numbers = encoder.encode(TEXTS, 50)
    found = [encoder.text(row.tolist()) for row in numbers]
    wanted = TEXTS if unit == "characters" else ["Va !", "Va-t'en, vite.", "Il a 3,5 ans.", "Oui ?"]
    assert found == wanted
    again = TargetEncoder.from_dict(json.loads(json.dumps(encoder.to_dict())))
    assert (again.encode(TEXTS, 50) == numbers).all()
    assert again.size == encoder.size == numbers.max() + 1


@given(st.lists(st.text("ab .,'1", max_size=12), min_size=1, max_size=4))
def test_words_come_back_but_for_blanks(texts):
    encoder = TargetEncoder.fit(texts, "words", 1)
    for text, row in zip(texts, encoder.encode(texts, 99), strict=True):
        assert encoder.text(row.tolist()) == " ".join(text.split())


def test_rare_tokens_and_long_texts():
    encoder = TargetEncoder.fit(["a b", "a c"], "words", 2)
    assert encoder.tokens == ("a",)
    assert encoder.encode(["a b a", ""], 2).tolist() == [[1, 0], [-1, -1]]
    assert encoder.text([1, 0, -1, 1]) == "a\ufffd"


def test_mistakes():
    with pytest.raises(ConfigError, match="tokens to write"):
        TargetEncoder("words", ["a", "a"])
    for content in ({"unit": "x", "tokens": []}, {"unit": "words", "tokens": "a"}, {}):
        with pytest.raises(BundleError, match="encoder of targets"):
            TargetEncoder.from_dict(content)
