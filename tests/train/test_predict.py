from __future__ import annotations

import numpy as np
import pytest
import torch
from tiny_training import tiny_model, tiny_samples

from sequela.batches import from_lists
from sequela.train import outputs, predict

SAMPLES = tiny_samples(37, 4)


def test_the_order_is_that_of_the_samples():
    model = tiny_model(dropout=0.9)
    together = predict(model, SAMPLES, batch_size=5)
    alone = [predict(model, SAMPLES.subset(np.array([index])))[0] for index in range(37)]
    np.testing.assert_allclose(together, alone, rtol=1e-5)
    order = np.random.default_rng(0).permutation(37)
    np.testing.assert_allclose(predict(model, SAMPLES.subset(order)), together[order], rtol=1e-5)


@pytest.mark.parametrize("training", [True, False])
def test_the_mode_is_put_back_and_no_gradient_is_kept(training):
    model = tiny_model().train(training)
    assert np.array_equal(predict(model, SAMPLES), predict(model, SAMPLES))
    assert model.training == model.dropout.training == training
    assert all(parameter.grad is None for parameter in model.parameters())


def test_the_mode_is_put_back_after_an_error():
    class Failing(torch.nn.Module):
        def forward(self, batch):
            raise ValueError("no")

    model = Failing().train()
    with pytest.raises(ValueError, match="no"):
        predict(model, SAMPLES)
    assert model.training


def test_shapes_kinds_and_nothing():
    logits = outputs(tiny_model(), SAMPLES)
    assert logits.shape == (37,)
    np.testing.assert_allclose(predict(tiny_model(), SAMPLES), 1 / (1 + np.exp(-logits)), rtol=1e-5)
    assert np.array_equal(predict(tiny_model(), SAMPLES, kind="regression"), logits)
    assert predict(tiny_model(classes=3), SAMPLES).shape == (37, 3)
    assert predict(tiny_model(), from_lists([])).shape == (0,)
