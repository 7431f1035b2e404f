"""Prefix beam search against every path there is."""

from __future__ import annotations

import itertools
import math

import pytest
import torch

from sequela.errors import ConfigError, DataError
from sequela.nn.prefix_search import prefix_search

BLANK = 2


def spelled(path) -> tuple[int, ...]:
    """Equal neighbours are one label, then blanks fall away."""
    return tuple(one for one, _ in itertools.groupby(path) if one != BLANK)


def every(chances: torch.Tensor) -> list[tuple[tuple[int, ...], float]]:
    """All sequences with the summed probability of their paths, the best one first."""
    sums: dict[tuple[int, ...], float] = {}
    for path in itertools.product(range(BLANK + 1), repeat=len(chances)):
        chance = math.prod(float(chances[t, one].exp()) for t, one in enumerate(path))
        sums[spelled(path)] = sums.get(spelled(path), 0.0) + chance
    return sorted(sums.items(), key=lambda one: -one[1])


@pytest.mark.parametrize("seed", range(4))
def test_the_sums_of_all_paths(seed):
    generator = torch.Generator().manual_seed(seed)
    logits = 2 * torch.randn(5, 3, BLANK + 1, generator=generator, dtype=torch.float64)
    chances, lengths = logits.log_softmax(-1), torch.tensor([5, 0, 3])
    found = prefix_search(chances, lengths, beam=100)
    for row, length in enumerate(lengths.tolist()):
        wanted = every(chances[:length, row])
        assert math.isclose(sum(chance for _, chance in wanted), 1)
        for place, (tokens, chance) in enumerate(wanted):
            count = int(found.lengths[row, place])
            assert tuple(found.tokens[row, place, :count].tolist()) == tokens
            assert (found.tokens[row, place, count:] == -1).all()
            assert float(found.scores[row, place]) == pytest.approx(math.log(chance))
        assert torch.isinf(found.scores[row, len(wanted) :]).all()


def test_the_best_path_is_not_the_best_sequence():
    # Graves: at each of two steps the blank has .6, and yet the label is the more probable one.
    chances = torch.tensor([0.4, 0.0, 0.6]).log().expand(2, 1, 3)
    found = prefix_search(chances, torch.tensor([2]), beam=3)
    assert found.tokens[0, 0].tolist() == [0]
    assert float(found.scores[0, 0]) == pytest.approx(math.log(0.64))
    never = prefix_search(chances, torch.tensor([2]), beam=3, never=(0, 1))
    assert never.lengths[0].tolist() == [0, 0, 0]


def test_a_row_is_its_own():
    chances = torch.randn(6, 4, 5).log_softmax(-1)
    lengths = torch.tensor([6, 2, 0, 5])
    whole = prefix_search(chances, lengths, beam=2)
    for row in range(4):
        alone = prefix_search(chances[:, row : row + 1], lengths[row : row + 1], beam=2)
        assert torch.equal(alone.scores[0], whole.scores[row])
        count = alone.tokens.shape[2]
        assert torch.equal(alone.tokens[0], whole.tokens[row, :, :count])


def test_mistakes():
    chances = torch.zeros(2, 1, 3)
    with pytest.raises(ConfigError, match="beam"):
        prefix_search(chances, torch.tensor([1]), beam=0)
    with pytest.raises(DataError, match="out of range"):
        prefix_search(chances, torch.tensor([3]))
    with pytest.raises(DataError, match="a length for each row"):
        prefix_search(chances, torch.tensor([1, 1]))
