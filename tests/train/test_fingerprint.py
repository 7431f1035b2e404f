from __future__ import annotations

import dataclasses

import numpy as np
import pytest
import torch
from tiny_training import tiny_model, tiny_samples

from sequela.errors import ConfigError
from sequela.train import TrainingSettings, fit
from sequela.train.fingerprint import check_same, fingerprint

TRAIN, TUNING = tiny_samples(300, 0), tiny_samples(20, 1)
SETTINGS = TrainingSettings(epochs=1, batch_size=100, progress=False)


def test_a_change_of_any_one_step_is_seen(tmp_path):
    model = tiny_model()
    whole = fingerprint(model, TRAIN, TUNING, SETTINGS)
    for row in range(0, len(TRAIN.steps), 7):
        steps = TRAIN.steps.copy()
        steps[row, 1] += 1
        changed = dataclasses.replace(TRAIN, steps=steps)
        with pytest.raises(ConfigError, match="the training part"):
            check_same(whole, fingerprint(model, changed, TUNING, SETTINGS), tmp_path)


def test_a_change_of_codes_is_seen():
    def digest(codes):
        part = dataclasses.replace(
            TRAIN,
            codes=codes,
            code_offsets=np.arange(len(TRAIN.steps) + 1),
            vocabulary_size=5,
        )
        return fingerprint(tiny_model(), part, TUNING, SETTINGS)["the training part"]

    codes = np.zeros(len(TRAIN.steps), np.int32)
    other = codes.copy()
    other[77] = 4
    assert digest(codes) == digest(codes.copy()) != digest(other)


def test_another_number_of_threads_is_said(tmp_path, capsys):
    spoken = SETTINGS.model_copy(update={"progress": True})
    before = torch.get_num_threads()
    try:
        torch.set_num_threads(1)
        fit(tiny_model(), TRAIN, TUNING, spoken, tmp_path)
        torch.set_num_threads(2)
        capsys.readouterr()
        fit(tiny_model(), TRAIN, TUNING, spoken, tmp_path)
    finally:
        torch.set_num_threads(before)
    said = capsys.readouterr().out
    assert "threads: 1 when the run was begun, 2 now; the last bits may differ" in said
    assert "torch:" not in said


def test_another_torch_is_said(tmp_path):
    now = fingerprint(tiny_model(), TRAIN, TUNING, SETTINGS)
    begun = {**now, "made with": {**now["made with"], "torch": "1.0"}}
    (line,) = check_same(begun, now, tmp_path)
    assert line.startswith("torch: 1.0 when the run was begun")
    assert check_same(now, now, tmp_path) == []
