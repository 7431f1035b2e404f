"""Sub-words: words come back from their pieces, the longest first; learnt from texts."""

from __future__ import annotations

import json
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sequela.batches.pairs import TargetEncoder
from sequela.batches.subwords import Cutter, learnt
from sequela.batches.texts import TextEncoder, TextEncoding
from sequela.errors import MissingDependencyError

words = st.text("abc▁é", max_size=9)


@given(st.lists(words.filter(bool), max_size=12), st.lists(words, max_size=5))
def test_a_word_is_its_pieces_and_each_is_the_longest(known, given_words):
    cut = Cutter(known)
    for word in given_words:
        pieces = cut(word)
        assert "".join(pieces) == word
        rest = word
        for piece in pieces:
            fitting = [one for one in known if rest.startswith(one)]
            assert piece == max(fitting, key=len, default=rest[:1])
            rest = rest[len(piece) :]


def test_both_encoders_cut_words():
    writer = TargetEncoder("subwords", ["▁Haus", "boot", "H", "a", "u", "s", "."])
    numbers = writer.encode(["Haus Hausboot.", "Boot"], 20)
    assert writer.shown(numbers[0].tolist()) == ["H", "a", "u", "s", "▁Haus", "boot", "."]
    assert writer.text(numbers[0].tolist()) == "Haus Hausboot."
    assert writer.text(numbers[1].tolist()) == "\ufffd" * 4
    assert writer.encode(["Haus Hausboot."], 2).shape == (1, 2)
    assert TargetEncoder.from_dict(json.loads(json.dumps(writer.to_dict()))).unit == "subwords"

    encoding = TextEncoding(unit="subwords", min_texts=1, longest=4)
    reader = TextEncoder(encoding, ["▁house", "boat", "▁", "b"])
    assert reader.shown("Houseboat bob") == ["▁house", "boat", "▁", "b"]
    samples = reader.encode(["Houseboat bob", "", "boat o"])
    assert samples.lengths.tolist() == [4, 0, 4]
    assert samples.codes.tolist() == [1, 2, 3, 4, 3, 2, 3, 0]
    again = TextEncoder.from_dict(json.loads(json.dumps(reader.to_dict())))
    assert again.shown("Houseboat bob") == reader.shown("Houseboat bob")


def test_pieces_are_learnt_from_what_words_have_in_common():
    pytest.importorskip("tokenizers")
    texts = [["▁sea", "▁seaside", "▁side"], ["▁seaside", "▁sea"], ["▁sea", "▁x"]]
    found = learnt(texts, 60, 1)
    assert found == learnt([one[::-1] for one in texts[::-1]], 60, 1)
    assert {"▁", "s", "e", "a", "i", "d", "x"} <= set(found)
    assert Cutter(found)("▁seaside") == ["▁seaside"]
    # Seven characters and the one pair that is more frequent than all others.
    few = Cutter(learnt(texts, 8, 1))
    assert few("▁sea")[0] == few("▁seaside")[0] == "▁s"
    assert "x" not in learnt(texts, 60, 2)
    assert len(learnt(texts, 9, 1)) <= 9
    encoder = TextEncoder.fit(["sea seaside", "sea"], TextEncoding(unit="subwords", min_texts=1))
    assert encoder.unknown(["sea", "seaside"]) == 0
    assert encoder.unknown(["q"]) == 0.5
    writer = TargetEncoder.fit(["Die See", "die See"], "subwords", 1, 40)
    assert writer.text(writer.encode(["die See"], 30)[0].tolist()) == "die See"


def test_without_the_library(monkeypatch):
    monkeypatch.setitem(sys.modules, "tokenizers", None)
    with pytest.raises(MissingDependencyError, match=r"pip install 'sequela\[subwords\]'"):
        learnt([["a"]], 10, 1)
