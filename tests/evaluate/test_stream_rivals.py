"""Counts of symbols as a rival: the smoothed probabilities by hand, and what is chosen."""

from __future__ import annotations

import numpy as np

from sequela.evaluate import symbol_counts

NOTHING = 3


def rows(*texts: str) -> np.ndarray:
    found = np.empty(len(texts), dtype=object)
    for number, text in enumerate(texts):
        symbols = np.array([ord(one) - ord("a") for one in text])
        found[number] = np.stack([symbols[:-1], symbols[1:]], axis=1)
    return found


def test_probabilities_by_hand():
    rival = symbol_counts(rows("aababa"), rows("abab"), 3)
    assert rival.chosen["context"] >= 1
    one = rows("ab")
    # Asked for in training, after what: a->a, a->b, b->a, a->b, b->a.
    shortest = (2 + 2 * (1 / 3)) / (5 + 2)  # b: twice of five, two kinds
    after_a = (2 + 2 * shortest) / (3 + 2)  # a was followed three times, by two kinds
    found = rival.predict(one)
    if rival.chosen["context"] == 1:
        np.testing.assert_allclose(found, -np.log(after_a))
    # A context of two or more is not there at the first step.
    np.testing.assert_allclose(found, -np.log(after_a))


def test_what_is_not_asked_counts_nothing_and_is_learnt_from_by_nobody():
    plain, hidden = rows("abcabcab"), rows("abcabcab")
    hidden[0] = hidden[0].copy()
    hidden[0][:3, 1] = NOTHING
    rival = symbol_counts(plain, plain, 3)
    part = rival.predict(hidden)
    assert part[0] > 0
    asked_alone = symbol_counts(hidden, plain, 3).predict(plain)
    assert asked_alone[0] > rival.predict(plain)[0]
    hidden[0][:, 1] = NOTHING
    assert rival.predict(hidden).tolist() == [0.0]


def test_probabilities_sum_to_one():
    random = np.random.default_rng(0)
    text = "".join(random.choice(list("abc"), 200, p=[0.6, 0.3, 0.1]))
    rival = symbol_counts(rows(text), rows(text[:50]), 3)
    context = rows("abba")[0][:, 0]
    total = 0.0
    for symbol in range(3):
        row = np.stack([context, [NOTHING, NOTHING, symbol]], axis=1)
        found = np.empty(1, dtype=object)
        found[0] = row
        total += np.exp(-rival.predict(found)[0])
    np.testing.assert_allclose(total, 1)
