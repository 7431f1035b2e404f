from __future__ import annotations

import errno
import os
import signal

import pytest
from tiny_training import tiny_model, tiny_samples

from sequela import lock
from sequela.errors import OutputError
from sequela.train import TrainingSettings, fit
from sequela.train.run_folder import open_folder

TRAIN, TUNING = tiny_samples(40), tiny_samples(20, 1)
SETTINGS = TrainingSettings(epochs=2, batch_size=20, progress=False)

pytestmark = pytest.mark.skipif(lock.fcntl is None, reason="the system has no such locks")


def test_a_second_run_in_the_same_folder_is_refused_and_harms_nothing(tmp_path):
    refused = []

    def second(line):
        if line["step"] == 1:
            leftover = tmp_path / ".metrics.jsonl.abcdefgh"
            leftover.write_text("of the first run, being written")
            with pytest.raises(OutputError, match="another run at work in it") as caught:
                fit(tiny_model(), TRAIN, TUNING, SETTINGS, tmp_path)
            assert leftover.exists()
            refused.append(str(caught.value))

    assert fit(tiny_model(), TRAIN, TUNING, SETTINGS, tmp_path, callback=second).steps == 4
    assert len(refused) == 1
    assert "\n" not in refused[0]
    assert fit(tiny_model(), TRAIN, TUNING, SETTINGS, tmp_path).resumed_from == 4
    assert not [name for name in os.listdir(tmp_path) if name.startswith(".")]


def test_a_run_folder_at_work_is_not_tidied(tmp_path):
    folder = tmp_path / "mine"
    open_folder(folder, {"settings": {}, "held_out": "0"}, resume=False)
    with lock.locked(folder / "checkpoints"), pytest.raises(OutputError, match="another run"):
        open_folder(folder, {"settings": {}, "held_out": "0"}, resume=True)
    open_folder(folder, {"settings": {}, "held_out": "0"}, resume=True)


def test_a_kill_unlocks(tmp_path):
    read, write = os.pipe()
    child = os.fork()
    if child == 0:
        with lock.locked(tmp_path):
            os.write(write, b"x")
            signal.pause()
        os._exit(0)
    assert os.read(read, 1) == b"x"
    os.close(read)
    os.close(write)
    try:
        with pytest.raises(OutputError), lock.locked(tmp_path):
            pass
    finally:
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
    with lock.locked(tmp_path):
        pass


def test_a_disk_without_locks_is_used_without(tmp_path, monkeypatch):
    def flock(handle, operation):
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr(lock.fcntl, "flock", flock)
    with lock.locked(tmp_path / "new"):
        pass
    monkeypatch.setattr(lock, "fcntl", None)
    with lock.locked(tmp_path / "new"):
        pass


def test_a_refusal_comes_before_anything_is_removed(tmp_path):
    fit(tiny_model(), TRAIN, TUNING, SETTINGS, tmp_path)
    leftovers = [
        tmp_path / ".metrics.jsonl.abcdefgh",
        tmp_path / "checkpoints" / ".step-00000009.a",
    ]
    for leftover in leftovers:
        leftover.write_text("")
    with pytest.raises(OutputError, match="checkpoints of a run"):
        fit(tiny_model(), TRAIN, TUNING, SETTINGS, tmp_path, resume=False)
    assert all(leftover.exists() for leftover in leftovers)
