"""Notes of MEDS come in and go out as MEDS; any other notes may."""

from __future__ import annotations

from datetime import datetime

import polars as pl
import pytest
from tests.deid.test_run import CANARY, NUMBER, deid

from sequela import sources
from sequela.deid import Names
from sequela.deid.block import _kind
from sequela.notes import Document


def written_meds(tmp_path):
    """A data set of two shards with subjects of their own, and one kind that names a patient."""
    for shift, part in enumerate(("train", "held_out")):
        folder = tmp_path / "meds" / "data" / part
        folder.mkdir(parents=True)
        frame = pl.DataFrame(
            {
                "subject_id": [1 + 2 * shift, 1 + 2 * shift, 2 + 2 * shift],
                "time": [datetime(2012, 3, 4)] * 3,
                "code": ["NOTE//discharge", "LAB", f"NOTE//{CANARY}"],
                "numeric_value": [None, 1.0, None],
                "text_value": [f"{part} 3/4/2012", None, f"Call {NUMBER}"],
            }
        )
        frame.write_parquet(folder / "0.parquet")
    (tmp_path / "meds" / "metadata").mkdir()
    (tmp_path / "meds" / "metadata" / "dataset.json").write_text("{}")
    (tmp_path / "names").write_text(CANARY)
    return tmp_path / "meds"


@pytest.mark.parametrize("mode", ["tag", "shift-dates"])
def test_text_values_of_meds(tmp_path, mode):
    raw = written_meds(tmp_path)
    words = ("--mode", mode, "--names", tmp_path / "names")
    assert deid(raw, "--out", tmp_path / "out", *words) == 0
    made = sources.read("meds", tmp_path / "out" / "notes")
    events = pl.concat(made.shards()).sort("text_value")
    assert events.height == 4
    assert set(events["subject_id"]).isdisjoint({1, 2, 3, 4})
    assert events["subject_id"].n_unique() == 4
    calls, others = events[:2], events[2:]
    assert calls["text_value"].to_list() == ["Call [PHONE]"] * 2
    assert calls["code"].to_list() == ["NOTE"] * 2, "what names a patient is no code"
    assert others["code"].to_list() == ["NOTE//discharge"] * 2
    moved = others["text_value"].str.split(" ").list[1].to_list()
    if mode == "tag":
        assert events["time"].null_count() == 4
        assert moved == ["[DATE]"] * 2
    else:
        there = [datetime(2012, 3, 4) - time for time in others["time"]]
        assert all(35 <= abs(one.days) <= 329 for one in there)
        times = [f"{time.month}/{time.day}/{time.year}" for time in others["time"]]
        assert times == moved
    again = sources.read("notes_table", tmp_path / "out" / "notes")
    assert sorted(one.text for one in again) == events["text_value"].to_list()


def test_what_tells_of_somebody_is_no_code():
    kinds = ["NOTE//discharge", "LOINC//34133-9", "NOTE//2012-03-04", f"NOTE_{CANARY}", None]
    names = Names([CANARY])
    made = [_kind(Document("n", "text", kind=kind), names) for kind in kinds]
    assert made == ["NOTE//discharge", "LOINC//34133-9", "NOTE", "NOTE", "NOTE"]


def test_meds_as_a_table_and_a_table_as_meds(tmp_path):
    raw = written_meds(tmp_path)
    assert deid(raw, "--out", tmp_path / "out", "--format", "parquet") == 0
    assert pl.read_parquet(tmp_path / "out" / "notes.parquet").height == 4
    frame = pl.DataFrame({"text": ["a", "b"], "who": ["p", None]})
    frame.write_csv(tmp_path / "t.csv")
    words = ("subject=who", "--format", "meds", "--out", tmp_path / "other")
    assert deid(tmp_path / "t.csv", *words) == 0
    made = pl.concat(sources.read("meds", tmp_path / "other" / "notes").shards())
    assert sorted(made["text_value"]) == ["a", "b"]
    assert made["code"].to_list() == ["NOTE"] * 2
    many = pl.DataFrame({"text": ["x"] * 1100, "who": ["p", "q"] * 550})
    many.write_csv(tmp_path / "many.csv")
    words = ("subject=who", "--format", "meds", "--out", tmp_path / "apart")
    assert deid(tmp_path / "many.csv", *words) == 1
