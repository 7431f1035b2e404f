from __future__ import annotations

import errno
import io
import json
import os
import random
import shutil

import pytest
import torch
from tiny_training import metrics_without_seconds, tiny_model, tiny_samples, weights_digest

from sequela.bundle import manifest
from sequela.errors import BundleError, Interrupted
from sequela.train import TrainingSettings, checkpoint, fit

TRAIN, TUNING = tiny_samples(40, 0), tiny_samples(30, 1)
SETTINGS = TrainingSettings(epochs=3, batch_size=10, progress=False)


def tensors(value: float) -> dict:
    return {"model": {"w": torch.full((3,), value)}, "optimiser": {"0.step": torch.tensor(value)}}


def fill(root, steps) -> None:
    for step in steps:
        checkpoint.save(root, step, tensors(step), {"step": step})


def test_round_trip_and_the_last_two_are_kept(tmp_path):
    fill(tmp_path, [0, 5, 123])
    assert [path.name for path in checkpoint.checkpoint_folders(tmp_path)] == [
        "step-00000005", "step-00000123",
    ]  # fmt: skip
    found = checkpoint.load_newest(tmp_path, pytest.fail)
    assert found.state["step"] == 123
    assert torch.equal(found.tensors["model"]["w"], torch.full((3,), 123.0))
    assert found.tensors["optimiser"]["0.step"].shape == ()
    assert set(os.listdir(found.folder)) == {
        "model.safetensors", "optimiser.safetensors", "state.json", "manifest.json",
    }  # fmt: skip


def test_none_at_all(tmp_path):
    assert checkpoint.load_newest(tmp_path / "nowhere", pytest.fail) is None
    (tmp_path / "step-x").mkdir()
    assert checkpoint.load_newest(tmp_path, pytest.fail) is None


def test_leftovers_of_a_kill_are_removed(tmp_path):
    fill(tmp_path, [1])
    (tmp_path / ".step-00000002.abc").mkdir()
    (tmp_path / "mine").mkdir()
    checkpoint.remove_leftovers(tmp_path)
    assert sorted(os.listdir(tmp_path)) == ["mine", "step-00000001"]


