from __future__ import annotations

import pytest

from sequela.errors import ConfigError
from sequela.settings import checked
from sequela.train import TrainingSettings


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"learning_rat": 0.1}, "'learning_rat' of training.*Did you mean 'learning_rate'"),
        ({"epochs": "many"}, "'epochs' of training.*wanted a whole number"),
        ({"epochs": 0}, "'epochs' of training"),
        ({"optimiser": "lion"}, "'optimiser' of training.*'adam', 'adamw' or 'sgd'"),
        ({"learning_rate": float("nan")}, "'learning_rate' of training"),
        ({"clip_norm": 0}, "'clip_norm' of training"),
        ({"precision": "16-mixed"}, "'precision' of training"),
        ({"epochs": True}, "'epochs' of training: got True, wanted a whole number"),
        ({"threads": True}, "'threads' of training: got True, wanted a whole number"),
        ({"learning_rate": True}, "'learning_rate' of training: got True, wanted a number"),
        ({"clip_norm": False}, "'clip_norm' of training: got False, wanted a number"),
        ({"progress": 1}, "'progress' of training: got 1, wanted true or false"),
        ({"recalibrate": 0.0}, r"'recalibrate' of training: got 0\.0, wanted true or false"),
        ({"label_smoothing": 1.0}, "'label_smoothing' of training"),
    ],
)
def test_mistakes_are_one_line(values, message):
    with pytest.raises(ConfigError, match=message) as caught:
        checked(TrainingSettings, values, "training")
    assert "\n" not in str(caught.value)


def test_numbers_that_are_written_in_another_way_are_numbers():
    found = checked(
        TrainingSettings,
        {"learning_rate": "1e-3", "clip_norm": 1, "epochs": "3", "patience": None, "threads": 2},
        "training",
    )
    assert (found.learning_rate, found.clip_norm, found.epochs) == (1e-3, 1.0, 3)
    assert (found.patience, found.threads, found.progress) == (None, 2, True)


def test_every_setting_is_explained():
    text = TrainingSettings.__doc__
    for name in TrainingSettings.model_fields:
        assert f" {name}:" in text, name


def test_settings_do_not_change():
    with pytest.raises(ValueError, match="frozen"):
        TrainingSettings().epochs = 3


def test_few_samples_are_passed_more_often():
    given = TrainingSettings(epochs=6, patience=3, batch_size=64, least_steps=400)
    few = given.for_samples(200)  # four steps an epoch
    assert (few.epochs, few.patience, few.batch_size) == (100, 50, 64)
    assert given.for_samples(64 * 100) is given
    assert given.for_samples(64 * 40 + 1).epochs == 10
    assert TrainingSettings(epochs=6, patience=None, least_steps=9).for_samples(1).patience is None
    assert TrainingSettings(epochs=6).for_samples(1).epochs == 6
