"""The whole run: the same notes whatever the processes and kills, and no canary anywhere."""

from __future__ import annotations

import json
import os
import signal
import stat
import subprocess
import sys
import time
from datetime import datetime, timedelta
from pathlib import Path

import polars as pl
import pytest
from tests.cli.command import call

from sequela import sources
from sequela.deid import Replacer, Settings, deidentify
from sequela.deid import block as working
from sequela.deid import run as running
from sequela.errors import ConfigError, DataError, OutputError
from sequela.notes import Document, NoteSet, Span, write_brat, write_conll, write_i2b2

KEY = b"0123456789abcdef"
CANARY = "Xylophonius"
NUMBER = "617-555-8812"


def deid(*words):
    """The status of the command, with rules alone."""
    return call("deid", *words, "--model", "none")


def notes(count: int = 5) -> NoteSet:
    return NoteSet(
        lambda: (
            Document(
                f"{CANARY}/{number}",
                f"{CANARY} Quux, seen 3/{number % 28 + 1}/2012, call {NUMBER}.\r\n"
                f"MRN: 0098{number:03d}",
                subject=f"{CANARY} {number % 3}",
                time=datetime(2012, 3, 4),
            )
            for number in range(count)
        )
    )


def content(folder: Path) -> dict[str, bytes]:
    files = sorted(file for file in folder.rglob("*") if file.is_file())
    return {file.relative_to(folder).as_posix(): file.read_bytes() for file in files}


def lines_of(file: Path) -> list[str]:
    return file.read_text().splitlines()


@pytest.fixture
def small_blocks(monkeypatch):
    monkeypatch.setattr(running, "_BLOCK_DOCUMENTS", 2)


def test_what_is_written(tmp_path):
    summary = deidentify(notes(), tmp_path / "out", names=[f"{CANARY} Quux"])
    assert summary.documents == 5
    assert summary.found == {"PATIENT": 5, "DATE": 5, "PHONE": 5, "MEDICALRECORD": 5}
    written = content(tmp_path / "out")
    names = [f"notes/note-{number:07d}.txt" for number in range(1, 6)]
    assert list(written) == [*names, "summary.json"]
    wanted = b"[PATIENT], seen [DATE], call [PHONE].\r\nMRN: [MEDICALRECORD]"
    assert {written[name] for name in names} == {wanted}
    account = (tmp_path / "out.phi" / "phi.jsonl").read_text().splitlines()
    assert json.loads(account[0]) == {
        "id": "note-0000001",
        "start": 0,
        "end": 16,
        "label": "PATIENT",
        "score": 1.0,
        "by": "list",
        "replacement": "[PATIENT]",
    }
    ids = [json.loads(line) for line in lines_of(tmp_path / "out.phi" / "ids.jsonl")]
    assert ids[4] == {"id": "note-0000005", "source": f"{CANARY}/4"}


@pytest.mark.parametrize("umask", [0, 0o077])
def test_the_account_is_for_one_user(tmp_path, umask):
    before = os.umask(umask)
    try:
        deidentify(notes(), tmp_path / "out")
    finally:
        os.umask(before)
    private = tmp_path / "out.phi"
    assert stat.S_IMODE(private.stat().st_mode) == 0o700
    for file in private.iterdir():
        assert stat.S_IMODE(file.stat().st_mode) == 0o600, file.name
    assert sorted(file.name for file in private.iterdir()) == ["ids.jsonl", "key", "phi.jsonl"]


@pytest.mark.parametrize("mode", ["tag", "hash", "mask", "shift-dates", "surrogate"])
def test_no_canary_in_any_output(tmp_path, mode, capfd):
    if mode == "surrogate":
        pytest.importorskip("faker")
    for keep in (False, True):
        out = tmp_path / f"out{keep}"
        settings = Settings(mode=mode, form="jsonl", keep_originals=keep)
        deidentify(notes(), out, settings, names=[f"{CANARY} Quux"])
        words = b"".join(content(out).values())
        for canary in (CANARY, NUMBER, "0098003"):
            assert canary.lower().encode() not in words.lower()
        account = (tmp_path / f"out{keep}.phi" / "phi.jsonl").read_text()
        assert (CANARY in account) is keep
        assert (NUMBER in account) is keep
        assert sorted(json.loads(words.split(b"\n")[0])) == (
            ["id", "subject", "text", "time"]
            if mode in ("shift-dates", "surrogate")
            else ["id", "subject", "text"]
        )
    assert capfd.readouterr() == ("", "")


