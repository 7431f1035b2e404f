from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from sequela.batches import from_array, from_lists
from sequela.errors import DataError


@given(st.lists(st.integers(0, 6), min_size=1, max_size=6), st.integers(1, 3))
def test_padding_changes_nothing(lengths, width):
    random = np.random.default_rng(1)
    sequences = [random.normal(size=(length, width)) for length in lengths]
    padded = np.full((len(lengths), max(lengths) + 2, width), np.nan)
    for row, sequence in enumerate(sequences):
        padded[row, : len(sequence)] = sequence
    listed, arrayed = from_lists(sequences), from_array(padded, lengths)
    assert listed.lengths.tolist() == arrayed.lengths.tolist() == lengths
    assert np.array_equal(listed.steps, arrayed.steps)


@given(hnp.arrays(np.float32, st.tuples(st.integers(1, 4), st.integers(0, 4)), elements=st.just(0)))
def test_zeros_are_steps(array):
    samples = from_array(array)
    assert samples.lengths.tolist() == [array.shape[1]] * len(array)
    assert samples.step_size == 1


def test_many_kinds_of_sequences():
    samples = from_lists(
        [[1, 2], torch.ones(3), np.zeros((0, 1)), [], [[5.0]]], target=[True, False, True, True, 0]
    )
    assert samples.lengths.tolist() == [2, 3, 0, 0, 1]
    assert samples.step_size == 1
    assert len(from_lists([])) == 0


@pytest.mark.parametrize(
    ("bad", "kind"), [(np.nan, "NaN"), (np.inf, "infinite"), (1e300, "infinite")]
)
def test_not_finite_is_named_by_place(bad, kind):
    with pytest.raises(DataError, match=f"sequence 2, channel 1, step 3: got .*{kind}") as caught:
        from_lists([np.zeros((2, 2)), [], [[0, 0]] * 3 + [[0, bad]]])
    assert "1e+300" not in str(caught.value)
    x = np.zeros((2, 3, 2))
    x[1, 2, 0] = bad
    with pytest.raises(DataError, match="sequence 1, channel 0, step 2"):
        from_array(x)
    assert len(from_array(x, [3, 2])) == 2


@pytest.mark.parametrize(
    ("sequences", "message"),
    [
        ([[[1, 2]], [[1]]], "sequence 1: got 1 channel"),
        ([[["secret"]]], "sequence 0: got values of type"),
        ([[[1, 2], [3]]], "sequence 0: got rows of different sizes"),
        ([np.zeros((1, 1, 1))], "sequence 0: got 3 dimensions"),
        ([1.0, 2.0], "sequence 0: got a single number"),
        ([[1.0], torch.tensor(2.0)], "sequence 1: got a single number"),
        ([np.zeros((3, 0))], r"sequence 0: got shape \[3, 0\], wanted at least one channel"),
        ([[1.0], np.zeros((0, 0))], "sequence 1: .*at least one channel"),
        ([[[]], [1.0]], "sequence 0: .*at least one channel"),
    ],
)
def test_bad_lists(sequences, message):
    with pytest.raises(DataError, match=message) as caught:
        from_lists(sequences)
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize("shape", [(0, 3, 2), (2, 0, 2), (2, 0), (0, 0)])
def test_arrays_without_a_step_or_a_sequence(shape):
    samples = from_array(np.zeros(shape))
    assert len(samples) == shape[0]
    assert samples.steps.shape == (0, shape[2] if len(shape) == 3 else 1)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"x": np.zeros(3)}, "the array: got shape"),
        ({"x": np.zeros((2, 3, 0))}, r"the array: got shape \[2, 3, 0\], wanted at least one"),
        ({"x": np.zeros((2, 0, 0))}, "the array: .*at least one channel"),
        ({"x": np.zeros((2, 3)), "lengths": [3]}, "the lengths"),
        ({"x": np.zeros((2, 3)), "lengths": [1.5, 2]}, "the lengths"),
        ({"x": np.zeros((2, 3)), "lengths": [3, 4]}, "length of sequence 1"),
        ({"x": np.zeros((2, 3)), "lengths": [-1, 3]}, "length of sequence 0"),
        ({"x": np.zeros((2, 3)), "static": np.full((2, 1), np.nan)}, "sample 0, static feature 0"),
        ({"x": np.zeros((2, 3)), "static": [1, 2]}, "static features"),
        ({"x": np.zeros((2, 3)), "target": [1, 2, 3]}, "target"),
    ],
)
def test_bad_arrays(arguments, message):
    with pytest.raises(DataError, match=message):
        from_array(**arguments)
