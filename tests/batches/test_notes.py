from __future__ import annotations

import json

import pytest
import torch

from sequela.batches.notes import NoteEncoder, token_texts, word_form
from sequela.errors import BundleError, ConfigError, DataError
from sequela.notes import Document, Span

NOTES = [
    Document("a", "Seen 12/03 by Ann.", (Span(5, 10, "DATE"), Span(14, 17, "NAME"))),
    Document("b", "Seen 07/11 by Zoë.", (Span(5, 10, "DATE"),)),
    Document("c", "Seen seen", ()),
]


def test_what_is_known():
    encoder = NoteEncoder.fit(NOTES, min_documents=2, words=["pain", "seen"])
    assert encoder.words == ("seen", ".", "/", "00", "by", "pain")
    assert encoder.characters[:4] == ("\n", " ", "S", "e")
    assert "Z" not in encoder.characters
    assert "3" not in encoder.characters
    assert encoder.labels == ("DATE", "NAME")
    assert len(encoder.tags) == 9
    assert encoder.sizes()["vocabulary_size"] == 7
    again = NoteEncoder.from_dict(json.loads(json.dumps(encoder.to_dict())))
    assert again.to_dict() == encoder.to_dict()


def test_words_of_few_notes_are_in_no_list():
    encoder = NoteEncoder.fit(NOTES * 1, min_documents=2)
    assert not {"ann", "zoë"} & set(encoder.words)
    assert NoteEncoder.fit(NOTES).words == ()


def test_forms():
    forms = ["Ann", "A-12", "ZOË", "Jo\u200bhn", "\uff21\u0663", "ﬁn"]
    assert list(map(word_form, forms)) == ["ann", "a-00", "zoë", "john", "a0", "fin"]


def test_what_is_before_a_token_is_read_with_it():
    text = "Seen\r\nby:Ann  12"
    texts = token_texts(text, [(0, 4), (6, 8), (8, 9), (9, 12), (14, 16)])
    assert texts == ["\nSeen", "\nby", ":", "Ann", " 12"]
    encoder = NoteEncoder.fit(NOTES, min_documents=1)
    batch = encoder.batch([["\nSeen", " Seen", "Seen"]])
    assert len(set(batch.words.data.tolist())) == 1
    spelt = [encoder.characters.index(one) + 1 for one in "\n S"]
    assert batch.forms.data[:3].tolist() == spelt
    many = encoder.batch([["\n" + "a" * 50]])
    assert len(many.forms.batch_sizes) == 31


def test_a_batch():
    encoder = NoteEncoder.fit(NOTES, min_documents=1)
    stretches = [["by", "Ann"], [], ["Seen", "by", "Seen"]]
    tags = [["O", "S-NAME"], [], ["B-DATE", "I-DATE", "E-DATE"]]
    batch = encoder.batch(stretches, tags)
    assert batch.words.batch_sizes.tolist() == [2, 2, 1]
    assert batch.words.sorted_indices.tolist() == [2, 0, 1]
    known = [encoder.words.index(word) + 1 for word in ("by", "ann", "seen", "by", "seen")]
    assert batch.flat(batch.words.data).tolist() == known
    flat = [tag for stretch in tags for tag in stretch]
    assert [encoder.tags[tag] for tag in batch.flat(batch.tags)] == flat
    # Each different token is spelt once.
    assert batch.flat(batch.form_of).tolist() == [0, 1, 2, 0, 2]
    assert batch.forms.batch_sizes.tolist() == [3, 3, 2, 1]
    first = [encoder.characters.index(one) + 1 for one in "SAb"]
    assert batch.forms.data[:3].tolist() == first


def test_nothing_and_what_is_unknown():
    encoder = NoteEncoder.fit(NOTES, min_documents=1)
    for stretches in ([], [[]]):
        batch = encoder.batch(stretches)
        assert batch.words.data.shape == batch.forms.data.shape == (0,)
        assert batch.tags is None
    batch = encoder.batch([["漢", "a" * 50]])
    assert batch.words.data.tolist() == [0, 0]
    assert len(batch.forms.batch_sizes) == 30  # the first 20 characters and the last 10
    assert torch.equal(batch.forms.data, encoder.batch([["漢", "a" * 50]]).forms.data)


def test_mistakes():
    encoder = NoteEncoder.fit(NOTES, min_documents=1)
    with pytest.raises(DataError, match="another number, wanted one for each token"):
        encoder.batch([["a"]], [["O", "O"]])
    with pytest.raises(DataError, match="does not know"):
        encoder.batch([["a"]], [["B-canary"]])
    with pytest.raises(DataError, match="no span"):
        NoteEncoder.fit(NOTES[2:], min_documents=1)
    with pytest.raises(ConfigError, match="min_documents"):
        NoteEncoder.fit(NOTES, min_documents=0)
    with pytest.raises(ConfigError, match="twice"):
        NoteEncoder(["a", "a"], [], ["X"])
    with pytest.raises(ConfigError, match="at least one"):
        NoteEncoder([], [], [])
    good = encoder.to_dict()
    for change in ({"words": None}, {"labels": [1]}, {"scheme": "x"}, {"words": ["a", "a"]}):
        with pytest.raises(BundleError, match="the encoder of notes"):
            NoteEncoder.from_dict({**good, **change})
