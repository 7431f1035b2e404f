"""Several models of a recipe answer together: the mean, by hand."""

from __future__ import annotations

import pytest
import torch

from sequela import bundle, recipes
from sequela.errors import ConfigError
from sequela.recipes import Members

SIZES = {"vocabulary_size": 5, "step_size": 2, "static_size": 3, "hidden_size": 3}


@pytest.mark.parametrize("name", ["onset_gru", "lstm_deep_supervision"])
def test_the_mean_of_the_members(name, samples, make_batch):
    torch.manual_seed(0)
    model, batch = recipes.build(name, **SIZES, members=3), make_batch(samples)
    batch.target = torch.tensor([0.0, 1.0, 1.0, 0.0, 1.0])
    assert isinstance(model, Members)
    answers = [member(batch) for member in model.members]
    assert not torch.equal(answers[0], answers[1])
    torch.testing.assert_close(model(batch), sum(answers) / 3)

    def loss(found, wanted):
        return (found - wanted) ** 2

    own = [
        member.losses(batch, loss)
        if hasattr(member, "losses")
        else loss(member(batch), batch.target)
        for member in model.members
    ]
    found = model.losses(batch, loss)
    torch.testing.assert_close(found, sum(own) / 3)
    # Each member has the gradient that it would have alone, divided by their number.
    found.sum().backward()
    weights = list(model.members[1].parameters())
    alone = torch.autograd.grad(own[1].sum() / 3, weights)
    for weight, gradient in zip(weights, alone, strict=True):
        torch.testing.assert_close(weight.grad, gradient)


def test_a_bundle_holds_all_of_them(tmp_path, samples, make_batch):
    arguments = {**SIZES, "members": 2}
    model = recipes.build("onset_gru", **arguments).eval()
    card = {"title": "Two"}
    bundle.save(tmp_path / "model", "onset_gru", arguments, model.state_dict(), {}, card)
    again = bundle.load(tmp_path / "model").model
    batch = make_batch(samples)
    assert torch.equal(again(batch), model(batch))


@pytest.mark.parametrize("members", [0, True, 1.5, 101])
def test_how_many(members):
    with pytest.raises(ConfigError, match=r"'members'.*a whole number from 1 to 100"):
        recipes.build("onset_gru", **SIZES, members=members)
    assert not isinstance(recipes.build("onset_gru", **SIZES, members=1), Members)
    with pytest.raises(ConfigError, match=r"from 1 to 1$"):
        recipes.build("leap", vocabulary_size=5, step_size=2, static_size=1, classes=3, members=2)
