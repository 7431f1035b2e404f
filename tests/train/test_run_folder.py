from __future__ import annotations

import os
from pathlib import Path

import pytest
from tiny_training import tiny_model, tiny_samples

from sequela import files
from sequela.errors import ConfigError
from sequela.train import TrainingSettings, fit, run_folder
from sequela.train.run_folder import open_folder, write_json

DESCRIPTION = {"settings": {"seed": 1}}


class Killed(BaseException):
    """Ends a run as a kill does: nothing is tidied."""


@pytest.fixture
def killing(monkeypatch):
    """Everything that is written from now on is left as a kill leaves it."""

    def kill(*arguments, **options):
        raise Killed

    def switch():
        for module, name in ((os, "replace"), (os, "unlink"), (files.shutil, "rmtree")):
            monkeypatch.setattr(module, name, kill)

    yield switch
    monkeypatch.undo()


def write(path: Path) -> None:
    if path.suffix:
        write_json(path, {})
        return
    with files.publish_directory(path) as temporary:
        (temporary / "half").write_text("half")


def test_what_kills_left_in_a_run_folder_is_removed(tmp_path, killing, monkeypatch):
    folder = tmp_path / "runs" / "mine"
    open_folder(folder, DESCRIPTION, resume=False)
    killing()
    for name in run_folder._WRITTEN:
        with pytest.raises(Killed):
            write(folder / name)
    monkeypatch.undo()
    kept = [".gitignore", ".model.txt", ".experiment.json.backup"]
    for name in kept:
        (folder / name).write_text("")
    assert len(os.listdir(folder)) == 1 + len(run_folder._WRITTEN) + len(kept)
    open_folder(folder, DESCRIPTION, resume=True)
    assert sorted(os.listdir(folder)) == sorted(["experiment.json", *kept])


def test_a_folder_that_was_never_finished_leaves_nothing(tmp_path, killing, monkeypatch):
    folder = tmp_path / "mine"
    killing()
    with pytest.raises(Killed):
        open_folder(folder, DESCRIPTION, resume=True)
    monkeypatch.undo()
    assert len(os.listdir(tmp_path)) == 1
    (tmp_path / ".yours.abcdefgh").mkdir()
    open_folder(folder, DESCRIPTION, resume=True)
    assert sorted(os.listdir(tmp_path)) == [".yours.abcdefgh", "mine"]


def test_another_run_is_left_as_it_is(tmp_path):
    folder = tmp_path / "mine"
    open_folder(folder, DESCRIPTION, resume=False)
    (folder / ".cohort.json.abcdefgh").write_text("")
    with pytest.raises(ConfigError, match="'seed'"):
        open_folder(folder, {"settings": {"seed": 2}}, resume=True)
    assert len(os.listdir(folder)) == 2


def listing(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*"))


def test_a_run_that_goes_on_leaves_what_an_undisturbed_one_leaves(tmp_path):
    settings = TrainingSettings(epochs=2, batch_size=20, progress=False)
    arguments = (tiny_samples(40), tiny_samples(20, 1), settings)
    fit(tiny_model(), *arguments, tmp_path / "whole")
    killed = tmp_path / "killed"
    fit(tiny_model(), *arguments, killed)
    (killed / ".metrics.jsonl.ab_12345").write_text("half")
    (killed / "checkpoints" / ".step-00000009.abcdefgh").mkdir()
    fit(tiny_model(), *arguments, killed)
    assert listing(killed) == listing(tmp_path / "whole")
