"""A model's own losses are those that training minimises, with the weights of the objective."""

from __future__ import annotations

import numpy as np
import torch

from sequela import recipes
from sequela.batches import RaggedSamples
from sequela.train import TrainingSettings, fit
from sequela.train.each import Losses, Opaque
from sequela.train.losses import objective, sample_losses


def samples() -> RaggedSamples:
    random = np.random.default_rng(0)
    return RaggedSamples.from_flat(
        random.normal(size=(24, 2)), np.arange(0, 25, 3), target=np.arange(8) % 4 == 0
    )


def test_own_losses_take_the_place_of_the_usual_ones():
    torch.manual_seed(0)
    model = recipes.build("lstm_deep_supervision", step_size=2, static_size=0, hidden_size=3)
    target = samples().target
    aim = objective(target, target, balance="weights")
    batch = samples().batch(np.arange(8))
    with torch.no_grad():
        found = Losses(model, aim)(Opaque(batch))
        steps = model.step_logits(batch)[0].data.view(3, 8)
    losses = [sample_losses(step, batch.target, aim) for step in steps]
    torch.testing.assert_close(found, sum(losses) / 6 + losses[-1] / 2)
    model.losses = None
    with torch.no_grad():
        torch.testing.assert_close(Losses(model, aim)(Opaque(batch)), losses[-1])


def test_they_are_what_is_minimised():
    settings = TrainingSettings(epochs=1, batch_size=8, learning_rate=1e-6, progress=False)
    first = {}
    for share in (0.0, 0.9):
        torch.manual_seed(0)
        model = recipes.build(
            "lstm_deep_supervision", step_size=2, static_size=0, hidden_size=3, replication=share
        )
        lines = []
        fit(model, samples(), samples(), settings, callback=lines.append)
        first[share] = lines[0]["loss"]
    assert first[0.0] != first[0.9]
