"""Where training begins: the answer of a model that has no say yet."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

from sequela import recipes
from sequela.batches import RaggedSamples
from sequela.errors import ConfigError
from sequela.nn.heads import Classify
from sequela.train import TrainingSettings, fit, predict
from sequela.train.losses import objective
from sequela.train.start import begin_at_shares

RARE = np.repeat([0.0, 1.0], [75, 25])
THREE = np.repeat([0, 1, 2], [50, 30, 20])


@pytest.mark.parametrize(("classes", "target"), [(2, RARE), (3, THREE)])
def test_without_a_say_a_model_answers_with_the_shares(classes: int, target: np.ndarray):
    model = Classify(4, classes)
    begin_at_shares(model, objective(target, target), "none")
    answer = model(torch.zeros(4))
    found = torch.sigmoid(answer) if classes == 2 else torch.softmax(answer, 0)
    torch.testing.assert_close(found, torch.tensor(0.25 if classes == 2 else [0.5, 0.3, 0.2]))


@pytest.mark.parametrize(
    ("balance", "odds"), [("weights", 0.0), ("sampler", 0.0), ("roots", -0.549306)]
)
def test_balanced_classes_begin_at_the_shares_that_the_loss_sees(balance: str, odds: float):
    model = Classify(4)
    begin_at_shares(model, objective(RARE, RARE, balance=balance), balance)
    assert model.linear.bias.item() == pytest.approx(odds, abs=1e-6)


def test_numbers_are_left_alone_and_a_model_without_the_layer_is_refused():
    model = nn.Linear(4, 1)
    weights = model.bias.clone()
    begin_at_shares(model, objective(RARE + 0.5, RARE + 0.5), "none")
    assert torch.equal(model.bias, weights)
    with pytest.raises(ConfigError, match="setting 'start'"):
        begin_at_shares(model, objective(RARE, RARE), "none")


def histories(count: int, seed: int):
    """Every third patient has no visit and never the outcome, which is rare in the others."""
    random = np.random.default_rng(seed)
    visits = np.where(np.arange(count) % 3 == 0, 0, random.integers(1, 5, count))
    steps = int(visits.sum())
    return RaggedSamples.from_flat(
        random.standard_normal((steps, 2)),
        np.append(0, np.cumsum(visits)),
        target=(visits > 0) & (random.random(count) < 0.15),
        codes=random.integers(0, 6, steps),
        code_offsets=np.arange(steps + 1),
        vocabulary_size=6,
    )


def said_of_nothing(start: str, without_visits: str) -> float:
    """The mean risk of patients without visits, as a short training leaves it."""
    train, tuning = histories(600, 0), histories(150, 1)
    torch.manual_seed(0)
    sizes = {"vocabulary_size": 6, "step_size": 2, "static_size": train.static_size}
    model = recipes.build("onset_gru", **sizes, without_visits=without_visits)
    short = {"epochs": 6, "batch_size": 64, "learning_rate": 0.005, "patience": None}
    fit(model, train, tuning, TrainingSettings(start=start, metric="loss", progress=False, **short))
    return float(predict(model, tuning)[tuning.lengths == 0].mean())


def test_patients_without_visits_are_not_given_even_odds():
    # None of them ever has the outcome; the bias alone, which all share, stays far from that.
    assert said_of_nothing("built", "zeros") > 0.2
    assert said_of_nothing("shares", "learnt") < 0.05
