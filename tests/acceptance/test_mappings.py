"""What texts, speech, pictures and forecasts must show, as their stored runs have it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tests.acceptance.command import read, rows

from sequela import experiments, recipes

RESULTS = Path(__file__).resolve().parents[2] / "benchmarks" / "results"


def stored(name: str) -> tuple[dict[str, dict[str, Any]], dict[tuple[str, str], dict[str, Any]]]:
    """The table by the models' names, and the differences by the other model and the measure."""
    case = read(RESULTS / f"{name}.json")["cases"][0]
    return rows(case), {(row["other"], row["metric"]): row for row in case["differences"]}


def test_captions_in_german():
    table, differences = stored("translation")
    assert table["GRU with attention"]["bleu"]["value"] >= 30
    assert differences["text of the nearest", "bleu"]["low"] > 0
    run = read(RESULTS / "translation.json")["cases"][0]
    assert run["n"] == 1014
    assert run["seconds"]["training"] < 60 * 60


def test_the_next_character_of_shakespeare():
    table, differences = stored("shakespeare")
    assert table["LSTM"]["nats"]["value"] <= 1.55
    assert differences["counts of 5 symbols", "nats"]["high"] < 0
    given = experiments.load("shakespeare").model
    sizes = {key: given[key] for key in ("embedding_size", "hidden_size")}
    # 65 symbols, the unknown one, and the place where nothing is asked.
    model = recipes.build("char_lm", vocabulary_size=67, **sizes)
    assert sum(weight.numel() for weight in model.parameters()) <= 1_000_000


def test_the_nationality_of_a_name():
    table, _ = stored("names")
    assert table["bidirectional LSTM"]["accuracy"]["value"] >= 0.75
    assert "macro_f1" in table["TF-IDF of letters, logistic regression"]
    assert (RESULTS / "names.md").exists()


def test_the_sentiment_of_a_sentence():
    table, differences = stored("sentiment")
    assert table["bidirectional LSTM"]["accuracy"]["value"] >= 0.8
    assert all(row["value"] > 0 for (_, metric), row in differences.items() if metric == "accuracy")


def test_phrases_in_french():
    _, differences = stored("phrases")
    assert differences["text of the nearest", "chrf"]["low"] > 0
    assert differences["text of the nearest", "exact"]["low"] > 0


def test_the_oil_a_day_ahead():
    table, _ = stored("oil_temperature")
    naive = table["seasonal naive"]["mae"]["value"]
    assert table["GRU"]["mae"]["value"] <= 0.9 * naive


def test_captions_of_pictures():
    table, _ = stored("canvas")
    assert table["convolutions and GRU with attention"]["exact"]["value"] >= 0.9


def test_who_speaks_when():
    table, _ = stored("speakers")
    assert table["bidirectional LSTM with CTC"]["error_rate"]["value"] <= 0.1


def test_a_stream_of_ten_million_characters():
    found = read(RESULTS / "stream.json")
    marks = found["memory"]["rises"]
    assert marks[-1]["characters"] == found["characters"] == 10_000_000
    assert marks[-1]["mib"] - marks[0]["mib"] <= 1
    assert all(row["ratio"] > 1 for row in found["speed"])
