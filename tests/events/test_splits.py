"""Dealing groups to parts."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sequela.errors import ConfigError, DataError, LeakageError
from sequela.events import assign_splits, check_disjoint


def shares(parts: np.ndarray) -> list[float]:
    return [float((parts == name).mean()) for name in ("train", "tuning", "held_out")]


@settings(max_examples=60, deadline=None)
@given(
    groups=st.lists(st.integers(0, 40), min_size=1, max_size=200),
    seed=st.integers(0, 5),
    label_count=st.integers(1, 4),
)
def test_groups_stay_together_in_any_order(groups: list[int], seed: int, label_count: int):
    ids = np.array(groups)
    labels = ids % label_count
    parts = assign_splits(ids, labels, seed=seed)
    assert all(len(set(parts[ids == group])) == 1 for group in set(groups))
    order = np.random.default_rng(0).permutation(len(ids))
    assert (assign_splits(ids[order], labels[order], seed=seed) == parts[order]).all()
    distinct = len(set(groups))
    unique_parts = parts[np.unique(ids, return_index=True)[1]]
    for name, share in zip(("train", "tuning", "held_out"), (0.7, 0.15, 0.15), strict=True):
        # Each label with three or more groups is in each part, which moves a few groups.
        assert abs((unique_parts == name).sum() - share * distinct) <= 1 + label_count
    for label in range(label_count):
        if len(set(ids[labels == label])) >= 3:
            assert len(set(parts[labels == label])) == 3


def test_a_part_that_got_too_many_before_gives_nothing_it_has_not():
    groups = np.array([0, 0, 0, 0, 1, 3, 5, 7, 9, 35])
    for seed in range(6):
        parts = assign_splits(groups, groups % 4, seed=seed)
        assert set(parts) <= {"train", "tuning", "held_out"}


def test_each_label_has_its_share():
    rng = np.random.default_rng(1)
    labels = rng.random(10_000) < 0.03
    parts = assign_splits(np.arange(10_000), labels)
    assert np.allclose(shares(parts), [0.7, 0.15, 0.15], atol=1e-3)
    assert np.allclose(shares(parts[labels]), [0.7, 0.15, 0.15], atol=0.01)


def test_a_group_counts_under_its_rarest_label():
    groups = np.repeat(np.arange(100), 2)
    labels = np.zeros(200, dtype=int)
    labels[1:40:2] = 1  # twenty groups have one positive row each
    positive = assign_splits(groups, labels)[labels == 1]
    assert [int((positive == part).sum()) for part in ("train", "tuning", "held_out")] == [14, 3, 3]


def test_small_labels_go_to_training_first():
    for count in (1, 2):
        parts = assign_splits(np.arange(100), np.arange(100) < count)
        assert "train" in parts[:count]
    assert set(assign_splits(np.arange(3))) == {"train", "tuning", "held_out"}
    assert assign_splits(np.array(["only"])).tolist() == ["train"]


def test_seeds_differ_and_repeat():
    ids = np.array([f"r{number}" for number in range(300)])
    first = assign_splits(ids, seed=1)
    assert (first == assign_splits(ids, seed=1)).all()
    assert (first != assign_splits(ids, seed=2)).any()


def test_a_part_may_be_empty_on_request():
    assert shares(assign_splits(np.arange(10), fractions=(0.8, 0.0, 0.2))) == [0.8, 0.0, 0.2]


def test_bad_arguments():
    for fractions in ((0.5, 0.5), (0.5, 0.6, 0.1), (1.5, -0.25, -0.25), (np.nan, 0.5, 0.5)):
        with pytest.raises(ConfigError, match="three shares that sum to 1"):
            assign_splits(np.arange(9), fractions=fractions)
    with pytest.raises(DataError, match="labels"):
        assign_splits(np.arange(9), np.arange(8))
    with pytest.raises(DataError, match="groups"):
        assign_splits(np.array([]))


def test_disjoint_parts():
    check_disjoint({"train": [1, 2], "tuning": [3], "held_out": []})
    with pytest.raises(LeakageError, match="parts train and held_out: got 2 group") as caught:
        check_disjoint({"train": [123, 456], "tuning": [7], "held_out": [456, 123]})
    assert "123" not in str(caught.value)
