"""What the writers of cleaned notes refuse."""

from __future__ import annotations

import json

import pytest
from tests.deid.test_run import CANARY, deid

from sequela import sources
from sequela.deid import Settings, deidentify
from sequela.deid.write import FORMS, MARKED_FORMS, write_notes
from sequela.errors import DataError
from sequela.notes import Document, NoteSet


def test_a_repeated_id_is_refused_in_each_form(tmp_path):
    rest = {"meds": {"code": "NOTE"}} | {form: {"spans": []} for form in MARKED_FORMS}
    for form in FORMS:
        twice = [{"id": "n", "text": "x", **rest.get(form, {})}] * 2
        (tmp_path / form).mkdir()
        with pytest.raises(DataError, match="note 2: got an id that stood before"):
            write_notes(form, tmp_path / form, twice)


def test_control_characters_do_not_end_a_run_in_xml(tmp_path):
    texts = ["well", "a\0b \x01 on 3/4/2012 \ufffe"]
    raw = NoteSet(lambda: (Document(f"n{number}", text) for number, text in enumerate(texts)))
    summary = deidentify(raw, tmp_path / "out", Settings(form="i2b2"))
    assert summary.unwritable == 3
    _, made = sources.read("i2b2", tmp_path / "out" / "notes")
    assert made.text == "a\ufffdb \ufffd on [DATE] \ufffd"
    assert [made.text[one.start : one.end] for one in made.spans] == ["[DATE]"]


def test_a_score_that_is_no_number_withholds(tmp_path):
    def model(document):
        return [(0, 4, "PATIENT", float(document.text))]

    texts = [" nan", " inf", "0.98"]
    raw = NoteSet(lambda: (Document(f"n{number}", text) for number, text in enumerate(texts)))
    summary = deidentify(raw, tmp_path / "out", model=model)
    assert summary.withheld == ["note-0000001", "note-0000002"]
    account = (tmp_path / "out.phi" / "phi.jsonl").read_text()
    assert "NaN" not in account
    assert "Infinity" not in account


def test_withheld_notes_are_published_as_a_count(tmp_path):
    def broken(document):
        raise ValueError

    raw = NoteSet(lambda: [Document(f"{CANARY} 1", "x")])
    deidentify(raw, tmp_path / "out", Settings(keep_ids=True, form="csv"), model=broken)
    summary = (tmp_path / "out" / "summary.json").read_text()
    assert json.loads(summary)["withheld"] == 1
    assert CANARY not in summary


def test_files_that_are_not_read_are_counted(tmp_path, capfd):
    raw = tmp_path / "raw"
    (raw / "below").mkdir(parents=True)
    for name in ("a.txt", "b.TXT", "c.md", "d.text", "e.txt.gz", "below/f", ".hidden", "below/.g"):
        (raw / name).write_text("seen 3/4/2012")
    assert deid(raw, "--out", tmp_path / "out") == 0
    said = capfd.readouterr()
    assert "2 notes" in said.out
    assert "files not read, for their endings: 4" in said.out
    assert deid(raw, "--out", tmp_path / "json", "--json") == 0
    assert json.loads(capfd.readouterr().out)["files_not_read"] == 4
