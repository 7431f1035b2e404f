from __future__ import annotations

import numpy as np
import pytest
import torch
from tiny_training import tiny_samples
from torch import nn

from sequela import recipes
from sequela.batches import RaggedSamples
from sequela.train.losses import objective
from sequela.train.tuning import Tuning

PART = tiny_samples(200, 1, rare=0.3)


class Always(nn.Module):
    """The same logit for everybody."""

    def __init__(self, logit: float):
        super().__init__()
        self.logit = nn.Parameter(torch.tensor(logit))

    def forward(self, batch):
        return self.logit.expand(len(batch))


def tuning_loss(balance: str, logit: float) -> float:
    aim = objective(PART.target, PART.target, balance=balance)
    return Tuning(PART, aim, "loss").judge(Always(logit))[0]


@pytest.mark.parametrize("balance", ["weights", "sampler"])
def test_both_balances_rank_two_models_alike(balance):
    # Where classes count the same, saying "one half" is better than the true share of the rare one.
    rare = float(np.log(0.3 / 0.7))
    assert tuning_loss(balance, 0.0) == pytest.approx(np.log(2))
    assert tuning_loss(balance, 0.0) < tuning_loss(balance, rare)
    assert tuning_loss("none", 0.0) > tuning_loss("none", rare)


def test_both_balances_have_the_same_tuning_loss():
    assert tuning_loss("weights", 0.7) == tuning_loss("sampler", 0.7)


def test_a_set_that_is_searched_for_is_judged_by_the_loss_it_learns_by():
    # Of its search only the names are said, which stay the same while it grows surer of them.
    target = np.array([[1, 0, 1], [0, 1, 0]], bool)
    samples = RaggedSamples.from_flat(
        np.zeros((3, 1), np.float32),
        np.array([0, 2, 3]),
        codes=np.array([1, 2, 3]),
        code_offsets=np.array([0, 1, 2, 3]),
        target=target,
        vocabulary_size=4,
    )
    torch.manual_seed(0)
    sizes = {"vocabulary_size": 4, "step_size": 1, "static_size": 0, "classes": 3}
    model = recipes.build("leap", **sizes, embedding_size=4, hidden_size=4).train()
    found = Tuning(samples, objective(target, target), "loss").judge(model)
    assert model.training
    batch = samples.batch(np.arange(2))
    wanted = model.eval().losses(batch, None).mean().item()
    assert found == pytest.approx((wanted, wanted))
