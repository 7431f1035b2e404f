from __future__ import annotations

import json
import os
import signal
import threading

import numpy as np
import pytest
import torch
from tiny_training import (
    NotFinite,
    metrics_without_seconds,
    tiny_model,
    tiny_samples,
    weights_digest,
)

from sequela.batches import from_lists
from sequela.errors import (
    ConfigError,
    DataError,
    Interrupted,
    LabelError,
    OutputError,
    TrainingError,
)
from sequela.train import TrainingSettings, fit, predict

TRAIN, TUNING = tiny_samples(60, 0), tiny_samples(40, 1)


def settings(**changes) -> TrainingSettings:
    return TrainingSettings(
        **{"epochs": 3, "batch_size": 16, "learning_rate": 0.02, "progress": False, **changes}
    )


def run(directory=None, model=None, **changes):
    model = model or tiny_model()
    return model, fit(model, TRAIN, TUNING, settings(**changes), directory)


def test_it_learns_and_keeps_the_best_epoch(tmp_path):
    model, history = run(tmp_path, epochs=12, patience=None)
    values = [line["tuning_metric"] for line in history.epochs]
    assert history.metric_name == "auroc"
    assert history.best_metric == max(values) > 0.85
    assert history.best_epoch == 1 + values.index(max(values))
    scores = predict(model, TUNING)
    positive, negative = scores[TUNING.target], scores[~TUNING.target]
    wins = (positive[:, None] > negative).mean() + 0.5 * (positive[:, None] == negative).mean()
    assert wins == pytest.approx(history.best_metric)
    lines = [json.loads(line) for line in (tmp_path / "metrics.jsonl").read_text().splitlines()]
    steps = [line for line in lines if line["kind"] == "step"]
    assert [line["step"] for line in steps] == list(range(1, 49))
    assert history.steps == 48
    keys = {"kind", "epoch", "step", "loss", "lr", "gradient_norm", "seconds"}
    assert set(steps[0]) == keys
    epochs = [line for line in lines if line["kind"] == "epoch"]
    assert epochs == history.epochs
    assert sum(line["best"] for line in epochs) >= 1
    # The mean over samples, whatever the sizes of the batches: 16, 16, 16 and 12 in some order.
    losses = [line["loss"] for line in steps[:4]]
    assert any(
        np.average(losses, weights=[12 if index == small else 16 for index in range(4)])
        == pytest.approx(epochs[0]["train_loss"], rel=1e-9)
        for small in range(4)
    )


def test_the_schedule_runs_over_the_least_steps(tmp_path):
    options = {"epochs": 2, "least_steps": 10, "schedule": "cosine", "patience": None}
    _, history = run(tmp_path, **options)
    lines = [json.loads(line) for line in (tmp_path / "metrics.jsonl").read_text().splitlines()]
    rates = [line["lr"] for line in lines if line["kind"] == "step"]
    assert history.steps == len(rates) == 12  # three epochs of four steps
    assert 0 < rates[-1] < 0.05 * rates[0]


def test_the_same_bits_twice_and_the_callers_generator_untouched(tmp_path):
    torch.manual_seed(1)
    before = torch.random.get_rng_state()
    digests = {weights_digest(run(tmp_path / name)[0]) for name in "ab"}
    assert len(digests) == 1
    assert metrics_without_seconds(tmp_path / "a") == metrics_without_seconds(tmp_path / "b")
    assert torch.equal(before, torch.random.get_rng_state())
    assert not torch.are_deterministic_algorithms_enabled()
    assert weights_digest(run(seed=1)[0]) not in digests
    assert weights_digest(run()[0]) in digests  # a folder changes nothing


class StopAt:
    """Sends a signal to this process when a step is done."""

    def __init__(self, step: int, number: int = signal.SIGTERM, kind: str = "step"):
        self.step, self.number, self.kind = step, number, kind

    def __call__(self, line) -> None:
        if line["kind"] == self.kind and line["step"] == self.step:
            os.kill(os.getpid(), self.number)


@pytest.mark.parametrize(
    ("step", "number", "kind"),
    [
        (1, signal.SIGTERM, "step"),
        (6, signal.SIGINT, "step"),
        (8, signal.SIGTERM, "step"),
        (8, signal.SIGTERM, "epoch"),
    ],
)
def test_a_signal_saves_and_the_resumed_run_has_the_same_bits(tmp_path, step, number, kind):
    handlers = [signal.getsignal(item) for item in (signal.SIGTERM, signal.SIGINT)]
    whole, history = run(tmp_path / "whole", schedule="cosine")
    arguments = (TRAIN, TUNING, settings(schedule="cosine"), tmp_path / "killed")
    with pytest.raises(Interrupted, match=rf"{signal.Signals(number).name} after step {step}"):
        fit(tiny_model(), *arguments, callback=StopAt(step, number, kind))
    assert [signal.getsignal(item) for item in (signal.SIGTERM, signal.SIGINT)] == handlers
    resumed = tiny_model(dropout=0.2)
    with torch.no_grad():
        resumed.head.weight.fill_(9.0)  # the weights come from the checkpoint
    again = fit(resumed, *arguments)
    assert again.resumed_from == step
    assert weights_digest(resumed) == weights_digest(whole)
    assert metrics_without_seconds(tmp_path / "killed") == metrics_without_seconds(
        tmp_path / "whole"
    )
    assert (again.best_epoch, again.best_metric) == (history.best_epoch, history.best_metric)


