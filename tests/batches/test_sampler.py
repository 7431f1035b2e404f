from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sequela.batches import EpochSampler, balanced_weights
from sequela.batches.sampler import sorting_lengths
from sequela.errors import ConfigError, DataError

plans = st.tuples(
    st.lists(st.integers(0, 30), min_size=1, max_size=60),
    st.integers(1, 9),
    st.integers(0, 2**40),
    st.integers(1, 5),
)


def make(plan, **options) -> EpochSampler:
    lengths, batch_size, seed, bucket = plan
    return EpochSampler(np.array(lengths), batch_size, seed, bucket=bucket, **options)


@given(plans, st.integers(0, 3))
def test_every_sample_exactly_once_an_epoch(plan, epoch):
    sampler = make(plan)
    batches = [sampler.batch(epoch, step) for step in range(sampler.steps_per_epoch)]
    assert sorted(np.concatenate(batches).tolist()) == list(range(len(plan[0])))
    assert all(1 <= len(batch) <= plan[1] for batch in batches)


@given(plans, st.lists(st.tuples(st.integers(0, 3), st.integers(0, 99)), max_size=6))
def test_a_pure_function_of_seed_epoch_and_step(plan, questions):
    used = make(plan)
    for epoch, step in questions:
        step %= used.steps_per_epoch
        assert np.array_equal(used.batch(epoch, step), make(plan).batch(epoch, step))


@given(plans, st.integers(0, 3))
def test_weights_are_shares(plan, epoch):
    weights = np.random.default_rng(plan[2]).random(len(plan[0])) + 0.01
    sampler = make(plan, weights=weights)
    batches = [sampler.batch(epoch, step) for step in range(sampler.steps_per_epoch)]
    drawn = np.bincount(np.concatenate(batches), minlength=len(weights))
    assert drawn.sum() == len(weights)
    assert (np.abs(drawn - len(weights) * weights / weights.sum()) < 1 + 1e-9).all()


def test_balanced_classes_come_equally_often():
    classes = np.array([0] * 90 + [1] * 10)
    sampler = EpochSampler(np.ones(100), 10, 0, weights=balanced_weights(classes))
    drawn = np.concatenate([sampler.batch(0, step) for step in range(10)])
    assert np.bincount(classes[drawn]).tolist() == pytest.approx([50, 50], abs=9)
    many = np.concatenate([sampler.batch(epoch, s) for epoch in range(20) for s in range(10)])
    assert np.bincount(classes[many]).tolist() == pytest.approx([1000, 1000], abs=40)


def test_batches_have_similar_lengths_and_epochs_differ():
    lengths = np.random.default_rng(0).integers(1, 1000, 4096)
    sampler = EpochSampler(lengths, 32, 7)
    spread = np.mean([np.ptp(lengths[sampler.batch(0, step)]) for step in range(128)])
    unsorted = EpochSampler(lengths, 32, 7, bucket=1)
    assert spread < 0.15 * np.mean([np.ptp(lengths[unsorted.batch(0, s)]) for s in range(128)])
    assert not np.array_equal(sampler.batch(0, 0), sampler.batch(1, 0))
    assert not np.array_equal(sampler.batch(0, 0), EpochSampler(lengths, 32, 8).batch(0, 0))


def test_bad_arguments():
    with pytest.raises(DataError, match="training samples: got none"):
        EpochSampler(np.array([]), 2, 0)
    with pytest.raises(ConfigError, match="batch_size"):
        EpochSampler(np.ones(3), 0, 0)
    for weights in ([1, 2], [0, 0, 0], [1, -1, 1], [1, np.nan, 1]):
        with pytest.raises(DataError, match="weights of the samples"):
            EpochSampler(np.ones(3), 2, 0, weights=np.array(weights))
    with pytest.raises(IndexError):
        EpochSampler(np.ones(3), 2, 0).batch(0, 2)


def test_texts_of_a_batch_are_of_one_length():
    lengths = np.array([3, 9, 1])
    numbers = np.array([[4, 0, -1], [2, -1, -1], [1, 1, 1]])
    assert sorting_lengths(lengths, numbers).argsort().tolist() == [1, 0, 2]
    tied = sorting_lengths(lengths, numbers[[0, 0, 0]])
    assert tied.argsort().tolist() == [2, 0, 1]
    for other in (numbers[:, 0], numbers >= 0, numbers.astype(np.float32)):
        assert sorting_lengths(lengths, other) is lengths
