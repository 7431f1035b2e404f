"""The seizure model against its equations, row by row, and the laws of a batch."""

from __future__ import annotations

import pytest
import torch
from torch import sigmoid, tanh

from sequela import recipes


def model(**options):
    torch.manual_seed(0)
    return recipes.build(
        "seizure_bilstm", **{"step_size": 2, "classes": 2, "hidden_size": 3} | options
    ).eval()


def states(layer, frames: torch.Tensor, suffix: str) -> torch.Tensor:
    state = layer.state_dict()
    w, u, b, d = (
        state[f"recurrent.{k}_l0{suffix}"] for k in ("weight_ih", "weight_hh", "bias_ih", "bias_hh")
    )
    h, c, found = torch.zeros(3), torch.zeros(3), []
    for x in frames:
        i, f, g, o = (w @ x + b + u @ h + d).chunk(4)
        c = sigmoid(f) * c + sigmoid(i) * tanh(g)
        h = sigmoid(o) * tanh(c)
        found.append(h)
    return torch.stack(found) if found else torch.zeros(0, 3)


def by_hand(layer, frames: torch.Tensor, pooling: str) -> torch.Tensor:
    if layer.projection is not None:
        frames = tanh(frames @ layer.projection.weight.T + layer.projection.bias)
    forward = states(layer, frames, "")
    backward = states(layer, frames.flip(0), "_reverse").flip(0)
    both = torch.cat([forward, backward], dim=1)
    zeros = torch.zeros(6)
    pooled = {
        "mean": lambda: both.mean(0) if len(both) else zeros,
        "max": lambda: both.max(0).values if len(both) else zeros,
        "last": lambda: torch.cat([forward[-1], backward[0]]) if len(both) else zeros,
    }
    linear = layer.head.output.linear
    return linear.weight @ torch.cat([pooled[kind]() for kind in pooling.split("+")]) + linear.bias


@pytest.mark.parametrize("pooling", ["mean", "last", "mean+max"])
@pytest.mark.parametrize("input_size", [None, 4])
@pytest.mark.parametrize("classes", [2, 5])
def test_logits_equal_the_equations(pooling, input_size, classes, samples, make_batch):
    layer = model(pooling=pooling, input_size=input_size, classes=classes)
    found = layer(make_batch(samples))
    wanted = torch.stack([by_hand(layer, steps, pooling) for _, steps, _ in samples])
    assert found.shape == ((5,) if classes == 2 else (5, classes))
    wanted = wanted.squeeze(1) if classes == 2 else wanted
    torch.testing.assert_close(found, wanted, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("pooling", ["last", "attention"])
def test_a_score_does_not_depend_on_its_neighbours(pooling, samples, make_batch):
    layer = model(pooling=pooling, layers=2, classes=3)
    whole = layer(make_batch(samples))
    alone = torch.cat([layer(make_batch([sample])) for sample in samples])
    torch.testing.assert_close(alone, whole, rtol=1e-5, atol=1e-6)
    order = [4, 1, 3, 0, 2]
    turned = layer(make_batch([samples[i] for i in order]))
    torch.testing.assert_close(turned, whole[order], rtol=1e-5, atol=1e-6)


def test_every_parameter_is_reached_by_a_finite_gradient(samples, make_batch):
    layer = model(pooling="attention+last", layers=2, dropout=0.2, input_size=3).train()
    layer(make_batch(samples)).square().sum().backward()
    for name, parameter in layer.named_parameters():
        assert parameter.grad is not None, name
        assert parameter.grad.isfinite().all(), name
        assert parameter.grad.any(), name


def test_in_float64(samples, make_batch):
    batch = make_batch(samples)
    layer = model(input_size=3)
    single = layer(batch)
    torch.testing.assert_close(layer.double()(batch).float(), single, rtol=1e-5, atol=1e-6)


def test_static_features_stand_beside_every_frame(samples, make_batch):
    layer, batch = model(static_size=3, pooling="last"), make_batch(samples)
    wanted = [
        by_hand(layer, torch.cat([steps, static.expand(len(steps), 3)], dim=1), "last")
        for _, steps, static in samples
    ]
    torch.testing.assert_close(layer(batch), torch.stack(wanted).squeeze(1), rtol=1e-5, atol=1e-6)
