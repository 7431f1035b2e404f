"""What the clinical systems must show, as their stored runs have it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from tests.acceptance.command import read, rows

RESULTS = Path(__file__).resolve().parents[2] / "benchmarks" / "results"


def paired(case: dict[str, Any], metric: str) -> dict[str, dict[str, Any]]:
    """The model less each other one, by the other's name."""
    return {row["other"]: row for row in case["differences"] if row["metric"] == metric}


def test_mortality_is_not_below_boosting():
    case = read(RESULTS / "mortality_gru_d.json")["cases"][0]
    assert len(case["seeds"]) == 5
    assert rows(case)["GRU-D"]["auroc"]["value"] >= 0.84
    assert paired(case, "auroc")["gradient boosting"]["high"] >= 0


def test_next_visits_come_near_the_oracle():
    table = rows(read(RESULTS / "next_visit.json")["cases"][0])
    found, best = (table[name]["recall_at_10"]["value"] for name in ("Doctor AI", "best possible"))
    assert found >= 0.95 * best


def test_prescriptions_are_above_the_simple_rivals():
    leap, forbidden, gru = read(RESULTS / "prescription.json")["cases"][:3]
    for case in (leap, gru):
        gaps = paired(case, "jaccard")
        assert all(
            gaps[name]["low"] > 0
            for name in ("most frequent", "logistic regression", "nearest neighbours")
        )
    rates = {row["name"]: row["value"] for row in forbidden["interactions"]["rates"]}
    assert rates["LEAP, list forbidden"] < rates["truth"]


def test_a_warm_start_is_above_scratch():
    curve = read(RESULTS / "transfer.json")["map"]["with a map"]["curve"]["sizes"]
    lows = {row["n"]: row["difference"]["low"] for row in curve}
    assert lows[100] > 0
    assert lows[300] > 0


def test_beats_are_above_the_majority_in_each_class():
    case = read(RESULTS / "beats.json")["cases"][0]
    of = case["runs"][0]["per_class_all"]
    found, usual = of["bidirectional LSTM"], of["majority"]
    above = [one["f1"] > (other["f1"] or 0) for one, other in zip(found, usual, strict=True)]
    assert [row["class"][-2] for row in found] == ["N", "S", "V", "F"]
    assert [above[place] for place in (0, 2, 3)] == [True] * 3  # of S no record has 50 beats


@pytest.mark.parametrize("name", ["simulated", "synthea"])
def test_patients_a_second(name):
    times = read(RESULTS / "visits.json")["cases"][name]["times"]
    assert times["train"]["pyhealth"] >= 5
    assert times["score"]["pyhealth"] >= 5
    assert times["train"]["torch"] >= 2
    assert times["score"]["torch"] >= 2
