"""What a broken run keeps fits what it finds when it goes on."""

from __future__ import annotations

import json

import pytest
from tests.deid.test_run import content, deid, lines_of

from sequela.deid import run as running


@pytest.mark.parametrize(("change", "form"), [("added", "csv"), ("removed", "txt")])
def test_notes_come_or_go_before_a_stored_large_block(tmp_path, monkeypatch, change, form):
    monkeypatch.setattr(running, "_BLOCK_CHARACTERS", 100)
    raw = tmp_path / "raw"
    raw.mkdir()
    for name, text in {"a": "A", "b": "B " * 60, "c": "C", "d": "D " * 60}.items():
        (raw / f"{name}.txt").write_text(f"{text} on 3/4/2012")
    (raw / "e.txt").write_bytes(b"E \xff")
    assert deid(raw, "--out", tmp_path / "out", "--format", form) == 1
    (raw / "e.txt").write_text("E")
    if change == "added":
        (raw / "a0.txt").write_text("new")
    else:
        (raw / "a.txt").unlink()
    for name in ("out", "whole"):
        assert deid(raw, "--out", tmp_path / name, "--format", form) == 0
    assert content(tmp_path / "out") == content(tmp_path / "whole")
    numbers = [json.loads(line)["id"] for line in lines_of(tmp_path / "out.phi" / "ids.jsonl")]
    count = 6 if change == "added" else 4
    assert numbers == [f"note-{number:07d}" for number in range(1, count + 1)]
