"""`sequela deid --model`: beside the rules, with a threshold for a recall, and what is said."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch
from tests.cli.command import call
from tests.deid.test_tagger import NAMES, NEW, SMALL, notes

from sequela import seeds
from sequela.cli import deid_model
from sequela.deid import Settings, deidentify
from sequela.deid import run as running
from sequela.deid.learning import Course, learn
from sequela.deid.tagger import Tagger, shipped
from sequela.notes import Document, NoteSet, write_jsonl
from sequela.ops.native_score import computes

needs_shipped = pytest.mark.skipif(not shipped().is_dir(), reason="no model is shipped")


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """A bundle of a tagger that has read a few notes, and marked notes that it has not read."""
    folder, before = tmp_path_factory.mktemp("model"), torch.get_num_threads()
    torch.set_num_threads(1)
    course = Course(epochs=2, batch_size=8, learning_rate=0.02, min_documents=3)
    tagger, arguments = learn(notes(40, NAMES, 1), course=course, **SMALL)
    # It knows little, and marks much.
    tagger = Tagger(tagger.model, tagger.encoder, threshold=0.02)
    tagger.save(folder / "bundle", arguments, {"title": "small"})
    write_jsonl(folder / "marked.jsonl", notes(60, NEW, 3))
    torch.set_num_threads(before)
    return folder


@pytest.fixture
def raw(tmp_path):
    folder = tmp_path / "raw"
    folder.mkdir()
    for number, one in enumerate(notes(6, NEW, 2)):
        (folder / f"{number}.txt").write_text(one.text)
    return folder


def test_a_model_beside_the_rules(trained, raw, tmp_path, capfd):
    assert call("deid", raw, "--out", tmp_path / "out", "--model", trained / "bundle") == 0
    said = capfd.readouterr().out
    assert f"model: {trained / 'bundle'}" in said
    assert "Rules alone" not in said
    found = json.loads((tmp_path / "out" / "summary.json").read_text())
    assert found["by"]["model"] > 0
    assert found["withheld"] == 0
    assert sum(found["by"].values()) == sum(found["found"].values())


def test_a_recall_target(trained, raw, tmp_path, capfd):
    words = ("--model", trained / "bundle", "--recall-target")
    tuned = ("--tuning", trained / "marked.jsonl")
    assert call("deid", raw, "--out", tmp_path / "out", *words, ".95", *tuned, "--json") == 0
    lines = json.loads(capfd.readouterr().out)["model"]
    assert "for a recall of 0.95: on 60 your notes" in lines[1]
    assert "95 % interval" in lines[1]
    assert call("deid", raw, "--out", tmp_path / "b", *words, ".95") == 2
    assert "no notes to choose the threshold on" in capfd.readouterr().err
    assert call("deid", raw, "--out", tmp_path / "b", *words, "1.5", *tuned) == 2
    assert call("deid", raw, "--out", tmp_path / "b", "--model", "none", *words[2:], ".9") == 2
    assert call("deid", raw, "--out", tmp_path / "b", *tuned) == 2
    assert not (tmp_path / "b").exists()


def test_a_recall_out_of_reach_is_refused(trained, raw, tmp_path, capfd, monkeypatch):
    monkeypatch.setattr("sequela.deid.recall.LEAST_THRESHOLD", 0.9999999)
    words = ("--model", trained / "bundle", "--recall-target", "1")
    tuned = ("--tuning", trained / "marked.jsonl")
    assert call("deid", raw, "--out", tmp_path / "out", *words, *tuned) == 1
    assert "the recall target 1" in capfd.readouterr().err
    assert not (tmp_path / "out").exists()


def test_no_such_model(raw, tmp_path, capfd):
    assert call("deid", raw, "--out", tmp_path / "out", "--model", tmp_path / "none") == 1
    (tmp_path / "broken").mkdir()
    (tmp_path / "broken" / "config.json").write_text("{}")
    assert call("deid", raw, "--out", tmp_path / "out", "--model", tmp_path / "broken") == 1
    assert not (tmp_path / "out").exists()


def test_a_place_within_the_notes(raw, capfd):
    assert call("deid", raw, "--out", raw / "clean", "--model", "none") == 2
    assert "a place within the notes" in capfd.readouterr().err


def test_the_place_of_the_shipped_model():
    assert shipped() == deid_model._SHIPPED


@needs_shipped
def test_the_shipped_model_and_what_is_said(raw, tmp_path, capfd):
    assert call("deid", raw, "--out", tmp_path / "out") == 0
    said = " ".join(capfd.readouterr().out.split())
    assert "trained on simulated notes alone" in said
    assert "do not transfer" in said


def test_a_broken_run_goes_on_with_its_own_threshold(trained, raw, tmp_path, capfd, monkeypatch):
    def killed(*arguments):
        raise KeyboardInterrupt

    monkeypatch.setattr(running, "publish", killed)
    words = ("deid", raw, "--out", tmp_path / "out", "--model")
    assert call(*words, trained / "bundle") == 130
    assert capfd.readouterr().err == "sequela: stopped\n"
    monkeypatch.undo()
    for other in (("none",), (trained / "bundle", "--recall-target", ".9", *tuning(trained))):
        assert call(*words, *other) == 1
        assert "other settings" in capfd.readouterr().err
    assert call(*words, trained / "bundle") == 0


def tuning(trained):
    return "--tuning", trained / "marked.jsonl"


def test_a_note_is_cleaned_alone(trained, tmp_path, monkeypatch):
    """The same bytes whatever stands beside a note, was read before it, and in which order."""
    tagger = Tagger.load(trained / "bundle")
    texts = [one.text for one in notes(30, NEW, 5)]
    some = [
        Document(f"n{number}", "\n".join(texts[number : number + 1 + number % 7]))
        for number in range(30)
    ]
    some.append(Document("long", " ".join(texts * 3)))

    class Model:
        """Asked for a block at once, or for each note by itself."""

        def __init__(self, together):
            if together:
                self.spans = tagger.each

        def __call__(self, document):
            return tagger(document)

    def cleaned(name, notes, together):
        settings = Settings(mode="hash", form="jsonl", keep_ids=True)
        out, key = tmp_path / name, b"0123456789abcdef"
        deidentify(NoteSet(lambda: notes), out, settings, model=Model(together), key=key)
        files = out / "notes.jsonl", tmp_path / f"{name}.phi" / "phi.jsonl"
        return sorted(line for file in files for line in file.read_text().splitlines())

    wanted = cleaned("whole", some, True)
    assert sum('"by": "model"' in line for line in wanted) > 20
    monkeypatch.setattr(running, "_BLOCK_DOCUMENTS", 9)
    assert cleaned("blocks", some[::-1], True) == wanted
    if computes(torch.zeros(1)):
        assert cleaned("alone", some[9:] + some[:9], False) == wanted


def child_processes(process):
    return [
        int(one) for one in Path(f"/proc/{process}/task/{process}/children").read_text().split()
    ]


def alive(process):
    try:
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


@pytest.mark.long
@pytest.mark.timeout(600)
@pytest.mark.skipif(not Path("/proc").is_dir(), reason="asks /proc for the processes")
def test_kill_9_and_resume_with_a_model(trained, tmp_path):
    folder, key = tmp_path / "raw", tmp_path / "key"
    folder.mkdir()
    random = seeds.generator(0, "lines")
    some = notes(400, NEW, 5)
    for number in range(1500):
        texts = [some[place].text for place in random.integers(0, 400, 4)]
        (folder / f"{number:05d}.txt").write_text("\n".join(texts))
    key.write_bytes(b"0123456789abcdef")

    def command(name, processes):
        words = ["deid", folder, "--out", tmp_path / name, "--mode", "surrogate", "--key", key]
        words += ["--model", trained / "bundle", "--processes", processes]
        run = "if __name__ == '__main__': from sequela.cli.main import main; main()"
        return [sys.executable, "-c", run, *map(str, words)]

    child = subprocess.Popen(command("out", 2), stdout=subprocess.DEVNULL)
    blocks = tmp_path / "out.phi" / "work"
    deadline = time.monotonic() + 150
    while time.monotonic() < deadline and len(list(blocks.glob("*.json"))) < 2:
        time.sleep(0.01)
    workers = child_processes(child.pid)
    child.kill()
    child.wait()
    assert len(workers) >= 2
    while time.monotonic() < deadline and any(map(alive, workers)):
        time.sleep(0.05)
    assert not any(map(alive, workers)), "nobody is left with notes in memory"
    assert not (tmp_path / "out").exists()
    assert 2 <= len(list(blocks.glob("*.json"))) < 6
    # Going on with another number of processes changes nothing, neither does not being killed.
    subprocess.run(command("out", 1), check=True, capture_output=True)
    subprocess.run(command("whole", 2), check=True, capture_output=True)
    for kind in ("", ".phi"):
        made = [
            {
                file.relative_to(tmp_path / name).as_posix(): file.read_bytes()
                for file in (tmp_path / name).rglob("*")
                if file.is_file()
            }
            for name in (f"out{kind}", f"whole{kind}")
        ]
        assert made[0] == made[1]
