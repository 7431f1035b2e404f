"""What fails: a disk, a process, a surrogate, a search. Nothing slips out, and the run goes on."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import traceback
from pathlib import Path

import pytest
from tests.cli.command import call
from tests.deid.hostile import CANARY, REFUSED, remains

from sequela.deid import Settings, deidentify, publish
from sequela.deid import run as running
from sequela.deid.surrogates import Surrogates
from sequela.errors import DataError, OutputError
from sequela.notes import Document, NoteSet

resource = pytest.importorskip("resource")

KEY = b"0123456789abcdef"
LIST = ["Quuxley, Xylophonius"]


def deid(*words):
    """The status of the command, with rules alone."""
    return call("deid", *words, "--model", "none")


def notes(count: int = 9) -> NoteSet:
    return NoteSet(
        lambda: (
            Document(f"{number} Quuxley", f"{CANARY} on 3/{number % 28 + 1}/2012", subject="p")
            for number in range(count)
        )
    )


def content(folder: Path) -> dict[str, bytes]:
    files = sorted(file for file in folder.rglob("*") if file.is_file())
    return {file.relative_to(folder).as_posix(): file.read_bytes() for file in files}


def open_to_others(folder: Path) -> list[str]:
    """What of the canary stands outside of the private folder."""
    files = [one for one in folder.rglob("*") if one.is_file()]
    shown = [one for one in files if not any(part.endswith(".phi") for part in one.parts)]
    return [words for one in shown for words in remains(one.read_text(errors="ignore"))]


@pytest.fixture
def small_blocks(monkeypatch):
    monkeypatch.setattr(running, "_BLOCK_DOCUMENTS", 2)


@contextlib.contextmanager
def files_of_at_most(size: int):
    """A disk on which no file can grow beyond a size."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


# Of 400 bytes the first block is too long, of 1,500 the notes put together.
@pytest.mark.parametrize("size", [400, 1500])
@pytest.mark.parametrize("form", ["txt", "jsonl", "csv", "parquet"])
def test_a_full_disk(tmp_path, small_blocks, size, form):
    settings = Settings(form=form, mode="shift-dates")
    with pytest.raises(OutputError) as caught, files_of_at_most(size):
        deidentify(notes(), tmp_path / "out", settings, names=LIST, key=KEY)
    assert remains("".join(traceback.format_exception(caught.value))) == []
    assert not (tmp_path / "out").exists()
    assert open_to_others(tmp_path) == []
    deidentify(notes(), tmp_path / "out", settings, names=LIST, key=KEY)
    deidentify(notes(), tmp_path / "whole", settings, names=LIST, key=KEY)
    assert content(tmp_path / "out") == content(tmp_path / "whole")
    assert open_to_others(tmp_path) == []


class Killed(BaseException):
    pass


@pytest.mark.parametrize("step", range(4))
def test_a_kill_at_each_step_of_the_end(tmp_path, small_blocks, step, monkeypatch):
    whole = deidentify(notes(), tmp_path / "whole", names=LIST, key=KEY)
    place, left = os.replace, [step]

    def replace(source, target):
        # Only the steps of the end: the new names of the parts of the folder.
        if Path(source).name in ("ids.jsonl", "out", "phi.jsonl"):
            if left[0] == 0:
                raise Killed
            left[0] -= 1
        place(source, target)

    monkeypatch.setattr(publish.os, "replace", replace)
    if step < 3:
        with pytest.raises(Killed):
            deidentify(notes(), tmp_path / "out", names=LIST, key=KEY)
        monkeypatch.undo()
        assert (tmp_path / "out").exists() is (step == 2)
        with pytest.raises(OutputError):
            deidentify(notes(), tmp_path / "out", Settings(mode="mask"), names=LIST, key=KEY)
    again = deidentify(notes(), tmp_path / "out", names=LIST, key=KEY)
    assert (again.found, again.by, again.documents) == (whole.found, whole.by, whole.documents)
    assert content(tmp_path / "out") == content(tmp_path / "whole")
    assert content(tmp_path / "out.phi") == content(tmp_path / "whole.phi")


def test_a_folder_of_somebody_else_is_not_taken_for_ours(tmp_path, small_blocks, monkeypatch):
    def killed(work):
        raise Killed

    monkeypatch.setattr(publish, "finished", killed)
    with pytest.raises(Killed):
        deidentify(notes(), tmp_path / "out", key=KEY)
    (tmp_path / "out").rename(tmp_path / "moved")
    (tmp_path / "out").mkdir()
    with pytest.raises(OutputError, match="exists already"):
        deidentify(notes(), tmp_path / "out", key=KEY)


