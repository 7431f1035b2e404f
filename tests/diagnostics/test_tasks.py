"""The two long-memory tasks are what their definitions say."""

from __future__ import annotations

import math

import pytest
import torch
from torch.nn.functional import cross_entropy

from sequela.diagnostics.tasks import adding_problem, copy_memory, score_without_memory
from sequela.errors import ConfigError


def test_the_sum_of_the_two_marked_numbers_is_wanted():
    x, target = adding_problem(300, 21, seed=0)
    assert x.shape == (21, 300, 2)
    numbers, marks = x.unbind(-1)
    assert ((numbers >= 0) & (numbers < 1)).all()
    assert set(marks.unique().tolist()) == {0.0, 1.0}
    assert (marks[:10].sum(0) == 1).all()
    assert (marks[10:].sum(0) == 1).all()
    assert (marks.sum(1) > 0).all()  # every step is marked in some row
    torch.testing.assert_close((numbers * marks).sum(0), target)


def test_the_symbols_come_back_in_order():
    x, target = copy_memory(300, 5, length=3, symbols=4, seed=0)
    assert x.shape == (11, 300, 6)
    assert (x.sum(-1) == 1).all()
    classes = x.argmax(-1)
    assert set(classes[:3].unique().tolist()) == {0, 1, 2, 3}
    assert (classes[3:7] == 4).all()
    assert (classes[7] == 5).all()  # the signal; the answer begins with the next step
    assert (classes[8:] == 4).all()
    assert (target[:8] == 4).all()
    assert torch.equal(target[8:], classes[:3])


def test_a_batch_is_a_function_of_its_seed():
    for make in (adding_problem, copy_memory):
        assert torch.equal(make(4, seed=3).x, make(4, seed=3).x)
        assert not torch.equal(make(4, seed=3).x, make(4, seed=4).x)


def test_the_score_without_memory_is_that_of_the_best_such_answer():
    target = adding_problem(200_000, 2, seed=0).target
    # Standard error of the mean of squares: 0.0004.
    assert ((target - 1) ** 2).mean().item() == pytest.approx(
        score_without_memory("adding"), abs=2e-3
    )
    sizes = {"length": 3, "symbols": 4}
    target = copy_memory(50, 5, **sizes, seed=0).target
    answer = torch.full((11, 50, 5), -math.inf)
    answer[:8, :, 4] = 0
    answer[8:, :, :4] = 0
    found = cross_entropy(answer.flatten(0, 1), target.flatten()).item()
    assert found == pytest.approx(score_without_memory("copy", delay=5, **sizes), rel=1e-6)


def test_what_is_no_task_is_refused():
    with pytest.raises(ConfigError, match="at least 2"):
        adding_problem(4, 1, seed=0)
    with pytest.raises(ConfigError, match="at least 1"):
        copy_memory(4, 0, seed=0)
    with pytest.raises(ConfigError, match="'adding' or 'copy'"):
        score_without_memory("parity")
