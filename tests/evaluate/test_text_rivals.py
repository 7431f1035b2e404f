"""Rivals that count words or letters: what they can tell, and what they cannot."""

from __future__ import annotations

import numpy as np
import pytest

from sequela.evaluate import nearest_text, text_regression


def texts(count: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    random = np.random.default_rng(seed)
    labels = random.integers(0, 3, count)
    words = np.array(["warm", "cold", "plain"])
    made = [f"{words[k]} {random.choice(['day', 'night'])}" for k in labels]
    return np.array(made, dtype=object), labels


@pytest.mark.parametrize("unit", ["words", "letters"])
def test_words_that_tell_the_class(unit):
    (train, labels), (tuning, others), (held_out, truth) = (texts(60, k) for k in range(3))
    rival = text_regression(train, labels, tuning, others, unit=unit)
    chances = rival.predict(held_out)
    assert chances.shape == (60, 3)
    np.testing.assert_allclose(chances.sum(axis=1), 1)
    assert (chances.argmax(axis=1) == truth).all()
    assert rival.chosen["tuning_log_loss"] < 0.1
    two = text_regression(train, labels == 1, tuning, (others == 1).astype(int), unit=unit)
    assert ((two.predict(held_out) > 0.5) == (truth == 1)).all()


def test_nothing_to_count():
    signs, labels = np.array(["!!", "?", "...", "?!"], dtype=object), np.array([0, 1, 0, 1])
    assert text_regression(signs, labels, signs, labels, unit="words") is None
    by_signs = text_regression(signs, labels, signs, labels, unit="letters")
    assert by_signs.predict(signs).shape == (4,)
    blank = np.array(["", "  "], dtype=object)
    assert nearest_text(blank, ["a", "b"]) is None
