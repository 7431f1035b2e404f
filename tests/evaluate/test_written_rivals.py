"""The rivals of what writes about signals, on cases whose answer is known."""

from __future__ import annotations

import numpy as np
import pytest

from sequela.evaluate import collapsed_frames, nearest_row, usual_text, words_by_place
from sequela.evaluate.written import word_edits


@pytest.mark.parametrize(
    ("text", "other", "edits"),
    [
        ("a b c", "a b c", 0),
        ("", "a b", 2),
        ("a x c d", "a b c", 2),
        ("b c", "a b c", 1),
        ("", "", 0),
    ],
)
def test_edits(text, other, edits):
    assert word_edits(text, other) == word_edits(other, text) == edits


def test_what_is_usual_and_what_is_nearest():
    rows = np.array([[0.0, 0.0], [1.0, 1.0], [5.0, 5.0]])
    assert usual_text(["b", "a", "b"]).predict(rows).tolist() == ["b", "b", "b"]
    near = nearest_row(rows, ["a", "b", "c"])
    assert near.predict(np.array([[0.9, 1.2], [9.0, 9.0]])).tolist() == ["b", "c"]


def test_words_by_place():
    rows = np.random.default_rng(0).normal(size=(300, 2))
    texts = [("left" if x < 0 else "right") + (" up" if y > 0 else "") for x, y in rows]
    rival = words_by_place(rows, texts, seed=0)
    found = rival.predict(np.array([[2.0, 2.0], [-2.0, -2.0]]))
    assert found.tolist() == ["right up", "left"]
    alone = words_by_place(rows[:3], ["same", "same", "same"], seed=0)
    assert alone.predict(rows[:1]).tolist() == ["same"]
    # Where one word alone can be learnt, it is the frequent one that is said.
    rare = words_by_place(rows[:4], ["rare", "usual", "usual", "usual"], seed=0)
    assert rare.predict(rows[:1]).tolist() == ["usual"]


def test_collapsed_frames():
    random = np.random.default_rng(0)
    records, texts = [], []
    for _ in range(60):
        said = random.permutation(3)[: random.integers(2, 4)]
        places = np.repeat(said, 6)
        records.append(np.eye(3)[places] * 3 + random.normal(size=(len(places), 3)))
        texts.append(" ".join("abc"[k] for k in said))
    rival = collapsed_frames(records[:40], texts[:40], records[40:50], texts[40:50], seed=0)
    found = rival.predict(records[50:])
    edits = sum(word_edits(*pair) for pair in zip(found, texts[50:], strict=True))
    assert edits <= 3
    assert rival.predict([np.zeros((0, 3))]).tolist() == [""]
    for same in ("a", ""):
        told = [same] * 5
        assert collapsed_frames(records[:5], told, records[:5], told, seed=0) is None
