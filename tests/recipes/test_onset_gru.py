"""The onset model against its equations, row by row, and the laws of a batch."""

from __future__ import annotations

import pytest
import torch
from torch import sigmoid, tanh

from sequela import recipes

CELLS = ["gru", "gru_before", "lstm", "rnn"]


def model(**options):
    torch.manual_seed(0)
    return recipes.build(
        "onset_gru",
        **{"vocabulary_size": 5, "step_size": 2, "static_size": 3, "embedding_size": 4}
        | {"hidden_size": 3}
        | options,
    ).eval()


def step(cell: str, state, x, h, c):
    w, u, b, d = (
        state[f"recurrent.{k}_l0"] for k in ("weight_ih", "weight_hh", "bias_ih", "bias_hh")
    )
    if cell == "rnn":
        return tanh(w @ x + b + u @ h + d), c
    if cell == "lstm":
        i, f, g, o = (w @ x + b + u @ h + d).chunk(4)
        c = sigmoid(f) * c + sigmoid(i) * tanh(g)
        return sigmoid(o) * tanh(c), c
    (a_r, a_z, a_n), (p_r, p_z, p_n) = (w @ x + b).chunk(3), (u @ h + d).chunk(3)
    r, z = sigmoid(a_r + p_r), sigmoid(a_z + p_z)
    if cell == "gru_before":
        p_n = u[6:] @ (r * h) + d[6:]
        n = tanh(a_n + p_n)
    else:
        n = tanh(a_n + r * p_n)
    return (1 - z) * n + z * h, c


def by_hand(layer, cell: str, sample) -> torch.Tensor:
    codes, steps, static = sample
    state = layer.state_dict()
    h, c = torch.zeros(3), torch.zeros(3)
    for visit, features in zip(codes, steps, strict=True):
        embedded = torch.zeros(4)
        for code in visit:
            embedded = embedded + state["embedding.weight"][code]
        h, c = step(cell, state, torch.cat([embedded, features]), h, c)
    w, b = state["head.output.linear.weight"][0], state["head.output.linear.bias"][0]
    return w @ torch.cat([h, static]) + b


@pytest.mark.parametrize("cell", CELLS)
def test_logits_equal_the_equations_in_batch_order(cell: str, samples, make_batch):
    layer = model(cell=cell)
    found = layer(make_batch(samples))
    wanted = torch.stack([by_hand(layer, cell, sample) for sample in samples])
    assert found.shape == (5,)
    torch.testing.assert_close(found, wanted, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("pooling", ["last", "mean", "max", "attention", "last+max"])
@pytest.mark.parametrize("cell", ["gru", "lstm"])
def test_a_score_does_not_depend_on_its_neighbours(pooling, cell, samples, make_batch):
    layer = model(pooling=pooling, cell=cell, layers=2)
    whole = layer(make_batch(samples))
    alone = torch.cat([layer(make_batch([sample])) for sample in samples])
    torch.testing.assert_close(alone, whole, rtol=1e-5, atol=1e-6)
    order = [3, 1, 0, 4, 2]
    turned = layer(make_batch([samples[i] for i in order]))
    torch.testing.assert_close(turned, whole[order], rtol=1e-5, atol=1e-6)


def test_patients_without_visits_are_judged_by_their_static_features(samples, make_batch):
    layer = model()
    empty = [([], torch.zeros(0, 2), sample[2]) for sample in samples]
    found = layer(make_batch(empty))
    linear = layer.head.output.linear
    static = torch.stack([sample[2] for sample in samples])
    torch.testing.assert_close(found, static @ linear.weight[0, 3:] + linear.bias)
    found.sum().backward()


@pytest.mark.parametrize("pooling", ["last", "mean+attention"])
def test_every_parameter_is_reached_by_a_finite_gradient(pooling, samples, make_batch):
    layer = model(pooling=pooling, layers=2, dropout=0.2).train()
    layer(make_batch(samples)).square().sum().backward()
    for name, parameter in layer.named_parameters():
        assert parameter.grad is not None, name
        assert parameter.grad.isfinite().all(), name
        assert parameter.grad.any(), name


def test_the_time_features_may_be_absent(samples, make_batch):
    layer = model(step_size=0, static_size=0)
    bare = [(codes, steps[:, :0], static[:0]) for codes, steps, static in samples]
    assert layer(make_batch(bare)).shape == (5,)


def test_in_float64(samples, make_batch):
    batch = make_batch(samples)
    layer = model()
    single = layer(batch)
    torch.testing.assert_close(layer.double()(batch).float(), single, rtol=1e-5, atol=1e-6)