def test_kept_ids_are_names_of_files(tmp_path):
    odd = ["a/b", "..", "a/../c", "/etc", ".hidden", "x\\y", "n" * 300, "ok.v2"]
    found = NoteSet(lambda: (Document(one, "text") for one in odd))
    deidentify(found, tmp_path / "out", Settings(keep_ids=True))
    names = sorted(content(tmp_path / "out" / "notes"))
    assert names == ["a/b.txt", *(f"note-{number:07d}.txt" for number in range(2, 8)), "ok.v2.txt"]
    assert sorted(file.name for file in tmp_path.iterdir()) == ["out", "out.phi"]


@pytest.mark.parametrize("form", ["txt", "csv", "parquet", "jsonl"])
def test_forms_are_read_again(tmp_path, form):
    text = 'One "q", 3/4/2012\r\nnext\n\n\u202eline\u2028é\x00'
    found = NoteSet(lambda: (Document(f"n{number}", text) for number in range(3)))
    deidentify(found, tmp_path / "out", Settings(form=form))
    source = {"txt": "notes_folder", "jsonl": "notes_jsonl"}.get(form, "notes_table")
    path = tmp_path / "out" / ("notes" if form == "txt" else f"notes.{form}")
    again = list(sources.read(source, path))
    assert [one.text for one in again] == [text.replace("3/4/2012", "[DATE]")] * 3


# --- going on ------------------------------------------------------------------------------------


class Stop(Exception):
    pass


@pytest.mark.parametrize("mode", ["hash", "shift-dates"])
def test_a_broken_run_goes_on_and_ends_the_same(tmp_path, small_blocks, mode, monkeypatch):
    settings = Settings(mode=mode)
    deidentify(notes(9), tmp_path / "whole", settings, key=KEY)

    def stop(done):
        if done >= 4:
            raise Stop

    with pytest.raises(Stop):
        deidentify(notes(9), tmp_path / "out", settings, key=KEY, say=stop)
    assert not (tmp_path / "out").exists(), "nothing is seen before it is whole"
    calls = []
    monkeypatch.setattr(
        working, "clean", lambda *a, real=working.clean, **b: calls.append(1) or real(*a, **b)
    )
    deidentify(notes(9), tmp_path / "out", settings, key=KEY)
    assert len(calls) == 5, "what was done is not done again"
    assert content(tmp_path / "out") == content(tmp_path / "whole")
    account = [(tmp_path / f"{name}.phi" / "phi.jsonl").read_bytes() for name in ("out", "whole")]
    assert account[0] == account[1]


def test_a_broken_run_keeps_its_own_key(tmp_path, small_blocks):
    def stop(done):
        raise Stop

    with pytest.raises(Stop):
        deidentify(notes(9), tmp_path / "out", Settings(mode="hash"), say=stop)
    deidentify(notes(9), tmp_path / "out", Settings(mode="hash"))
    phones = {
        json.loads(line)["replacement"]
        for line in lines_of(tmp_path / "out.phi" / "phi.jsonl")
        if '"PHONE"' in line
    }
    assert len(phones) == 1


def test_changed_notes_are_done_again_and_other_settings_refused(
    tmp_path, small_blocks, monkeypatch
):
    def stop(done):
        raise Stop

    with pytest.raises(Stop):
        deidentify(notes(9), tmp_path / "out", say=stop)
    for settings, names in ((Settings(mode="mask"), []), (Settings(), ["Ann Smith"])):
        with pytest.raises(OutputError, match="other settings, names, another key or version"):
            deidentify(notes(9), tmp_path / "out", settings, names=names)
    # Half of the notes by other rules would be a mixture that nobody can make again.
    with monkeypatch.context() as patch:
        patch.setattr(running, "_code", lambda: "other rules")
        with pytest.raises(OutputError, match="version"):
            deidentify(notes(9), tmp_path / "out")
    other = NoteSet(lambda: (Document(f"n{number}", "On 3/4/2012.") for number in range(3)))
    deidentify(other, tmp_path / "out")
    assert len(content(tmp_path / "out" / "notes")) == 3
    assert CANARY.encode() not in b"".join(content(tmp_path / "out").values())
    with pytest.raises(OutputError, match="exists already"):
        deidentify(other, tmp_path / "out")
    (tmp_path / "out").rename(tmp_path / "moved")
    with pytest.raises(OutputError, match="the account of a finished run"):
        deidentify(other, tmp_path / "out")


