"""The model of measurements against its equations, row by row."""

from __future__ import annotations

import pytest
import torch
from torch import sigmoid, tanh

from sequela import recipes
from sequela.errors import ConfigError


def model(**options):
    torch.manual_seed(0)
    sizes = {"vocabulary_size": 5, "step_size": 2, "static_size": 3, "hidden_size": 3}
    return recipes.build("values_gru", **sizes | {"embedding_size": 4} | options).eval()


def by_hand(layer, sample, *, mean: bool = False) -> torch.Tensor:
    codes, steps, static = sample
    state = layer.state_dict()
    w, u, b, d = (
        state[f"recurrent.{k}_l0"] for k in ("weight_ih", "weight_hh", "bias_ih", "bias_hh")
    )
    h = torch.zeros(3)
    for visit, features in zip(codes, steps, strict=True):
        x = features
        if layer.embedding is not None:
            embedded = sum((state["embedding.weight"][code] for code in visit), torch.zeros(4))
            x = torch.cat([x, embedded / max(1, len(visit)) if mean else embedded])
        (a_r, a_z, a_n), (p_r, p_z, p_n) = (w @ x + b).chunk(3), (u @ h + d).chunk(3)
        r, z = sigmoid(a_r + p_r), sigmoid(a_z + p_z)
        h = (1 - z) * tanh(a_n + r * p_n) + z * h
    weight, bias = state["head.output.linear.weight"], state["head.output.linear.bias"]
    return weight @ torch.cat([h, static]) + bias


@pytest.mark.parametrize(
    "options", [{}, {"code_pooling": "mean"}, {"embedding_size": 0}, {"vocabulary_size": 0}]
)
def test_logits_equal_the_equations_in_batch_order(options, samples, make_batch):
    layer = model(**options)
    mean = options.get("code_pooling") == "mean"
    wanted = torch.stack([by_hand(layer, sample, mean=mean) for sample in samples])
    found = layer(make_batch(samples))
    torch.testing.assert_close(found, wanted.squeeze(1), rtol=1e-5, atol=1e-6)


def test_more_classes(samples, make_batch):
    layer = model(classes=4)
    wanted = torch.stack([by_hand(layer, sample) for sample in samples])
    torch.testing.assert_close(layer(make_batch(samples)), wanted, rtol=1e-5, atol=1e-6)


def test_dropout_of_the_input_is_for_training_alone(samples, make_batch):
    batch = make_batch(samples)
    layer = model(input_dropout=0.9, dropout=0.5)
    assert torch.equal(layer(batch), layer(batch))
    torch.testing.assert_close(layer(batch), model()(batch))
    layer.train()
    assert not torch.equal(layer(batch), layer(batch))


@pytest.mark.parametrize("cell", ["gru", "gru_before", "lstm", "rnn"])
def test_every_parameter_is_reached_by_a_finite_gradient(cell, samples, make_batch):
    layer = model(pooling="last+mean", layers=2, cell=cell).train()
    layer(make_batch(samples)).square().sum().backward()
    for name, parameter in layer.named_parameters():
        assert parameter.grad is not None, name
        assert parameter.grad.isfinite().all(), name
        assert parameter.grad.any(), name


def test_in_float64(samples, make_batch):
    batch = make_batch(samples)
    for pooling in ("sum", "multi_hot"):
        layer = model(code_pooling=pooling)
        single = layer(batch)
        torch.testing.assert_close(layer.double()(batch).float(), single, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"step_size": 0}, "'step_size': got 0"),
        ({"input_dropout": 1.0}, "'input_dropout': got 1.0"),
        ({"code_pooling": "all"}, "sum or mean or max or multi_hot"),
        ({"embedding_size": -1}, "'embedding_size'"),
    ],
)
def test_mistakes(options, said: str):
    with pytest.raises(ConfigError, match=said):
        model(**options)
