"""What inspect says of recordings and notes, and what it never says."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from tests.cli.command import call

import sequela
from sequela.notes import Document, Span, write_jsonl

ROOMS = Path(sequela.__file__).parent / "sources"


def test_recordings(capsys):
    path = ROOMS / "edf" / "example"
    words = ["inspect", path, "--source", "edf", "min_subjects=2", "--json"]
    assert call(*words) == 0
    found = json.loads(capsys.readouterr().out)
    assert (found["recordings"], found["interrupted"], found["annotations"]) == (3, 1, 4)
    assert found["subjects"] is None
    assert found["tables"]["channels"][0] == {
        "channel": "EEG Cz",
        "unit": "uV",
        "hertz": 4.0,
        "in": 2,
    }
    assert {row["annotation"] for row in found["tables"]["annotations"]} == {"seizure", "eye blink"}
    assert "continuous" not in json.dumps(found).replace("interrupted", "")
    assert call(*words[:-1]) == 0
    page = capsys.readouterr().out
    assert "EEG Cz" in page
    assert "seizure" in page


def test_texts_of_few_recordings_are_not_shown(capsys):
    assert call("inspect", ROOMS / "edf" / "example", "--source", "edf") == 0
    page = capsys.readouterr().out
    assert "seizure" not in page
    assert "annotations not shown" in page


def test_notes(tmp_path, capsys):
    notes = [
        Document(
            f"canary{number}", "canary4711", (Span(0, 3, kind),), subject=f"canary{number % 5}"
        )
        for number, kind in enumerate(["NAME"] * 12 + ["canary"])
    ]
    write_jsonl(tmp_path / "a.jsonl", notes)
    for words in (["--json"], []):
        assert call("inspect", tmp_path / "a.jsonl", "--source", "notes_jsonl", *words) == 0
        page = capsys.readouterr().out
        assert "canary" not in page.replace(str(tmp_path), "")
        assert "NAME" in page
    assert call("inspect", tmp_path / "a.jsonl", "--source", "notes_jsonl", "--json") == 0
    found = json.loads(capsys.readouterr().out)
    assert (found["documents"], found["spans"], found["spans_not_shown"]) == (13, 13, 1)
    assert (found["subjects"], found["characters"]) == (5, 130)
    assert found["parts"] == {"without a part": 13}


@pytest.mark.parametrize("value", ["0", "x"])
def test_how_many_is_a_number(value, capsys):
    assert (
        call("inspect", ROOMS / "edf" / "example", "--source", "edf", f"min_subjects={value}") == 2
    )
    assert "min_subjects" in capsys.readouterr().err
