from __future__ import annotations

import io

import pytest
from tiny_training import tiny_model, tiny_samples

from sequela.train import TrainingSettings, fit, progress

STEP = {"epoch": 2, "step": 30, "loss": 0.5}
EPOCH = {
    "epoch": 2, "step": 30, "train_loss": 0.51, "tuning_loss": 0.52, "tuning_metric": 0.87,
    "metric_name": "auroc", "best": True,
}  # fmt: skip


def test_lines_where_there_is_no_terminal(capsys):
    fit(tiny_model(), tiny_samples(20), tiny_samples(20, 1), TrainingSettings(epochs=2))
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 2
    assert lines[0].startswith("epoch 1: training loss 0.")
    for part in ("tuning loss", "auroc", "steps/s", "left"):
        assert part in lines[1]


def test_a_line_in_long_epochs(capsys, monkeypatch):
    shown = progress.LineProgress(100, 20)
    shown.step(21, STEP)
    assert capsys.readouterr().out == ""
    monkeypatch.setattr(progress, "_SECONDS_BETWEEN_LINES", 0)
    shown.step(22, STEP)
    assert capsys.readouterr().out.startswith("step 22 of 100: loss 0.5000, ")


def test_the_bar(monkeypatch):
    class Terminal(io.StringIO):
        def isatty(self):
            return True

    terminal = Terminal()
    monkeypatch.setattr("sys.stdout", terminal)
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "100")
    shown = progress.make_progress(100, 20, True)
    assert isinstance(shown, progress.BarProgress)
    shown.epoch(EPOCH)
    shown.say("[a line]")
    shown.step(31, STEP)
    shown.close()
    text = terminal.getvalue()
    for part in ("epoch 2", "31/100", "loss 0.5000", "auroc 0.8700", "steps/s", "[a line]", "left"):
        assert part in text, part


@pytest.mark.parametrize(
    ("seconds", "text"), [(0, "0:00"), (61.4, "1:01"), (3599.6, "1:00:00"), (7325, "2:02:05")]
)
def test_clock(seconds, text):
    assert progress._clock(seconds) == text


def test_silence(capsys):
    shown = progress.make_progress(1, 0, False)
    shown.step(1, STEP)
    shown.epoch(EPOCH)
    shown.say("nothing")
    shown.close()
    assert capsys.readouterr().out == ""