def test_a_signal_without_a_folder():
    with pytest.raises(Interrupted, match="no folder to save in"):
        fit(tiny_model(), TRAIN, TUNING, settings(), callback=StopAt(2))


def test_it_runs_in_another_thread(tmp_path):
    found = []
    thread = threading.Thread(target=lambda: found.append(run(tmp_path)[1]))
    thread.start()
    thread.join()
    assert found[0].steps == 12


def test_a_finished_run_is_not_run_again(tmp_path):
    model, history = run(tmp_path)
    lines = metrics_without_seconds(tmp_path)
    other, again = run(tmp_path)
    assert weights_digest(model) == weights_digest(other)
    assert again.resumed_from == history.steps
    assert metrics_without_seconds(tmp_path) == lines
    assert len(os.listdir(tmp_path / "checkpoints")) == 2


def test_without_resume_an_old_run_is_refused(tmp_path):
    run(tmp_path)
    with pytest.raises(OutputError, match="checkpoints of a run"):
        fit(tiny_model(), TRAIN, TUNING, settings(), tmp_path, resume=False)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"settings": settings(learning_rate=0.1)}, "setting 'learning_rate'"),
        ({"train": tiny_samples(60, 9)}, "the training part is not"),
        ({"tuning": tiny_samples(40, 9)}, "the tuning part is not"),
        ({"model": tiny_model(hidden=9)}, "the model is not"),
    ],
)
def test_another_run_is_not_gone_on_with(tmp_path, changes, message):
    run(tmp_path)
    arguments = {
        "model": tiny_model(), "train": TRAIN, "tuning": TUNING, "settings": settings(),
    }  # fmt: skip
    with pytest.raises(ConfigError, match=message):
        fit(**{**arguments, **changes}, directory=tmp_path)


def test_settings_that_change_no_bit_may_change(tmp_path):
    run(tmp_path)
    fit(tiny_model(), TRAIN, TUNING, settings(checkpoint_every_steps=2), tmp_path)


def test_early_stopping():
    _, history = run(epochs=50, patience=2, learning_rate=1e-9)
    assert history.stopped_early
    assert len(history.epochs) == history.best_epoch + 2 < 50


def test_a_loss_that_is_not_finite(tmp_path):
    model = NotFinite(good_steps=6)
    wanted = (
        r"training, epoch 2, step 7, learning rate 0\.02: got a loss that is not finite\. "
        r"Try learning_rate=0\.002 .*last good checkpoint is kept"
    )
    with pytest.raises(TrainingError, match=wanted):
        fit(model, TRAIN, TUNING, settings(), tmp_path)
    assert sorted(os.listdir(tmp_path / "checkpoints")) == ["step-00000000", "step-00000004"]
    assert bool(torch.isfinite(model.weight).all())


def test_a_gradient_that_is_not_finite():
    model = tiny_model()
    model.head.weight.register_hook(lambda gradient: gradient * float("inf"))
    with pytest.raises(TrainingError, match=r"step 1, .*got a gradient .*clip_norm=1"):
        fit(model, TRAIN, TUNING, settings(clip_norm=None))


def test_a_full_disk_and_a_folder_in_the_way(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError):
        run(tmp_path / "file")


def test_a_disk_that_fills_up(tmp_path, monkeypatch):
    from sequela.train import checkpoint

    written = checkpoint.write_verified

    def write_some(folder, contents):
        if "step-00000008" in folder.name:
            (folder / "half").write_bytes(b"half")
            raise OSError(28, "No space left on device")
        written(folder, contents)

    whole, _ = run()
    with monkeypatch.context() as patch:
        patch.setattr(checkpoint, "write_verified", write_some)
        with pytest.raises(OutputError, match="no space left"):
            run(tmp_path)
    assert sorted(os.listdir(tmp_path / "checkpoints")) == ["step-00000000", "step-00000004"]
    assert weights_digest(run(tmp_path)[0]) == weights_digest(whole)


