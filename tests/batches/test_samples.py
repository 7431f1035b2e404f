from __future__ import annotations

import numpy as np
import pytest
import torch

from sequela.batches import RaggedSamples, Samples, target_tensor
from sequela.errors import DataError

STEPS = np.zeros((4, 2), np.float32)
OFFSETS = [0, 1, 4]


def test_protocol_and_defaults():
    samples = RaggedSamples.from_flat(STEPS, OFFSETS)
    assert isinstance(samples, Samples)
    assert (len(samples), samples.step_size, samples.static_size) == (2, 2, 0)
    assert samples.vocabulary_size == 0
    assert samples.groups.tolist() == [0, 1]
    batch = samples.batch(np.array([1]))
    assert batch.codes is None
    assert batch.code_offsets is None
    assert batch.static.shape == (1, 0)


def test_a_subset_remembers_its_rows_and_shares_its_steps():
    samples = RaggedSamples.from_flat(STEPS, OFFSETS, target=np.array([3, 7]))
    part = samples.subset(np.array([1])).subset(np.array([True]))
    assert part.steps is samples.steps
    batch = part.batch(np.array([0]))
    assert batch.rows.tolist() == [1]
    assert batch.target.tolist() == [7]
    assert batch.lengths.tolist() == [3]


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (np.array([True, False]), torch.float32),
        (np.array([0.5, 1.0]), torch.float32),
        (np.array([0, 2], dtype=np.int8), torch.int64),
    ],
)
def test_types_of_targets(given, expected):
    assert target_tensor(given).dtype == expected


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"offsets": [0, 5]}, "offsets of the samples"),
        ({"offsets": [0, 3, 2, 4]}, "offsets of the samples"),
        ({"target": np.zeros(3)}, r"target of the samples: got shape \[3\]"),
        ({"target": np.array(["no", "yes"])}, "wanted bool, integer classes or floats"),
        ({"groups": np.zeros(3)}, "groups of the samples"),
        ({"static": np.zeros(2)}, "static of the samples"),
        ({"steps": np.zeros(4)}, "steps of the samples"),
        ({"codes": np.zeros(3)}, "code offsets"),
        ({"codes": np.zeros(3), "code_offsets": [0, 1, 1, 2]}, "code offsets"),
        (
            {"codes": np.array([0, 9, 1]), "code_offsets": [0, 1, 1, 2, 3], "vocabulary_size": 9},
            "outside the vocabulary",
        ),
    ],
)
def test_sizes_that_do_not_fit(arguments, message):
    with pytest.raises(DataError, match=message):
        RaggedSamples.from_flat(**{"steps": STEPS, "offsets": OFFSETS, **arguments})