@pytest.mark.long
def test_processes_change_nothing(tmp_path, small_blocks):
    for processes in (1, 2):
        out = tmp_path / f"out{processes}"
        deidentify(
            notes(9), out, Settings(mode="hash"), key=KEY, names=["Quux"], processes=processes
        )
    assert content(tmp_path / "out1") == content(tmp_path / "out2")


@pytest.mark.long
def test_kill_9_and_resume(tmp_path):
    folder = tmp_path / "raw"
    folder.mkdir()
    for number in range(1500):
        (folder / f"{number:05d}.txt").write_text(f"Seen 3/4/2012 {number} " * 100)
    (tmp_path / "key").write_bytes(KEY)

    def command(name):
        words = [
            "deid",
            folder,
            "--out",
            tmp_path / name,
            "--mode",
            "hash",
            "--model",
            "none",
            "--key",
        ]
        words += [tmp_path / "key", "--processes", "2"]
        run = "if __name__ == '__main__': from sequela.cli.main import main; main()"
        return [sys.executable, "-c", run, *map(str, words)]

    subprocess.run(command("whole"), check=True, capture_output=True)
    child = subprocess.Popen(command("out"), stdout=subprocess.DEVNULL)
    blocks = tmp_path / "out.phi" / "work"
    deadline = time.monotonic() + 100
    while time.monotonic() < deadline and len(list(blocks.glob("*.json"))) < 3:
        time.sleep(0.01)
    child.send_signal(signal.SIGKILL)
    child.wait()
    assert not (tmp_path / "out").exists()
    subprocess.run(command("out"), check=True, capture_output=True)
    assert content(tmp_path / "out") == content(tmp_path / "whole")


def test_wrong_settings(tmp_path):
    for settings in (Settings(form="xml"), Settings(mode="x"), Settings("hash", safe_harbor=True)):
        with pytest.raises(ConfigError):
            deidentify(notes(), tmp_path / "out", settings)
    with pytest.raises(ConfigError, match="processes"):
        deidentify(notes(), tmp_path / "out", processes=0)
    assert list(tmp_path.iterdir()) == []


def test_a_search_that_fails_withholds(tmp_path):
    def broken(document):
        raise ValueError(document.text)

    summary = deidentify(notes(), tmp_path / "out", model=broken)
    assert summary.withheld == [f"note-{number:07d}" for number in range(1, 6)]
    assert set(content(tmp_path / "out" / "notes").values()) == {b"[WITHHELD]"}


# --- the command ---------------------------------------------------------------------------------


@pytest.fixture
def raw(tmp_path):
    folder = tmp_path / "raw"
    folder.mkdir()
    for number, one in enumerate(notes(3)):
        (folder / f"{number}.txt").write_bytes(one.text.encode())
    (tmp_path / "names.txt").write_text(f"{CANARY} Quux\n\n")
    return folder


def test_dates_that_do_not_move_are_counted(tmp_path):
    note = Document("n", "Seen 3/4/2012, Christmas, March 4-7, 2012; call 617-555-1234.")
    summary = deidentify(NoteSet(lambda: [note]), tmp_path / "out", Settings("shift-dates"))
    assert (summary.found["DATE"], summary.tagged) == (3, 2)


@pytest.mark.parametrize(("form", "told"), [("csv", True), ("txt", False)])
def test_codes_of_subjects_are_said(tmp_path, form, told):
    note = Document("n", "Seen 13/4/2012", subject="0012345")
    for name, settings in (("a", Settings(form=form)), ("b", Settings("shift-dates", form=form))):
        deidentify(NoteSet(lambda: [note]), tmp_path / name, settings)
        summary = json.loads((tmp_path / name / "summary.json").read_text())
        assert ("164.514(c)" in (summary["said"] or "")) == told
        assert summary["documents_with_dates_in_another_order"] == (name == "b")
    safe = Settings(form=form, safe_harbor=True)
    deidentify(NoteSet(lambda: [note]), tmp_path / "c", safe)
    assert json.loads((tmp_path / "c" / "summary.json").read_text())["said"] is None


