"""The recogniser for Presidio: its words for our labels, and places in the unchanged text."""

from __future__ import annotations

import sys
import types

import pytest

from sequela.deid.presidio import recognizer
from sequela.errors import MissingDependencyError

NOTE = "Ann Smith, 92 yo, seen 3/4/2012, call 6\u200b17-555-1234. Dr. Jones, Boston MA 02139."


def model(document):
    start = document.text.index("Jones")
    return [(start, start + 5, "DOCTOR", 0.8), (0, 3, "WARD", 0.1)]


@pytest.fixture
def stand_in(monkeypatch):
    """The two classes that we take from Presidio, where it is not installed."""

    class Recognizer:
        def __init__(self, supported_entities, name=None, supported_language="en"):
            self.supported_entities, self.name = supported_entities, name
            self.load()

    made = types.ModuleType("presidio_analyzer")
    made.EntityRecognizer = Recognizer
    made.RecognizerResult = lambda kind, start, end, score: types.SimpleNamespace(
        entity_type=kind, start=start, end=end, score=score
    )
    monkeypatch.setitem(sys.modules, "presidio_analyzer", made)


def test_words_and_places(stand_in):
    recogniser = recognizer(model, names=["Ann Smith"], labels=["WARD"])
    assert {"PERSON", "DATE_TIME", "PHONE_NUMBER", "WARD"} <= set(recogniser.supported_entities)
    found = {(NOTE[one.start : one.end], one.entity_type) for one in recogniser.analyze(NOTE, [])}
    assert found == {
        ("Ann Smith", "PERSON"),
        ("92", "AGE"),
        ("3/4/2012", "DATE_TIME"),
        ("6\u200b17-555-1234", "PHONE_NUMBER"),
        ("Jones", "PERSON"),
        ("02139", "LOCATION"),
    }
    assert [one.entity_type for one in recogniser.analyze(NOTE, ["AGE"])] == ["AGE"]


def test_without_presidio(monkeypatch):
    monkeypatch.setitem(sys.modules, "presidio_analyzer", None)
    with pytest.raises(MissingDependencyError, match=r"pip install 'sequela\[presidio\]'"):
        recognizer()


@pytest.mark.long
def test_within_presidio_itself():
    analyzer = pytest.importorskip("presidio_analyzer")
    from presidio_analyzer.nlp_engine import NoOpNlpEngine

    recogniser = recognizer(model, names=["Ann Smith"])
    engine = analyzer.AnalyzerEngine(
        registry=analyzer.RecognizerRegistry([recogniser], supported_languages=["en"]),
        nlp_engine=NoOpNlpEngine([{"lang_code": "en", "model_name": "none"}]),
    )
    found = engine.analyze(NOTE, "en")
    assert {NOTE[one.start : one.end] for one in found} >= {"Jones", "3/4/2012", "Ann Smith"}
