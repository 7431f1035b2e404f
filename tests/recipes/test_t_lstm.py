"""T-LSTM against its equations, visit by visit."""

from __future__ import annotations

import pytest
import torch
from tests.recipes.by_hand import lstm, pooled_last, weights

from sequela import recipes
from sequela.errors import ConfigError


def model(**options):
    torch.manual_seed(0)
    sizes = {"vocabulary_size": 5, "step_size": 2, "static_size": 3, "embedding_size": 4}
    return recipes.build("t_lstm", **{**sizes, "hidden_size": 3, **options}).double().eval()


@pytest.fixture
def timed(samples):
    """The samples with days of 0 to some 400 since the visit before, as log1p."""
    made = []
    for codes, steps, static in samples:
        steps = steps.clone()
        steps[:, 0] = 3 * steps[:, 0].abs()
        steps[:1, 0] = 0.0
        made.append((codes, steps, static))
    return made


def by_hand(layer, sample):
    codes, steps, static = sample
    state = layer.state_dict()
    h = c = torch.zeros(3, dtype=torch.float64)
    for visit, step in zip(codes, steps.double(), strict=True):
        days = torch.expm1(step[0])
        short = torch.tanh(state["recurrent.short.weight"] @ c + state["recurrent.short.bias"])
        c = (c - short) + short / torch.log(torch.e + days)
        parts = [step]
        if layer.embedding is not None:
            parts.append(sum((layer.embedding.weight[code] for code in visit), torch.zeros(4)))
        h, c = lstm(weights(state, "recurrent.cell"), torch.cat(parts), h, c)
    return pooled_last(state, h, static.double())


@pytest.mark.parametrize("options", [{}, {"vocabulary_size": 0}, {"classes": 3}])
def test_logits_equal_the_equations(options, timed, make_batch):
    layer = model(**options)
    found = layer(make_batch(timed))
    wanted = torch.stack([by_hand(layer, sample) for sample in timed])
    torch.testing.assert_close(found, wanted.squeeze(1), rtol=1e-9, atol=1e-12)


def test_every_parameter_is_reached_by_a_finite_gradient(timed, make_batch):
    layer = model(pooling="last+mean", dropout=0.1).train()
    layer(make_batch(timed)).square().sum().backward()
    for name, parameter in layer.named_parameters():
        assert parameter.grad is not None, name
        assert parameter.grad.isfinite().all(), name
        assert parameter.grad.any(), name


def test_a_step_has_to_say_how_long_ago_the_last_one_was():
    with pytest.raises(ConfigError, match=r"'step_size'.*the time since the step before"):
        model(step_size=0)
