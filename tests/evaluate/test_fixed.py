"""A finished model on new data: the same figures as in training, and nothing chosen."""

from __future__ import annotations

import json

import numpy as np
import pytest

from sequela.errors import ConfigError, DataError, LabelError
from sequela.evaluate import Part, Scores, evaluate_binary, evaluate_fixed, evaluate_multiclass
from sequela.seeds import generator


def _risk(n: int):
    random = generator(0, "fixed test")
    risk = random.random(n)
    return risk, (random.random(n) < risk).astype(int)


def test_binary_figures_are_those_of_training():
    risk, labels = _risk(400)
    parts = Part(labels[:200], np.arange(200)), Part(labels[200:], np.arange(200, 400))
    trained = evaluate_binary([Scores("GRU", risk[:200], risk[200:])], *parts, replicates=50)
    threshold = trained["threshold"]["value"]
    fixed = evaluate_fixed(
        parts[1], risk[200:], ["no", "yes"], name="GRU", threshold=threshold, replicates=50
    )
    assert fixed["table"][0] == trained["table"][0]
    assert fixed["positives"] == trained["positives"]
    assert json.loads(json.dumps(fixed, allow_nan=False)) == fixed


def test_without_a_threshold_nothing_is_flagged_or_spared():
    risk, labels = _risk(100)
    row = evaluate_fixed(Part(labels, np.arange(100)), risk, ["no", "yes"], replicates=5)["table"][
        0
    ]
    assert row["sensitivity"]["value"] is None
    assert row["auroc"]["value"] > 0.6


def test_multiclass_figures_are_those_of_training():
    random = generator(1, "fixed test")
    risk, labels = random.dirichlet(np.ones(3), 300), random.integers(0, 3, 300)
    parts = Part(labels[:150], np.arange(150)), Part(labels[150:], np.arange(150, 300))
    scores = [Scores("LSTM", risk[:150], risk[150:])]
    trained = evaluate_multiclass(scores, *parts, ["a", "b", "c"], replicates=20)
    fixed = evaluate_fixed(parts[1], risk[150:], ["a", "b", "c"], name="LSTM", replicates=20)
    for measure in ("accuracy", "macro_f1", "macro_auroc"):
        assert fixed["table"][0][measure] == trained["table"][0][measure]
    assert fixed["counts"] == trained["counts"]


def test_bad_input_is_named():
    risk, labels = _risk(50)
    part = Part(labels, np.arange(50))
    with pytest.raises(DataError, match="probabilities, not logits"):
        evaluate_fixed(part, risk * 7, ["no", "yes"])
    with pytest.raises(DataError, match="scores on the new data"):
        evaluate_fixed(part, risk[:-1], ["no", "yes"])
    with pytest.raises(LabelError, match="labels of the new part: got one class only"):
        evaluate_fixed(Part(labels * 0, np.arange(50)), risk, ["no", "yes"])
    with pytest.raises(ConfigError, match="classes"):
        evaluate_fixed(part, risk, ["yes"])