@pytest.mark.parametrize("left", [".key.abc", ".key.abc key"])
def test_a_kill_at_the_begin(tmp_path, left):
    (tmp_path / "out.phi").mkdir()
    for name in left.split():
        (tmp_path / "out.phi" / name).write_text("half")
    deidentify(notes(), tmp_path / "out", names=LIST)
    assert open_to_others(tmp_path) == []


def test_surrogates_that_cannot_be_made(tmp_path, monkeypatch, capfd):
    pytest.importorskip("faker")

    def broken(self, label, words, person):
        raise ValueError(words)

    monkeypatch.setattr(Surrogates, "make", broken)
    settings = Settings(mode="surrogate", form="jsonl")
    summary = deidentify(notes(), tmp_path / "out", settings, names=LIST)
    assert summary.tagged == summary.documents * 3
    assert open_to_others(tmp_path) == []
    account = (tmp_path / "out.phi" / "phi.jsonl").read_text()
    assert remains(account) == []
    assert capfd.readouterr() == ("", "")


class Breaks:
    """A model that fails, loudly, where a block or a note holds a word."""

    def __init__(self, word: str, what: type[BaseException] = ValueError):
        self.word, self.what = word, what

    def __call__(self, document):
        if self.word in document.text:
            raise self.what(document.text)
        return [(0, 11, "PATIENT", 0.9)]

    def spans(self, documents):
        return map(self, documents)


@pytest.mark.parametrize("what", [ValueError, MemoryError, RecursionError, KeyError])
def test_one_note_that_breaks_a_model_is_withheld_alone(tmp_path, what, capfd, caplog):
    summary = deidentify(notes(40), tmp_path / "out", model=Breaks("3/7/2012", what))
    assert summary.withheld == ["note-0000007", "note-0000035"]
    assert summary.by["model"] >= 38
    said = capfd.readouterr()
    assert remains(said.out + said.err + caplog.text) == []
    assert (tmp_path / "out" / "notes" / "note-0000007.txt").read_text() == "[WITHHELD]"


class Dies(Breaks):
    """A model in whose process the system sees no place for it."""

    def __call__(self, document):
        if self.word in document.text and not os.environ.get("SEQUELA_TEST_LIVES"):
            os.kill(os.getpid(), signal.SIGKILL)
        return [(0, 11, "PATIENT", 0.9)]


@pytest.mark.long
def test_a_process_that_dies(tmp_path, small_blocks, capfd, monkeypatch):
    model = Dies("3/7/2012")
    with pytest.raises(DataError, match="a process that ended by itself") as caught:
        deidentify(notes(), tmp_path / "out", model=model, key=KEY, processes=2)
    said = capfd.readouterr()
    assert remains("".join(traceback.format_exception(caught.value)) + said.out + said.err) == []
    assert open_to_others(tmp_path) == []
    monkeypatch.setenv("SEQUELA_TEST_LIVES", "1")
    for name in ("out", "whole"):
        deidentify(notes(), tmp_path / name, model=model, key=KEY, processes=2)
    assert content(tmp_path / "out") == content(tmp_path / "whole")


@pytest.mark.long
def test_errors_of_processes_tell_nothing(tmp_path, small_blocks, capfd):
    with pytest.raises(OutputError) as caught, files_of_at_most(400):
        deidentify(notes(), tmp_path / "out", names=LIST, key=KEY, processes=2)
    said = capfd.readouterr()
    assert remains("".join(traceback.format_exception(caught.value)) + said.out + said.err) == []


@pytest.mark.parametrize("kind", REFUSED)
def test_tracebacks_tell_nothing(kind, tmp_path, monkeypatch):
    monkeypatch.setenv("SEQUELA_TRACEBACK", "1")
    (tmp_path / "raw").mkdir()
    REFUSED[kind][0](tmp_path / "raw")
    with pytest.raises(Exception) as caught:
        deid(tmp_path / "raw", "--out", tmp_path / "out")
    assert remains("".join(traceback.format_exception(caught.value))) == []


def test_a_crash_leaves_no_image_of_memory(tmp_path):
    before = resource.getrlimit(resource.RLIMIT_CORE)
    (tmp_path / "a.txt").write_text(CANARY)
    try:
        resource.setrlimit(resource.RLIMIT_CORE, (before[1], before[1]))
        assert deid(tmp_path / "a.txt", "--out", tmp_path / "out") == 0
        assert resource.getrlimit(resource.RLIMIT_CORE) == (0, before[1])
    finally:
        resource.setrlimit(resource.RLIMIT_CORE, before)


def test_the_account_holds_no_words_unless_asked(tmp_path):
    for keep in (False, True):
        out = tmp_path / f"out{keep}"
        deidentify(notes(), out, Settings(mode="hash", keep_originals=keep), names=LIST)
        account = (tmp_path / f"out{keep}.phi" / "phi.jsonl").read_text()
        assert bool(remains(account)) is keep
        assert all("original" in json.loads(line) for line in account.split("\n")[:-1]) is keep
