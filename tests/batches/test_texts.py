"""Texts as samples: numbers from the training texts alone, pieces, lengths, and what is stored."""

from __future__ import annotations

import itertools
import json

import numpy as np
import pytest

from sequela.batches.texts import TextEncoder, TextEncoding
from sequela.errors import BundleError, ConfigError

TEXTS = ["Ab ab, cde", "ab 12", "", "cde"]


def numbers(encoder: TextEncoder, text: str) -> list[list[int]]:
    samples = encoder.encode([text])
    return [part.tolist() for part in np.split(samples.codes, samples.code_offsets[1:-1])]


def test_words():
    encoder = TextEncoder.fit(TEXTS, TextEncoding(min_texts=2))
    assert encoder.units == ("ab", "cde")
    assert encoder.size == 3
    assert numbers(encoder, "CDE ab, new") == [[2], [1], [0], [0]]
    assert encoder.unknown(["ab new", "cde"]) == pytest.approx(1 / 3)
    assert encoder.unknown([]) == 0
    known = TextEncoder.fit(TEXTS, TextEncoding(min_texts=1))
    assert "00" in known.units
    assert numbers(known, "97") == [[1 + known.units.index("00")]]


def test_pieces():
    encoder = TextEncoder.fit(["heart", "ears"], TextEncoding(min_texts=1, pieces=True))
    begin = 1 + len(encoder.units)
    place = {piece: begin + k for k, piece in enumerate(encoder.pieces)}
    assert encoder.pieces[0] == "ear"  # of two words
    ear = numbers(encoder, "ear")
    # <ear> has the pieces <ea ear ar> <ear ear> of three and four letters.
    assert ear == [[0, *(place[one] for one in ("<ea", "ear", "<ear") if one in place)]]
    assert encoder.size == begin + len(encoder.pieces)
    with pytest.raises(ConfigError, match="pieces"):
        TextEncoder.fit(TEXTS, TextEncoding(unit="characters", pieces=True))


def test_characters_and_the_longest():
    encoder = TextEncoder.fit(TEXTS, TextEncoding(unit="characters", min_texts=2, longest=3))
    # Of three characters of each text: a b and the blank of two, c d e of one.
    assert encoder.units == (" ", "b")
    assert numbers(encoder, "ab b") == [[0], [2], [1]]


def test_samples_are_ragged():
    target, groups = np.array([True, False, True, False]), np.array(list("wxyz"))
    encoder = TextEncoder.fit(TEXTS, TextEncoding(min_texts=1))
    samples = encoder.encode(TEXTS, target, groups)
    assert samples.lengths.tolist() == [4, 2, 0, 1]
    assert (samples.step_size, samples.static_size) == (0, 0)
    assert samples.vocabulary_size == encoder.size
    batch = samples.batch(np.array([2, 0]))
    assert batch.lengths.tolist() == [0, 4]
    assert batch.target.tolist() == [1, 1]


@pytest.mark.parametrize("encoding", [{}, {"pieces": True}, {"unit": "characters"}])
def test_what_is_stored_is_the_same_encoder(encoding):
    encoder = TextEncoder.fit(TEXTS, TextEncoding(min_texts=1, **encoding))
    again = TextEncoder.from_dict(json.loads(json.dumps(encoder.to_dict())))
    assert numbers(again, "ab 12 new") == numbers(encoder, "ab 12 new")
    assert again.to_dict() == encoder.to_dict()


@pytest.mark.parametrize(
    "damage", [{"units": "ab"}, {"units": ["a", "a"]}, {"encoding": {"unit": "x"}}, {"pieces": [1]}]
)
def test_damaged_encoders_are_refused(damage):
    content = TextEncoder.fit(TEXTS, TextEncoding(min_texts=1)).to_dict()
    with pytest.raises(BundleError, match="encoder of texts"):
        TextEncoder.from_dict({**content, **damage})


def test_a_code_is_known_by_its_beginnings():
    encoding = TextEncoding(unit="prefixes", min_texts=2)
    encoder = TextEncoder.fit(["4280", "4281", "5280"], encoding)
    found = encoder.encode(["4289", "9990", ""])
    assert found.lengths.tolist() == [1, 1, 1]
    names = ["", *encoder.units]
    offsets = found.code_offsets
    shown = [[names[k] for k in found.codes[a:b]] for a, b in itertools.pairwise(offsets)]
    assert shown == [["4", "42", "428", ".2", "..8"], ["...0"], []]
    again = TextEncoder.from_dict(encoder.to_dict()).encode(["4280"])
    assert np.array_equal(again.codes, encoder.encode(["4280"]).codes)


def test_a_word_of_megabytes_has_no_megabytes_of_pieces():
    for unit, pieces in (("words", True), ("prefixes", False)):
        encoder = TextEncoder.fit(
            ["aaaa", "aaab"], TextEncoding(unit=unit, min_texts=1, pieces=pieces)
        )
        long = encoder.encode(["a" * 1000, "a" * 1_000_000, "ab"])
        first, second = np.diff(long.code_offsets[:3])
        assert abs(int(first) - int(second)) <= 3
