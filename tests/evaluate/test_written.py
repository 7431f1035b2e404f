"""Measures of written texts: as sacreBLEU has them, and on resamples."""

from __future__ import annotations

import importlib.util
import json

import numpy as np
import pytest
from tests.evaluate.written_cases import STORED, corpora, said_by_sacrebleu

from sequela.evaluate import WrittenMetrics, nearest_text
from sequela.evaluate.written import scored_words

# Texts, references, and what corpus_bleu and corpus_chrf of sacreBLEU 2.6.0 say of them.
CASES = [
    (
        ["The cat sat on the mat.", "It's 3,5 o'clock - now!"],
        [["The cat is on the mat.", "A cat sat on a mat."], ["It is 3,5 o'clock now."]],
        39.073802494525005,
        64.55784220314622,
    ),
    (
        ["Ein Hund läuft.", "", "Zwei Männer stehen am Zaun ."],
        [
            ["Ein Hund rennt."],
            ["Ein Kind."],
            ["Zwei Männer stehen an einem Zaun.", "Zwei Männer stehen am Zaun."],
        ],
        56.46509975370195,
        71.823493288854,
    ),
    (["a b c d e"], [["a b c d e"]], 100.0, 100.0),
    (
        ["x y", "quite another &quot;thing&quot; 10-20"],
        [["a b c"], ['another "thing" 10-20 it is']],
        62.97354105144354,
        40.17075997678578,
    ),
]


def rows(items) -> np.ndarray:
    found = np.empty(len(items), dtype=object)
    found[:] = items
    return found


@pytest.mark.parametrize("case", range(len(CASES)))
def test_as_sacrebleu_has_it(case):
    texts, references, bleu, chrf = CASES[case]
    metrics = WrittenMetrics(rows(references), rows(texts))
    found = metrics(np.ones((1, len(texts))))
    assert found["bleu"][0] == pytest.approx(bleu, rel=1e-12)
    assert found["chrf"][0] == pytest.approx(chrf, rel=1e-12)


def test_hundreds_of_corpora_as_sacrebleu_has_them():
    """Against what version 2.6.0 said of them, and against the one that is installed, if any."""
    made, stored = corpora(), json.loads(STORED.read_text())["bleu_and_chrf"]
    assert len(made) == len(stored) > 300
    assert any("" in others for rows in made for _, others in rows)
    live = importlib.util.find_spec("sacrebleu") is not None
    for corpus, said in zip(made, stored, strict=True):
        texts, references = zip(*corpus, strict=True)
        found = WrittenMetrics(rows(references), rows(texts))(np.ones((1, len(texts))))
        mine = [found["bleu"][0], found["chrf"][0]]
        assert mine == pytest.approx(said, abs=1e-9)
        if live:
            assert mine == pytest.approx(said_by_sacrebleu(corpus), abs=1e-6)


def test_a_resample_has_the_figures_of_its_rows():
    texts = [text for case in CASES for text in case[0]]
    references = [some for case in CASES for some in case[1]]
    metrics = WrittenMetrics(rows(references), rows(texts))
    drawn = np.random.default_rng(0).integers(0, len(texts), (5, len(texts)))
    weights = np.stack([np.bincount(one, minlength=len(texts)) for one in drawn]).astype(float)
    found = metrics(weights)
    for number, chosen in enumerate(drawn):
        own = WrittenMetrics(
            rows([references[k] for k in chosen]), rows([texts[k] for k in chosen])
        )
        for name, value in own(np.ones((1, len(chosen)))).items():
            assert found[name][number] == pytest.approx(value[0])


def test_exact_but_for_blanks():
    texts = rows(["Va !", "va !", "Va!"])
    references = rows([["Va\u202f!", "Marche."]] * 3)
    assert WrittenMetrics(references, texts)(np.eye(3))["exact"].tolist() == [1, 0, 0]


def test_nothing_is_worth_nothing():
    found = WrittenMetrics(rows([["a b"], ["c"]]), rows(["", ""]))(np.ones((1, 2)))
    assert {name: float(value[0]) for name, value in found.items()} == {
        "exact": 0,
        "bleu": 0,
        "chrf": 0,
        "error_rate": 1,
    }
    assert scored_words("10-20, a.b") == ["10", "-", "20", ",", "a", ".", "b"]


def test_the_text_of_the_nearest():
    train = rows(["a big dog", "a small cat", "two birds"])
    rival = nearest_text(train, ["ein Hund", "eine Katze", "zwei"])
    found = rival.predict(rows(["the small cats", "bird"]))
    assert found.tolist() == ["eine Katze", "zwei"]
