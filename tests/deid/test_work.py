"""What a broken run keeps fits what it finds when it goes on."""

from __future__ import annotations

import json
from datetime import date

import pytest
from tests.deid.test_run import content, deid, lines_of, notes

from sequela.deid import Settings, deidentify
from sequela.deid import run as running
from sequela.errors import OutputError


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


class _Later(date):
    @classmethod
    def today(cls):
        return cls(date.today().year + 1, 1, 2)


@pytest.mark.parametrize("what", ["Faker", "year", "another room", "Python"])
def test_what_the_notes_follow_from_has_to_be_the_same(tmp_path, monkeypatch, what):
    mode, harbor = ("surrogate", False) if what == "Faker" else ("tag", True)
    if mode == "surrogate":
        pytest.importorskip("faker")
    settings = Settings(mode=mode, safe_harbor=harbor)

    def stop(done):
        raise KeyboardInterrupt

    def run(**rest):
        running._code.cache_clear()
        deidentify(notes(2), tmp_path / "out", settings, **rest)

    with pytest.raises(KeyboardInterrupt):
        run(say=stop)
    with monkeypatch.context() as patch:
        if what == "Faker":
            patch.setattr(running, "version", lambda name: "0.1")
        elif what == "year":
            patch.setattr(running, "date", _Later)
        elif what == "Python":
            patch.setattr(running, "python_version", lambda: "3.99.0")
        else:
            real = running.sha256
            changed = lambda file: "0" if file.name == "documents.py" else real(file)  # noqa: E731
            patch.setattr(running, "sha256", changed)
        with pytest.raises(OutputError, match="Python or Faker, or of another year"):
            run()
    run()
