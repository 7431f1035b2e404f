"""The weights of a trained model in one of another vocabulary."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from sequela import recipes
from sequela.batches import RaggedSamples
from sequela.errors import ConfigError
from sequela.transfer import freeze, warm_start
from sequela.transfer.weights import vocabulary_axes

ARGUMENTS = {"vocabulary_size": 5, "step_size": 2, "static_size": 3}
SMALL = {"onset_gru": {"embedding_size": 4, "hidden_size": 6}}


def trained(recipe: str = "onset_gru", **more):
    arguments = {**ARGUMENTS, **SMALL.get(recipe, {}), **more}
    torch.manual_seed(1)
    return arguments, recipes.build(recipe, **arguments).eval()


def samples(codes: list[int]) -> RaggedSamples:
    steps = np.ones((2, 2), np.float32)
    return RaggedSamples.from_flat(
        steps,
        np.array([0, 2]),
        static=np.ones((1, 3), np.float32),
        codes=np.array(codes),
        code_offsets=np.array([0, 1, 2]),
        vocabulary_size=7,
    )


@pytest.mark.parametrize("recipe", ["onset_gru", "retain", "dipole", "t_lstm", "values_gru"])
def test_a_history_of_known_codes_keeps_its_bits(recipe):
    arguments, model = trained(recipe)
    # The old number 4 is now 1, 2 stays, the others are new: a history of 4 and 2 says the same.
    rows = np.array([0, 4, 2, -1, 1, -1, 3])
    warm = warm_start(recipe, arguments, model.state_dict(), rows).eval()
    with torch.no_grad():
        before = model(samples([4, 2]).batch(np.array([0])))
        after = warm(samples([1, 2]).batch(np.array([0])))
        other = warm(samples([3, 2]).batch(np.array([0])))
    assert torch.equal(before, after)
    assert not torch.equal(before, other)


def test_new_rows_are_drawn_anew_or_are_the_mean():
    arguments, model = trained()
    old = model.state_dict()["embedding.weight"]
    rows = np.array([0, 1, 2, 3, 4, -1, -1])
    fresh, again, mean = (
        warm_start("onset_gru", arguments, model.state_dict(), rows, fill, seed=3).state_dict()
        for fill in ("first", "first", "mean")
    )
    name = "embedding.weight"
    assert torch.equal(fresh[name][:5], old)
    assert torch.equal(fresh[name], again[name])
    assert not torch.equal(fresh[name][5], fresh[name][6])
    assert torch.allclose(mean[name][5:], old[1:].mean(dim=0).expand(2, -1))
    assert 0.3 < fresh[name][5:].norm() / old[:2].norm() < 3


def test_the_generator_and_the_trained_model_stay_as_they_were():
    arguments, model = trained()
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    state = torch.get_rng_state()
    warm = warm_start("onset_gru", arguments, model.state_dict(), np.array([0, 3, -1]))
    assert torch.equal(torch.get_rng_state(), state)
    with torch.no_grad():
        for parameter in warm.parameters():
            parameter.add_(1.0)
    assert all(torch.equal(before[name], one) for name, one in model.state_dict().items())


def test_the_axes_of_every_recipe_of_codes():
    for recipe in ("onset_gru", "retain", "dipole", "t_lstm", "values_gru"):
        arguments, model = trained(recipe)
        axes = vocabulary_axes(recipe, arguments)
        assert axes
        assert all(model.state_dict()[name].shape[axis] == 5 for name, axis in axes.items())
    assert vocabulary_axes("seizure_bilstm", {"step_size": 1, "static_size": 0}) == {}


def test_zeros_and_ones_are_refused():
    arguments, _ = trained(code_pooling="multi_hot")
    with pytest.raises(ConfigError, match="code_pooling=sum"):
        vocabulary_axes("onset_gru", arguments)


def test_frozen_parts_get_no_gradient():
    _, model = trained()
    count = freeze(model, ["recurrent"])
    assert count == sum(one.numel() for one in model.recurrent.parameters())
    model(samples([1, 2]).batch(np.array([0]))).sum().backward()
    assert all(one.grad is None for one in model.recurrent.parameters())
    assert all(one.grad is not None for one in model.head.parameters())
    with pytest.raises(ConfigError, match="recurrent"):
        freeze(model, ["recurent"])
    with pytest.raises(ConfigError, match="left to train"):
        freeze(model, ["embedding", "recurrent", "head"])
