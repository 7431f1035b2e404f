"""RETAIN against its equations, visit by visit, and its contributions against its logits."""

from __future__ import annotations

import pytest
import torch
from tests.recipes.by_hand import gru, weights

from sequela import recipes


def model(**options):
    torch.manual_seed(0)
    sizes = {"vocabulary_size": 5, "step_size": 2, "static_size": 3, "embedding_size": 4}
    return recipes.build("retain", **sizes, hidden_size=3, **options).double().eval()


def embedded(state, visit):
    zeros = torch.zeros(4, dtype=torch.float64)
    return sum((state["embedding.weight"][code] for code in visit), zeros)


def backwards(own, x, size):
    h, found = torch.zeros(size, dtype=torch.float64), []
    for step in reversed(x):
        h = gru(own, step, h)
        found.insert(0, h)
    return found


def by_hand(layer, sample):
    codes, steps, static = sample
    state, steps, static = layer.state_dict(), steps.double(), static.double()
    v = [embedded(state, visit) for visit in codes]
    x = [torch.cat(pair) for pair in zip(v, steps, strict=True)]
    context, attention = torch.zeros(4, dtype=torch.float64), []
    if x:
        g = backwards(weights(state, "visits", "_l0"), x, 3)
        h = backwards(weights(state, "entries", "_l0"), x, 3)
        w, b = state["visit_score.weight"][0], state["visit_score.bias"][0]
        powers = [torch.exp(w @ one + b) for one in g]
        attention = [power / sum(powers) for power in powers]
        for a, own, visit in zip(attention, h, v, strict=True):
            beta = torch.tanh(state["entry_gate.weight"] @ own + state["entry_gate.bias"])
            context = context + a * beta * visit
    linear = layer.output.linear
    return linear.weight @ torch.cat([context, static]) + linear.bias, attention


@pytest.mark.parametrize("classes", [2, 3])
def test_logits_equal_the_equations(classes, samples, make_batch):
    layer = model(classes=classes)
    found = layer(make_batch(samples))
    wanted = torch.stack([by_hand(layer, sample)[0] for sample in samples])
    assert found.shape == ((5,) if classes == 2 else (5, 3))
    torch.testing.assert_close(found, wanted.squeeze(1), rtol=1e-9, atol=1e-12)


def test_the_softmax_runs_over_the_visits_that_are_there(samples, make_batch):
    layer = model()
    attention = layer.contributions(make_batch(samples)).attention
    wanted = [by_hand(layer, sample)[1] for sample in samples]
    # Packed order: samples of 4, 2, 2 and 1 visits, time by time.
    order = [wanted[i][t] for t in range(4) for i in (2, 0, 4, 3) if len(wanted[i]) > t]
    torch.testing.assert_close(attention, torch.stack(order), rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("classes", [2, 3])
def test_contributions_sum_to_the_logits(classes, samples, make_batch):
    layer, batch = model(classes=classes), make_batch(samples)
    logits = layer(batch)
    codes, visits, rest, _ = layer.contributions(batch)
    counts = torch.diff(batch.code_offsets, append=torch.tensor([len(batch.codes)]))
    step = torch.repeat_interleave(counts)
    torch.testing.assert_close(torch.zeros_like(visits).index_add(0, step, codes), visits)
    rows = torch.tensor([2, 0, 4, 3, 2, 0, 4, 2, 2])
    torch.testing.assert_close(rest.index_add(0, rows, visits), logits)


def test_a_contribution_is_what_the_logit_loses_without_the_code(samples, make_batch):
    # Equation 5: with the attentions held, taking code 3 out of a visit takes its share away.
    layer, batch = model(), make_batch(samples)
    place = batch.codes.tolist().index(3)
    share = layer.contributions(batch).codes[place]
    visits, gates, attention, _ = layer._weigh(batch)
    step = int((batch.code_offsets <= place).sum()) - 1
    lost = gates[step] * attention[step] * layer.embedding.weight[3]
    torch.testing.assert_close(share, layer.output.linear.weight[0, :4] @ lost)
    assert visits.shape == gates.shape


def test_every_parameter_is_reached_by_a_finite_gradient(samples, make_batch):
    layer = model(input_dropout=0.1, dropout=0.1).train()
    layer(make_batch(samples)).square().sum().backward()
    for name, parameter in layer.named_parameters():
        assert parameter.grad is not None, name
        assert parameter.grad.isfinite().all(), name
        # A score's bias is the same for all visits: the softmax does not see it.
        assert parameter.grad.any() or name == "visit_score.bias", name
