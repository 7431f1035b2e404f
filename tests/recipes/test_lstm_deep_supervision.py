"""The deeply supervised LSTM against its equations, its loss, and what it may see."""

from __future__ import annotations

import pytest
import torch
from tests.recipes.by_hand import lstm, weights
from torch.nn.functional import binary_cross_entropy_with_logits

from sequela import recipes


def model(**options):
    torch.manual_seed(0)
    sizes = {"vocabulary_size": 5, "step_size": 2, "static_size": 3, "embedding_size": 4}
    options = {"hidden_size": 3, **options}
    return recipes.build("lstm_deep_supervision", **sizes, **options).double().eval()


def each(logits, target):
    return binary_cross_entropy_with_logits(logits, target, reduction="none")


def by_hand(layer, sample):
    """The logit of the static features alone, then that of each step."""
    codes, steps, static = sample
    state = layer.state_dict()
    h = c = torch.zeros(3, dtype=torch.float64)
    w, b = state["output.linear.weight"][0], state["output.linear.bias"][0]
    found = [w @ torch.cat([h, static.double()]) + b]
    for visit, step in zip(codes, steps.double(), strict=True):
        embedded = sum((layer.embedding.weight[code] for code in visit), torch.zeros(4))
        x = torch.cat([step, embedded])
        h, c = lstm(weights(state, "recurrent", "_l0"), x, h, c)
        found.append(w @ torch.cat([h, static.double()]) + b)
    return found


@pytest.mark.parametrize("share", [0.0, 0.3])
def test_logits_and_losses_equal_the_equations(share, samples, make_batch):
    layer, batch = model(replication=share), make_batch(samples)
    logits = [by_hand(layer, sample) for sample in samples]
    found = layer(batch)
    torch.testing.assert_close(found, torch.stack([row[-1] for row in logits]))
    steps, _ = layer.step_logits(batch)
    order = [logits[i][t + 1] for t in range(4) for i in (2, 0, 4, 3) if len(logits[i]) > t + 1]
    torch.testing.assert_close(steps.data, torch.stack(order))
    batch.target = torch.tensor([1.0, 0.0, 1.0, 0.0, 1.0]).double()
    wanted = []
    for row, y in zip(logits, batch.target, strict=True):
        last = each(row[-1], y)
        of_steps = [each(one, y) for one in row[1:]]
        mean = sum(of_steps) / len(of_steps) if of_steps else last
        wanted.append(share * mean + (1 - share) * last)
    torch.testing.assert_close(layer.losses(batch, each), torch.stack(wanted))


def test_no_step_sees_a_later_one(samples, make_batch):
    layer = model(layers=2)
    whole = layer.step_logits(make_batch([samples[2]]))[0].data
    for count in range(1, 4):
        codes, steps, static = samples[2]
        cut = (codes[:count], steps[:count], static)
        found = layer.step_logits(make_batch([cut]))[0].data
        torch.testing.assert_close(found, whole[:count])


def test_every_parameter_is_reached_by_a_finite_gradient(samples, make_batch):
    layer, batch = model(layers=2, dropout=0.1).train(), make_batch(samples)
    batch.target = torch.ones(5).double()
    layer.losses(batch, each).sum().backward()
    for name, parameter in layer.named_parameters():
        assert parameter.grad is not None, name
        assert parameter.grad.isfinite().all(), name
        assert parameter.grad.any(), name
