"""Hostile notes pass with exact offsets and nothing readable left, or are refused by name."""

from __future__ import annotations

import json
import time
from pathlib import Path

import pytest
from tests.cli.command import call
from tests.deid.hostile import CANARY, PASSING, REFUSED, remains

from sequela.deid import Names, Replacer, Settings, clean, deidentify, find
from sequela.deid.plain import plain, views
from sequela.notes import Document, NoteSet

KEY = b"0123456789abcdef"
LIST = ["Quuxley, Xylophonius"]


def deid(*words):
    """The status of the command, with rules alone."""
    return call("deid", *words, "--model", "none")


def test_there_are_at_least_fifty_kinds():
    assert len(PASSING) + len(REFUSED) >= 50
    assert len(PASSING) >= 50
    assert len(REFUSED) >= 15


def shown(document):
    """A model that finds the name where it reads it plainly, and nothing else."""
    for words in ("Xylophonius", "Quuxley"):
        start = document.text.find(words)
        if start >= 0:
            yield start, start + len(words), "PATIENT", 0.9


@pytest.fixture(scope="module")
def account(tmp_path_factory):
    """Text, output and account of each kind, as one run of all of them writes them.

    Nothing is found again in the output, so what the account says must be all that was changed.
    """
    folder = tmp_path_factory.mktemp("hostile")
    notes = NoteSet(lambda: (Document(kind, text) for kind, text in PASSING.items()))
    settings = Settings(form="jsonl", keep_originals=True, keep_ids=True)
    summary = deidentify(notes, folder / "out", settings, names=LIST, key=KEY)
    assert summary.withheld == []
    assert summary.again == 0
    written = (folder / "out" / "notes.jsonl").read_text().split("\n")[:-1]
    texts = [json.loads(line)["text"] for line in written]
    found = {kind: [] for kind in PASSING}
    for line in (folder / "out.phi" / "phi.jsonl").read_text().split("\n")[:-1]:
        one = json.loads(line)
        found[one["id"]].append(one)
    return {
        kind: (PASSING[kind], text, found[kind]) for kind, text in zip(PASSING, texts, strict=True)
    }


@pytest.mark.parametrize("kind", PASSING)
def test_it_passes_with_exact_offsets(account, kind):
    text, written, found = account[kind]
    assert remains(written) == []
    again, last = "", 0
    for one in found:
        assert text[one["start"] : one["end"]] == one["original"]
        again += text[last : one["start"]] + one["replacement"]
        last = one["end"]
    assert again + text[last:] == written
    if CANARY in text or remains(text):
        labels = {one["label"] for one in found}
        assert {"PATIENT", "DATE", "PHONE", "MEDICALRECORD"} <= labels


def test_the_canary_would_be_seen():
    for kind, text in PASSING.items():
        if kind not in ("empty", "blank lines alone"):
            assert remains(text), kind


@pytest.mark.parametrize("mode", ["mask", "remove", "hash", "shift-dates", "surrogate"])
def test_in_each_mode(mode):
    if mode == "surrogate":
        pytest.importorskip("faker")
    names, replacer = Names(LIST), Replacer(mode, KEY)
    for kind, text in PASSING.items():
        if len(text) < 5000:
            cleaned = clean(Document(kind, text), replacer, names=names)
            assert not cleaned.withheld, kind
            assert remains(cleaned.text) == [], kind


def test_a_model_reads_what_a_reader_reads():
    for kind in ("unseen: zero", "wide characters", "NUL in each word", "Cyrillic look-alikes"):
        text = PASSING[kind]
        cleaned = clean(Document(kind, text), Replacer("tag", KEY), model=shown)
        assert not {"xylophonius", "quuxley"} & set(remains(cleaned.text)), kind


def test_a_view_gives_places_of_the_text():
    text = "a\u200bb\u0301 c\u00adde\u0301"
    view = plain(text)
    assert view.text == "ab cde"
    pieces = [text[slice(*view.place(at, at + 1))] for at in range(len(view.text))]
    assert pieces == ["a", "b\u0301", " ", "c", "d", "e\u0301"]
    assert text[slice(*view.place(0, 6))] == text
    assert [one.text for one in views(text)] == ["ab cde", "a b  c de "]
    assert [one.text for one in views("plain \t\r\n")] == ["plain \t\r\n"]
    assert plain("\u200b\u200b").text == ""
    for words in ("é", "Müller", "李明", "5 µg — “x”", "10³", "½"):
        assert plain(words).text == words


# --- refused -------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", REFUSED)
def test_it_is_refused_by_name(kind, tmp_path, capfd, caplog, monkeypatch):
    make, named = REFUSED[kind]
    raw = tmp_path / "raw"
    raw.mkdir()
    make(raw)
    status = deid(raw, "--out", tmp_path / "out", "--names", names_file(tmp_path))
    said = capfd.readouterr()
    assert status == 1
    assert named is None or named in said.err
    assert said.err.count("\n") == 1
    assert remains(said.out + said.err + caplog.text) == []
    assert not (tmp_path / "out").exists()
    assert nothing_written(tmp_path, raw)


def names_file(folder: Path) -> Path:
    file = folder / "names.list"
    file.write_text(LIST[0])
    return file


def nothing_written(folder: Path, raw: Path) -> bool:
    others = [one for one in folder.rglob("*") if one.is_file() and raw not in one.parents]
    known = ("names.list", "others.txt")
    return all(remains(one.read_text()) == [] for one in others if one.name not in known)


@pytest.mark.parametrize("name", ["-x.txt", "a\nb.txt", "é\u202e.txt", "[red].txt", "a b'\".txt"])
def test_hostile_names_of_files(name, tmp_path, capfd):
    raw = tmp_path / "raw"
    raw.mkdir()
    (raw / name).write_text(CANARY)
    status = deid(raw, "--out", tmp_path / "out", "--names", names_file(tmp_path))
    said = capfd.readouterr()
    # A line end in a name is refused, and nothing of what is in the file is told.
    assert status == (1 if "\n" in name else 0)
    assert remains(said.out + said.err) == []
    if status == 0:
        assert remains((tmp_path / "out" / "notes" / "note-0000001.txt").read_text()) == []


@pytest.mark.long
@pytest.mark.parametrize("piece", ["a", "7", "a ", "3/4 ", "Ann ", "\u0301", "\u200b", "Хх", "\0"])
def test_a_line_of_ten_megabytes(piece):
    text = piece * (10_000_000 // len(piece)) + f" {CANARY}"
    begin = time.process_time()
    cleaned = clean(Document("n", text), Replacer("tag", KEY), names=Names([*LIST, "Ann Xx"]))
    assert not cleaned.withheld
    assert remains(cleaned.text[-200:]) == []
    for span, _ in cleaned.done[-4:]:
        assert text[span.start : span.end].strip()
    assert time.process_time() - begin < 200


def test_found_places_lie_in_the_text():
    for text in PASSING.values():
        for one in find(Document("n", text[:3000]), names=Names(LIST)):
            assert 0 <= one.start < one.end <= len(text)
