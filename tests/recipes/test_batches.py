"""Recipes read the batches of the bridge, whose type they do not know."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from sequela import recipes
from sequela.batches import RaggedSamples


@pytest.fixture(scope="module")
def histories() -> RaggedSamples:
    rng = np.random.default_rng(0)
    lengths = np.array([0, 3, 7, 1, 0, 4])
    offsets = np.concatenate([[0], lengths.cumsum()])
    counts = rng.integers(0, 4, offsets[-1])
    return RaggedSamples.from_flat(
        rng.normal(size=(offsets[-1], 2)),
        offsets,
        target=np.arange(6) % 2 == 0,
        static=rng.normal(size=(6, 3)),
        codes=rng.integers(0, 9, counts.sum()),
        code_offsets=np.concatenate([[0], counts.cumsum()]),
        vocabulary_size=9,
    )


def models(samples: RaggedSamples):
    torch.manual_seed(0)
    yield recipes.build(
        "onset_gru",
        vocabulary_size=samples.vocabulary_size,
        step_size=samples.step_size,
        static_size=samples.static_size,
    )
    for pooling in ("sum", "mean", "max", "multi_hot"):
        yield recipes.build(
            "values_gru",
            vocabulary_size=samples.vocabulary_size,
            step_size=samples.step_size,
            static_size=samples.static_size,
            code_pooling=pooling,
            classes=2 if pooling == "sum" else 3,
        )
    for classes in (2, 5):
        yield recipes.build("seizure_bilstm", step_size=samples.step_size, classes=classes)


def test_scores_follow_the_samples_whatever_the_batch(histories):
    everyone = np.arange(len(histories))
    for model in models(histories):
        whole = model(histories.batch(everyone))
        assert len(whole) == 6
        for chosen in ([5, 0, 2], [4], [0, 4], [1, 1]):
            found = model(histories.batch(np.array(chosen)))
            torch.testing.assert_close(found, whole[chosen], rtol=1e-5, atol=1e-6)


def test_they_learn_what_the_order_of_visits_says():
    # Class 1: code 1 before code 2; class 0: the other way round. Sums of codes cannot tell.
    pairs = np.array([[1, 2], [2, 1]] * 32)
    samples = RaggedSamples.from_flat(
        np.zeros((128, 0)),
        np.arange(0, 129, 2),
        target=pairs[:, 0] == 1,
        codes=pairs.ravel(),
        code_offsets=np.arange(129),
        vocabulary_size=3,
    )
    torch.manual_seed(0)
    model = recipes.build("onset_gru", vocabulary_size=3, step_size=0, static_size=0, hidden_size=8)
    batch = samples.batch(np.arange(64))
    optimiser = torch.optim.Adam(model.parameters(), lr=0.05)
    loss = torch.tensor(1.0)
    for _ in range(60):
        optimiser.zero_grad()
        loss = torch.nn.functional.binary_cross_entropy_with_logits(model(batch), batch.target)
        loss.backward()
        optimiser.step()
    assert loss.item() < 0.05