def test_the_command(raw, tmp_path, capfd):
    names = tmp_path / "names.txt"
    assert deid(raw, "--out", tmp_path / "clean", "--names", names) == 0
    said = capfd.readouterr()
    assert "3 notes, mode tag" in said.out
    assert "Rules alone find no names" in said.out
    assert CANARY not in said.out + said.err
    assert (tmp_path / "clean" / "notes" / "note-0000001.txt").read_text().startswith("[PATIENT],")
    assert deid(raw, "--out", tmp_path / "b", "--mode", "shift-dates", "--json") == 0
    assert "not Safe Harbor" in json.loads(capfd.readouterr().out)["said"]
    assert deid(raw, "--out", tmp_path / "c", "--safe-harbor") == 0
    assert "seen 2012" in (tmp_path / "c" / "notes" / "note-0000001.txt").read_text()


def test_tables_by_the_command(tmp_path):
    frame = pl.DataFrame({"note": [one.text for one in notes(3)], "who": ["a", "a", "b"]})
    frame.write_csv(tmp_path / "t.csv")
    frame.write_parquet(tmp_path / "t.parquet")
    for ending, read in (("csv", pl.read_csv), ("parquet", pl.read_parquet)):
        out = tmp_path / ending
        words = ("text=note", "subject=who", "--out", out, "--keep-ids")
        assert deid(tmp_path / f"t.{ending}", *words) == 0
        made = read(out / f"notes.{ending}")
        assert made.columns == ["id", "subject", "time", "text"]
        assert made["text"].str.ends_with("call [PHONE].\r\nMRN: [MEDICALRECORD]").all()
        assert made["subject"].n_unique() == 2
        assert "a" not in made["subject"].to_list()


@pytest.mark.parametrize(
    ("files", "status", "words"),
    [
        ({}, 2, "no .txt, .csv, .parquet or .jsonl file"),
        ({"a.txt": b"x", "b.csv": b"text\nx\n"}, 2, "notes of several kinds"),
        ({"a.txt": CANARY.encode() + b"\xff\x00"}, 1, "bytes that are not UTF-8"),
        ({"a.jsonl": f'{{"text": "{CANARY}'.encode()}, 1, "no JSON"),
        ({"a.csv": f"body\n{CANARY}\n".encode()}, 1, "column"),
    ],
)
def test_what_is_refused(tmp_path, files, status, words, capfd, caplog):
    raw = tmp_path / "raw"
    raw.mkdir()
    for name, data in files.items():
        (raw / name).write_bytes(data)
    assert deid(raw, "--out", tmp_path / "out") == status
    said = capfd.readouterr()
    assert words in said.err
    assert CANARY not in said.out + said.err + caplog.text
    assert not (tmp_path / "out").exists()


def test_a_key_too_short_and_no_path(raw, tmp_path, capfd):
    (tmp_path / "key").write_text("short")
    assert deid(raw, "--out", tmp_path / "out", "--key", tmp_path / "key") == 2
    assert deid(tmp_path / "nothing", "--out", tmp_path / "out") == 1
    with pytest.raises(DataError):
        list(sources.read("notes_folder", tmp_path / "nothing"))


@pytest.mark.parametrize("form", ["brat", "i2b2", "conll"])
def test_forms_with_spans_come_in_and_go_out(tmp_path, form):
    marked = [
        Document(f"n{number}", f"{CANARY} on 3/4/2012\nand on 3/4/2012", (Span(0, 11, "PATIENT"),))
        for number in range(3)
    ]
    raw = tmp_path / "raw"
    if form == "conll":
        raw.mkdir()
        assert write_conll(raw / "a.conll", marked) == 3
    else:
        {"brat": write_brat, "i2b2": write_i2b2}[form](raw, marked)
    words = ["whole=true", "--source", "conll"] if form == "conll" else []
    (tmp_path / "names").write_text(CANARY)
    names = ("--names", tmp_path / "names")
    assert deid(raw, *words, "--out", tmp_path / "out", *names) == 0
    place = tmp_path / "out" / ("notes.conll" if form == "conll" else "notes")
    options = {"whole": True} if form == "conll" else {}
    again = list(sources.read(form, place, **options))
    assert len(again) == 3
    for one in again:
        words = [one.text[span.start : span.end].replace(" ", "") for span in one.spans]
        assert words == ["[PATIENT]", "[DATE]", "[DATE]"]
        assert [span.type for span in one.spans] == ["PATIENT", "DATE", "DATE"]
        assert CANARY not in one.text


