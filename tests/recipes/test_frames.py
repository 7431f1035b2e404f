"""Moving images against the equations: a convolution for each frame, and their order."""

from __future__ import annotations

import pytest
import torch
from tests.recipes.by_hand import lstm, weights

from sequela import recipes
from sequela.errors import ConfigError

H = 3
SIZES = {"step_size": 12, "height": 3, "filters": 2, "image_size": 4, "hidden_size": H}


@pytest.fixture
def clips(samples):
    generator = torch.Generator().manual_seed(2)
    return [
        (codes, torch.randn(len(steps), 12, generator=generator), static)
        for codes, steps, static in samples
    ]


def test_logits_equal_the_equations(clips, make_batch):
    torch.manual_seed(0)
    layer = recipes.build("frames", classes=3, **SIZES).double().eval()
    state = layer.state_dict()
    found = layer(make_batch(clips)).detach()
    for row, (_, frames, _) in enumerate(clips):
        h = c = torch.zeros(H, dtype=torch.float64)
        for frame in frames.double():
            seen = layer.image(frame[None]).flatten()  # tests/nn/test_image_layers.py
            u = torch.relu(state["seen.weight"] @ seen + state["seen.bias"]).detach()
            h, c = lstm(weights(state, "recurrent", "_l0"), u, h, c)
        wanted = state["head.output.linear.weight"] @ h + state["head.output.linear.bias"]
        torch.testing.assert_close(found[row], wanted)


def test_every_parameter_is_reached_by_a_finite_gradient(clips, make_batch):
    torch.manual_seed(0)
    layer = recipes.build("frames", classes=2, layers=2, dropout=0.1, pooling="mean+max", **SIZES)
    layer.train()(make_batch(clips)).square().sum().backward()
    for name, parameter in layer.named_parameters():
        assert parameter.grad is not None, name
        assert parameter.grad.isfinite().all(), name
        assert parameter.grad.any(), name


def test_a_height_that_does_not_divide():
    with pytest.raises(ConfigError, match="'height': got 5, wanted a divisor of 12"):
        recipes.build("frames", **{**SIZES, "classes": 2, "height": 5})
