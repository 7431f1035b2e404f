"""The perceptron of aggregates and of flattened steps against its equations, row by row."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from sequela import recipes, train
from sequela.batches import RaggedSamples
from sequela.errors import ConfigError


def model(**options):
    torch.manual_seed(0)
    sizes = {"vocabulary_size": 5, "step_size": 2, "static_size": 3, "hidden_size": 3}
    return recipes.build("mlp", **sizes | {"embedding_size": 4} | options).eval()


def by_hand(layer, sample, steps: int | None) -> torch.Tensor:
    codes, features, static = sample
    state = layer.state_dict()
    u = [
        torch.cat([x, sum((state["embedding.weight"][code] for code in visit), torch.zeros(4))])
        for visit, x in zip(codes, features, strict=True)
    ]
    zeros = torch.zeros(6)
    if steps is not None:
        vector = torch.cat(([zeros] * steps + u)[-steps:])
    elif u:
        every = torch.stack(u)
        vector = torch.cat([u[-1], every.mean(0), every.amax(0)])
    else:
        vector = torch.cat([zeros] * 3)
    z = torch.cat([vector, torch.tensor([len(u) ** 0.5]), static])
    for number in range(len(layer.hidden)):
        z = torch.relu(state[f"hidden.{number}.weight"] @ z + state[f"hidden.{number}.bias"])
    return state["output.linear.weight"] @ z + state["output.linear.bias"]


@pytest.mark.parametrize("steps", [None, 1, 2, 7])
@pytest.mark.parametrize("layers", [1, 2])
def test_logits_equal_the_equations_in_batch_order(steps, layers, samples, make_batch):
    layer = model(steps=steps, layers=layers, classes=4)
    wanted = torch.stack([by_hand(layer, sample, steps) for sample in samples])
    torch.testing.assert_close(layer(make_batch(samples)), wanted, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("steps", [None, 3])
def test_every_parameter_is_reached_by_a_finite_gradient(steps, samples, make_batch):
    layer = model(steps=steps, layers=2, hidden_size=16).train()
    layer(make_batch(samples)).square().sum().backward()
    for name, parameter in layer.named_parameters():
        assert parameter.grad is not None, name
        assert parameter.grad.isfinite().all(), name
        assert parameter.grad.any(), name


def test_one_to_one_a_vector_and_its_class():
    # Neither feature tells the class alone.
    vector = np.random.default_rng(0).choice([-1.0, 1.0], (400, 2)).astype(np.float32)
    samples = RaggedSamples.from_flat(
        np.zeros((0, 0)), np.zeros(401), static=vector, target=vector[:, 0] == vector[:, 1]
    )
    torch.manual_seed(0)
    layer = recipes.build("mlp", step_size=0, static_size=2, hidden_size=8)
    assert sum(parameter.numel() for parameter in layer.parameters()) == 8 * 3 + 9
    settings = train.TrainingSettings(epochs=12, batch_size=32, learning_rate=0.03, metric="loss")
    train.fit(layer, samples.subset(np.arange(300)), samples.subset(np.arange(300, 400)), settings)
    right = (train.predict(layer, samples) > 0.5) == samples.target
    assert right.mean() > 0.95


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"steps": 0}, "'steps': got 0"),
        ({"input_dropout": 1.0}, "'input_dropout': got 1.0"),
        ({"pooling": "median"}, "pooling.*median"),
        ({"step_size": 0, "static_size": 0, "vocabulary_size": 0}, "'static_size': got 0"),
    ],
)
def test_mistakes(options, said: str):
    with pytest.raises(ConfigError, match=said):
        model(**options)
