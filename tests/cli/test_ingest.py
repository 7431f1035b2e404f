"""`sequela ingest`: counts on the screen, never a patient."""

from __future__ import annotations

import json
import stat
import tempfile
from pathlib import Path

import pytest
from tests.cli.command import call

from sequela import ingest, private, sources
from sequela.events import EventData
from sequela.ingest import any_source

EXAMPLE = Path(sources.__file__).parent / "synthea" / "example"


def test_from_raw_tables_to_meds_and_nothing_to_do_the_second_time(tmp_path: Path, capsys):
    assert call("ingest", "synthea", EXAMPLE, "--out", tmp_path / "meds") == 0
    said = capsys.readouterr().out
    assert "3 subjects with" in said
    assert "no such subject" in said
    assert "not there: procedures, medications" in said
    expected = (EXAMPLE / "expected.csv").read_text()
    assert EventData.open(tmp_path / "meds").read().write_csv() == expected
    assert call("ingest", "synthea", EXAMPLE, "--out", tmp_path / "meds") == 0
    assert "nothing to do" in capsys.readouterr().out
    assert call("inspect", tmp_path / "meds") == 0


def test_as_json_with_ids(tmp_path: Path, capsys):
    out = tmp_path / "meds"
    assert call("ingest", "synthea", EXAMPLE, "--out", out, "--keep-ids", "--json") == 0
    found = json.loads(capsys.readouterr().out)
    assert found["subjects"] == 3
    assert ["conditions", "no such subject", 1] in found["dropped"]
    assert found["unchanged"] is False
    assert (out / "metadata" / "subject_ids.parquet").is_file()


def test_two_processes_write_the_same(tmp_path: Path, capsys):
    for name, processes in (("one", 1), ("two", 2)):
        words = ("--out", tmp_path / name, "--processes", processes)
        assert call("ingest", "synthea", EXAMPLE, *words) == 0
    capsys.readouterr()
    for file in sorted((tmp_path / "one").rglob("*")):
        if file.is_file():
            other = tmp_path / "two" / file.relative_to(tmp_path / "one")
            assert other.read_bytes() == file.read_bytes()


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("meds", EXAMPLE / "expected.csv"), "nothing to ingest. They are MEDS already."),
        (("synthea", EXAMPLE, "separator=;"), "option 'separator' of source synthea"),
        (("syntea", EXAMPLE), "Did you mean 'synthea'?"),
        (("synthea", EXAMPLE / "absent"), "no such file or folder"),
        (("synthea", EXAMPLE.parent), "got no patients.csv"),
    ],
)
def test_mistakes_take_one_line(tmp_path: Path, capsys, words, message: str):
    assert call("ingest", *words, "--out", tmp_path / "meds") in (1, 2)
    error = capsys.readouterr().err
    assert message in error
    assert error.count("\n") == 1
    assert not (tmp_path / "meds").exists()


def test_a_folder_in_the_way(tmp_path: Path, capsys):
    (tmp_path / "meds").mkdir()
    assert call("ingest", "synthea", EXAMPLE, "--out", tmp_path / "meds") == 1
    assert "--replace" in capsys.readouterr().err
    assert call("ingest", "synthea", EXAMPLE, "--out", tmp_path / "meds", "--replace") == 0
    assert EventData.open(tmp_path / "meds").subject_ids().size == 3


def test_raw_tables_are_inspected_through_a_private_folder(capsys):
    assert call("inspect", EXAMPLE, "--source", "synthea", "--json") == 0
    assert json.loads(capsys.readouterr().out)["subjects"] == 3


def test_a_raw_source_opens_once_and_in_private(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    monkeypatch.setattr(any_source, "_KEPT", {})
    leftover = tmp_path / "sequela-private-of-a-killed-process"
    leftover.mkdir()
    monkeypatch.setattr(private, "_SETTLED", -1.0)
    data = ingest.opened("synthea", EXAMPLE)
    assert ingest.opened("synthea", EXAMPLE) is data
    (folder,) = tmp_path.iterdir()
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    # What is in use is no leftover.
    private.remove_leftovers()
    assert data.read().height > 0
