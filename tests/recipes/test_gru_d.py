"""GRU-D against its equations, step by step."""

from __future__ import annotations

import pytest
import torch
from tests.recipes.by_hand import gru, pooled_last, weights

from sequela import recipes
from sequela.errors import ConfigError

K = 2


def model(**options):
    torch.manual_seed(0)
    sizes = {"step_size": 2 + 3 * K, "static_size": 3, "vocabulary_size": 5}
    layer = recipes.build("gru_d", **sizes, embedding_size=4, hidden_size=3, **options)
    with torch.no_grad():  # rates of either sign and size, as training finds them
        layer.values.rate.copy_(torch.tensor([[0.3, -0.2], [0.1, 0.4]]))
        layer.recurrent.rate.weight.normal_(0, 0.3)
    return layer.double().eval()


@pytest.fixture
def measured(samples):
    """The samples with two values, masks and gaps at each step, behind two times."""
    generator = torch.Generator().manual_seed(2)
    made = []
    for codes, steps, static in samples:
        count = len(steps)
        values = torch.randn(count, K, generator=generator)
        mask = torch.randint(0, 2, (count, K), generator=generator).float()
        gaps = torch.rand(count, K, generator=generator) * 3
        made.append((codes, torch.cat([steps, values, mask, gaps], dim=1), static))
    return made


def by_hand(layer, sample, *, hours: bool = True):
    codes, steps, static = sample
    state, h = layer.state_dict(), torch.zeros(3, dtype=torch.float64)
    w, b = state["values.rate"]
    for visit, step in zip(codes, steps.double(), strict=True):
        times, x, m, d = step.split([2, K, K, K])
        d = torch.expm1(d) if hours else d
        g = torch.exp(-torch.clamp(w * d + b, min=0))
        filled = m * x + (1 - m) * (g * x + (1 - g) * 0)
        rate = state["recurrent.rate.weight"] @ d + state["recurrent.rate.bias"]
        k = torch.exp(-torch.clamp(rate, min=0))
        embedded = sum((state["embedding.weight"][code] for code in visit), torch.zeros(4))
        u = torch.cat([filled, m, times, embedded])
        h = gru(weights(state, "recurrent.cell"), u, k * h, reset_after=False)
    return pooled_last(state, h, static.double())


@pytest.mark.parametrize("gaps", ["hours", "log"])
def test_logits_equal_the_equations(gaps, measured, make_batch):
    layer = model(gaps=gaps)
    found = layer(make_batch(measured))
    wanted = torch.stack([by_hand(layer, sample, hours=gaps == "hours") for sample in measured])
    torch.testing.assert_close(found, wanted.squeeze(1), rtol=1e-9, atol=1e-12)
    trained = layer.train()(make_batch(measured))
    torch.testing.assert_close(trained, found, rtol=1e-9, atol=1e-12)


def test_a_value_long_unseen_is_the_mean():
    layer = model()
    x, m = torch.full((1, K), 2.0).double(), torch.zeros(1, K).double()
    near, far = (layer.values(x, m, torch.full((1, K), gap).double()) for gap in (0.0, 1e4))
    assert far[0, 0] == 0
    assert 0 < near[0, 0] < 2
    measured = layer.values(x, m + 1, torch.full((1, K), 1e4).double())
    assert torch.equal(measured, x)


def test_every_parameter_is_reached_by_a_finite_gradient(measured, make_batch):
    layer = model(pooling="last+mean").train()
    layer(make_batch(measured)).square().sum().backward()
    for name, parameter in layer.named_parameters():
        assert parameter.grad is not None, name
        assert parameter.grad.isfinite().all(), name
        assert parameter.grad.any(), name


def test_rates_begin_where_a_gradient_reaches_them(measured, make_batch):
    layer = recipes.build("gru_d", step_size=2 + 3 * K, static_size=3)
    layer(make_batch(measured)).square().sum().backward()
    assert layer.values.rate.grad.all()
    assert layer.recurrent.rate.weight.grad.any(1).all()


@pytest.mark.parametrize("size", [0, 2, 4, 6, 9])
def test_steps_must_hold_values_masks_and_gaps(size):
    with pytest.raises(ConfigError, match=r"'step_size'.*values, masks and gaps"):
        recipes.build("gru_d", step_size=size, static_size=0)