@pytest.mark.parametrize(
    "name", ["model.safetensors", "optimiser.safetensors", "state.json", "manifest.json"]
)
@pytest.mark.parametrize("damage", ["flip", "cut", "remove"])
def test_the_one_before_a_damaged_one_is_used(tmp_path, name, damage):
    fill(tmp_path, [1, 2])
    path = tmp_path / "step-00000002" / name
    whole = bytearray(path.read_bytes())
    if damage == "flip":
        whole[random.Random(0).randrange(len(whole))] ^= 1
        path.write_bytes(whole)
    elif damage == "cut":
        path.write_bytes(whole[: len(whole) // 2])
    else:
        path.unlink()
    lines = []
    assert checkpoint.load_newest(tmp_path, lines.append).state["step"] == 1
    (line,) = lines
    assert "step-00000002 is damaged" in line
    assert "going on from step-00000001" in line
    assert os.listdir(tmp_path) == ["step-00000001"]


def test_all_damaged(tmp_path):
    fill(tmp_path, [1, 2])
    for folder in checkpoint.checkpoint_folders(tmp_path):
        (folder / "state.json").write_text("{}")
    with pytest.raises(BundleError, match="got 2, all damaged") as caught:
        checkpoint.load_newest(tmp_path, pytest.fail)
    assert "\n" not in str(caught.value)
    assert len(os.listdir(tmp_path)) == 2


def test_another_format(tmp_path):
    checkpoint.save(tmp_path, 1, tensors(1), {"format": 2})
    with pytest.raises(BundleError, match="another format version"):
        checkpoint.load_newest(tmp_path, pytest.fail)


@pytest.mark.parametrize("number", [errno.EMFILE, errno.EIO, errno.EACCES])
@pytest.mark.parametrize("call", ["open", "fstat"])
@pytest.mark.parametrize("time", range(4))
def test_what_cannot_be_read_now_is_not_removed(tmp_path, monkeypatch, number, call, time):
    fill(tmp_path, [1, 2])
    real, calls = getattr(os, call), []

    def failing(*arguments, **options):
        calls.append(arguments)
        if len(calls) == time + 1:
            raise OSError(number, os.strerror(number))
        return real(*arguments, **options)

    with monkeypatch.context() as patch:
        patch.setattr(manifest.os, call, failing)
        with pytest.raises(BundleError, match=os.strerror(number)) as caught:
            checkpoint.load_newest(tmp_path, pytest.fail)
    assert "\n" not in str(caught.value)
    assert len(os.listdir(tmp_path)) == 2
    assert checkpoint.load_newest(tmp_path, pytest.fail).state["step"] == 2


def test_a_disk_that_does_not_answer_while_it_is_read(tmp_path, monkeypatch):
    fill(tmp_path, [1, 2])

    class Broken(io.BytesIO):
        def read(self, *arguments):
            raise OSError(errno.EIO, os.strerror(errno.EIO))

    with monkeypatch.context() as patch:
        patch.setattr("builtins.open", lambda *arguments, **options: Broken())
        with pytest.raises(BundleError, match=os.strerror(errno.EIO)):
            checkpoint.load_newest(tmp_path, pytest.fail)
    assert len(os.listdir(tmp_path)) == 2


@pytest.mark.parametrize("place", ["state", "manifest"])
def test_a_checkpoint_of_another_format_is_kept(tmp_path, place):
    fill(tmp_path, [1, 2])
    newest = tmp_path / "step-00000002"
    if place == "state":
        contents = manifest.read_verified(newest, ())
        state = json.loads(contents["state.json"])
        contents["state.json"] = json.dumps({**state, "format": 2}).encode()
        manifest.write_verified(newest, contents)
    else:
        content = json.loads((newest / "manifest.json").read_bytes())
        (newest / "manifest.json").write_text(json.dumps({**content, "format": 2}))
    with pytest.raises(BundleError, match="another format version"):
        checkpoint.load_newest(tmp_path, pytest.fail)
    assert len(os.listdir(tmp_path)) == 2


def test_a_damaged_checkpoint_costs_steps_and_no_bits(tmp_path):
    whole = tiny_model()
    fit(whole, TRAIN, TUNING, SETTINGS, tmp_path / "whole")

    def stop(line):
        if line["step"] == 10:
            raise KeyboardInterrupt

    killed = tmp_path / "killed"
    with pytest.raises(KeyboardInterrupt):
        fit(tiny_model(), TRAIN, TUNING, SETTINGS, killed, callback=stop)
    newest = checkpoint.checkpoint_folders(killed / "checkpoints")[-1]
    with open(newest / "model.safetensors", "r+b") as file:
        file.truncate(100)
    model = tiny_model()
    history = fit(model, TRAIN, TUNING, SETTINGS, killed)
    assert (newest.name, history.resumed_from) == ("step-00000008", 4)
    assert weights_digest(model) == weights_digest(whole)
    assert metrics_without_seconds(killed) == metrics_without_seconds(tmp_path / "whole")


def test_a_lost_file_of_figures_is_begun_again(tmp_path):
    fit(tiny_model(), TRAIN, TUNING, SETTINGS, tmp_path)
    (tmp_path / "metrics.jsonl").write_text('{"kind": "step"}\n{"kind": "st')
    history = fit(tiny_model(), TRAIN, TUNING, SETTINGS, tmp_path)
    assert len(history.epochs) == 3
    assert (tmp_path / "metrics.jsonl").read_text() == '{"kind": "step"}\n'


def test_checkpoints_hold_no_value_of_a_patient(tmp_path):
    fit(tiny_model(), TRAIN, TUNING, SETTINGS, tmp_path)
    (newest,) = checkpoint.checkpoint_folders(tmp_path / "checkpoints")[-1:]
    state = json.loads((newest / "state.json").read_text())
    assert set(state) == {"format", "fingerprint", "position"}
    for name in ("the training part", "the tuning part", "the model"):
        assert len(state["fingerprint"][name]) == 64


def test_interrupted_before_the_first_step(tmp_path):
    import signal

    from sequela.train import stopping

    class Asked(stopping.StopRequest):
        def __init__(self):
            super().__init__()
            self.note(signal.SIGTERM, None)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(stopping, "StopRequest", Asked)
        with pytest.raises(Interrupted, match="after step 1"):
            fit(tiny_model(), TRAIN, TUNING, SETTINGS, tmp_path)
    shutil.rmtree(tmp_path)


def test_the_second_control_c_does_not_wait():
    import signal

    from sequela.train.stopping import StopRequest

    request = StopRequest()
    request.note(signal.SIGINT, None)
    assert request.signal_name == "SIGINT"
    with pytest.raises(KeyboardInterrupt):
        request.note(signal.SIGINT, None)
