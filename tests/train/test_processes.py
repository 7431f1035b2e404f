from __future__ import annotations

import os
import signal

import pytest
import torch
from tiny_training import metrics_without_seconds, tiny_model, tiny_samples, weights_digest

from sequela.errors import Interrupted, TrainingError
from sequela.train import TrainingSettings, fit

# 61 = 4 x 15 + 1: the last batch has one sample, and the second process none.
TRAIN, TUNING = tiny_samples(61, 0), tiny_samples(40, 1)
SETTINGS = TrainingSettings(
    epochs=2, batch_size=15, learning_rate=0.05, balance="weights", accelerator="cpu",
    clip_norm=0.1, progress=False,
)  # fmt: skip
TWO = SETTINGS.model_copy(update={"devices": 2, "strategy": "ddp"})


class Recorder:
    """Stops the first process at a step; picklable."""

    def __init__(self, step: int):
        self.step = step

    def __call__(self, line) -> None:
        if line["kind"] == "step" and line["step"] == self.step:
            os.kill(os.getpid(), signal.SIGTERM)


@pytest.mark.long
def test_two_processes_do_what_one_does_and_resume(tmp_path, capfd):
    one, two, resumed = (tiny_model(dropout=0.0) for _ in range(3))
    first = fit(one, TRAIN, TUNING, SETTINGS)
    second = fit(two, TRAIN, TUNING, TWO, tmp_path / "whole")
    for name, tensor in one.state_dict().items():
        torch.testing.assert_close(two.state_dict()[name], tensor, rtol=1e-4, atol=1e-6)
    assert second.best_metric == pytest.approx(first.best_metric)
    assert [line["train_loss"] for line in second.epochs] == pytest.approx(
        [line["train_loss"] for line in first.epochs], rel=1e-5
    )
    arguments = (TRAIN, TUNING, TWO, tmp_path / "killed")
    with pytest.raises(Interrupted, match="SIGTERM after step 3"):
        fit(tiny_model(dropout=0.0), *arguments, callback=Recorder(3))
    fit(resumed, *arguments)
    assert weights_digest(resumed) == weights_digest(two)
    assert metrics_without_seconds(tmp_path / "killed") == metrics_without_seconds(
        tmp_path / "whole"
    )
    assert capfd.readouterr() == ("", "")


@pytest.mark.long
def test_an_error_in_a_process_is_one_line():
    with pytest.raises(TrainingError, match="output of the model") as caught:
        fit(tiny_model(classes=2), TRAIN, TUNING, TWO)
    assert "\n" not in str(caught.value)
