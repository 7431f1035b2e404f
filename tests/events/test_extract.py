"""Counting what is left out, and numbering subjects."""

from __future__ import annotations

import hashlib

import polars as pl
import pytest

from sequela.errors import DataError
from sequela.events import Drops, subject_ids, subject_number
from sequela.events import subjects as subjects_file


def test_drops_are_counted_by_table_and_reason():
    drops = Drops()
    frame = pl.DataFrame({"a": [1, None, 3]})
    kept = drops.keep(frame, pl.col("a") > 1, "t", "small")
    assert kept["a"].to_list() == [3]
    drops.add("t", "small", 1)
    drops.add("s", "other", 4)
    drops.add("s", "nothing", 0)
    assert drops.counts() == {("s", "other"): 4, ("t", "small"): 3}
    assert "7 row" in repr(drops)


def test_the_number_of_a_text_id():
    digest = int(hashlib.sha256(b"b-1").hexdigest(), 16)
    assert subject_number("b-1") == digest >> (256 - 63)
    found = subject_ids(pl.Series(["b-1", "a", None, "b-1"]), "patients.csv")
    assert found["source_id"].to_list() == ["a", "b-1"]
    assert found["subject_id"].to_list() == [subject_number("a"), subject_number("b-1")]
    assert found["subject_id"].min() >= 0


def test_two_ids_of_one_number_are_refused(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(subjects_file, "subject_number", lambda source_id: 7)
    with pytest.raises(DataError, match=r"subjects of t.csv: .* wanted a number for each"):
        subject_ids(pl.Series(["a", "b"]), "t.csv")