def test_remainders_are_marked_where_they_stand(tmp_path):
    def model(document):
        start = document.text.index("Jones")
        return [(start, start + 5, "PATIENT", 0.9), (21, 30, "IDNUM", 0.9)]

    note = Document("n", "Seen by Jones today, QX-77-Q51 known. qx 77\nq51; on 3/4/2012 Jones.")
    deidentify(NoteSet(lambda: [note]), tmp_path / "out", Settings(form="brat"), model=model)
    (made,) = sources.read("brat", tmp_path / "out" / "notes")
    assert made.text == "Seen by [PATIENT] today, [IDNUM] known. [PHI]; on [DATE] [PATIENT]."
    assert [made.text[one.start : one.end] for one in made.spans] == [
        *("[PATIENT]", "[IDNUM]", "[PHI]", "[DATE]", "[PATIENT]")
    ]


def test_consistent_within_a_patient_across_files_and_processes(tmp_path):
    pytest.importorskip("faker")
    settings = Settings(mode="surrogate", form="jsonl")
    for first in (0, 3):
        part = NoteSet(lambda first=first: list(notes(6))[first : first + 3])
        deidentify(part, tmp_path / f"part{first}", settings, names=[f"{CANARY} Quux"], key=KEY)
    deidentify(notes(6), tmp_path / "whole", settings, names=[f"{CANARY} Quux"], key=KEY)

    def texts(name):
        lines = lines_of(tmp_path / name / "notes.jsonl")
        return [(json.loads(one)["text"], json.loads(one)["subject"]) for one in lines]

    assert texts("part0") + texts("part3") == texts("whole")
    people = {subject: text.split(",")[0] for text, subject in texts("whole")}
    assert len(people) == 3
    for text, subject in texts("whole"):
        assert text.startswith(people[subject])


def test_a_kept_id_is_never_that_of_a_numbered_note(tmp_path):
    some = [Document("note-0000002", "first"), Document("..", "second")]
    deidentify(NoteSet(lambda: some), tmp_path / "out", Settings(keep_ids=True))
    written = content(tmp_path / "out" / "notes")
    assert written == {"note-0000001.txt": b"first", "note-0000002.txt": b"second"}


def test_a_terminal_sees_how_many_there_are():
    assert notes(5).count() == 5
    assert NoteSet(lambda: iter(()), size=lambda: 7).count() == 7


def test_lines_of_a_list_without_a_name_are_told_by_number(tmp_path, capfd):
    raw, listed = tmp_path / "raw", tmp_path / "names.txt"
    raw.mkdir()
    (raw / "a.txt").write_text("Quux came.")
    listed.write_text("Quux\n\nJ. Z.\n 4711\n")
    assert deid(raw, "--out", tmp_path / "out", "--names", listed) == 0
    said = capfd.readouterr().out
    assert "not used: 2 (3, 4)" in said
    assert "4711" not in said.replace(str(tmp_path), "")
    assert deid(raw, "--out", tmp_path / "two", "--names", listed, "--json") == 0
    assert json.loads(capfd.readouterr().out)["lines_of_the_list_without_a_name"] == [3, 4]


@pytest.mark.parametrize("processes", [1, pytest.param(2, marks=pytest.mark.long)])
def test_the_order_of_dates_is_the_patients(tmp_path, small_blocks, processes):
    written = {
        "p": ["On 3/4/2012.", "On 13/4/2012.", "On 5/4/2012."],
        "q": ["On 3/4/2012."],
        "r": ["On 13/4/2012.", "On 4/13/2012.", "On 3/4/2012."],
        None: ["On 3/4/2012."],
    }
    made = [
        Document(f"{subject} {number}", text, subject=subject)
        for subject, texts in written.items()
        for number, text in enumerate(texts)
    ]
    settings = Settings(mode="shift-dates", form="jsonl")
    summary = deidentify(
        NoteSet(lambda: made), tmp_path / "out", settings, key=KEY, processes=processes
    )
    texts = [json.loads(line)["text"] for line in lines_of(tmp_path / "out" / "notes.jsonl")]

    def moved(person, day, day_first):
        there = datetime(2012, *day) + timedelta(Replacer("shift-dates", KEY).shift_of(person))
        numbers = (there.day, there.month) if day_first else (there.month, there.day)
        return f"On {numbers[0]}/{numbers[1]}/{there.year}."

    assert texts[:3] == [moved("subject p", (4, day), True) for day in (3, 13, 5)]
    assert texts[3] == moved("subject q", (3, 4), False)
    assert texts[6] == "On [DATE].", "a patient's notes that contradict each other tell no order"
    assert texts[7] == moved("document None 0", (3, 4), False)
    assert summary.against_order == 2
