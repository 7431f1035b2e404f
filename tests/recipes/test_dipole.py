"""Dipole against its equations, with each of its three attentions."""

from __future__ import annotations

import pytest
import torch
from tests.recipes.by_hand import gru, weights

from sequela import recipes

KINDS = ("location", "general", "concat")


def model(attention="concat", **options):
    torch.manual_seed(0)
    sizes = {"vocabulary_size": 5, "step_size": 2, "static_size": 3, "embedding_size": 4}
    layer = recipes.build(
        "dipole", **sizes, attention=attention, hidden_size=2, attention_size=3, **options
    )
    with torch.no_grad():
        layer.shift.normal_()
    return layer.double().eval()


def states(state, x):
    forward, backward = [], []
    for found, suffix, steps in ((forward, "_l0", x), (backward, "_l0_reverse", x[::-1])):
        h = torch.zeros(2, dtype=torch.float64)
        for step in steps:
            h = gru(weights(state, "recurrent", suffix), step, h)
            found.append(h)
    return [torch.cat(pair) for pair in zip(forward, backward[::-1], strict=True)]


def score(state, kind, last, h):
    if kind == "location":
        return state["attention.key.weight"][0] @ h + state["attention.key.bias"][0]
    if kind == "general":
        return last @ (state["attention.key.weight"] @ h)
    inner = state["attention.query.weight"] @ last + state["attention.query.bias"]
    inner = inner + state["attention.key.weight"] @ h
    return state["attention.score.weight"][0] @ torch.tanh(inner)


def by_hand(layer, kind, sample):
    codes, steps, static = sample
    state, x = layer.state_dict(), []
    for visit, step in zip(codes, steps.double(), strict=True):
        embedded = sum((state["embedding.weight"][code] for code in visit), torch.zeros(4))
        x.append(torch.cat([torch.clamp(embedded + state["shift"], min=0), step]))
    context = last = torch.zeros(4, dtype=torch.float64)
    attention = []
    if x:
        *before, last = states(state, x)
        powers = [torch.exp(score(state, kind, last, h)) for h in before]
        attention = [power / sum(powers) for power in powers]
        context = sum((a * h for a, h in zip(attention, before, strict=True)), context)
    found = torch.tanh(state["joined.weight"] @ torch.cat([context, last]))
    linear = layer.output.linear
    return linear.weight @ torch.cat([found, static.double()]) + linear.bias, attention


@pytest.mark.parametrize("kind", KINDS)
def test_logits_and_maps_equal_the_equations(kind, samples, make_batch):
    layer = model(kind)
    wanted, maps = zip(*(by_hand(layer, kind, sample) for sample in samples), strict=True)
    found = layer(make_batch(samples))
    torch.testing.assert_close(found, torch.stack(wanted).squeeze(1), rtol=1e-9, atol=1e-12)
    drawn = layer.attention_map(make_batch(samples))
    padded = torch.zeros(5, 3, dtype=torch.float64)
    for row, weights_of_row in enumerate(maps):
        for place, weight in enumerate(weights_of_row):
            padded[row, place] = weight
    torch.testing.assert_close(drawn, padded, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("kind", KINDS)
def test_every_parameter_is_reached_by_a_finite_gradient(kind, samples, make_batch):
    layer = model(kind, dropout=0.1, classes=3).train()
    layer(make_batch(samples)).square().sum().backward()
    for name, parameter in layer.named_parameters():
        assert parameter.grad is not None, name
        assert parameter.grad.isfinite().all(), name
        assert parameter.grad.any() or (kind == "location" and name == "attention.key.bias"), name