@pytest.mark.parametrize("optimiser", ["adam", "adamw", "sgd"])
@pytest.mark.parametrize("momentum", [0.0, 0.9])
def test_every_optimiser_resumes_with_the_same_bits(tmp_path, optimiser, momentum):
    changes = {"optimiser": optimiser, "momentum": momentum, "weight_decay": 0.01, "epochs": 2}
    whole, _ = run(**changes)
    arguments = (TRAIN, TUNING, settings(**changes), tmp_path)
    with pytest.raises(Interrupted):
        fit(tiny_model(), *arguments, callback=StopAt(3))
    resumed = tiny_model()
    fit(resumed, *arguments)
    assert weights_digest(resumed) == weights_digest(whole)


def test_classes_and_label_smoothing():
    train, tuning = tiny_samples(90, 0, "multiclass"), tiny_samples(60, 1, "multiclass")
    model = tiny_model(classes=3)
    options = settings(epochs=8, metric="macro_f1", label_smoothing=0.1)
    history = fit(model, train, tuning, options)
    assert history.kind == "multiclass"
    assert history.best_metric > 0.5
    scores = predict(model, tuning)
    assert scores.shape == (60, 3)
    np.testing.assert_allclose(scores.sum(axis=1), 1)
    assert fit(tiny_model(classes=3), train, tuning, settings(epochs=1)).metric_name == "loss"


def test_numbers():
    train, tuning = tiny_samples(90, 0, "regression"), tiny_samples(60, 1, "regression")
    model = tiny_model(dropout=0.0)
    history = fit(model, train, tuning, settings(epochs=15, patience=None))
    assert (history.kind, history.metric_name) == ("regression", "loss")
    assert history.best_metric < 0.5 * tuning.target.var()
    found = predict(model, tuning, kind="regression")
    assert np.mean((found - tuning.target) ** 2) == pytest.approx(history.best_metric, rel=1e-5)


@pytest.mark.parametrize(
    ("balance", "part", "least"), [("weights", 1, 0.25), ("roots", 0.5, 0.18), ("sampler", 1, 0.25)]
)
def test_balanced_training_is_brought_back_to_the_true_prevalence(balance, part, least):
    train, tuning = tiny_samples(400, 0, rare=0.1), tiny_samples(200, 1, rare=0.1)
    model = tiny_model(dropout=0.0)
    history = fit(model, train, tuning, settings(epochs=6, balance=balance, learning_rate=0.01))
    assert history.logit_shift == pytest.approx([part * np.log(0.1 / 0.9)])
    assert predict(model, tuning).mean() > least
    corrected = predict(model, tuning, logit_shift=history.logit_shift)
    assert corrected.mean() == pytest.approx(0.1, abs=0.05)
    plain = settings(epochs=1, balance=balance, recalibrate=False)
    assert fit(tiny_model(), train, tuning, plain).logit_shift == []


@pytest.mark.parametrize(
    ("train", "tuning", "changes", "error", "message"),
    [
        ([True] * 4, [True, False], {}, LabelError, "training part: got no sample of class 0"),
        ([0, 1, 3], [0, 1], {}, LabelError, "no sample of class 2"),
        ([0, 1], [0, 2], {}, LabelError, "no sample of class 2"),
        ([0, -1], [0, 1], {}, LabelError, "training part, row 1"),
        ([0, 2], [0, 1], {"kind": "binary"}, LabelError, "training part, row 1.*wanted 0 or 1"),
        ([0.5, 1.5], [np.nan, 1], {}, DataError, "tuning part, row 0: got NaN"),
        ([True, False], [], {}, DataError, "tuning part: got no samples"),
        ([], [True], {}, DataError, "training part: got no samples"),
        ([True, False], [True], {"metric": "auroc"}, LabelError, "one class only"),
        ([True, False], [True], {"metric": "macro_f1"}, ConfigError, "'metric'"),
        ([0.5, 1.5], [0.5], {"balance": "weights"}, ConfigError, "'balance'"),
        ([0, 1, 2], [0], {}, TrainingError, r"shape \[3\], wanted \[3, 3\]"),
    ],
)
def test_targets_that_do_not_do(train, tuning, changes, error, message):
    parts = [from_lists([np.ones((2, 2))] * len(part), np.array(part)) for part in (train, tuning)]
    with pytest.raises(error, match=message):
        fit(tiny_model(), *parts, settings(**changes))


def test_one_class_in_the_tuning_part_falls_back_on_the_loss():
    tuning = from_lists([np.ones((2, 2))] * 3, np.array([False] * 3))
    assert fit(tiny_model(), TRAIN, tuning, settings(epochs=1)).metric_name == "loss"


def test_bfloat16_products(tmp_path):
    model, history = run(tmp_path, precision="bf16-mixed", epochs=2)
    assert model.head.weight.dtype == torch.float32
    assert np.isfinite(history.best_metric)


def test_an_accelerator_that_is_not_there():
    if torch.cuda.is_available():
        pytest.skip("there is a GPU")
    with pytest.raises(ConfigError, match="'accelerator'") as caught:
        run(accelerator="cuda")
    assert "\n" not in str(caught.value)
