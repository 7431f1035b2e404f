"""How often what is named together does not go together, against the plain count."""

from __future__ import annotations

import itertools

import numpy as np

from sequela.evaluate import About, Part, Scores, evaluate_outcome
from sequela.evaluate.interactions import interaction_rows
from sequela.seeds import generator

PAIRS = np.zeros((5, 5), bool)
PAIRS[[0, 1, 3, 4], [1, 0, 4, 3]] = True
LISTED = {(0, 1), (3, 4)}


def by_hand(row: np.ndarray) -> float:
    pairs = list(itertools.combinations(np.flatnonzero(row).tolist(), 2))
    return sum(pair in LISTED for pair in pairs) / len(pairs) if pairs else float("nan")


def test_the_rate_of_a_row_is_the_share_of_its_pairs():
    named = generator(0, "sets").random((60, 5)) < 0.5
    found = interaction_rows(named, PAIRS)
    np.testing.assert_allclose(found, [by_hand(row) for row in named])
    assert np.isnan(found[named.sum(axis=1) < 2]).all()


def test_the_truth_stands_beside_the_models():
    random = generator(1, "sets")
    truth = np.concatenate([random.random((200, 5)) < 0.5, np.zeros((200, 1))], axis=1)
    scores = random.random((200, 5))
    scores[:, 1] = 0.0  # never 0 and 1 together
    parts = [Part(truth[half], np.arange(200)[half]) for half in (slice(100), slice(100, None))]
    entries = [
        Scores("search", scores[:100], scores[100:], decided=0.25),
        Scores("other", truth[:100, :5], truth[100:, :5], "baseline"),
    ]
    about = About("sets", tuple("abcde"))
    found = evaluate_outcome(about, entries, *parts, interactions=PAIRS, replicates=200)
    block = found["interactions"]
    rates = {row["name"]: row["value"] for row in block["rates"]}
    assert block["pairs"] == 2
    np.testing.assert_allclose(rates["truth"], np.nanmean([by_hand(r) for r in truth[100:, :5]]))
    own = [by_hand(row) for row in scores[100:] >= 0.25]
    np.testing.assert_allclose(rates["search"], np.nanmean(own))
    np.testing.assert_allclose(rates["other"], rates["truth"])
    np.testing.assert_allclose(block["difference"]["value"], rates["search"] - rates["truth"])
    assert block["difference"]["high"] < 0
    assert found["label_thresholds"] == [0.25]
    assert "interactions" not in evaluate_outcome(about, entries, *parts, replicates=100)
