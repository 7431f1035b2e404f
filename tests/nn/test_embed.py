"""Codes pooled by visit."""

from __future__ import annotations

import pytest
import torch

from sequela.errors import ConfigError
from sequela.nn.embed import CodeBag


def test_a_visit_is_the_sum_of_its_codes():
    torch.manual_seed(0)
    layer = CodeBag(5, 3)
    found = layer(torch.tensor([1, 4, 4, 0]), torch.tensor([0, 2, 2, 3]))
    weight = layer.weight
    wanted = torch.stack([weight[1] + weight[4], torch.zeros(3), weight[4], weight[0]])
    torch.testing.assert_close(found, wanted)


def test_the_unknown_code_is_learnt_and_repeats_count():
    layer = CodeBag(3, 2)
    layer(torch.tensor([0, 2, 2]), torch.tensor([0])).sum().backward()
    assert layer.weight.grad.tolist() == [[1, 1], [0, 0], [2, 2]]


def test_no_step_and_no_code():
    layer = CodeBag(3, 2)
    none = torch.zeros(0, dtype=torch.int64)
    assert layer(none, none).shape == (0, 2)
    assert layer(none, torch.zeros(2, dtype=torch.int64)).tolist() == [[0, 0], [0, 0]]


def test_gradients():
    layer = CodeBag(4, 3).double()
    codes, offsets = torch.tensor([1, 3, 3, 0]), torch.tensor([0, 1, 1])

    def function(weight):
        return torch.func.functional_call(layer, {"weight": weight}, (codes, offsets))

    assert torch.autograd.gradcheck(function, (layer.weight.detach().requires_grad_(),))


def test_a_code_has_length_one_on_average_whatever_the_size():
    torch.manual_seed(0)
    for size in (4, 256):
        assert CodeBag(400, size).weight.norm(dim=1).mean().item() == pytest.approx(1, abs=0.1)


@pytest.mark.parametrize("pooling", ["sum", "mean", "max", "multi_hot"])
def test_poolings_by_hand_empty_steps_and_any_company(pooling: str):
    torch.manual_seed(0)
    layer = CodeBag(5, 3, pooling)
    steps = [[1, 4], [], [4], [0, 2, 3], []]
    codes = torch.tensor([code for step in steps for code in step])
    counts = torch.tensor([len(step) for step in steps])
    found = layer(codes, counts.cumsum(0) - counts)
    table = torch.eye(5) if layer.weight is None else layer.weight
    assert found.shape == (5, layer.output_size)
    for place, step in enumerate(steps):
        rows = table[step]
        wanted = torch.zeros(layer.output_size)
        if step:
            wanted = {"mean": rows.mean(0), "max": rows.amax(0)}.get(pooling, rows.sum(0))
        torch.testing.assert_close(found[place], wanted)
        alone = layer(torch.tensor(step, dtype=torch.int64), torch.tensor([0]))
        assert torch.equal(alone[0], found[place])
    if layer.weight is not None:
        found.sum().backward()
        assert layer.weight.grad.isfinite().all()


def test_an_unknown_pooling():
    with pytest.raises(ConfigError, match="pooling of codes: got 'median'"):
        CodeBag(3, 2, "median")


@pytest.mark.parametrize("sizes", [(0, 3), (3, 0), (-1, 2)])
def test_bad_sizes(sizes: tuple[int, int]):
    with pytest.raises(ConfigError, match="at least one code"):
        CodeBag(*sizes)
