"""The threshold for a recall, on probabilities that are known."""

from __future__ import annotations

import numpy as np
import pytest

from sequela.deid.recall import threshold_for
from sequela.deid.tagger import TokenChances
from sequela.errors import ConfigError, DataError
from sequela.notes import Document, Span, tokenised

TEXT = "Ann Lee saw Bo , call 617-555-0142 ."
SPANS = (Span(0, 7, "PATIENT"), Span(12, 14, "DOCTOR"), Span(22, 34, "PHONE"))


class Told:
    """A tagger that says what it was told, for each token of each note in turn."""

    def __init__(self, chances):
        self.told = chances

    def chances(self, documents):
        for one in documents:
            tokens = tokenised(one.text)
            marked = np.array((*self.told, *[0.0] * len(tokens))[: len(tokens)])
            yield TokenChances(tokens, ["O"] * len(tokens), marked, ["X"] * len(tokens))


def notes(count=20, spans=SPANS):
    return [Document(f"n{n}", TEXT, spans, subject=f"p{n // 2}") for n in range(count)]


def test_the_highest_threshold_that_reaches_it():
    # Ann .9, Lee .5, saw .6, Bo .2; the rules find the number, which is three tokens of six.
    told = Told([0.9, 0.5, 0.6, 0.2])
    for target, threshold, precision in (
        (0.5, 1.0, 1.0),
        (4 / 6, 0.9, 1.0),
        (0.8, 0.5, 5 / 6),
        (1, 0.2, 6 / 7),
    ):
        found = threshold_for(told, notes(), target)
        assert found.threshold == threshold
        assert found.recall["value"] >= target - 1e-9
        assert found.precision["value"] == pytest.approx(precision)
        assert (found.notes, found.tokens) == (20, 120)
    alone = threshold_for(told, notes(), 0.5, rules=False, labels=["PATIENT", "DOCTOR"])
    assert alone.threshold == 0.5
    assert alone.tokens == 60


def test_what_is_told_comes_from_notes_that_did_not_choose():
    rare = (Span(12, 14, "DOCTOR"),)
    mixed = [*notes(2, ()), *notes(4, SPANS[:2])[2:], *notes(6, rare)[4:]]
    found = threshold_for(Told([0.9, 0.5, 0.6, 0.2]), mixed, 0.8, rules=False)
    assert found.recall["low"] <= found.recall["value"] <= found.recall["high"]
    again = threshold_for(Told([0.9, 0.5, 0.6, 0.2]), mixed, 0.8, rules=False)
    assert again == found


def test_refusals():
    told = Told([0.9, 0.5, 0.6, 1e-6])
    with pytest.raises(DataError, match=r"recall target 1: got a recall of 0\.8333 at the least"):
        threshold_for(told, notes(), 1.0)
    for target in (0.0, 1.1):
        with pytest.raises(ConfigError, match="recall target"):
            threshold_for(told, notes(), target)
    with pytest.raises(DataError, match="two patients"):
        threshold_for(told, notes(2), 0.9)
    with pytest.raises(DataError, match="two patients"):
        threshold_for(told, notes(9, ()), 0.9)
